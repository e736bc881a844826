// Command gateway is the front door: the public API, callbacks of providers, live progress. It is configured by the
// variables of gateway.Config and by the TEMPORAL_* variables.
package main

import (
	"context"
	"fmt"
	"log/slog"
	"net"
	"os"

	"aftercare.dev/gateway"
	"aftercare.dev/services/platform/config"
	"aftercare.dev/services/platform/process"
	"aftercare.dev/workflows/dial"
)

func main() { process.Main("gateway", run) }

func run(ctx context.Context, log *slog.Logger) error {
	cfg, err := config.Load[gateway.Config]("", os.Environ())
	if err != nil {
		return err
	}
	log.Info("configuration", config.Describe("", cfg)...)
	temporal, err := dial.Client(cfg.Temporal, log)
	if err != nil {
		return err
	}
	defer temporal.Close()
	service, err := gateway.New(ctx, cfg, temporal, log)
	if err != nil {
		return err
	}
	listener, err := new(net.ListenConfig).Listen(ctx, "tcp", cfg.Listen)
	if err != nil {
		return fmt.Errorf("GATEWAY_LISTEN: %w", err)
	}
	return service.Run(ctx, listener)
}
