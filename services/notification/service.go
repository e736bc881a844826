// Package notification is the notification service: it tells people and systems what happened to a
// case, once, by inbox, e-mail and signed webhooks.
package notification

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"log/slog"
	"net"
	nethttp "net/http"
	"time"

	"gorm.io/gorm"

	"aftercare.dev/services/notification/api"
	"aftercare.dev/services/notification/dispatch"
	"aftercare.dev/services/notification/domain"
	"aftercare.dev/services/notification/email"
	"aftercare.dev/services/notification/http"
	"aftercare.dev/services/notification/store"
	"aftercare.dev/services/notification/webhook"
	"aftercare.dev/services/notification/wording"
	"aftercare.dev/services/platform/callers"
	"aftercare.dev/services/platform/config"
	"aftercare.dev/services/platform/database"
	"aftercare.dev/services/platform/httpserver"
	"aftercare.dev/services/platform/process"
	"aftercare.dev/services/platform/seal"
)

// Config is read from the environment: NOTIFICATION_LISTEN, NOTIFICATION_DATABASE_DSN …
type Config struct {
	// Listen is where the process takes requests.
	Listen string `env:"NOTIFICATION_LISTEN" envDefault:":8085" validate:"hostname_port"`
	// ServiceToken is what this process shows to others. Without Callers it is also what it asks of them; empty lets
	// everybody in.
	ServiceToken config.Secret `env:"SERVICE_TOKEN"`
	// Callers, if not empty, are those who may call, each with a token of its own.
	Callers  callers.List    `env:"SERVICE_CALLERS" form:"a comma list of name:hash, each hash the SHA-256 of that caller's token in hex"`
	Database database.Config `envPrefix:"NOTIFICATION_DATABASE_"`
	// Migrate brings the schema up to date at the start.
	Migrate bool `env:"NOTIFICATION_MIGRATE" envDefault:"true"`
	// DrainDelay is how long requests are still taken after /readyz has turned red.
	DrainDelay time.Duration `env:"NOTIFICATION_DRAIN_DELAY" envDefault:"0s" validate:"min=0"`

	// OrderURL is the service that knows how to reach the buyer of an order.
	OrderURL string `env:"ORDER_URL" envDefault:"http://localhost:8081" validate:"http_url"`

	// SMTP is how e-mail leaves; without an address nothing is sent by e-mail.
	SMTP email.Config `envPrefix:"NOTIFICATION_SMTP_"`

	// Personal has the keys of people's data.
	Personal seal.Config
	// RetentionMessages is how many days messages are kept; 0 means for ever.
	RetentionMessages int `env:"RETENTION_MESSAGES_DAYS" envDefault:"365" validate:"min=0,max=36500"`

	// WebhookAllowCIDRs are private networks that webhooks may reach, beside the public internet.
	WebhookAllowCIDRs []string `env:"NOTIFICATION_WEBHOOK_ALLOW_CIDRS"`
}

// Validate checks what tags cannot say.
func (c *Config) Validate() error {
	if _, err := webhook.NewGuard(c.WebhookAllowCIDRs); err != nil {
		return wrong("WEBHOOK_ALLOW_CIDRS", err)
	}
	if c.SMTP.Addr != "" {
		if err := c.SMTP.CheckFrom(); err != nil {
			return wrong("SMTP_FROM", err)
		}
	}
	return nil
}

func wrong(name string, err error) error {
	name = "NOTIFICATION_" + name
	return &config.Error{Variable: name, Sentence: name + ": " + err.Error()}
}

// maxEventsBody is enough for a request of 100 events, each as large as [domain.MaxPayload] lets it be, in bytes.
const maxEventsBody = 4 << 20

// Service is the notification service, ready to run.
type Service struct {
	log        *slog.Logger
	db         *gorm.DB
	server     *httpserver.Server
	dispatcher *dispatch.Dispatcher
	webhooks   *webhook.Sender
}

// Migrate brings the schema up to date and does nothing else: the command "migrate".
func Migrate(ctx context.Context, cfg database.Config, log *slog.Logger) error {
	cfg.Logger = log
	return database.MigrateAlone(ctx, cfg, store.Migrations())
}

// New opens the database, migrates it if the configuration says so, and wires the parts. Nothing is
// served or sent before [Service.Run], which also closes what New has opened.
func New(ctx context.Context, cfg Config, log *slog.Logger) (*Service, error) {
	guard, err := webhook.NewGuard(cfg.WebhookAllowCIDRs)
	if err != nil {
		return nil, wrong("WEBHOOK_ALLOW_CIDRS", err)
	}
	book, err := wording.New()
	if err != nil {
		return nil, err
	}
	senders := map[domain.Channel]dispatch.Sender{}
	if cfg.SMTP.Addr != "" {
		if senders[domain.ChannelEmail], err = newEmailSender(cfg, book); err != nil {
			return nil, err
		}
	}
	cfg.Database.Logger = log
	db, err := database.Open(ctx, cfg.Database)
	if err != nil {
		return nil, err
	}
	s := &Service{log: log, db: db}
	if err := s.assemble(ctx, cfg, guard, book, senders); err != nil {
		return nil, errors.Join(err, database.Close(db))
	}
	return s, nil
}

func newEmailSender(cfg Config, book *wording.Book) (*email.Sender, error) {
	contacts, err := email.NewOrderContacts(cfg.OrderURL, cfg.ServiceToken)
	if err != nil {
		return nil, err
	}
	return email.NewSender(cfg.SMTP, contacts, book)
}

func (s *Service) assemble(ctx context.Context, cfg Config, guard *webhook.Guard, book *wording.Book, senders map[domain.Channel]dispatch.Sender) error {
	if err := database.Prepare(ctx, s.db, store.Migrations(), cfg.Migrate); err != nil {
		return err
	}
	spec, err := api.GetSpec()
	if err != nil {
		return fmt.Errorf("read contract: %w", err)
	}
	sealer, err := seal.New(cfg.Personal)
	if err != nil {
		return err
	}
	seal.Warn(s.log, sealer)
	records := store.New(s.db, time.Now, cfg.SMTP.Addr != "").Sealing(sealer)
	s.webhooks = webhook.NewSender(records, guard, time.Now)
	senders[domain.ChannelWebhook] = s.webhooks
	s.dispatcher = dispatch.New(records, senders, s.log, time.Now)
	handlers := http.New(records, guard, book, s.dispatcher).Keeping(cfg.RetentionMessages)
	s.server, err = httpserver.New(httpserver.Options{
		Name: "notification", Logger: s.log, ServiceToken: cfg.ServiceToken, Callers: cfg.Callers, MayCall: Callers(), Spec: spec, Catalogs: []fs.FS{http.Catalog()},
		Ready:      map[string]httpserver.Check{"database": database.Ping(s.db)},
		DrainDelay: cfg.DrainDelay,
		MaxBodyOf:  map[string]int64{"publishEvents": maxEventsBody},
		Middleware: []func(nethttp.Handler) nethttp.Handler{http.Languages},
		Register: func(r httpserver.Router) {
			api.RegisterHandlers(r, api.NewStrictHandler(handlers, nil))
		},
	})
	return err
}

// Run serves on the listener and sends until ctx ends, then finishes the requests and attempts under way
// and closes the database. A Service runs once.
func (s *Service) Run(ctx context.Context, listener net.Listener) error {
	group := process.NewGroup(s.log)
	group.Server("http", func(ctx context.Context) error { return s.server.Run(ctx, listener) })
	group.Loop("dispatch", s.dispatcher.Run)
	group.Closer("database", func() error { return database.Close(s.db) })
	group.Closer("webhooks", func() error { s.webhooks.Close(); return nil })
	return group.Run(ctx)
}
