// Command order is the order service: orders as the shop sold them, and which of their units are
// being returned. It is configured by the variables of order.Config.
package main

import (
	"context"
	"fmt"
	"log/slog"
	"net"
	"os"

	"aftercare.dev/services/order"
	"aftercare.dev/services/platform/config"
	"aftercare.dev/services/platform/process"
)

func main() { process.Main("order", run) }

func run(ctx context.Context, log *slog.Logger) error {
	cfg, err := config.Load[order.Config]("", os.Environ())
	if err != nil {
		return err
	}
	log.Info("configuration", config.Describe("", cfg)...)
	service, err := order.New(ctx, cfg, log)
	if err != nil {
		return err
	}
	listener, err := new(net.ListenConfig).Listen(ctx, "tcp", cfg.Listen)
	if err != nil {
		return fmt.Errorf("ORDER_LISTEN: %w", err)
	}
	return service.Run(ctx, listener)
}
