// Package logistics is the logistics service as a process: its configuration, its parts and how they
// start and stop.
package logistics

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"log/slog"
	"net"
	"time"

	"gorm.io/gorm"

	"aftercare.dev/services/logistics/api"
	"aftercare.dev/services/logistics/domain"
	"aftercare.dev/services/logistics/freightinsurance"
	"aftercare.dev/services/logistics/http"
	"aftercare.dev/services/logistics/insurance"
	"aftercare.dev/services/logistics/kuaidi100"
	"aftercare.dev/services/logistics/orders"
	"aftercare.dev/services/logistics/shipping"
	"aftercare.dev/services/logistics/store"
	"aftercare.dev/services/platform/callers"
	"aftercare.dev/services/platform/config"
	"aftercare.dev/services/platform/database"
	"aftercare.dev/services/platform/httpclient"
	"aftercare.dev/services/platform/httpserver"
	"aftercare.dev/services/platform/process"
	"aftercare.dev/services/platform/seal"
)

// Config is read from the environment: LOGISTICS_LISTEN, LOGISTICS_DATABASE_DSN, KUAIDI100_KEY …
type Config struct {
	// Listen is where the process takes requests.
	Listen string `env:"LOGISTICS_LISTEN" envDefault:":8082" validate:"hostname_port"`
	// ServiceToken is what this process shows to others. Without Callers it is also what it asks of them; empty lets
	// everybody in.
	ServiceToken config.Secret `env:"SERVICE_TOKEN"`
	// Callers, if not empty, are those who may call, each with a token of its own.
	Callers  callers.List    `env:"SERVICE_CALLERS" form:"a comma list of name:hash, each hash the SHA-256 of that caller's token in hex"`
	Database database.Config `envPrefix:"LOGISTICS_DATABASE_"`
	// Migrate brings the schema up to date at the start.
	Migrate bool `env:"LOGISTICS_MIGRATE" envDefault:"true"`
	// DrainDelay is how long requests are still taken after /readyz has turned red.
	DrainDelay time.Duration `env:"LOGISTICS_DRAIN_DELAY" envDefault:"0s" validate:"min=0"`

	// OrderURL is the service that knows buyers and deliveries.
	OrderURL string `env:"ORDER_URL" envDefault:"http://localhost:8081" validate:"http_url"`
	// OrderTimeout bounds one call.
	OrderTimeout time.Duration `env:"ORDER_TIMEOUT" envDefault:"3s" validate:"min=100ms,max=8s"`

	// Personal has the keys of people's data.
	Personal seal.Config
	// RetentionContacts is how many days addresses, couriers and scans are kept; 0 means for ever.
	RetentionContacts int `env:"RETENTION_CONTACTS_DAYS" envDefault:"365" validate:"min=0,max=36500"`

	// CallbackBaseURL is the public address of the gateway, as carriers reach it; they are given
	// /callbacks/kuaidi100/{token} on it.
	CallbackBaseURL string `env:"CALLBACK_BASE_URL" envDefault:"http://localhost:8080" validate:"http_url"`

	Carrier kuaidi100.Config        `envPrefix:"KUAIDI100_"`
	Insurer freightinsurance.Config `envPrefix:"FREIGHT_INSURANCE_"`

	// RebookAfter is how long a booking without an answer may still turn up before the carrier is
	// asked again.
	RebookAfter time.Duration `env:"LOGISTICS_REBOOK_AFTER" envDefault:"10m" validate:"min=1s"`
	// MaxBookings is how often a carrier that does not answer is asked for one courier.
	MaxBookings int `env:"LOGISTICS_MAX_BOOKINGS" envDefault:"3" validate:"min=1,max=10"`
	// LostAfter is how long a parcel may go without a scan before it counts as lost.
	LostAfter time.Duration `env:"LOGISTICS_LOST_AFTER" envDefault:"168h" validate:"min=1s"`
	// QueryInterval is the least time between two questions about one parcel's way: kuaidi100 locks a
	// number that is asked for more often than every half hour.
	QueryInterval time.Duration `env:"LOGISTICS_QUERY_INTERVAL" envDefault:"30m" validate:"min=0"`
	// RetryAfter is when unfinished business with a provider is taken up again.
	RetryAfter time.Duration `env:"LOGISTICS_RETRY_AFTER" envDefault:"1m" validate:"min=100ms"`
	// SweepInterval is how often the service looks for unfinished business.
	SweepInterval time.Duration `env:"LOGISTICS_SWEEP_INTERVAL" envDefault:"5s" validate:"min=50ms"`
}

// callMargin is what a call to a provider takes besides the call itself: reading addresses, writing what
// came of it.
const callMargin = 10 * time.Second

// Service is the logistics service, ready to run.
type Service struct {
	cfg       Config
	log       *slog.Logger
	db        *gorm.DB
	server    *httpserver.Server
	shipping  *shipping.Desk
	insurance *insurance.Desk
}

// Migrate brings the schema up to date and does nothing else: the command "migrate".
func Migrate(ctx context.Context, cfg database.Config, log *slog.Logger) error {
	cfg.Logger = log
	return database.MigrateAlone(ctx, cfg, store.Migrations())
}

// New opens the database, migrates it if the configuration says so, and wires the parts. Nothing is
// served before [Service.Run], which also closes what New has opened.
func New(ctx context.Context, cfg Config, log *slog.Logger) (*Service, error) {
	cfg.Database.Logger = log
	db, err := database.Open(ctx, cfg.Database)
	if err != nil {
		return nil, err
	}
	s := &Service{cfg: cfg, log: log, db: db}
	if err := s.assemble(ctx); err != nil {
		return nil, errors.Join(err, database.Close(db))
	}
	return s, nil
}

func (s *Service) assemble(ctx context.Context) error {
	if err := database.Prepare(ctx, s.db, store.Migrations(), s.cfg.Migrate); err != nil {
		return err
	}
	handlers, err := s.handlers()
	if err != nil {
		return err
	}
	spec, err := api.GetSpec()
	if err != nil {
		return fmt.Errorf("read contract: %w", err)
	}
	s.server, err = httpserver.New(httpserver.Options{
		Name: "logistics", Logger: s.log, ServiceToken: s.cfg.ServiceToken, Callers: s.cfg.Callers, MayCall: Callers(), Spec: spec, Catalogs: []fs.FS{http.Catalog()},
		Ready:      map[string]httpserver.Check{"database": database.Ping(s.db)},
		MaxBodyOf:  map[string]int64{"receiveCarrierCallback": maxCallback, "receiveInsurerCallback": maxCallback},
		DrainDelay: s.cfg.DrainDelay,
		Register: func(r httpserver.Router) {
			api.RegisterHandlers(r, api.NewStrictHandler(handlers, nil))
		},
	})
	return err
}

// maxCallback is what the contract allows of a provider's body, in base64, with room for the rest.
const maxCallback = 2 << 20

// handlers wires store, adapters and rules.
func (s *Service) handlers() (*http.Handlers, error) {
	cfg := s.cfg
	orderClient, err := orders.New(httpclient.Options{
		BaseURL: cfg.OrderURL, Token: cfg.ServiceToken, Timeout: cfg.OrderTimeout, Logger: s.log,
	})
	if err != nil {
		return nil, fmt.Errorf("ORDER_URL: %w", err)
	}
	cfg.Carrier.CallbackBaseURL = cfg.CallbackBaseURL
	carrier, err := kuaidi100.New(cfg.Carrier, time.Now)
	if err != nil {
		return nil, err
	}
	insurer := freightinsurance.New(cfg.Insurer, time.Now)
	patience := domain.Patience{
		Rebook: cfg.RebookAfter, MaxAsks: cfg.MaxBookings, Stall: cfg.LostAfter, Query: cfg.QueryInterval,
		Lease: maxCalls*cfg.Carrier.Timeout + callMargin, Retry: cfg.RetryAfter,
	}
	sealer, err := seal.New(cfg.Personal)
	if err != nil {
		return nil, err
	}
	seal.Warn(s.log, sealer)
	records := store.New(s.db, patience, time.Now).Sealing(sealer)
	s.shipping = shipping.New(records, carrier, orderClient, patience, time.Now, s.log)
	s.insurance = insurance.New(records, insurer, orderClient,
		insurance.Patience{Call: 3*cfg.Insurer.Timeout + callMargin, Retry: cfg.RetryAfter}, time.Now, s.log)
	return http.New(records, s.shipping, s.insurance, insurer, time.Now).Keeping(cfg.RetentionContacts), nil
}

// maxCalls is how many calls to a carrier one holder of a lease makes at most.
const maxCalls = 8

// Run serves on the listener and takes up unfinished business until ctx ends, then finishes the requests
// under way and closes the database. A Service runs once.
func (s *Service) Run(ctx context.Context, listener net.Listener) error {
	group := process.NewGroup(s.log)
	group.Server("http", func(ctx context.Context) error { return s.server.Run(ctx, listener) })
	group.Loop("parcels", func(ctx context.Context) error { return s.shipping.Run(ctx, s.cfg.SweepInterval) })
	group.Loop("insurance", func(ctx context.Context) error { return s.insurance.Run(ctx, s.cfg.SweepInterval) })
	group.Closer("database", func() error { return database.Close(s.db) })
	return group.Run(ctx)
}
