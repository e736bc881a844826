// Package dial connects to Temporal the one way in which every program of the house does: where it is and how to get in by
// the TEMPORAL_* variables of the ecosystem, traces that go on from caller to workflow to activity, the metrics of the
// SDK, structured logs, and payloads that are encrypted once PAYLOAD_KEYS is set.
package dial

import (
	"fmt"
	"log/slog"
	"net"
	"net/netip"

	"go.opentelemetry.io/otel"
	"go.temporal.io/sdk/client"
	"go.temporal.io/sdk/contrib/envconfig"
	"go.temporal.io/sdk/contrib/opentelemetry"
	temporallog "go.temporal.io/sdk/log"

	"aftercare.dev/services/platform/config"
	"aftercare.dev/services/platform/crash"
	"aftercare.dev/workflows/payload"
)

// Config is what the house adds to the variables of the ecosystem: TEMPORAL_ADDRESS, TEMPORAL_NAMESPACE,
// TEMPORAL_API_KEY, TEMPORAL_TLS_….
type Config struct {
	// PayloadKeys encrypt what workflows are given and what they answer, see [payload.ParseKeys]. Empty: plain JSON. The
	// gateway, every worker and the codec server must have the same.
	PayloadKeys config.Secret `env:"PAYLOAD_KEYS"`
}

// Client returns a client that connects at its first call: a process can start, and say at /readyz what is missing, while
// Temporal is down. The error is one of the configuration. The caller closes the client.
func Client(cfg Config, log *slog.Logger) (client.Client, error) {
	options, err := envconfig.LoadDefaultClientOptions()
	if err != nil {
		return nil, &config.Error{Variable: "TEMPORAL_*", Sentence: "the TEMPORAL_* variables cannot be used: " + err.Error()}
	}
	if err := Complete(&options, cfg, log); err != nil {
		return nil, err
	}
	c, err := client.NewLazyClient(options)
	if err != nil {
		return nil, fmt.Errorf("make the client of Temporal: %w", err)
	}
	return c, nil
}

// Complete adds to options that say where Temporal is what every client of the house has. Workers inherit it from
// their client.
func Complete(options *client.Options, cfg Config, log *slog.Logger) error {
	interceptors, err := tracing()
	if err != nil {
		return fmt.Errorf("trace calls to Temporal: %w", err)
	}
	options.Interceptors = append(options.Interceptors, interceptors...)
	if crash.Enabled {
		crashing(options)
	}
	options.MetricsHandler = opentelemetry.NewMetricsHandler(opentelemetry.MetricsHandlerOptions{
		Meter:                otel.Meter("go.temporal.io/sdk"),
		UseMonotonicCounters: true,
		// The default is to panic.
		OnError: func(err error) { log.Warn("a metric of the Temporal SDK is lost", "error", err) },
	})
	if onThisMachine(options.HostPort) {
		// What does not leave the machine is not worth the time that compressing takes.
		options.ConnectionOptions.GrpcCompression = &client.GrpcCompressionNone{}
	}
	options.Logger = temporallog.NewStructuredLogger(log)
	keys, err := payload.ParseKeys(string(cfg.PayloadKeys))
	if err != nil {
		return &config.Error{Variable: "PAYLOAD_KEYS", Sentence: err.Error()}
	}
	options.DataConverter, options.FailureConverter = payload.Converter(keys)
	return nil
}

func onThisMachine(hostPort string) bool {
	host, _, err := net.SplitHostPort(hostPort)
	if err != nil {
		return false
	}
	addr, err := netip.ParseAddr(host)
	return err == nil && addr.IsLoopback()
}
