// Package order is the order service as a process: its configuration, its parts and how they start
// and stop.
package order

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"log/slog"
	"net"
	"time"

	"go.opentelemetry.io/otel"
	"gorm.io/gorm"

	"aftercare.dev/services/order/api"
	"aftercare.dev/services/order/http"
	"aftercare.dev/services/order/store"
	"aftercare.dev/services/platform/callers"
	"aftercare.dev/services/platform/config"
	"aftercare.dev/services/platform/database"
	"aftercare.dev/services/platform/httpserver"
	"aftercare.dev/services/platform/outbox"
	"aftercare.dev/services/platform/process"
	"aftercare.dev/services/platform/seal"
)

// Config is read from the environment: ORDER_LISTEN, ORDER_DATABASE_DSN …
type Config struct {
	// Listen is where the process takes requests.
	Listen string `env:"ORDER_LISTEN" envDefault:":8081" validate:"hostname_port"`
	// ServiceToken is what this process shows to others. Without Callers it is also what it asks of them; empty lets
	// everybody in.
	ServiceToken config.Secret `env:"SERVICE_TOKEN"`
	// Callers, if not empty, are those who may call, each with a token of its own.
	Callers  callers.List    `env:"SERVICE_CALLERS" form:"a comma list of name:hash, each hash the SHA-256 of that caller's token in hex"`
	Database database.Config `envPrefix:"ORDER_DATABASE_"`
	// Migrate brings the schema up to date at the start.
	Migrate bool `env:"ORDER_MIGRATE" envDefault:"true"`
	// DrainDelay is how long requests are still taken after /readyz has turned red.
	DrainDelay time.Duration `env:"ORDER_DRAIN_DELAY" envDefault:"0s" validate:"min=0"`

	// LogisticsURL is the service that insures the return freight of orders that were shipped.
	LogisticsURL string `env:"LOGISTICS_URL" envDefault:"http://localhost:8082" validate:"http_url"`
	// Personal has the keys of people's data.
	Personal seal.Config
	// RetentionContacts is how many days after an order was placed its contact is kept; 0 means for ever.
	RetentionContacts int `env:"RETENTION_CONTACTS_DAYS" envDefault:"365" validate:"min=0,max=36500"`

	// LogisticsTimeout bounds one call.
	LogisticsTimeout time.Duration `env:"ORDER_LOGISTICS_TIMEOUT" envDefault:"10s" validate:"min=100ms,max=25s"`
}

// maxPutBody is enough for an order of 2000 lines and all their deliveries, in bytes.
const maxPutBody = 8 << 20

// Service is the order service, ready to run.
type Service struct {
	log    *slog.Logger
	db     *gorm.DB
	server *httpserver.Server
	relay  *outbox.Relay
	// unobserve ends what shows the outbox in metrics.
	unobserve func() error
}

// Migrate brings the schema up to date and does nothing else: the command "migrate".
func Migrate(ctx context.Context, cfg database.Config, log *slog.Logger) error {
	cfg.Logger = log
	return database.MigrateAlone(ctx, cfg, store.Migrations())
}

// New opens the database, migrates it if the configuration says so, and wires the parts. Nothing is
// served before [Service.Run], which also closes what New has opened.
func New(ctx context.Context, cfg Config, log *slog.Logger) (*Service, error) {
	insurer, err := newInsurer(cfg, log)
	if err != nil {
		return nil, err
	}
	cfg.Database.Logger = log
	db, err := database.Open(ctx, cfg.Database)
	if err != nil {
		return nil, err
	}
	s := &Service{log: log, db: db}
	if err := s.assemble(ctx, cfg, insurer); err != nil {
		return nil, errors.Join(err, database.Close(db))
	}
	return s, nil
}

func (s *Service) assemble(ctx context.Context, cfg Config, insurer *insurer) error {
	if err := database.Prepare(ctx, s.db, store.Migrations(), cfg.Migrate); err != nil {
		return err
	}
	spec, err := api.GetSpec()
	if err != nil {
		return fmt.Errorf("read contract: %w", err)
	}
	s.relay = outbox.NewRelay(outbox.Options{DB: s.db, Logger: s.log, Deliver: outbox.Each(insurer.deliver)})
	sealer, err := seal.New(cfg.Personal)
	if err != nil {
		return err
	}
	seal.Warn(s.log, sealer)
	handlers := http.New(store.New(s.db, time.Now).Sealing(sealer), s.relay.Notify).Keeping(cfg.RetentionContacts)
	s.server, err = httpserver.New(httpserver.Options{
		Name: "order", Logger: s.log, ServiceToken: cfg.ServiceToken, Callers: cfg.Callers, MayCall: Callers(), Spec: spec, Catalogs: []fs.FS{http.Catalog()},
		Ready:      map[string]httpserver.Check{"database": database.Ping(s.db)},
		MaxBodyOf:  map[string]int64{"putOrder": maxPutBody},
		DrainDelay: cfg.DrainDelay,
		Register: func(r httpserver.Router) {
			api.RegisterHandlers(r, api.NewStrictHandler(handlers, nil))
		},
	})
	if err != nil {
		return err
	}
	s.unobserve, err = outbox.Observe(otel.Meter("aftercare.dev/services/order"), s.db, "order")
	return err
}

// Run serves on the listener and delivers announcements until ctx ends, then finishes the requests
// under way and closes the database. A Service runs once.
func (s *Service) Run(ctx context.Context, listener net.Listener) error {
	group := process.NewGroup(s.log)
	group.Server("http", func(ctx context.Context) error { return s.server.Run(ctx, listener) })
	group.Loop("outbox", s.relay.Run)
	group.Closer("database", func() error { return database.Close(s.db) })
	// What reads the database ends before it.
	group.Closer("metrics", s.unobserve)
	return group.Run(ctx)
}
