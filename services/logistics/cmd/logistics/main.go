// Command logistics is the logistics service: return parcels and the freight insurance of orders. It is
// configured by the variables of logistics.Config.
package main

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"os"

	"aftercare.dev/services/logistics"
	"aftercare.dev/services/logistics/store"
	"aftercare.dev/services/platform/config"
	"aftercare.dev/services/platform/database"
	"aftercare.dev/services/platform/httpserver"
	"aftercare.dev/services/platform/process"
	"aftercare.dev/services/platform/seal"
)

func main() {
	process.Main("logistics", run, process.Command{
		Name: "migrate", Does: "bring the schema up to date; needs LOGISTICS_DATABASE_…", Run: migrate,
	}, seal.Command("LOGISTICS_DATABASE_", store.Migrations(), store.Reseal))
}

// migrate asks for no more than it needs: the database.
func migrate(ctx context.Context, log *slog.Logger) error {
	cfg, err := config.Load[database.Config]("LOGISTICS_DATABASE_", os.Environ())
	if err != nil {
		return err
	}
	return logistics.Migrate(ctx, cfg, log)
}

func run(ctx context.Context, log *slog.Logger) error {
	cfg, err := config.Load[logistics.Config]("", os.Environ())
	if err != nil {
		return err
	}
	log.Info("configuration", config.Describe("", cfg)...)
	listener, err := new(net.ListenConfig).Listen(ctx, "tcp", cfg.Listen)
	if err != nil {
		return fmt.Errorf("LOGISTICS_LISTEN: %w", err)
	}
	waiting := httpserver.Waiting{For: "database", Worth: database.Unreachable, Logger: log}
	service, err := httpserver.Await(ctx, listener, waiting, func(ctx context.Context) (*logistics.Service, error) {
		return logistics.New(ctx, cfg, log)
	})
	if err != nil {
		return errors.Join(err, listener.Close())
	}
	return service.Run(ctx, listener)
}
