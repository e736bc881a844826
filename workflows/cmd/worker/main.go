// Command worker runs the workflows and their activities. It is configured by the variables of worker.ProcessConfig and
// by the TEMPORAL_* variables of the ecosystem.
package main

import (
	"cmp"
	"context"
	"fmt"
	"log/slog"
	"net"
	"os"

	"go.temporal.io/sdk/client"
	"go.temporal.io/sdk/contrib/envconfig"

	"aftercare.dev/services/platform/config"
	"aftercare.dev/services/platform/process"
	"aftercare.dev/workflows/dial"
	"aftercare.dev/workflows/setup"
	"aftercare.dev/workflows/worker"
)

func main() {
	process.Main("worker", run, process.Command{
		Name: "setup", Does: "prepare Temporal (search attributes, schedules; with SETUP_NAMESPACE=true the namespace) and exit", Run: prepare,
	})
}

// prepare does what must be done once in a namespace before the first worker starts. It can be done again at any time.
func prepare(ctx context.Context, log *slog.Logger) error {
	cfg, err := config.Load[setup.Config]("", os.Environ())
	if err != nil {
		return err
	}
	log.Info("configuration", config.Describe("", cfg)...)
	options, err := envconfig.LoadDefaultClientOptions()
	if err != nil {
		return &config.Error{Variable: "TEMPORAL_*", Sentence: "the TEMPORAL_* variables cannot be used: " + err.Error()}
	}
	// The schedule's input is empty, and read by no codec: payload keys are not needed here.
	temporal, err := dial.Client(dial.Config{}, log)
	if err != nil {
		return err
	}
	defer temporal.Close()
	return setup.Run(ctx, temporal, cmp.Or(options.Namespace, client.DefaultNamespace), cfg, log)
}

func run(ctx context.Context, log *slog.Logger) error {
	cfg, err := config.Load[worker.ProcessConfig]("", os.Environ())
	if err != nil {
		return err
	}
	log.Info("configuration", config.Describe("", cfg)...)
	temporal, err := dial.Client(cfg.Temporal, log)
	if err != nil {
		return err
	}
	listener, err := new(net.ListenConfig).Listen(ctx, "tcp", cfg.Listen)
	if err != nil {
		temporal.Close()
		return fmt.Errorf("WORKER_LISTEN: %w", err)
	}
	return worker.Run(ctx, temporal, cfg, listener, log)
}
