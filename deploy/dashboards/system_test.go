package dashboards

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/prometheus/common/expfmt"
	"github.com/prometheus/common/model"
	"github.com/stretchr/testify/require"
	collector "go.opentelemetry.io/proto/otlp/collector/trace/v1"
	trace "go.opentelemetry.io/proto/otlp/trace/v1"
	"google.golang.org/protobuf/proto"

	"aftercare.dev/deploy/standalone"
	"aftercare.dev/services/platform/telemetry"
)

// system is the whole product with telemetry on: Prometheus scrapes it, and a collector takes its traces.
type system struct {
	*standalone.System
	metrics string
	said    *said

	mu sync.Mutex
	// series are the labels of each metric that was ever scraped, with their values.
	series map[string]map[string]map[string]bool
	spans  []*trace.Span
}

var shared = &system{series: map[string]map[string]map[string]bool{}, said: &said{}}

func TestMain(m *testing.M) {
	code, err := shared.during(m.Run)
	if err != nil {
		fmt.Fprintln(os.Stderr, "dashboards:", err)
		os.Exit(1)
	}
	os.Exit(code)
}

// during runs the tests while the system is up.
func (s *system) during(run func() int) (code int, err error) {
	dir, err := os.MkdirTemp("", "aftercare-dashboards-")
	if err != nil {
		return 1, err
	}
	defer func() { err = errors.Join(err, os.RemoveAll(dir)) }()
	traces := httptest.NewServer(http.HandlerFunc(s.take))
	defer traces.Close()
	if err := s.configure(traces.URL); err != nil {
		return 1, err
	}
	ctx := context.Background()
	log := telemetry.NewLogger(s.said, telemetry.LogConfig{Level: slog.LevelInfo, Format: "json"})
	flush, err := telemetry.Start(ctx, "aftercare", log)
	if err != nil {
		return 1, err
	}
	defer func() { err = errors.Join(err, flush(ctx)) }()
	const free = "127.0.0.1:0"
	s.System, err = standalone.Start(ctx, standalone.Config{
		Dir: filepath.Join(dir, "var"), GatewayAddr: free, TemporalAddr: free, UIAddr: free, SandboxAddr: free, MailAddr: free,
		CodecAddr: free, TimeScale: 20_000,
	}, log)
	if err != nil {
		return 1, err
	}
	defer s.Stop()
	return run(), nil
}

// configure switches telemetry on by the variables that an operator would set.
func (s *system) configure(traces string) error {
	listener, err := new(net.ListenConfig).Listen(context.Background(), "tcp", "127.0.0.1:0")
	if err != nil {
		return err
	}
	host, port, err := net.SplitHostPort(listener.Addr().String())
	if err = errors.Join(err, listener.Close()); err != nil {
		return err
	}
	s.metrics = "http://" + net.JoinHostPort(host, port) + "/metrics"
	for name, value := range map[string]string{
		"OTEL_SDK_DISABLED": "false", "OTEL_TRACES_EXPORTER": "otlp", "OTEL_EXPORTER_OTLP_TRACES_ENDPOINT": traces + "/v1/traces",
		"OTEL_BSP_SCHEDULE_DELAY": "200", "OTEL_METRICS_EXPORTER": "prometheus",
		"OTEL_EXPORTER_PROMETHEUS_HOST": host, "OTEL_EXPORTER_PROMETHEUS_PORT": port,
	} {
		err = errors.Join(err, os.Setenv(name, value))
	}
	return err
}

// take is the collector.
func (s *system) take(w http.ResponseWriter, r *http.Request) {
	body, err := io.ReadAll(r.Body)
	var sent collector.ExportTraceServiceRequest
	if err = errors.Join(err, proto.Unmarshal(body, &sent)); err != nil {
		http.Error(w, err.Error(), http.StatusBadRequest)
		return
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	for _, resource := range sent.GetResourceSpans() {
		for _, scope := range resource.GetScopeSpans() {
			s.spans = append(s.spans, scope.GetSpans()...)
		}
	}
}

// told returns the spans so far.
func (s *system) told() []*trace.Span {
	s.mu.Lock()
	defer s.mu.Unlock()
	return append([]*trace.Span(nil), s.spans...)
}

// scrape reads /metrics once and adds what is there to what was there before.
func (s *system) scrape(ctx context.Context) error {
	request, err := http.NewRequestWithContext(ctx, http.MethodGet, s.metrics, nil)
	if err != nil {
		return err
	}
	answer, err := http.DefaultClient.Do(request)
	if err != nil {
		return err
	}
	defer answer.Body.Close()
	parser := expfmt.NewTextParser(model.LegacyValidation)
	families, err := parser.TextToMetricFamilies(answer.Body)
	if err != nil {
		return err
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	for name, family := range families {
		for _, m := range family.GetMetric() {
			names := []string{name}
			labels := map[string]string{}
			for _, l := range m.GetLabel() {
				labels[l.GetName()] = l.GetValue()
			}
			if m.GetHistogram() != nil {
				names = []string{name + "_count", name + "_sum"}
				s.add(name+"_bucket", labels, "le")
			}
			for _, name := range names {
				s.add(name, labels)
			}
		}
	}
	return nil
}

func (s *system) add(name string, labels map[string]string, more ...string) {
	if s.series[name] == nil {
		s.series[name] = map[string]map[string]bool{}
	}
	known := s.series[name]
	for _, label := range more {
		known[label] = map[string]bool{}
	}
	for label, value := range labels {
		if known[label] == nil {
			known[label] = map[string]bool{}
		}
		known[label][value] = true
	}
}

// labels returns the labels of a metric, with their values, or nil if it was never there.
func (s *system) labels(metric string) map[string]map[string]bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.series[metric]
}

// await tries until nothing is missing any more.
func await(t *testing.T, missing func() []string) {
	t.Helper()
	deadline := time.Now().Add(3 * time.Minute)
	for {
		left := missing()
		if len(left) == 0 {
			return
		}
		require.False(t, time.Now().After(deadline), "after three minutes there is still missing:\n%s", strings.Join(left, "\n"))
		time.Sleep(200 * time.Millisecond)
	}
}

// said keeps what was logged.
type said struct {
	mu      sync.Mutex
	content bytes.Buffer
}

func (s *said) Write(p []byte) (int, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.content.Write(p)
}

func (s *said) String() string {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.content.String()
}
