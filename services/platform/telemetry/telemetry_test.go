package telemetry_test

import (
	"errors"
	"log/slog"
	"strings"
	"testing"

	"go.opentelemetry.io/otel/trace"

	"aftercare.dev/services/platform/telemetry"
)

type status string

type buyer struct{ Phone string }

func TestLogsKeepPersonalDataOut(t *testing.T) {
	const secret = "13800138000"
	tests := map[string]struct {
		attr   slog.Attr
		hidden bool
	}{
		"a phone":                   {slog.String("phone", secret), true},
		"a phone in a longer key":   {slog.String("buyer_phone", secret), true},
		"a phone in camel case":     {slog.String("buyerPhone", secret), true},
		"a phone in a group":        {slog.Group("buyer", "phone", secret), true},
		"a header":                  {slog.String("Authorization", secret), true},
		"a name":                    {slog.String("contact.name", secret), true},
		"a whole struct":            {slog.Any("order", buyer{secret}), true},
		"a pointer to a struct":     {slog.Any("order", &buyer{secret}), true},
		"a map":                     {slog.Any("data", map[string]string{"x": secret}), true},
		"bytes of a body":           {slog.Any("body", []byte(secret)), true},
		"a list of ids":             {slog.Any("cases", []string{secret}), false},
		"a status":                  {slog.Any("status", status(secret)), false},
		"an id":                     {slog.String("case_id", secret), false},
		"a word that contains name": {slog.String("renamed", secret), false},
		"an error":                  {slog.Any("error", errors.New(secret)), false},
		"the name of a service":     {slog.String("service_name", secret), false},
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			for _, format := range []string{"json", "text"} {
				var out strings.Builder
				log := telemetry.NewLogger(&out, telemetry.LogConfig{Format: format})
				log.LogAttrs(t.Context(), slog.LevelInfo, "x", test.attr)
				log.With(test.attr).WithGroup("g").LogAttrs(t.Context(), slog.LevelInfo, "y", test.attr)
				if hidden := !strings.Contains(out.String(), secret); hidden != test.hidden {
					t.Errorf("%s: %s", format, out.String())
				}
			}
		})
	}
}

func TestLogsNameTheTrace(t *testing.T) {
	var out strings.Builder
	log := telemetry.NewLogger(&out, telemetry.LogConfig{Format: "json"})
	span := trace.NewSpanContext(trace.SpanContextConfig{TraceID: trace.TraceID{1}, SpanID: trace.SpanID{2}})
	log.With("a", 1).InfoContext(trace.ContextWithSpanContext(t.Context(), span), "x")
	if !strings.Contains(out.String(), `"trace_id":"01000000000000000000000000000000","span_id":"0200000000000000"`) {
		t.Error(out.String())
	}
}

func TestWithoutAnExporterTelemetryStartsAndStops(t *testing.T) {
	t.Setenv("OTEL_EXPORTER_OTLP_ENDPOINT", "")
	t.Setenv("OTEL_EXPORTER_OTLP_TRACES_ENDPOINT", "")
	stop, err := telemetry.Start(t.Context(), "test", slog.New(slog.DiscardHandler))
	if err != nil {
		t.Fatal(err)
	}
	if err := stop(t.Context()); err != nil {
		t.Error(err)
	}
}

func TestLogsNameTheCaseOnce(t *testing.T) {
	var out strings.Builder
	log := telemetry.NewLogger(&out, telemetry.LogConfig{Format: "json"})
	ctx := telemetry.WithCase(t.Context(), "m1", "")
	ctx = telemetry.WithCase(ctx, "", "case_1")
	log.InfoContext(ctx, "x")
	log.InfoContext(ctx, "y", "case_id", "case_1")
	for line := range strings.Lines(out.String()) {
		if strings.Count(line, `"merchant_id":"m1"`) != 1 || strings.Count(line, `"case_id":"case_1"`) != 1 {
			t.Error(line)
		}
	}
	if telemetry.CaseOf(ctx) != "case_1" {
		t.Error(telemetry.CaseOf(ctx))
	}
}
