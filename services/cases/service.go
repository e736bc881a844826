// Package cases is the cases service as a process: its configuration, its parts and how they start
// and stop.
package cases

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"log/slog"
	"net"
	nethttp "net/http"
	"time"

	"go.opentelemetry.io/otel"
	"go.opentelemetry.io/otel/metric"
	"gocloud.dev/blob"
	"gorm.io/gorm"

	"aftercare.dev/services/cases/api"
	"aftercare.dev/services/cases/http"
	"aftercare.dev/services/cases/orders"
	"aftercare.dev/services/cases/store"
	"aftercare.dev/services/cases/vault"
	"aftercare.dev/services/cases/wording"
	"aftercare.dev/services/platform/callers"
	"aftercare.dev/services/platform/config"
	"aftercare.dev/services/platform/database"
	"aftercare.dev/services/platform/httpclient"
	"aftercare.dev/services/platform/httpserver"
	"aftercare.dev/services/platform/outbox"
	"aftercare.dev/services/platform/process"
	"aftercare.dev/services/platform/seal"
)

// Config is read from the environment: CASES_LISTEN, CASES_DATABASE_DSN …
type Config struct {
	// Listen is where the process takes requests.
	Listen string `env:"CASES_LISTEN" envDefault:":8084" validate:"hostname_port"`
	// ServiceToken is what this process shows to others. Without Callers it is also what it asks of them; empty lets
	// everybody in.
	ServiceToken config.Secret `env:"SERVICE_TOKEN"`
	// Callers, if not empty, are those who may call, each with a token of its own.
	Callers  callers.List    `env:"SERVICE_CALLERS" form:"a comma list of name:hash, each hash the SHA-256 of that caller's token in hex"`
	Database database.Config `envPrefix:"CASES_DATABASE_"`
	// Migrate brings the schema up to date at the start.
	Migrate bool `env:"CASES_MIGRATE" envDefault:"true"`
	// DrainDelay is how long requests are still taken after /readyz has turned red.
	DrainDelay time.Duration `env:"CASES_DRAIN_DELAY" envDefault:"0s" validate:"min=0"`

	// OrderURL is the service that has orders and reservations.
	OrderURL string `env:"ORDER_URL" envDefault:"http://localhost:8081" validate:"http_url"`
	// NotificationURL is the service that is told what happened.
	NotificationURL string `env:"NOTIFICATION_URL" envDefault:"http://localhost:8085" validate:"http_url"`
	// CallTimeout bounds one call of another service.
	CallTimeout time.Duration `env:"CASES_CALL_TIMEOUT" envDefault:"10s" validate:"min=100ms,max=25s"`

	// Personal has the keys of people's data.
	Personal seal.Config
	// RetentionPhotos is how many days after a case was closed its photos are kept; 0 means for ever.
	RetentionPhotos int `env:"RETENTION_PHOTOS_DAYS" envDefault:"180" validate:"min=0,max=36500"`
	// RetentionTransactions is how many days after a case was closed its texts are kept; 0 means for ever.
	// Transaction records have to be kept for three years at least (E-Commerce Law, article 31).
	RetentionTransactions int `env:"RETENTION_TRANSACTIONS_DAYS" envDefault:"1095" validate:"min=0,max=36500"`

	// EvidenceURL is the bucket for photos, such as file:///var/lib/aftercare/evidence; empty means
	// EvidenceDirectory.
	EvidenceURL config.Secret `env:"CASES_EVIDENCE_URL"`
	// EvidenceDirectory is where photos are kept if there is no EvidenceURL; it is made if missing.
	EvidenceDirectory string `env:"CASES_EVIDENCE_DIRECTORY" envDefault:"data/evidence" validate:"required"`
	// EvidenceMaxBytes is the largest upload.
	EvidenceMaxBytes int64 `env:"CASES_EVIDENCE_MAX_BYTES" envDefault:"10485760" validate:"min=1024,max=104857600"`
	// EvidenceConcurrency is how many photos are cleaned at a time; each may take 400 MB meanwhile.
	EvidenceConcurrency int `env:"CASES_EVIDENCE_CONCURRENCY" envDefault:"2" validate:"min=1,max=64"`
}

// threeYears is the least that the law allows for transaction records, in days (E-Commerce Law, article 31).
const threeYears = 3 * 365

// Validate checks what tags cannot say.
func (c *Config) Validate() error {
	if c.RetentionTransactions > 0 && c.RetentionTransactions < threeYears {
		return &config.Error{Variable: "RETENTION_TRANSACTIONS_DAYS", Sentence: fmt.Sprintf(
			"RETENTION_TRANSACTIONS_DAYS is %d, expected %d at least, or 0 for ever", c.RetentionTransactions, threeYears)}
	}
	return nil
}

// maxStepBody is enough for a step of 50 entries and a state of 500 lines, in bytes.
const maxStepBody = 4 << 20

// Service is the cases service, ready to run.
type Service struct {
	log    *slog.Logger
	db     *gorm.DB
	bucket *blob.Bucket
	server *httpserver.Server
	relay  *outbox.Relay
	// observed ends what shows the database in metrics.
	observed []func() error
}

// Migrate brings the schema up to date and does nothing else: the command "migrate".
func Migrate(ctx context.Context, cfg database.Config, log *slog.Logger) error {
	cfg.Logger = log
	return database.MigrateAlone(ctx, cfg, store.Migrations())
}

// New opens the database and the bucket, migrates if the configuration says so, and wires the parts.
// Nothing is served before [Service.Run], which also closes what New has opened.
func New(ctx context.Context, cfg Config, log *slog.Logger) (*Service, error) {
	bucket, err := openBucket(ctx, cfg)
	if err != nil {
		return nil, err
	}
	cfg.Database.Logger = log
	db, err := database.Open(ctx, cfg.Database)
	if err != nil {
		return nil, errors.Join(err, bucket.Close())
	}
	s := &Service{log: log, db: db, bucket: bucket}
	if err := s.assemble(ctx, cfg); err != nil {
		return nil, errors.Join(err, database.Close(db), bucket.Close())
	}
	return s, nil
}

func (s *Service) assemble(ctx context.Context, cfg Config) error {
	if err := database.Prepare(ctx, s.db, store.Migrations(), cfg.Migrate); err != nil {
		return err
	}
	orderClient, err := orders.New(cfg.OrderURL, s.client(cfg, cfg.OrderURL))
	if err != nil {
		return err
	}
	announcer, err := newAnnouncer(cfg.NotificationURL, s.client(cfg, cfg.NotificationURL))
	if err != nil {
		return err
	}
	sentences, err := wording.New()
	if err != nil {
		return err
	}
	s.relay = outbox.NewRelay(outbox.Options{DB: s.db, Logger: s.log, Deliver: announcer.deliver})
	sealer, err := seal.New(cfg.Personal)
	if err != nil {
		return err
	}
	seal.Warn(s.log, sealer)
	records, meter := store.New(s.db, time.Now).Sealing(sealer).Announcing(s.relay), otel.Meter("aftercare.dev/services/cases")
	counters, err := newCounters(meter)
	if err != nil {
		return err
	}
	err = s.serve(cfg, http.New(http.Dependencies{
		Store: records, Orders: orderClient, Wording: sentences, Now: time.Now,
		KeepPhotos: cfg.RetentionPhotos, KeepTexts: cfg.RetentionTransactions,
		Vault:    vault.New(s.bucket, records, cfg.EvidenceMaxBytes, cfg.EvidenceConcurrency),
		Recorded: counters.count,
	}))
	if err != nil {
		return err
	}
	return s.observe(meter, records)
}

// observe shows in metrics what the database has, until the service ends.
func (s *Service) observe(meter metric.Meter, records *store.Store) error {
	cases, err := observe(meter, records)
	if err != nil {
		return err
	}
	waiting, err := outbox.Observe(meter, s.db, "cases")
	if err != nil {
		return errors.Join(err, cases())
	}
	s.observed = []func() error{cases, waiting}
	return nil
}

func (s *Service) client(cfg Config, baseURL string) *httpclient.Client {
	return httpclient.New(httpclient.Options{
		BaseURL: baseURL, Token: cfg.ServiceToken, Timeout: cfg.CallTimeout, Logger: s.log,
	})
}

func (s *Service) serve(cfg Config, handlers *http.Handlers) error {
	spec, err := api.GetSpec()
	if err != nil {
		return fmt.Errorf("read contract: %w", err)
	}
	s.server, err = httpserver.New(httpserver.Options{
		Name: "cases", Logger: s.log, ServiceToken: cfg.ServiceToken, Callers: cfg.Callers, MayCall: Callers(), Spec: spec, Catalogs: []fs.FS{wording.Problems()},
		Ready:      map[string]httpserver.Check{"database": database.Ping(s.db)},
		Middleware: []func(nethttp.Handler) nethttp.Handler{http.Languages},
		MaxBodyOf:  map[string]int64{"recordStep": maxStepBody, "uploadEvidence": cfg.EvidenceMaxBytes},
		// Who waits for the timeline is answered as soon as the server begins to drain.
		Streams:    []string{"getTimeline"},
		DrainDelay: cfg.DrainDelay,
		Register: func(r httpserver.Router) {
			api.RegisterHandlers(r, api.NewStrictHandler(handlers, nil))
		},
	})
	return err
}

// Run serves on the listener and announces what happened until ctx ends, then finishes the requests
// under way and closes database and bucket. A Service runs once.
func (s *Service) Run(ctx context.Context, listener net.Listener) error {
	group := process.NewGroup(s.log)
	group.Server("http", func(ctx context.Context) error { return s.server.Run(ctx, listener) })
	group.Loop("outbox", s.relay.Run)
	group.Closer("database", func() error { return database.Close(s.db) })
	group.Closer("bucket", s.bucket.Close)
	// What reads the database ends before it.
	for _, unobserve := range s.observed {
		group.Closer("metrics", unobserve)
	}
	return group.Run(ctx)
}
