package counts

import (
	"context"
	"slices"
	"strings"
	"sync"
	"time"

	"go.opentelemetry.io/otel"
	"go.opentelemetry.io/otel/propagation"
	sdk "go.opentelemetry.io/otel/sdk/trace"
	"go.opentelemetry.io/otel/trace"
)

// watch is a span processor that keeps what the databases were asked, and who asked.
type watch struct {
	before     trace.TracerProvider
	propagator propagation.TextMapPropagator

	mu    sync.Mutex
	spans map[trace.SpanID]sdk.ReadOnlySpan
	done  []seen
}

// newWatch takes the spans of the process. It has to come before whatever makes them.
func newWatch() *watch {
	w := &watch{
		before: otel.GetTracerProvider(), propagator: otel.GetTextMapPropagator(), spans: map[trace.SpanID]sdk.ReadOnlySpan{},
	}
	otel.SetTracerProvider(sdk.NewTracerProvider(sdk.WithSpanProcessor(w)))
	otel.SetTextMapPropagator(propagation.TraceContext{})
	return w
}

func (w *watch) close() {
	otel.SetTracerProvider(w.before)
	otel.SetTextMapPropagator(w.propagator)
}

// OnStart implements [sdk.SpanProcessor]. A span is known from its beginning, because what it causes may end before it.
func (w *watch) OnStart(_ context.Context, span sdk.ReadWriteSpan) {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.spans[span.SpanContext().SpanID()] = span
}

// OnEnd implements [sdk.SpanProcessor].
func (w *watch) OnEnd(span sdk.ReadOnlySpan) {
	if !strings.HasPrefix(span.Name(), "sql.") {
		return
	}
	s := seen{at: span.StartTime(), parent: span.Parent()}
	for _, a := range span.Attributes() {
		switch a.Key {
		case "db.namespace":
			s.Service = a.Value.AsString()
		case "db.query.text", "db.statement": // the second is what releases before semantic conventions 1.30 wrote
			s.Text = strings.Join(strings.Fields(a.Value.AsString()), " ")
		}
	}
	w.mu.Lock()
	defer w.mu.Unlock()
	w.done = append(w.done, s)
}

// Shutdown implements [sdk.SpanProcessor].
func (*watch) Shutdown(context.Context) error { return nil }

// ForceFlush implements [sdk.SpanProcessor].
func (*watch) ForceFlush(context.Context) error { return nil }

// above are the names of the spans that a span is in, the outermost first, without those of clients: what a client asks is
// named by who answers.
func (w *watch) above(parent trace.SpanContext) []string {
	var path []string
	for parent.IsValid() {
		span, known := w.spans[parent.SpanID()]
		if !known {
			break
		}
		if name := span.Name(); !strings.HasPrefix(name, "sql.") && !strings.HasPrefix(name, "HTTP ") {
			path = append(path, name)
		}
		parent = span.Parent()
	}
	slices.Reverse(path)
	return path
}

// take returns what was seen since the last time, and forgets it. Not before are the names looked at: a server learns the
// name of an operation while it runs.
func (w *watch) take() []seen {
	w.mu.Lock()
	defer w.mu.Unlock()
	done := w.done
	w.done = nil
	for i, s := range done {
		done[i].path = w.above(s.parent)
	}
	for id, span := range w.spans {
		if !span.EndTime().IsZero() {
			delete(w.spans, id)
		}
	}
	return done
}

// busy is when a statement was last made that an idle house does not make.
func (w *watch) busy(of idle) (last time.Time) {
	w.mu.Lock()
	defer w.mu.Unlock()
	for _, s := range w.done {
		if !of.makes(s) && s.at.After(last) {
			last = s.at
		}
	}
	return last
}

// seen is a statement, or the beginning or end of a transaction, which has no text.
type seen struct {
	Statement
	at     time.Time
	parent trace.SpanContext
	// path names the spans around it, the outermost first.
	path []string
}

// idle is what the database is asked when nothing is to be done: how often a second, by statement. Nobody's request is
// behind it.
type idle map[Statement]float64

func idleFrom(all []seen, length time.Duration) idle {
	of := idle{}
	for _, s := range all {
		if !s.parent.IsValid() {
			of[s.Statement] += 1 / length.Seconds()
		}
	}
	return of
}

func (i idle) makes(s seen) bool {
	return !s.parent.IsValid() && i[s.Statement] > 0
}
