package standalone

import (
	"context"
	"fmt"
	"log/slog"
	"maps"
	"net"
	"path/filepath"
	"strings"
	"sync"

	"aftercare.dev/deploy/sandbox"
	"aftercare.dev/services/cases"
	"aftercare.dev/services/logistics"
	"aftercare.dev/services/notification"
	"aftercare.dev/services/order"
	"aftercare.dev/services/payment"
	"aftercare.dev/services/platform/config"
)

// startServices opens the databases side by side and starts the five services.
func (s *System) startServices(ctx context.Context, cfg Config, at *listeners, outside *sandbox.Sandbox) error {
	var mu sync.Mutex
	environ := func(part string) []string { return s.environ(cfg, at, outside, part) }
	start := func(name string, open func(*slog.Logger) (runner, error)) func() error {
		return func() error {
			service, err := open(s.log.With("part", name))
			if err != nil {
				return fmt.Errorf("start %s: %w", name, err)
			}
			mu.Lock()
			defer mu.Unlock()
			s.serve(ctx, name, at.take(name), service.Run)
			return nil
		}
	}
	return together(
		start("order", opener(ctx, environ("order"), order.New)),
		start("logistics", opener(ctx, environ("logistics"), logistics.New)),
		start("payment", opener(ctx, environ("payment"), payment.New)),
		start("cases", opener(ctx, environ("cases"), cases.New)),
		start("notification", opener(ctx, environ("notification"), notification.New)),
	)
}

type runner interface {
	Run(context.Context, net.Listener) error
}

// opener reads a service's configuration the way its own process does, and makes the service.
func opener[C any, S runner](
	ctx context.Context, environ []string, open func(context.Context, C, *slog.Logger) (S, error),
) func(*slog.Logger) (runner, error) {
	return func(log *slog.Logger) (runner, error) {
		cfg, err := config.Load[C]("", environ)
		if err != nil {
			return nil, err
		}
		return open(ctx, cfg, log)
	}
}

// environ is the environment that a part would have as a process of its own.
func (s *System) environ(cfg Config, at *listeners, outside *sandbox.Sandbox, part string) []string {
	env := s.Keys.Environ()
	maps.Copy(env, map[string]string{
		"SERVICE_TOKEN": s.Keys.ServiceTokenOf(part),

		"ORDER_URL":        at.url("order"),
		"LOGISTICS_URL":    at.url("logistics"),
		"PAYMENT_URL":      at.url("payment"),
		"CASES_URL":        at.url("cases"),
		"NOTIFICATION_URL": at.url("notification"),

		"CASES_EVIDENCE_DIRECTORY":         filepath.Join(cfg.Dir, "evidence"),
		"NOTIFICATION_WEBHOOK_ALLOW_CIDRS": "127.0.0.0/8,::1/128",
	})
	for _, name := range []string{"ORDER", "LOGISTICS", "PAYMENT", "CASES", "NOTIFICATION"} {
		env[name+"_DATABASE_DSN"] = filepath.Join(cfg.Dir, "data", strings.ToLower(name)+".db")
	}
	if outside != nil {
		maps.Copy(env, outside.Credentials.Environ(sandbox.Addresses{
			Sandbox: outside.URL(), Mail: outside.SMTPAddr(), Gateway: at.url("gateway"),
		}, cfg.TimeScale))
	}
	list := make([]string, 0, len(env))
	for name, value := range env {
		list = append(list, name+"="+value)
	}
	return list
}
