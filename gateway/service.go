// Package gateway is the front door as a process: its configuration, its parts and how they start and stop.
package gateway

import (
	"context"
	"fmt"
	"io/fs"
	"log/slog"
	"math"
	"net"
	stdhttp "net/http"
	"time"

	"github.com/getkin/kin-openapi/openapi3"
	"go.temporal.io/sdk/client"

	"aftercare.dev/gateway/access"
	"aftercare.dev/gateway/api"
	"aftercare.dev/gateway/http"
	"aftercare.dev/services/platform/config"
	"aftercare.dev/services/platform/httpserver"
	"aftercare.dev/services/platform/problem"
	"aftercare.dev/services/platform/process"
	"aftercare.dev/services/platform/telemetry"
	"aftercare.dev/workflows/dial"
)

// Config is read from the environment. The connection to Temporal has the variables of its ecosystem, TEMPORAL_ADDRESS
// and so on, see [dial.Client].
type Config struct {
	// Listen is where the process takes requests.
	Listen string `env:"GATEWAY_LISTEN" envDefault:"127.0.0.1:8080" validate:"hostname_port"`
	// DrainDelay is how long requests are still taken after /readyz has turned red.
	DrainDelay time.Duration `env:"GATEWAY_DRAIN_DELAY" envDefault:"0s" validate:"min=0"`

	// Addresses of the services.
	OrderURL        string `env:"ORDER_URL" envDefault:"http://localhost:8081" validate:"http_url"`
	LogisticsURL    string `env:"LOGISTICS_URL" envDefault:"http://localhost:8082" validate:"http_url"`
	PaymentURL      string `env:"PAYMENT_URL" envDefault:"http://localhost:8083" validate:"http_url"`
	CasesURL        string `env:"CASES_URL" envDefault:"http://localhost:8084" validate:"http_url"`
	NotificationURL string `env:"NOTIFICATION_URL" envDefault:"http://localhost:8085" validate:"http_url"`
	// ServiceToken is what the services ask for; empty sends none.
	ServiceToken config.Secret `env:"SERVICE_TOKEN"`
	Temporal     dial.Config

	// Tokens says whose tokens are taken.
	Tokens access.Config

	Limits Limits
	// OpenTimeout is how long a filing waits for its judgement before the answer is 202.
	OpenTimeout time.Duration `env:"GATEWAY_OPEN_TIMEOUT" envDefault:"5s" validate:"min=100ms,max=20s"`
	// ActTimeout is how long an action waits for its effect before the answer is 202.
	ActTimeout time.Duration `env:"GATEWAY_ACT_TIMEOUT" envDefault:"8s" validate:"min=100ms,max=20s"`
}

const (
	// maxOrder is enough for an order of 2000 lines and all their deliveries, in bytes; the order service has the same.
	maxOrder = 8 << 20
	// maxPhoto is the largest photo that is taken, in bytes.
	maxPhoto = 10 << 20
	// maxBulk leaves the number of lines open; each line has a limit of its own.
	maxBulk = math.MaxInt64
)

// Service is the gateway, ready to run.
type Service struct {
	log     *slog.Logger
	server  *httpserver.Server
	tokens  *access.Verifier
	limiter *limiter
}

// New wires the parts. The connection to Temporal is the caller's, who closes it after [Service.Run].
func New(_ context.Context, cfg Config, temporal client.Client, log *slog.Logger) (*Service, error) {
	tokens, err := cfg.Tokens.Verifier(time.Now)
	if err != nil {
		return nil, err
	}
	s := &Service{log: log, tokens: tokens, limiter: newLimiter(cfg.Limits)}
	if err := s.assemble(cfg, temporal); err != nil {
		return nil, err
	}
	return s, nil
}

func (s *Service) assemble(cfg Config, temporal client.Client) error {
	spec, err := api.GetSpec()
	if err != nil {
		return fmt.Errorf("read contract: %w", err)
	}
	problems, err := problem.NewRenderer(http.Catalog())
	if err != nil {
		return err
	}
	services, err := newServices(cfg, s.log)
	if err != nil {
		return err
	}
	handlers, err := http.New(http.Dependencies{
		Services: services, Temporal: temporal, Spec: spec, Problems: problems, Log: s.log, Now: time.Now,
		Limits: http.Limits{
			Open: cfg.OpenTimeout, Act: cfg.ActTimeout, Streams: cfg.Limits.Streams, StreamsPerSubject: cfg.Limits.StreamsPerSubject,
		},
	})
	if err != nil {
		return err
	}
	s.server, err = httpserver.New(httpserver.Options{
		Name: "gateway", Logger: s.log, Spec: spec, Catalogs: []fs.FS{http.Catalog()},
		Authorize:   s.authorize,
		Middleware:  []func(stdhttp.Handler) stdhttp.Handler{http.KeepHeaders, s.limiter.keepPlace},
		Ready:       readiness(cfg, temporal, s.log),
		Streams:     []string{"streamEvents", "putOrders"},
		MaxBodyOf:   map[string]int64{"putOrder": maxOrder, "putOrders": maxBulk, "uploadEvidence": maxPhoto},
		MaxInFlight: cfg.Limits.InFlight,
		DrainDelay:  cfg.DrainDelay,
		Register: func(r httpserver.Router) {
			api.RegisterHandlers(r, api.NewStrictHandler(handlers, nil))
		},
	})
	if err != nil {
		return err
	}
	s.mountCallbacks(handlers)
	return s.mountDocs(spec)
}

func (s *Service) mountCallbacks(h *http.Handlers) {
	mount := func(path string, callback http.Callback, methods ...string) {
		bounded := s.limiter.callbacks(s.server.WriteProblem)(h.Receive(callback, s.server.WriteProblem))
		for _, method := range methods {
			s.server.Mount(method, path, bounded)
		}
	}
	mount("/callbacks/kuaidi100/:token", h.Carrier, stdhttp.MethodPost)
	mount("/callbacks/wechatpay", h.Payments, stdhttp.MethodPost)
	mount("/callbacks/freight-insurance", h.Insurer, stdhttp.MethodPost, stdhttp.MethodGet)
}

func (s *Service) mountDocs(spec *openapi3.T) error {
	docs, err := http.NewDocs(spec)
	if err != nil {
		return err
	}
	s.server.Mount(stdhttp.MethodGet, "/openapi.json", stdhttp.HandlerFunc(docs.Contract))
	s.server.Mount(stdhttp.MethodGet, "/docs", stdhttp.HandlerFunc(docs.Page))
	s.server.Mount(stdhttp.MethodGet, "/", stdhttp.RedirectHandler("/docs", stdhttp.StatusFound))
	return nil
}

// authorize lets a request through whose token is genuine and has a role for the operation, and notes who it is.
func (s *Service) authorize(ctx context.Context, op httpserver.Operation, r *stdhttp.Request) (context.Context, error) {
	principal, err := s.tokens.Verify(r)
	if err != nil {
		if problem.HasCode(err, problem.CodeUnauthorized) {
			http.AnswerHeader(ctx).Set("WWW-Authenticate", "Bearer")
		}
		return nil, err
	}
	if err := s.limiter.admit(ctx, principal, op); err != nil {
		return nil, err
	}
	caller, err := access.Authorize(principal, op.ID)
	if err != nil {
		return nil, err
	}
	return access.Into(telemetry.WithCase(ctx, caller.MerchantID, ""), caller), nil
}

// Handler is the whole gateway as a handler, for tests and for serving without [Service.Run].
func (s *Service) Handler() stdhttp.Handler { return s.server.Handler() }

// Run serves on the listener until ctx ends, then finishes the requests under way. A Service runs once.
func (s *Service) Run(ctx context.Context, listener net.Listener) error {
	group := process.NewGroup(s.log)
	group.Server("http", func(ctx context.Context) error { return s.server.Run(ctx, listener) })
	return group.Run(ctx)
}
