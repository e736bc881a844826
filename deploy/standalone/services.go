package standalone

import (
	"context"
	"fmt"
	"log/slog"
	"net"
	"path/filepath"
	"strings"
	"sync"
	"time"

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
	environ := s.environ(cfg, at, outside)
	var mu sync.Mutex
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
		start("order", opener(ctx, environ, order.New)),
		start("logistics", opener(ctx, environ, logistics.New)),
		start("payment", opener(ctx, environ, payment.New)),
		start("cases", opener(ctx, environ, cases.New)),
		start("notification", opener(ctx, environ, notification.New)),
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

// environ is the environment that the parts would have as processes of their own.
func (s *System) environ(cfg Config, at *listeners, outside *sandbox.Sandbox) []string {
	env := map[string]string{
		"SERVICE_TOKEN":     s.Keys.ServiceToken,
		"ORDER_URL":         at.url("order"),
		"LOGISTICS_URL":     at.url("logistics"),
		"PAYMENT_URL":       at.url("payment"),
		"CASES_URL":         at.url("cases"),
		"NOTIFICATION_URL":  at.url("notification"),
		"CALLBACK_BASE_URL": at.url("gateway"),

		"CASES_EVIDENCE_DIRECTORY":         filepath.Join(cfg.Dir, "evidence"),
		"NOTIFICATION_WEBHOOK_ALLOW_CIDRS": "127.0.0.0/8,::1/128",

		"JWT_ISSUER":      Issuer,
		"JWT_AUDIENCE":    Audience,
		"JWT_PUBLIC_KEYS": s.Keys.PublicPEM,
	}
	for _, name := range []string{"ORDER", "LOGISTICS", "PAYMENT", "CASES", "NOTIFICATION"} {
		env[name+"_DATABASE_DSN"] = filepath.Join(cfg.Dir, "data", strings.ToLower(name)+".db")
	}
	if outside != nil {
		s.provide(env, cfg, at, outside)
	}
	list := make([]string, 0, len(env))
	for name, value := range env {
		list = append(list, name+"="+value)
	}
	return list
}

// provide points the adapters at the sandbox. Clocks that belong to a provider run at the sandbox's pace.
func (s *System) provide(env map[string]string, cfg Config, at *listeners, outside *sandbox.Sandbox) {
	keys := outside.Credentials
	account := keys.WechatPay.Merchants[0]
	scaled := func(d time.Duration) string {
		return max(time.Duration(float64(d)/cfg.TimeScale), 100*time.Millisecond).String()
	}
	for name, value := range map[string]string{
		"WECHATPAY_BASE_URL":            outside.URL() + sandbox.WechatPayPrefix,
		"WECHATPAY_MCHID":               account.MchID,
		"WECHATPAY_MERCHANT_SERIAL":     account.SerialNo,
		"WECHATPAY_PRIVATE_KEY":         account.PrivateKeyPEM,
		"WECHATPAY_PLATFORM_SERIAL":     keys.WechatPay.PlatformSerial,
		"WECHATPAY_PLATFORM_PUBLIC_KEY": keys.WechatPay.PlatformPublicKeyPEM,
		"WECHATPAY_APIV3_KEY":           account.APIv3Key,
		"WECHATPAY_NOTIFY_URL":          at.url("gateway") + "/callbacks/wechatpay",
		"WECHATPAY_MIN_REFUND_GAP":      scaled(time.Minute),

		"KUAIDI100_BASE_URL": outside.URL() + sandbox.Kuaidi100Prefix,
		"KUAIDI100_KEY":      keys.Kuaidi100.Key,
		"KUAIDI100_SECRET":   keys.Kuaidi100.Secret,
		"KUAIDI100_CUSTOMER": keys.Kuaidi100.Customer,

		"FREIGHT_INSURANCE_BASE_URL":       outside.URL() + sandbox.WeixinPrefix,
		"FREIGHT_INSURANCE_APP_ID":         keys.Weixin.AppID,
		"FREIGHT_INSURANCE_APP_SECRET":     keys.Weixin.AppSecret,
		"FREIGHT_INSURANCE_CALLBACK_TOKEN": keys.Weixin.Token,

		"LOGISTICS_REBOOK_AFTER":   max(time.Second, time.Duration(float64(10*time.Minute)/cfg.TimeScale)).String(),
		"LOGISTICS_RETRY_AFTER":    scaled(time.Minute),
		"LOGISTICS_QUERY_INTERVAL": scaled(30 * time.Minute),
		"LOGISTICS_LOST_AFTER":     scaled(168 * time.Hour),

		"NOTIFICATION_SMTP_ADDR": outside.SMTPAddr(),
		"NOTIFICATION_SMTP_TLS":  "none",
	} {
		env[name] = value
	}
}
