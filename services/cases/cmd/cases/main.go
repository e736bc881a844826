// Command cases is the cases service: what was asked, how it was judged, and everything that happened
// since. It is configured by the variables of cases.Config.
package main

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"os"

	"aftercare.dev/services/cases"
	"aftercare.dev/services/cases/store"
	"aftercare.dev/services/platform/config"
	"aftercare.dev/services/platform/database"
	"aftercare.dev/services/platform/httpserver"
	"aftercare.dev/services/platform/process"
	"aftercare.dev/services/platform/seal"
)

func main() {
	process.Main("cases", run, process.Command{
		Name: "migrate", Does: "bring the schema up to date; needs CASES_DATABASE_…", Run: migrate,
	}, seal.Command("CASES_DATABASE_", store.Migrations(), seal.Of(store.Sealed)))
}

// migrate asks for no more than it needs: the database.
func migrate(ctx context.Context, log *slog.Logger) error {
	cfg, err := config.Load[database.Config]("CASES_DATABASE_", os.Environ())
	if err != nil {
		return err
	}
	return cases.Migrate(ctx, cfg, log)
}

func run(ctx context.Context, log *slog.Logger) error {
	cfg, err := config.Load[cases.Config]("", os.Environ())
	if err != nil {
		return err
	}
	log.Info("configuration", config.Describe("", cfg)...)
	listener, err := new(net.ListenConfig).Listen(ctx, "tcp", cfg.Listen)
	if err != nil {
		return fmt.Errorf("CASES_LISTEN: %w", err)
	}
	waiting := httpserver.Waiting{For: "database", Worth: database.Unreachable, Logger: log}
	service, err := httpserver.Await(ctx, listener, waiting, func(ctx context.Context) (*cases.Service, error) {
		return cases.New(ctx, cfg, log)
	})
	if err != nil {
		return errors.Join(err, listener.Close())
	}
	return service.Run(ctx, listener)
}
