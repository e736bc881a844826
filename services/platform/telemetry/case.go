package telemetry

import (
	"cmp"
	"context"
	"log/slog"

	"go.opentelemetry.io/otel/attribute"
	sdktrace "go.opentelemetry.io/otel/sdk/trace"
	"go.opentelemetry.io/otel/trace"
)

// Attributes of spans. One trace is one step of a case; these tie the traces of a case together.
const (
	AttributeCase     = attribute.Key("aftercare.case_id")
	AttributeMerchant = attribute.Key("aftercare.merchant_id")
)

// CaseHeader carries the case id from one process of the house to another, for operations whose path does not name it.
const CaseHeader = "Aftercare-Case-Id"

type about struct{ merchantID, caseID string }

type aboutKey struct{}

// WithCase returns a context whose log records and spans name the merchant and the case; the span that is under way
// names them too. An empty id leaves what the context has.
func WithCase(ctx context.Context, merchantID, caseID string) context.Context {
	known := aboutOf(ctx)
	now := about{cmp.Or(merchantID, known.merchantID), cmp.Or(caseID, known.caseID)}
	if now == known {
		return ctx
	}
	trace.SpanFromContext(ctx).SetAttributes(now.attributes()...)
	return context.WithValue(ctx, aboutKey{}, now)
}

// CaseOf returns the case id that the context has, or "".
func CaseOf(ctx context.Context) string { return aboutOf(ctx).caseID }

func aboutOf(ctx context.Context) about {
	known, _ := ctx.Value(aboutKey{}).(about)
	return known
}

func (a about) attributes() []attribute.KeyValue {
	var attributes []attribute.KeyValue
	if a.merchantID != "" {
		attributes = append(attributes, AttributeMerchant.String(a.merchantID))
	}
	if a.caseID != "" {
		attributes = append(attributes, AttributeCase.String(a.caseID))
	}
	return attributes
}

// logAttrs leaves out what the record says itself.
func (a about) logAttrs(record slog.Record) []slog.Attr {
	ids := map[string]string{"merchant_id": a.merchantID, "case_id": a.caseID}
	record.Attrs(func(attr slog.Attr) bool {
		delete(ids, attr.Key)
		return true
	})
	var attrs []slog.Attr
	for _, key := range []string{"merchant_id", "case_id"} {
		if ids[key] != "" {
			attrs = append(attrs, slog.String(key, ids[key]))
		}
	}
	return attrs
}

// caseSpans names merchant and case on every span that begins in a context which knows them, down to each statement.
type caseSpans struct{}

// OnStart implements [sdktrace.SpanProcessor].
func (caseSpans) OnStart(parent context.Context, span sdktrace.ReadWriteSpan) {
	span.SetAttributes(aboutOf(parent).attributes()...)
}

// OnEnd implements [sdktrace.SpanProcessor].
func (caseSpans) OnEnd(sdktrace.ReadOnlySpan) {}

// Shutdown implements [sdktrace.SpanProcessor].
func (caseSpans) Shutdown(context.Context) error { return nil }

// ForceFlush implements [sdktrace.SpanProcessor].
func (caseSpans) ForceFlush(context.Context) error { return nil }
