package telemetry_test

import (
	"context"
	"errors"
	"io"
	"log/slog"
	"net"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"testing"

	"go.opentelemetry.io/otel"
	"go.opentelemetry.io/otel/attribute"
	"go.opentelemetry.io/otel/metric"
	collectormetrics "go.opentelemetry.io/proto/otlp/collector/metrics/v1"
	collectortrace "go.opentelemetry.io/proto/otlp/collector/trace/v1"
	tracepb "go.opentelemetry.io/proto/otlp/trace/v1"
	"google.golang.org/protobuf/proto"

	"aftercare.dev/services/platform/config"
	"aftercare.dev/services/platform/telemetry"
)

var quiet = slog.New(slog.DiscardHandler)

// alone takes the variables of whoever runs the tests away.
func alone(t *testing.T, variables ...string) {
	t.Helper()
	for _, name := range []string{
		"OTEL_SDK_DISABLED", "OTEL_TRACES_EXPORTER", "OTEL_METRICS_EXPORTER", "OTEL_EXPORTER_OTLP_ENDPOINT",
		"OTEL_EXPORTER_OTLP_TRACES_ENDPOINT", "OTEL_EXPORTER_OTLP_METRICS_ENDPOINT",
	} {
		t.Setenv(name, "")
	}
	for i := 0; i < len(variables); i += 2 {
		t.Setenv(variables[i], variables[i+1])
	}
}

func TestAWrongValueIsNamedInASentence(t *testing.T) {
	for variable, value := range map[string]string{
		"OTEL_SDK_DISABLED": "perhaps", "OTEL_TRACES_EXPORTER": "jaeger", "OTEL_METRICS_EXPORTER": "statsd",
		"OTEL_EXPORTER_OTLP_ENDPOINT": "collector:4318", "OTEL_EXPORTER_OTLP_METRICS_ENDPOINT": "nowhere",
		"OTEL_EXPORTER_OTLP_PROTOCOL": "http/json", "OTEL_TRACES_SAMPLER": "sometimes", "OTEL_TRACES_SAMPLER_ARG": "half",
		"OTEL_METRIC_EXPORT_INTERVAL": "30s", "OTEL_EXPORTER_PROMETHEUS_PORT": "metrics",
	} {
		t.Run(variable, func(t *testing.T) {
			alone(t, variable, value)
			_, err := telemetry.Start(t.Context(), "test", quiet)
			var wrong *config.Error
			if !errors.As(err, &wrong) || wrong.Variable != variable || !strings.Contains(wrong.Sentence, value) {
				t.Errorf("got %v", err)
			}
		})
	}
}

func TestMetricsAreNotOpenedToEveryNetworkByAnEmptyHost(t *testing.T) {
	alone(t, "OTEL_METRICS_EXPORTER", "prometheus", "OTEL_EXPORTER_PROMETHEUS_HOST", "")
	_, err := telemetry.Start(t.Context(), "test", quiet)
	var wrong *config.Error
	if !errors.As(err, &wrong) || wrong.Variable != "OTEL_EXPORTER_PROMETHEUS_HOST" {
		t.Errorf("got %v", err)
	}
}

// collector is what an OpenTelemetry collector hears.
type collector struct {
	mu      sync.Mutex
	spans   []*tracepb.Span
	service string
	metrics map[string]bool
}

func newCollector(t *testing.T) (*collector, string) {
	t.Helper()
	c := &collector{metrics: map[string]bool{}}
	server := httptest.NewServer(http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) {
		body, err := io.ReadAll(r.Body)
		c.mu.Lock()
		defer c.mu.Unlock()
		switch r.URL.Path {
		case "/v1/traces":
			var sent collectortrace.ExportTraceServiceRequest
			err = errors.Join(err, proto.Unmarshal(body, &sent))
			for _, resource := range sent.GetResourceSpans() {
				for _, a := range resource.GetResource().GetAttributes() {
					if a.GetKey() == "service.name" {
						c.service = a.GetValue().GetStringValue()
					}
				}
				for _, scope := range resource.GetScopeSpans() {
					c.spans = append(c.spans, scope.GetSpans()...)
				}
			}
		case "/v1/metrics":
			var sent collectormetrics.ExportMetricsServiceRequest
			err = errors.Join(err, proto.Unmarshal(body, &sent))
			for _, resource := range sent.GetResourceMetrics() {
				for _, scope := range resource.GetScopeMetrics() {
					for _, m := range scope.GetMetrics() {
						c.metrics[m.GetName()] = true
					}
				}
			}
		}
		if err != nil {
			t.Error(err)
		}
	}))
	t.Cleanup(server.Close)
	return c, server.URL
}

func TestTracesAndMetricsReachACollectorBeforeTheProcessEnds(t *testing.T) {
	c, url := newCollector(t)
	alone(t, "OTEL_EXPORTER_OTLP_ENDPOINT", url)
	stop, err := telemetry.Start(t.Context(), "payment", quiet)
	if err != nil {
		t.Fatal(err)
	}
	ctx, parent := otel.Tracer("test").Start(t.Context(), "step")
	ctx = telemetry.WithCase(ctx, "m1", "case_1")
	_, child := otel.Tracer("test").Start(ctx, "statement")
	child.End()
	parent.End()
	counter, err := otel.Meter("test").Int64Counter("tried")
	if err != nil {
		t.Fatal(err)
	}
	counter.Add(ctx, 1)
	if err := stop(t.Context()); err != nil {
		t.Fatal(err)
	}

	if len(c.spans) != 2 || c.service != "payment" || !c.metrics["tried"] {
		t.Fatalf("%d spans of %q, metrics %v", len(c.spans), c.service, c.metrics)
	}
	for _, span := range c.spans {
		attributes := map[string]string{}
		for _, a := range span.GetAttributes() {
			attributes[a.GetKey()] = a.GetValue().GetStringValue()
		}
		if attributes["aftercare.case_id"] != "case_1" || attributes["aftercare.merchant_id"] != "m1" {
			t.Errorf("span %s has %v", span.GetName(), attributes)
		}
	}
}

func TestNothingIsSentWhenTelemetryIsSwitchedOff(t *testing.T) {
	for name, variables := range map[string][]string{
		"the whole": {"OTEL_SDK_DISABLED", "true"},
		"each":      {"OTEL_TRACES_EXPORTER", "none", "OTEL_METRICS_EXPORTER", "none"},
	} {
		t.Run(name, func(t *testing.T) {
			c, url := newCollector(t)
			alone(t, append(variables, "OTEL_EXPORTER_OTLP_ENDPOINT", url)...)
			before := otel.GetTracerProvider()
			stop, err := telemetry.Start(t.Context(), "test", quiet)
			if err != nil {
				t.Fatal(err)
			}
			if err := stop(t.Context()); err != nil {
				t.Error(err)
			}
			if otel.GetTracerProvider() != before || len(c.spans)+len(c.metrics) != 0 {
				t.Errorf("%d spans, %d metrics", len(c.spans), len(c.metrics))
			}
		})
	}
}

// scrape reads /metrics as Prometheus does.
func scrape(t *testing.T, addr string) string {
	t.Helper()
	request, err := http.NewRequestWithContext(t.Context(), http.MethodGet, "http://"+addr+"/metrics", nil)
	if err != nil {
		t.Fatal(err)
	}
	answer, err := http.DefaultClient.Do(request)
	if err != nil {
		t.Fatal(err)
	}
	defer answer.Body.Close()
	body, err := io.ReadAll(answer.Body)
	if err != nil || answer.StatusCode != http.StatusOK {
		t.Fatal(answer.StatusCode, err)
	}
	return string(body)
}

func TestPrometheusFindsMetricsOnAListenerOfTheirOwn(t *testing.T) {
	listener, err := new(net.ListenConfig).Listen(t.Context(), "tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	addr := listener.Addr().String()
	host, port, _ := net.SplitHostPort(addr)
	alone(t, "OTEL_METRICS_EXPORTER", "prometheus", "OTEL_EXPORTER_PROMETHEUS_HOST", host, "OTEL_EXPORTER_PROMETHEUS_PORT", port)

	_, err = telemetry.Start(t.Context(), "test", quiet)
	if err == nil || !strings.Contains(err.Error(), "OTEL_EXPORTER_PROMETHEUS_PORT") || !strings.Contains(err.Error(), addr) {
		t.Errorf("at a port that is taken: %v", err)
	}
	if err := listener.Close(); err != nil {
		t.Fatal(err)
	}
	stop, err := telemetry.Start(t.Context(), "test", quiet)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := stop(context.WithoutCancel(t.Context())); err != nil {
			t.Error(err)
		}
	})
	duration, err := otel.Meter("test").Float64Histogram("http.server.request.duration", metric.WithUnit("s"))
	if err != nil {
		t.Fatal(err)
	}
	duration.Record(t.Context(), 0.3, metric.WithAttributes(attribute.String("server.address", "anything"), attribute.String("http.route", "/v1/cases")))
	page := scrape(t, addr)
	for _, line := range []string{`le="0.25"} 0`, `le="0.5"} 1`, `http_route="/v1/cases"`, "go_goroutine_count"} {
		if !strings.Contains(page, line) {
			t.Errorf("no %s in\n%s", line, page)
		}
	}
	if strings.Contains(page, "anything") {
		t.Error("whoever calls chooses what is counted")
	}
}
