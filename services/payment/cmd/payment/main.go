// Command payment is the payment service: refunds to the payments of an order. It is configured by the
// variables of payment.Config.
package main

import (
	"context"
	"fmt"
	"log/slog"
	"net"
	"os"

	"aftercare.dev/services/payment"
	"aftercare.dev/services/platform/config"
	"aftercare.dev/services/platform/process"
)

func main() { process.Main("payment", run) }

func run(ctx context.Context, log *slog.Logger) error {
	cfg, err := config.Load[payment.Config]("", os.Environ())
	if err != nil {
		return err
	}
	log.Info("configuration", config.Describe("", cfg)...)
	service, err := payment.New(ctx, cfg, log)
	if err != nil {
		return err
	}
	listener, err := new(net.ListenConfig).Listen(ctx, "tcp", cfg.Listen)
	if err != nil {
		return fmt.Errorf("PAYMENT_LISTEN: %w", err)
	}
	return service.Run(ctx, listener)
}
