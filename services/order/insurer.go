package order

import (
	"context"
	"encoding/json"
	"fmt"
	"log/slog"

	logistics "aftercare.dev/services/logistics/api"
	"aftercare.dev/services/order/domain"
	"aftercare.dev/services/order/store"
	"aftercare.dev/services/platform/httpclient"
	"aftercare.dev/services/platform/outbox"
)

// insurer tells logistics which orders are to be insured. Logistics keeps one policy per order, so
// that telling it again is harmless.
type insurer struct {
	client *logistics.ClientWithResponses
}

func newInsurer(cfg Config, log *slog.Logger) (*insurer, error) {
	client, err := logistics.NewClientWithResponses(cfg.LogisticsURL, logistics.WithHTTPClient(httpclient.New(httpclient.Options{
		BaseURL: cfg.LogisticsURL, Token: cfg.ServiceToken, Timeout: cfg.LogisticsTimeout, Logger: log,
	})))
	if err != nil {
		return nil, fmt.Errorf("order: logistics client: %w", err)
	}
	return &insurer{client: client}, nil
}

// deliver hands one order.shipped over. Every error is worth another attempt later, a refusal too: it
// can only be a mistake of one of the two services, which somebody mends.
func (i *insurer) deliver(ctx context.Context, m outbox.Message) error {
	if m.Topic != store.TopicShipped {
		return fmt.Errorf("the topic %q is not known", m.Topic)
	}
	var order domain.Shipped
	if err := json.Unmarshal(m.Payload, &order); err != nil {
		return fmt.Errorf("read message: %w", err)
	}
	answer, err := i.client.InsureOrderWithResponse(ctx, order.MerchantID, order.OrderID, logistics.InsureOrderInput{
		PaymentReference: order.PaymentReference, PaidAt: order.PaidAt, Paid: order.Paid,
		Carrier: order.Carrier, TrackingNumber: order.TrackingNumber, ShippedAt: &order.ShippedAt,
	})
	if err != nil {
		return err
	}
	return httpclient.CheckStatus(answer.StatusCode(), answer.Body)
}
