package telemetry

import (
	"context"
	"encoding"
	"fmt"
	"io"
	"log/slog"
	"reflect"
	"strings"
	"unicode"

	"go.opentelemetry.io/otel/trace"
)

// LogConfig says what is logged, and in which form.
type LogConfig struct {
	Level  slog.Level `env:"LOG_LEVEL" envDefault:"info" form:"one of debug, info, warn, error"`
	Format string     `env:"LOG_FORMAT" envDefault:"json" validate:"oneof=json text"`
}

// NewLogger returns a logger that adds case_id, merchant_id, trace_id and span_id of the record's context, and masks what
// looks like personal data or a secret: by the words in an attribute's key (phone, email, address,
// name, token, authorization, …), and whole structs, whose fields it cannot see. Masking is a net
// below the rule that nobody logs such data, not a replacement for it.
func NewLogger(w io.Writer, cfg LogConfig) *slog.Logger {
	options := &slog.HandlerOptions{Level: cfg.Level, ReplaceAttr: redact}
	var handler slog.Handler = slog.NewJSONHandler(w, options)
	if cfg.Format == "text" {
		handler = slog.NewTextHandler(w, options)
	}
	return slog.New(traced{handler})
}

// traced adds the ids of the case and of the span in the record's context.
type traced struct{ slog.Handler }

func (h traced) Handle(ctx context.Context, record slog.Record) error {
	attrs := aboutOf(ctx).logAttrs(record)
	if span := trace.SpanContextFromContext(ctx); span.IsValid() {
		attrs = append(attrs, slog.String("trace_id", span.TraceID().String()), slog.String("span_id", span.SpanID().String()))
	}
	if len(attrs) > 0 {
		record = record.Clone()
		record.AddAttrs(attrs...)
	}
	return h.Handler.Handle(ctx, record)
}

func (h traced) WithAttrs(attrs []slog.Attr) slog.Handler { return traced{h.Handler.WithAttrs(attrs)} }

func (h traced) WithGroup(name string) slog.Handler { return traced{h.Handler.WithGroup(name)} }

const masked = "***"

// private are the words that make an attribute private wherever they stand in its key.
var private = map[string]bool{
	"phone": true, "mobile": true, "tel": true, "email": true, "mail": true, "address": true,
	"name": true, "token": true, "authorization": true, "password": true, "secret": true,
	"cookie": true, "dsn": true,
}

// public are whole keys that name things, not people.
var public = map[string]bool{
	"service_name": true, "workflow_name": true, "activity_name": true, "table_name": true,
	"OTEL_SERVICE_NAME": true,
}

func redact(_ []string, attr slog.Attr) slog.Attr {
	if attr.Value.Kind() != slog.KindGroup && isPrivate(attr.Key) && attr.Value.String() != "" {
		return slog.String(attr.Key, masked)
	}
	if attr.Value.Kind() == slog.KindAny && isOpaque(attr.Value.Any()) {
		return slog.String(attr.Key, fmt.Sprintf("%s (%T)", masked, attr.Value.Any()))
	}
	return attr
}

// isOpaque tells whether a value would be printed field by field, past the masking of keys.
func isOpaque(value any) bool {
	switch value.(type) {
	case nil, error, fmt.Stringer, encoding.TextMarshaler, *slog.Source:
		return false
	}
	t := reflect.TypeOf(value)
	if t.Kind() == reflect.Slice && t.Elem().Kind() != reflect.Uint8 {
		t = t.Elem()
	}
	switch t.Kind() {
	case reflect.Struct, reflect.Map, reflect.Pointer, reflect.Interface, reflect.Slice, reflect.Array:
		return true
	default:
		return false
	}
}

func isPrivate(key string) bool {
	if public[key] {
		return false
	}
	for _, word := range words(key) {
		if private[word] {
			return true
		}
	}
	return false
}

// words splits buyer_name, buyerName, buyer.name and BUYER-NAME alike.
func words(key string) []string {
	var b strings.Builder
	var before rune
	for _, r := range key {
		switch {
		case r == '_' || r == '-' || r == '.' || r == ' ':
			b.WriteByte(' ')
		case unicode.IsUpper(r) && unicode.IsLower(before):
			b.WriteByte(' ')
			b.WriteRune(unicode.ToLower(r))
		default:
			b.WriteRune(unicode.ToLower(r))
		}
		before = r
	}
	return strings.Fields(b.String())
}
