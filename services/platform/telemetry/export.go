package telemetry

import (
	"context"
	"fmt"
	"net"
	"os"
	"strconv"
	"strings"

	"go.opentelemetry.io/contrib/exporters/autoexport"
	"go.opentelemetry.io/contrib/instrumentation/runtime"
	"go.opentelemetry.io/otel"
	"go.opentelemetry.io/otel/attribute"
	"go.opentelemetry.io/otel/sdk/metric"
	"go.opentelemetry.io/otel/sdk/resource"
	"go.opentelemetry.io/otel/sdk/trace"

	"aftercare.dev/services/platform/config"
)

// settings are the variables of OpenTelemetry that decide what is exported. They are read here to be checked, because
// the libraries ignore most of what they do not understand; those read them, and all others, again.
type settings struct {
	Disabled        bool   `env:"OTEL_SDK_DISABLED"`
	Traces          string `env:"OTEL_TRACES_EXPORTER" validate:"omitempty,oneof=otlp console none"`
	Metrics         string `env:"OTEL_METRICS_EXPORTER" validate:"omitempty,oneof=otlp prometheus console none"`
	Endpoint        string `env:"OTEL_EXPORTER_OTLP_ENDPOINT" validate:"omitempty,http_url"`
	TracesEndpoint  string `env:"OTEL_EXPORTER_OTLP_TRACES_ENDPOINT" validate:"omitempty,http_url"`
	MetricsEndpoint string `env:"OTEL_EXPORTER_OTLP_METRICS_ENDPOINT" validate:"omitempty,http_url"`
	Protocol        string `env:"OTEL_EXPORTER_OTLP_PROTOCOL" validate:"omitempty,oneof=grpc http/protobuf"`
	TracesProtocol  string `env:"OTEL_EXPORTER_OTLP_TRACES_PROTOCOL" validate:"omitempty,oneof=grpc http/protobuf"`
	MetricsProtocol string `env:"OTEL_EXPORTER_OTLP_METRICS_PROTOCOL" validate:"omitempty,oneof=grpc http/protobuf"`
	Sampler         string `env:"OTEL_TRACES_SAMPLER" validate:"omitempty,oneof=always_on always_off traceidratio parentbased_always_on parentbased_always_off parentbased_traceidratio"`
	SamplerArg      string `env:"OTEL_TRACES_SAMPLER_ARG" validate:"omitempty,number"`
	Interval        int64  `env:"OTEL_METRIC_EXPORT_INTERVAL" validate:"min=0" form:"milliseconds"`
	PrometheusHost  string `env:"OTEL_EXPORTER_PROMETHEUS_HOST" envDefault:"localhost"`
	PrometheusPort  uint16 `env:"OTEL_EXPORTER_PROMETHEUS_PORT" envDefault:"9464" form:"a port such as 9464"`
}

// Validate refuses a host that is set to nothing: it would open /metrics to every network.
func (s *settings) Validate() error {
	for _, variable := range []string{"OTEL_EXPORTER_PROMETHEUS_HOST", "OTEL_EXPORTER_PROMETHEUS_PORT"} {
		if value, set := os.LookupEnv(variable); set && value == "" && s.Metrics == "prometheus" {
			return &config.Error{Variable: variable, Sentence: variable +
				" is empty, expected a value; leave it out for localhost:9464, or set the host to 0.0.0.0 for every network"}
		}
	}
	return nil
}

func (s *settings) installTraces(ctx context.Context, about *resource.Resource) (func(context.Context) error, error) {
	if s.Disabled || s.Traces == "none" || s.Traces == "" && s.Endpoint == "" && s.TracesEndpoint == "" {
		return nil, nil
	}
	exporter, err := autoexport.NewSpanExporter(ctx)
	if err != nil {
		return nil, fmt.Errorf("start the export of traces, see OTEL_TRACES_EXPORTER: %w", err)
	}
	provider := trace.NewTracerProvider(trace.WithBatcher(exporter), trace.WithSpanProcessor(caseSpans{}), trace.WithResource(about))
	otel.SetTracerProvider(provider)
	return provider.Shutdown, nil
}

func (s *settings) installMetrics(ctx context.Context, about *resource.Resource) (func(context.Context) error, error) {
	if s.Disabled || s.Metrics == "none" || s.Metrics == "" && s.Endpoint == "" && s.MetricsEndpoint == "" {
		return nil, nil
	}
	reader, err := autoexport.NewMetricReader(ctx)
	if err != nil && s.Metrics == "prometheus" {
		at := net.JoinHostPort(s.PrometheusHost, strconv.FormatUint(uint64(s.PrometheusPort), 10))
		return nil, fmt.Errorf("metrics cannot be served at %s, set OTEL_EXPORTER_PROMETHEUS_HOST and OTEL_EXPORTER_PROMETHEUS_PORT to another address: %w", at, err)
	}
	if err != nil {
		return nil, fmt.Errorf("start the export of metrics, see OTEL_METRICS_EXPORTER: %w", err)
	}
	provider := metric.NewMeterProvider(metric.WithReader(reader), metric.WithView(view), metric.WithResource(about),
		metric.WithCardinalityLimit(maxSeries))
	otel.SetMeterProvider(provider)
	if err := runtime.Start(runtime.WithMeterProvider(provider)); err != nil {
		return nil, fmt.Errorf("measure the Go runtime: %w", err)
	}
	return provider.Shutdown, nil
}

// maxSeries bounds how many combinations of attributes one metric may have, such as merchants by outcomes; what is beyond
// is counted together.
const maxSeries = 20_000

// Boundaries of histograms, in seconds. The long ones are for what lives for days.
var (
	seconds = []float64{.005, .01, .025, .05, .1, .25, .5, 1, 2.5, 5, 10, 30, 60}
	days    = []float64{1, 60, 600, 3600, 6 * 3600, 86400, 3 * 86400, 7 * 86400, 14 * 86400, 30 * 86400, 90 * 86400}
)

// view shapes what the libraries measure: time in boundaries that fit, and no attribute that callers can choose freely,
// such as the Host header, because each value is a series for ever.
func view(i metric.Instrument) (metric.Stream, bool) {
	stream := metric.Stream{Name: i.Name, Description: i.Description, Unit: i.Unit}
	if strings.HasPrefix(i.Name, "http.") && strings.HasSuffix(i.Name, ".body.size") {
		stream.Aggregation = metric.AggregationDrop{}
		return stream, true
	}
	if i.Kind == metric.InstrumentKindHistogram && i.Unit == "s" {
		boundaries := seconds
		if i.Name == "temporal_workflow_endtoend_latency" {
			boundaries = days
		}
		stream.Aggregation = metric.AggregationExplicitBucketHistogram{Boundaries: boundaries}
	}
	if strings.HasPrefix(i.Name, "http.server.") {
		stream.AttributeFilter = attribute.NewDenyKeysFilter("server.address", "server.port")
	}
	return stream, stream.Aggregation != nil || stream.AttributeFilter != nil
}
