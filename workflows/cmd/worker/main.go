// Command worker runs the workflows and their activities. It is configured by the variables of worker.ProcessConfig and
// by the TEMPORAL_* variables of the ecosystem.
package main

import (
	"context"
	"fmt"
	"log/slog"
	"net"
	"os"

	"aftercare.dev/services/platform/config"
	"aftercare.dev/services/platform/process"
	"aftercare.dev/workflows/worker"
)

func main() { process.Main("worker", run) }

func run(ctx context.Context, log *slog.Logger) error {
	cfg, err := config.Load[worker.ProcessConfig]("", os.Environ())
	if err != nil {
		return err
	}
	log.Info("configuration", config.Describe("", cfg)...)
	temporal, err := worker.Dial(ctx, log)
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
