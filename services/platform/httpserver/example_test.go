package httpserver_test

import (
	"context"
	"log/slog"
	"net"
	"os"

	"github.com/getkin/kin-openapi/openapi3"
	"gorm.io/gorm"

	"aftercare.dev/services/platform/config"
	"aftercare.dev/services/platform/database"
	"aftercare.dev/services/platform/httpserver"
	"aftercare.dev/services/platform/outbox"
	"aftercare.dev/services/platform/process"
)

// These stand for a service's own code: its embedded migrations, its generated contract, its handlers.
var (
	embedded   = os.DirFS(".")
	getSpec    = func() (*openapi3.T, error) { return &openapi3.T{}, nil }
	register   = func(httpserver.Router, *gorm.DB, *outbox.Relay) {}
	tellOthers = func(context.Context, outbox.Message) error { return nil }
)

// Config is the configuration of a whole process.
type Config struct {
	Listen   string          `env:"LISTEN" envDefault:":8083"`
	Token    config.Secret   `env:"SERVICE_TOKEN,required"`
	Database database.Config `envPrefix:"DB_"`
	Migrate  bool            `env:"MIGRATE" envDefault:"true"`
}

// A service from configuration to the end of its process.
func Example_service() {
	process.Main("payment", func(ctx context.Context, log *slog.Logger) error {
		cfg, err := config.Load[Config]("PAYMENT_", os.Environ())
		if err != nil {
			return err
		}
		log.Info("configuration", config.Describe("PAYMENT_", cfg)...)

		cfg.Database.Logger = log
		db, err := database.Open(ctx, cfg.Database)
		if err != nil {
			return err
		}
		if err := database.Prepare(ctx, db, database.Schema{Service: "payment", Files: database.Sub(embedded, "migrations")}, cfg.Migrate); err != nil {
			return err
		}
		relay := outbox.NewRelay(outbox.Options{DB: db, Logger: log, Deliver: outbox.Each(tellOthers)})

		spec, err := getSpec()
		if err != nil {
			return err
		}
		server, err := httpserver.New(httpserver.Options{
			Name: "payment", Logger: log, ServiceToken: cfg.Token, Spec: spec,
			Ready: map[string]httpserver.Check{"database": database.Ping(db)},
			// register calls api.RegisterHandlers(r, api.NewStrictHandler(handlers, nil)).
			Register: func(r httpserver.Router) { register(r, db, relay) },
		})
		if err != nil {
			return err
		}
		listener, err := new(net.ListenConfig).Listen(ctx, "tcp", cfg.Listen)
		if err != nil {
			return err
		}

		group := process.NewGroup(log)
		group.Server("http", func(ctx context.Context) error { return server.Run(ctx, listener) })
		group.Loop("outbox", relay.Run)
		group.Closer("database", func() error { return database.Close(db) })
		return group.Run(ctx)
	})
}
