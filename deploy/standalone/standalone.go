// Package standalone is Aftercare in one process: a Temporal server with its UI, the five services on SQLite files, the
// worker, the gateway, and the sandbox as the outside world. Nothing in it is a substitute: the parts are those of a
// deployment, they speak over loopback, and only the addresses and the databases differ.
package standalone

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"os"
	"path/filepath"
	"strconv"
	"sync"
	"syscall"
	"time"

	"go.temporal.io/api/enums/v1"
	"go.temporal.io/sdk/client"

	"aftercare.dev/deploy/keys"
	"aftercare.dev/deploy/sandbox"
	"aftercare.dev/deploy/sandbox/insurer"
	"aftercare.dev/deploy/temporal"
	"aftercare.dev/gateway"
	"aftercare.dev/gateway/access"
	"aftercare.dev/services/platform/callers"
	"aftercare.dev/services/platform/config"
	"aftercare.dev/workflows/contract"
	"aftercare.dev/workflows/dial"
	"aftercare.dev/workflows/setup"
	"aftercare.dev/workflows/worker"
)

// Config is what a user of the single process can set, by environment variables.
type Config struct {
	// Dir holds everything that is kept.
	Dir string `env:"AFTERCARE_DIR" envDefault:"var" validate:"required"`
	// The addresses; port 0 takes a free one.
	GatewayAddr  string `env:"AFTERCARE_GATEWAY_ADDR" envDefault:"127.0.0.1:8080"`
	TemporalAddr string `env:"AFTERCARE_TEMPORAL_ADDR" envDefault:"127.0.0.1:7233"`
	UIAddr       string `env:"AFTERCARE_UI_ADDR" envDefault:"127.0.0.1:8233"`
	SandboxAddr  string `env:"AFTERCARE_SANDBOX_ADDR" envDefault:"127.0.0.1:8090"`
	MailAddr     string `env:"AFTERCARE_MAIL_ADDR" envDefault:"127.0.0.1:8025"`
	CodecAddr    string `env:"AFTERCARE_CODEC_ADDR" envDefault:"127.0.0.1:8087"`
	// Payloads are encrypted with these keys, if there are any; then a codec server runs, too.
	Payloads dial.Config
	// TimeScale is how many seconds pass in the sandbox in one real second: couriers come after two hours of it.
	TimeScale float64 `env:"AFTERCARE_SANDBOX_TIME_SCALE" envDefault:"7200" validate:"min=1,max=100000"`
}

// Validate checks the addresses.
func (c *Config) Validate() error {
	for _, setting := range []struct{ name, addr string }{
		{"AFTERCARE_GATEWAY_ADDR", c.GatewayAddr},
		{"AFTERCARE_TEMPORAL_ADDR", c.TemporalAddr},
		{"AFTERCARE_UI_ADDR", c.UIAddr},
		{"AFTERCARE_SANDBOX_ADDR", c.SandboxAddr},
		{"AFTERCARE_MAIL_ADDR", c.MailAddr},
		{"AFTERCARE_CODEC_ADDR", c.CodecAddr},
	} {
		host, port, err := net.SplitHostPort(setting.addr)
		_, wrong := strconv.ParseUint(port, 10, 16)
		if err != nil || wrong != nil || host == "" {
			return &config.Error{Variable: setting.name, Sentence: fmt.Sprintf(
				"%s is %q, expected a host and a port such as 127.0.0.1:8080; port 0 takes a free one", setting.name, setting.addr)}
		}
	}
	return nil
}

// System is the running product.
type System struct {
	// GatewayURL, UIURL and SandboxURL are where people look; CodecURL is empty if payloads are not encrypted.
	GatewayURL, UIURL, SandboxURL, CodecURL string
	// Temporal is the address of the Temporal frontend.
	Temporal string
	Keys     *keys.Keys

	log     *slog.Logger
	lock    *os.File
	outside *sandbox.Sandbox
	stops   []func()
	fail    chan error
}

// Start brings everything up and returns when requests are answered. An error is a sentence that says what to do; what
// was started by then is stopped.
func Start(ctx context.Context, cfg Config, log *slog.Logger) (*System, error) {
	s := &System{log: log, fail: make(chan error, 16)}
	if err := s.start(ctx, cfg); err != nil {
		s.Stop()
		return nil, err
	}
	return s, nil
}

func (s *System) start(ctx context.Context, cfg Config) (err error) {
	if s.lock, err = lock(cfg.Dir); err != nil {
		return err
	}
	if s.Keys, err = keys.Ensure(filepath.Join(cfg.Dir, "keys")); err != nil {
		return err
	}
	at, err := listen(ctx, cfg)
	if err != nil {
		return err
	}
	defer at.close()
	outside, err := s.startSandbox(ctx, cfg, at)
	if err != nil {
		return err
	}
	var server *temporal.Server
	err = together(
		func() (err error) { server, err = s.startTemporal(ctx, cfg, at); return err },
		func() error { return s.startServices(ctx, cfg, at, outside) },
	)
	if err != nil {
		return err
	}
	if err := s.startCodec(ctx, cfg, at, server); err != nil {
		return err
	}
	return s.startCases(ctx, cfg, at, server)
}

// startTemporal runs the embedded server with the search attributes of the workflows.
func (s *System) startTemporal(ctx context.Context, cfg Config, at *listeners) (*temporal.Server, error) {
	attributes := map[string]enums.IndexedValueType{}
	for _, key := range contract.Attributes() {
		attributes[key.GetName()] = key.GetValueType()
	}
	server, err := temporal.Start(ctx, temporal.Config{
		Dir: filepath.Join(cfg.Dir, "temporal"), FrontendAddr: cfg.TemporalAddr, UIAddr: cfg.UIAddr,
		SearchAttributes: attributes, CodecURL: at.url("codec"), Logger: s.log.With("part", "temporal"),
	})
	var taken *temporal.PortTakenError
	if errors.As(err, &taken) {
		return nil, fmt.Errorf("%w: stop what uses it, or set AFTERCARE_TEMPORAL_ADDR and AFTERCARE_UI_ADDR to other addresses", err)
	}
	if err != nil {
		return nil, fmt.Errorf("start the Temporal server: %w", err)
	}
	s.onStop(server.Stop)
	go func() {
		if err := server.Wait(); err != nil {
			s.fail <- fmt.Errorf("the Temporal server ended: %w", err)
		}
	}()
	s.Temporal, s.UIURL = server.FrontendAddr(), "http://"+server.UIAddr()
	return server, nil
}

// startSandbox runs the outside world. It comes first, and its state goes on where it was.
func (s *System) startSandbox(ctx context.Context, cfg Config, at *listeners) (*sandbox.Sandbox, error) {
	outside, err := sandbox.Start(context.WithoutCancel(ctx), sandbox.Config{
		Dir: filepath.Join(cfg.Dir, "sandbox"), HTTPAddr: cfg.SandboxAddr, SMTPAddr: cfg.MailAddr,
		TimeScale: cfg.TimeScale, Logger: s.log.With("part", "sandbox"),
		InsurerCallback: insurer.Callback{URL: sandbox.CallbackOf(at.url("gateway"))},
	})
	if errors.Is(err, syscall.EADDRINUSE) {
		return nil, fmt.Errorf("%s or %s is taken: stop what uses it, or set AFTERCARE_SANDBOX_ADDR and AFTERCARE_MAIL_ADDR to other addresses",
			cfg.SandboxAddr, cfg.MailAddr)
	}
	if err != nil {
		return nil, fmt.Errorf("start the sandbox: %w", err)
	}
	s.outside, s.SandboxURL = outside, outside.URL()
	return outside, nil
}

// startCases starts the worker and the gateway, which need everything else.
func (s *System) startCases(ctx context.Context, cfg Config, at *listeners, server *temporal.Server) error {
	options := client.Options{HostPort: server.FrontendAddr(), Namespace: server.Namespace()}
	if err := dial.Complete(&options, cfg.Payloads, quiet(s.log.With("part", "worker"))); err != nil {
		return err
	}
	c, err := client.DialContext(ctx, options)
	if err != nil {
		return fmt.Errorf("connect to the Temporal server: %w", err)
	}
	s.onStop(c.Close)
	// The search attributes are in the database already. Schedules are not encrypted, as those of `worker setup` are not: they
	// have nothing to hide, and outlive every key.
	plain, err := client.NewClientFromExistingWithContext(ctx, c, client.Options{Namespace: server.Namespace(), Logger: options.Logger})
	if err != nil {
		return fmt.Errorf("connect to the Temporal server: %w", err)
	}
	defer plain.Close()
	environ := s.environ(cfg, at, nil, callers.Worker)
	setupConfig, err := config.Load[setup.Config]("", environ)
	if err != nil {
		return err
	}
	if err := setup.Schedules(ctx, plain, setupConfig); err != nil {
		return err
	}
	workerConfig, err := config.Load[worker.Config]("", environ)
	if err != nil {
		return err
	}
	workers, err := worker.New(c, workerConfig)
	if err != nil {
		return err
	}
	if err := workers.Start(); err != nil {
		return err
	}
	s.onStop(workers.Stop)
	gatewayConfig, err := config.Load[gateway.Config]("", s.environ(cfg, at, nil, callers.Gateway))
	if err != nil {
		return err
	}
	door, err := gateway.New(ctx, gatewayConfig, c, s.log.With("part", "gateway"))
	if err != nil {
		return fmt.Errorf("start the gateway: %w", err)
	}
	s.serve(ctx, "gateway", at.take("gateway"), door.Run)
	s.GatewayURL = at.url("gateway")
	return nil
}

// serve runs a part until the system stops, whatever becomes of the context that it was started with.
func (s *System) serve(ctx context.Context, name string, listener net.Listener, run func(context.Context, net.Listener) error) {
	ctx, cancel := context.WithCancel(context.WithoutCancel(ctx))
	done := make(chan struct{})
	go func() {
		defer close(done)
		if err := run(ctx, listener); err != nil && ctx.Err() == nil {
			s.fail <- fmt.Errorf("%s ended: %w", name, err)
		}
	}()
	s.onStop(func() { cancel(); <-done })
}

// Wait returns when ctx ends, or with the error of a part that ended by itself.
func (s *System) Wait(ctx context.Context) error {
	select {
	case err := <-s.fail:
		return err
	case <-ctx.Done():
		return nil
	}
}

// Stop ends the outside world, so that nobody calls any more, and then the parts, the last started first: no new
// requests, then no new tasks, then the stores.
func (s *System) Stop() {
	if s.outside != nil {
		s.logged("close the sandbox", s.outside.Close())
		s.outside = nil
	}
	for i := len(s.stops) - 1; i >= 0; i-- {
		s.stops[i]()
	}
	s.stops = nil
	if s.lock != nil {
		s.logged("release "+s.lock.Name(), s.lock.Close())
		s.lock = nil
	}
}

func (s *System) onStop(stop func()) { s.stops = append(s.stops, stop) }

func (s *System) logged(doing string, err error) {
	if err != nil {
		s.log.Error(doing, "error", err)
	}
}

// Token signs a token for the running system.
func (s *System) Token(p access.Principal, valid time.Duration) (string, error) {
	return s.Keys.Token(p, valid)
}

// together runs functions side by side and joins their errors.
func together(run ...func() error) error {
	errs := make([]error, len(run))
	var group sync.WaitGroup
	for i, f := range run {
		group.Go(func() { errs[i] = f() })
	}
	group.Wait()
	return errors.Join(errs...)
}
