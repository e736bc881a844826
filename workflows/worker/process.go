package worker

import (
	"context"
	"errors"
	"log/slog"
	"net"
	"sync/atomic"
	"time"

	"go.temporal.io/sdk/client"

	"aftercare.dev/services/platform/httpserver"
	"aftercare.dev/services/platform/process"
	"aftercare.dev/workflows/dial"
)

// ProcessConfig is what a worker in a process of its own needs to know. Where Temporal is, and how to get in, is in the
// TEMPORAL_* variables of the ecosystem: TEMPORAL_ADDRESS, TEMPORAL_NAMESPACE, TEMPORAL_API_KEY, TEMPORAL_TLS_….
type ProcessConfig struct {
	Worker   Config
	Temporal dial.Config
	// Listen is where /livez and /readyz answer.
	Listen string `env:"WORKER_LISTEN" envDefault:":8090" validate:"hostname_port"`
}

// Run works until ctx ends. While Temporal is not there, /readyz says so and Run waits for it. At the end /readyz turns
// red, then no more tasks are taken, and those under way get the stop timeout. It closes the client and the listener.
func Run(ctx context.Context, c client.Client, cfg ProcessConfig, listener net.Listener, log *slog.Logger) error {
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
		workers, err := begin(ctx, c, cfg.Worker, log)
		if err != nil {
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
