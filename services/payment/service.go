// Package payment is the payment service: refunds to the payments of an order, through the provider
// that took them, never beyond what was paid, and never twice.
package payment

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

	orderapi "aftercare.dev/services/order/api"
	"aftercare.dev/services/payment/api"
	"aftercare.dev/services/payment/http"
	"aftercare.dev/services/payment/reconcile"
	"aftercare.dev/services/payment/refunds"
	"aftercare.dev/services/payment/store"
	"aftercare.dev/services/payment/wechatpay"
	"aftercare.dev/services/platform/database"
	"aftercare.dev/services/platform/httpclient"
	"aftercare.dev/services/platform/httpserver"
	"aftercare.dev/services/platform/process"
)

// orderTimeout bounds the question to the order service.
const orderTimeout = 5 * time.Second

// maxCallback is a notification of 1 MiB in base64 with its headers around it.
const maxCallback = 2 << 20

// Service is the payment service, ready to run. Make it with [New].
type Service struct {
	db     *gorm.DB
	server *httpserver.Server
	store  *store.Store
	log    *slog.Logger
	// unobserve ends what shows the database in metrics.
	unobserve func() error
}

// Migrate brings the schema up to date and does nothing else: the command "migrate".
func Migrate(ctx context.Context, cfg database.Config, log *slog.Logger) error {
	cfg.Logger = log
	return database.MigrateAlone(ctx, cfg, store.Migrations())
}

// New opens the database, brings its schema up to date, and wires the service. A wrong setting is a
// [*config.Error].
func New(ctx context.Context, cfg Config, log *slog.Logger) (*Service, error) {
	wechat, err := cfg.WeChatPay.client(time.Now)
	if err != nil {
		return nil, err
	}
	orderClient, err := orderapi.NewClientWithResponses(cfg.OrderURL, orderapi.WithHTTPClient(httpclient.New(httpclient.Options{
		BaseURL: cfg.OrderURL, Token: cfg.ServiceToken, Timeout: orderTimeout, Logger: log,
	})))
	if err != nil {
		return nil, fmt.Errorf("ORDER_URL: %w", err)
	}
	cfg.Database.Logger = log
	db, err := database.Open(ctx, cfg.Database)
	if err != nil {
		return nil, fmt.Errorf("PAYMENT_DATABASE_DSN: %w", err)
	}
	s := &Service{db: db, log: log}
	if err := s.assemble(ctx, cfg, wechat, orders{orderClient}); err != nil {
		return nil, errors.Join(err, database.Close(db))
	}
	return s, nil
}

func (s *Service) assemble(ctx context.Context, cfg Config, wechat *wechatpay.Client, orders reconcile.Orders) error {
	if err := database.Prepare(ctx, s.db, store.Migrations(), cfg.Migrate); err != nil {
		return err
	}
	spec, err := api.GetSpec()
	if err != nil {
		return err
	}
	records, meter := store.New(s.db, time.Now), otel.Meter("aftercare.dev/services/payment")
	counters, err := newCounters(meter)
	if err != nil {
		return err
	}
	accounts := map[string]refunds.Account{
		wechatpay.Provider: {Provider: wechat, MinGap: cfg.WeChatPay.MinGap, CallTimeout: cfg.WeChatPay.Timeout},
	}
	s.store = records
	desk := refunds.New(records, orders, accounts, counters.count, time.Now, s.log)
	clerk := reconcile.New(records, desk, orders, map[string]reconcile.Biller{wechatpay.Provider: wechat}, s.log)
	handlers := http.New(desk, clerk, records, wechat)
	s.server, err = httpserver.New(httpserver.Options{
		Name: "payment", Logger: s.log, ServiceToken: cfg.ServiceToken, Callers: cfg.Callers, MayCall: Callers(), Spec: spec,
		Ready:     map[string]httpserver.Check{"database": database.Ping(s.db)},
		Catalogs:  []fs.FS{http.Catalog()},
		MaxBodyOf: map[string]int64{"receivePaymentCallback": maxCallback},
		// A day with much to ask the provider about takes minutes.
		Streams:    []string{"reconcileDay"},
		DrainDelay: cfg.DrainDelay,
		Register: func(r httpserver.Router) {
			api.RegisterHandlers(r, api.NewStrictHandler(handlers, nil))
		},
	})
	if err != nil {
		return err
	}
	s.unobserve, err = observe(meter, records)
	return err
}

// Run serves on the listener until ctx ends, drains, and closes the database. The service cannot be
// run again.
func (s *Service) Run(ctx context.Context, listener net.Listener) error {
	group := process.NewGroup(s.log)
	group.Server("http", func(ctx context.Context) error { return s.server.Run(ctx, listener) })
	group.Loop("ledger", s.keepBooks)
	group.Closer("database", func() error { return database.Close(s.db) })
	// What reads the database ends before it.
	group.Closer("metrics", s.unobserve)
	return group.Run(ctx)
}
