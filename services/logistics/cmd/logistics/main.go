// Command logistics is the logistics service: return parcels and the freight insurance of orders. It is
// configured by the variables of logistics.Config.
package main

import (
	"context"
	"fmt"
	"log/slog"
	"net"
	"os"

	"aftercare.dev/services/logistics"
	"aftercare.dev/services/platform/config"
	"aftercare.dev/services/platform/process"
)

func main() { process.Main("logistics", run) }

func run(ctx context.Context, log *slog.Logger) error {
	cfg, err := config.Load[logistics.Config]("", os.Environ())
	if err != nil {
		return err
	}
	log.Info("configuration", config.Describe("", cfg)...)
	service, err := logistics.New(ctx, cfg, log)
	if err != nil {
		return err
	}
	listener, err := new(net.ListenConfig).Listen(ctx, "tcp", cfg.Listen)
	if err != nil {
		return fmt.Errorf("LOGISTICS_LISTEN: %w", err)
	}
	return service.Run(ctx, listener)
}
