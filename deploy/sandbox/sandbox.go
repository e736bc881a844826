// Package sandbox is the outside world: a payment provider, a carrier, an
// insurer and a mail server that speak the providers' own protocols over
// loopback, signatures and asynchronous callbacks included. The product runs
// its real adapters against it; only base URLs differ.
//
// What the systems did is in their journals on disk, which tests read as the
// truth. What they are told to do wrong is said through the control API.
package sandbox

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"net/http"
	"path/filepath"
	"sync"
	"time"

	"aftercare.dev/deploy/sandbox/callback"
	"aftercare.dev/deploy/sandbox/carrier"
	"aftercare.dev/deploy/sandbox/control"
	"aftercare.dev/deploy/sandbox/fault"
	"aftercare.dev/deploy/sandbox/insurer"
	"aftercare.dev/deploy/sandbox/mail"
	"aftercare.dev/deploy/sandbox/payment"
	"aftercare.dev/deploy/sandbox/schedule"
)

// The path prefixes of the systems on the one HTTP listener.
const (
	WechatPayPrefix = "/wechatpay"
	Kuaidi100Prefix = "/kuaidi100"
	WeixinPrefix    = "/weixin"
	MailPrefix      = "/mail"
	ControlPrefix   = "/control"
)

// Config is what Start needs.
type Config struct {
	Dir      string // of the journals, and of keys/ if Credentials is nil
	HTTPAddr string // default 127.0.0.1:0
	SMTPAddr string // default 127.0.0.1:0

	TimeScale   float64      // provider seconds in one real second, default 1
	Credentials *Credentials // default: EnsureKeys(Dir/keys)

	// InsurerCallback is where the insurer's message push goes until the
	// control API sets another.
	InsurerCallback insurer.Callback

	PaymentDelays payment.Delays // zero: the documented ones, likewise below
	CarrierDelays carrier.Delays
	InsurerDelays insurer.Delays

	Logger *slog.Logger // default slog.Default()
}

// Sandbox is the running outside world.
type Sandbox struct {
	Credentials *Credentials
	Payment     *payment.Service
	Carrier     *carrier.Service
	Insurer     *insurer.Service
	Mail        *mail.Service
	Faults      *fault.Set

	clock     *schedule.Scheduler
	callbacks *callback.Dispatcher
	http      *http.Server
	listeners []net.Listener
	dir       string
	httpAddr  net.Addr
	smtpAddr  net.Addr
	logger    *slog.Logger
	stop      context.CancelFunc
	running   sync.WaitGroup
	closeOnce sync.Once
	closeErr  error
}

// Start opens the journals, takes up pending work and listens. The sandbox ends
// with ctx or Close.
func Start(ctx context.Context, cfg Config) (*Sandbox, error) {
	if err := cfg.complete(); err != nil {
		return nil, err
	}
	ctx, stop := context.WithCancel(ctx)
	s := &Sandbox{Credentials: cfg.Credentials, logger: cfg.Logger, clock: schedule.New(cfg.TimeScale), dir: cfg.Dir, stop: stop}
	if err := s.open(ctx, cfg); err != nil {
		return nil, errors.Join(err, s.Close())
	}
	if err := s.listen(ctx, cfg); err != nil {
		return nil, errors.Join(err, s.Close())
	}
	s.running.Go(func() { s.clock.Run(ctx) })
	context.AfterFunc(ctx, func() {
		if err := s.Close(); err != nil {
			s.logger.Error("sandbox: close", "error", err)
		}
	})
	return s, nil
}

func (c *Config) complete() error {
	if c.Dir == "" {
		return errors.New("sandbox: Config.Dir is empty")
	}
	if c.HTTPAddr == "" {
		c.HTTPAddr = "127.0.0.1:0"
	}
	if c.SMTPAddr == "" {
		c.SMTPAddr = "127.0.0.1:0"
	}
	if c.Logger == nil {
		c.Logger = slog.Default()
	}
	if c.Credentials == nil {
		keys, err := EnsureKeys(filepath.Join(c.Dir, "keys"))
		if err != nil {
			return err
		}
		c.Credentials = keys
	}
	if c.Credentials.WechatPay.platform == nil {
		return errors.New("sandbox: Config.Credentials must come from EnsureKeys, NewCredentials or ParseCredentials")
	}
	return nil
}

func (s *Sandbox) open(ctx context.Context, cfg Config) (err error) {
	if s.Faults, err = fault.Open(filepath.Join(cfg.Dir, "control.ndjson")); err != nil {
		return err
	}
	s.callbacks = callback.NewDispatcher(ctx, s.clock, s.Faults, cfg.Logger)
	merchants, err := cfg.Credentials.merchants()
	if err != nil {
		return err
	}
	keys := cfg.Credentials
	s.Payment, err = payment.New(payment.Config{
		Dir: cfg.Dir, Merchants: merchants, Delays: cfg.PaymentDelays,
		Platform: payment.Platform{Serial: keys.WechatPay.PlatformSerial, Key: keys.WechatPay.platform},
		Clock:    s.clock, Faults: s.Faults, Callbacks: s.callbacks, Logger: cfg.Logger,
	})
	if err != nil {
		return err
	}
	s.Carrier, err = carrier.New(carrier.Config{
		Dir: cfg.Dir, Customer: keys.Kuaidi100.Customer, Key: keys.Kuaidi100.Key, Secret: keys.Kuaidi100.Secret,
		Delays: cfg.CarrierDelays, Clock: s.clock, Faults: s.Faults, Callbacks: s.callbacks, Logger: cfg.Logger,
	})
	if err != nil {
		return err
	}
	s.Insurer, err = insurer.New(insurer.Config{
		Dir: cfg.Dir, AppID: keys.Weixin.AppID, AppSecret: keys.Weixin.AppSecret, Token: keys.Weixin.Token,
		Callback: cfg.InsurerCallback, Delays: cfg.InsurerDelays, Pickup: s.Carrier.Pickup,
		Clock: s.clock, Faults: s.Faults, Callbacks: s.callbacks, Logger: cfg.Logger,
	})
	if err != nil {
		return err
	}
	s.Mail, err = mail.New(mail.Config{Dir: cfg.Dir, Clock: s.clock, Faults: s.Faults, Logger: cfg.Logger})
	return err
}

func (s *Sandbox) listen(ctx context.Context, cfg Config) error {
	var lc net.ListenConfig
	web, err := lc.Listen(ctx, "tcp", cfg.HTTPAddr)
	if err != nil {
		return fmt.Errorf("sandbox: %w", err)
	}
	post, err := lc.Listen(ctx, "tcp", cfg.SMTPAddr)
	if err != nil {
		return errors.Join(fmt.Errorf("sandbox: %w", err), web.Close())
	}
	s.listeners = []net.Listener{web, post}
	s.httpAddr, s.smtpAddr = web.Addr(), post.Addr()
	s.http = &http.Server{
		Handler:           s.handler(),
		ReadHeaderTimeout: 10 * time.Second,
		IdleTimeout:       2 * time.Minute,
		ErrorLog:          slog.NewLogLogger(cfg.Logger.Handler(), slog.LevelWarn),
		BaseContext:       func(net.Listener) context.Context { return ctx },
	}
	s.running.Go(func() {
		if err := s.http.Serve(web); !errors.Is(err, http.ErrServerClosed) {
			s.logger.Error("sandbox: HTTP", "error", err)
		}
	})
	s.running.Go(func() {
		if err := s.Mail.Serve(post); err != nil && ctx.Err() == nil {
			s.logger.Error("sandbox: SMTP", "error", err)
		}
	})
	return nil
}

func (s *Sandbox) handler() http.Handler {
	mux := http.NewServeMux()
	s.Payment.Routes(mux, WechatPayPrefix)
	s.Carrier.Routes(mux, Kuaidi100Prefix)
	s.Insurer.Routes(mux, WeixinPrefix)
	s.Mail.Routes(mux, MailPrefix)
	c := &control.Control{Clock: s.clock, Faults: s.Faults, Payment: s.Payment, Carrier: s.Carrier, Insurer: s.Insurer, Journals: s.dir}
	c.Routes(mux, ControlPrefix)
	mux.HandleFunc("GET /{$}", s.serveIndex)
	// Whoever can answer is ready: there is nothing that the sandbox needs.
	for _, probe := range []string{"healthz", "livez", "readyz"} {
		mux.HandleFunc("GET /"+probe, func(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(http.StatusNoContent) })
	}
	return mux
}

// URL returns the base URL of the HTTP listener, without a trailing slash.
func (s *Sandbox) URL() string { return "http://" + s.httpAddr.String() }

// SMTPAddr returns host and port of the SMTP listener.
func (s *Sandbox) SMTPAddr() string { return s.smtpAddr.String() }

// Close ends everything and waits for it. What was pending is taken up by the
// next Start.
func (s *Sandbox) Close() error {
	s.closeOnce.Do(func() {
		s.stop()
		var errs []error
		if s.http != nil {
			errs = append(errs, s.http.Close())
		}
		if s.Mail != nil {
			errs = append(errs, s.Mail.Close())
		}
		for _, l := range s.listeners {
			_ = l.Close() // mostly closed by now; a server that had not begun to serve leaves it open
		}
		s.running.Wait()
		if s.callbacks != nil {
			s.callbacks.CloseIdle()
		}
		if s.Insurer != nil {
			errs = append(errs, s.Insurer.Close())
		}
		if s.Carrier != nil {
			errs = append(errs, s.Carrier.Close())
		}
		if s.Payment != nil {
			errs = append(errs, s.Payment.Close())
		}
		if s.Faults != nil {
			errs = append(errs, s.Faults.Close())
		}
		s.closeErr = errors.Join(errs...)
	})
	return s.closeErr
}
