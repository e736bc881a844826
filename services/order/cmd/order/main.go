// Command order is the order service: orders as the shop sold them, and which of their units are
// being returned. It is configured by the variables of order.Config.
package main

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"os"

	"aftercare.dev/services/order"
	"aftercare.dev/services/order/store"
	"aftercare.dev/services/platform/config"
	"aftercare.dev/services/platform/database"
	"aftercare.dev/services/platform/httpserver"
	"aftercare.dev/services/platform/process"
	"aftercare.dev/services/platform/seal"
)

func main() {
	process.Main("order", run, process.Command{
		Name: "migrate", Does: "bring the schema up to date; needs ORDER_DATABASE_…", Run: migrate,
	}, seal.Command("ORDER_DATABASE_", store.Migrations(), seal.Of(store.Sealed)))
}

// migrate asks for no more than it needs: the database.
func migrate(ctx context.Context, log *slog.Logger) error {
	cfg, err := config.Load[database.Config]("ORDER_DATABASE_", os.Environ())
	if err != nil {
		return err
	}
	return order.Migrate(ctx, cfg, log)
}

func run(ctx context.Context, log *slog.Logger) error {
	cfg, err := config.Load[order.Config]("", os.Environ())
	if err != nil {
		return err
	}
	log.Info("configuration", config.Describe("", cfg)...)
	listener, err := new(net.ListenConfig).Listen(ctx, "tcp", cfg.Listen)
	if err != nil {
		return fmt.Errorf("ORDER_LISTEN: %w", err)
	}
	waiting := httpserver.Waiting{For: "database", Worth: database.Unreachable, Logger: log}
	service, err := httpserver.Await(ctx, listener, waiting, func(ctx context.Context) (*order.Service, error) {
		return order.New(ctx, cfg, log)
	})
	if err != nil {
		return errors.Join(err, listener.Close())
	}
	return service.Run(ctx, listener)
}
