package gateway

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"time"

	"go.temporal.io/sdk/client"

	"aftercare.dev/gateway/http"
	cases "aftercare.dev/services/cases/api"
	logistics "aftercare.dev/services/logistics/api"
	notification "aftercare.dev/services/notification/api"
	order "aftercare.dev/services/order/api"
	payment "aftercare.dev/services/payment/api"
	"aftercare.dev/services/platform/httpclient"
	"aftercare.dev/services/platform/httpserver"
)

// patience bounds a call to a service. It is longer than a wait for the next entry of a timeline; the deadline of the
// request itself is mostly sooner.
const patience = 45 * time.Second

// maxAnswer is enough for the largest photo, in bytes.
const maxAnswer = 12 << 20

// newServices makes the clients of the services. They pass on the trace and the language of the request.
func newServices(cfg Config, log *slog.Logger) (http.Services, error) {
	doer := func(url string) *httpclient.Client {
		return httpclient.New(httpclient.Options{
			BaseURL: url, Token: cfg.ServiceToken, Timeout: patience, MaxResponse: maxAnswer, Logger: log,
		})
	}
	var (
		s    http.Services
		errs [5]error
	)
	s.Order, errs[0] = order.NewClientWithResponses(cfg.OrderURL,
		order.WithHTTPClient(doer(cfg.OrderURL)), order.WithRequestEditorFn(http.PassLanguage))
	s.Cases, errs[1] = cases.NewClientWithResponses(cfg.CasesURL,
		cases.WithHTTPClient(doer(cfg.CasesURL)), cases.WithRequestEditorFn(http.PassLanguage))
	s.Logistics, errs[2] = logistics.NewClientWithResponses(cfg.LogisticsURL,
		logistics.WithHTTPClient(doer(cfg.LogisticsURL)), logistics.WithRequestEditorFn(http.PassLanguage))
	s.Payment, errs[3] = payment.NewClientWithResponses(cfg.PaymentURL,
		payment.WithHTTPClient(doer(cfg.PaymentURL)), payment.WithRequestEditorFn(http.PassLanguage))
	s.Notification, errs[4] = notification.NewClientWithResponses(cfg.NotificationURL,
		notification.WithHTTPClient(doer(cfg.NotificationURL)), notification.WithRequestEditorFn(http.PassLanguage))
	if err := errors.Join(errs[:]...); err != nil {
		return http.Services{}, fmt.Errorf("make the clients of the services: %w", err)
	}
	return s, nil
}

// readiness checks what no case can be filed without. The other services are not in it: that messages are late is no
// reason to turn everybody away.
func readiness(cfg Config, temporal client.Client, log *slog.Logger) map[string]httpserver.Check {
	probe := httpclient.New(httpclient.Options{Timeout: 2 * time.Second, Logger: log})
	return map[string]httpserver.Check{
		"temporal": func(ctx context.Context) error {
			_, err := temporal.CheckHealth(ctx, &client.CheckHealthRequest{})
			return err
		},
		"order": httpserver.ReadyAt(cfg.OrderURL, probe.Do),
		"cases": httpserver.ReadyAt(cfg.CasesURL, probe.Do),
	}
}
