// Command notification is the notification service: it tells people and systems what happened to a case,
// once. It is configured by the variables of notification.Config.
package main

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"os"

	"aftercare.dev/services/notification"
	"aftercare.dev/services/notification/store"
	"aftercare.dev/services/platform/config"
	"aftercare.dev/services/platform/database"
	"aftercare.dev/services/platform/httpserver"
	"aftercare.dev/services/platform/process"
	"aftercare.dev/services/platform/seal"
)

func main() {
	process.Main("notification", run, process.Command{
		Name: "migrate", Does: "bring the schema up to date; needs NOTIFICATION_DATABASE_…", Run: migrate,
	}, seal.Command("NOTIFICATION_DATABASE_", store.Migrations(), seal.Of(store.Sealed)))
}

// migrate asks for no more than it needs: the database.
func migrate(ctx context.Context, log *slog.Logger) error {
	cfg, err := config.Load[database.Config]("NOTIFICATION_DATABASE_", os.Environ())
	if err != nil {
		return err
	}
	return notification.Migrate(ctx, cfg, log)
}

func run(ctx context.Context, log *slog.Logger) error {
	cfg, err := config.Load[notification.Config]("", os.Environ())
	if err != nil {
		return err
	}
	log.Info("configuration", config.Describe("", cfg)...)
	listener, err := new(net.ListenConfig).Listen(ctx, "tcp", cfg.Listen)
	if err != nil {
		return fmt.Errorf("NOTIFICATION_LISTEN: %w", err)
	}
	waiting := httpserver.Waiting{For: "database", Worth: database.Unreachable, Logger: log}
	service, err := httpserver.Await(ctx, listener, waiting, func(ctx context.Context) (*notification.Service, error) {
		return notification.New(ctx, cfg, log)
	})
	if err != nil {
		return errors.Join(err, listener.Close())
	}
	return service.Run(ctx, listener)
}
