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

// deliver hands events of one case over, in their order. Every error is worth another attempt later, a refusal too: it can
// only be a mistake of one of the two services, which somebody mends.
func (a *announcer) deliver(ctx context.Context, messages []outbox.Message) error {
	var (
		of     store.Event
		events = make([]notification.Event, len(messages))
	)
	for i, m := range messages {
		if m.Topic != store.TopicEvent {
			return fmt.Errorf("the topic %q is not known", m.Topic)
		}
		of = store.Event{}
		if err := json.Unmarshal(m.Payload, &of); err != nil {
			return fmt.Errorf("read message: %w", err)
		}
		events[i] = eventOf(of)
	}
	ctx = telemetry.WithCase(ctx, of.MerchantID, of.CaseID)
	answer, err := a.client.PublishEventsWithResponse(ctx, of.MerchantID, notification.Events{Events: events})
	if err != nil {
		return err
	}
	return httpclient.CheckStatus(answer.StatusCode(), answer.Body)
}

func eventOf(e store.Event) notification.Event {
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
	return event
}
