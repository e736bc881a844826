package cases

import (
	"context"
	"encoding/json"
	"fmt"

	"aftercare.dev/services/cases/store"
	notification "aftercare.dev/services/notification/api"
	"aftercare.dev/services/platform/httpclient"
	"aftercare.dev/services/platform/outbox"
	"aftercare.dev/services/platform/telemetry"
)

// announcer tells the notification service what happened. It knows events by their ids, so that
// telling it again is harmless.
type announcer struct {
	client *notification.ClientWithResponses
}

func newAnnouncer(baseURL string, doer *httpclient.Client) (*announcer, error) {
	client, err := notification.NewClientWithResponses(baseURL, notification.WithHTTPClient(doer))
	if err != nil {
		return nil, fmt.Errorf("client of the notification service: %w", err)
	}
	return &announcer{client: client}, nil
}

// deliver hands one event over. Every error is worth another attempt later, a refusal too: it can only
// be a mistake of one of the two services, which somebody mends.
func (a *announcer) deliver(ctx context.Context, m outbox.Message) error {
	if m.Topic != store.TopicEvent {
		return fmt.Errorf("the topic %q is not known", m.Topic)
	}
	var e store.Event
	if err := json.Unmarshal(m.Payload, &e); err != nil {
		return fmt.Errorf("read message: %w", err)
	}
	ctx = telemetry.WithCase(ctx, e.MerchantID, e.CaseID)
	event := notification.Event{
		EventID: e.EventID, Type: e.Type, CaseID: e.CaseID, OrderID: e.OrderID, BuyerID: e.BuyerID, Number: e.Number,
		OccurredAt: e.OccurredAt, Audience: notification.EventAudience(e.Audience), Stage: &e.Stage, Status: &e.Status,
	}
	if e.Outcome != "" {
		event.Outcome = &e.Outcome
	}
	if len(e.Data) > 0 {
		event.Data = &e.Data
	}
	answer, err := a.client.PublishEventWithResponse(ctx, e.MerchantID, event)
	if err != nil {
		return err
	}
	return httpclient.CheckStatus(answer.StatusCode(), answer.Body)
}
