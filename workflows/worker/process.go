package worker

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"sync/atomic"
	"time"

	"go.opentelemetry.io/otel"
	"go.temporal.io/sdk/client"
	"go.temporal.io/sdk/contrib/envconfig"
	"go.temporal.io/sdk/contrib/opentelemetry"
	"go.temporal.io/sdk/interceptor"
	temporallog "go.temporal.io/sdk/log"

	"aftercare.dev/services/platform/httpserver"
	"aftercare.dev/services/platform/process"
)

// ProcessConfig is what a worker in a process of its own needs to know. Where Temporal is, and how to get in, is in the
// TEMPORAL_* variables of the ecosystem: TEMPORAL_ADDRESS, TEMPORAL_NAMESPACE, TEMPORAL_API_KEY, TEMPORAL_TLS_….
type ProcessConfig struct {
	Worker Config
	// Listen is where /livez and /readyz answer.
	Listen string `env:"WORKER_LISTEN" envDefault:":8090" validate:"hostname_port"`
}

// Dial connects to Temporal as the TEMPORAL_* variables say, with traces that go on from the caller into workflows and
// activities, and the metrics of the SDK. It fails when Temporal is not there.
func Dial(ctx context.Context, log *slog.Logger) (client.Client, error) {
	options, err := envconfig.LoadDefaultClientOptions()
	if err != nil {
		return nil, fmt.Errorf("read the TEMPORAL_* variables: %w", err)
	}
	tracing, err := opentelemetry.NewTracingInterceptor(opentelemetry.TracerOptions{})
	if err != nil {
		return nil, fmt.Errorf("trace workflows: %w", err)
	}
	options.Logger = temporallog.NewStructuredLogger(log)
	options.Interceptors = []interceptor.ClientInterceptor{tracing}
	options.MetricsHandler = opentelemetry.NewMetricsHandler(opentelemetry.MetricsHandlerOptions{
		Meter:                otel.Meter("go.temporal.io/sdk"),
		UseMonotonicCounters: true,
		// The default is to panic.
		OnError: func(err error) { log.Warn("a metric of the Temporal SDK is lost", "error", err) },
	})
	c, err := client.DialContext(ctx, options)
	if err != nil {
		return nil, fmt.Errorf("connect to Temporal at TEMPORAL_ADDRESS: %w", err)
	}
	return c, nil
}

// Run works until ctx ends: /readyz turns red, then no more tasks are taken, and those under way get the stop timeout.
// It closes the client and the listener.
func Run(ctx context.Context, c client.Client, cfg ProcessConfig, listener net.Listener, log *slog.Logger) error {
	workers, err := New(c, cfg.Worker)
	if err != nil {
		return err
	}
	var polling atomic.Bool
	server, err := httpserver.New(httpserver.Options{Name: "worker", Logger: log, Ready: map[string]httpserver.Check{
		"temporal": func(ctx context.Context) error {
			_, err := c.CheckHealth(ctx, &client.CheckHealthRequest{})
			return err
		},
		"workers": func(context.Context) error {
			if !polling.Load() {
				return errors.New("the workers do not poll")
			}
			return nil
		},
	}})
	if err != nil {
		return err
	}
	group := process.NewGroup(log)
	group.Server("http", func(ctx context.Context) error { return server.Run(ctx, listener) })
	group.Loop("workers", func(ctx context.Context) error {
		begun := time.Now()
		if err := workers.Start(); err != nil {
			return err
		}
		defer workers.Stop()
		polling.Store(true)
		log.Info("polling", "took_ms", time.Since(begun).Milliseconds())
		select {
		case <-ctx.Done():
			return nil
		case err := <-workers.failed:
			polling.Store(false)
			return err
		}
	})
	group.Closer("temporal", func() error {
		c.Close()
		return nil
	})
	return group.Run(ctx)
}
