package cases

import (
	"context"
	"encoding/json"
	"fmt"
	"net/http"
	"slices"

	"go.opentelemetry.io/otel"
	"go.opentelemetry.io/otel/trace"

	"aftercare.dev/services/cases/store"
	notification "aftercare.dev/services/notification/api"
	"aftercare.dev/services/platform/gather"
	"aftercare.dev/services/platform/httpclient"
	"aftercare.dev/services/platform/outbox"
	"aftercare.dev/services/platform/problem"
	"aftercare.dev/services/platform/telemetry"
)

// mostEvents is how many events a request may have.
const mostEvents = 100

// announcer tells the notification service what happened. It knows events by their ids, so that
// telling it again is harmless. What waits of a merchant goes in one request, whichever cases it is about.
type announcer struct {
	client    *notification.ClientWithResponses
	merchants *gather.Group[string, notification.Event]
}

func newAnnouncer(baseURL string, doer *httpclient.Client) (*announcer, error) {
	client, err := notification.NewClientWithResponses(baseURL, notification.WithHTTPClient(doer))
	if err != nil {
		return nil, fmt.Errorf("client of the notification service: %w", err)
	}
	a := &announcer{client: client}
	a.merchants = gather.New(gather.Options[string, notification.Event]{Send: a.announce, Most: mostEvents, Refused: isRefusal})
	return a, nil
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
	return a.merchants.Do(ctx, of.MerchantID, events...)
}

// announce sends events of a merchant, in the order of each case.
func (a *announcer) announce(ctx context.Context, merchantID string, events []notification.Event) error {
	ctx, end := traced(ctx, merchantID, events)
	defer end()
	answer, err := a.client.PublishEventsWithResponse(ctx, merchantID, notification.Events{Events: events})
	if err != nil {
		return err
	}
	return httpclient.CheckStatus(answer.StatusCode(), answer.Body)
}

// traced names the case in the trace of a request. If there are several, each has a trace of its own that leads to the
// request's.
func traced(ctx context.Context, merchantID string, events []notification.Event) (context.Context, func()) {
	var cases []string
	for _, e := range events {
		if !slices.Contains(cases, e.CaseID) {
			cases = append(cases, e.CaseID)
		}
	}
	if len(cases) == 1 {
		return telemetry.WithCase(ctx, merchantID, cases[0]), func() {}
	}
	tracer := otel.Tracer("aftercare.dev/services/cases")
	together, span := tracer.Start(telemetry.WithCase(ctx, merchantID, ""), "announce together")
	for _, id := range cases {
		_, announced := tracer.Start(telemetry.WithCase(ctx, merchantID, id), "announce", trace.WithLinks(trace.LinkFromContext(together)))
		announced.End()
	}
	return together, func() { span.End() }
}

// isRefusal tells whether an answer may be due to one of the events. Nobody's fault among them is who asks, and how often.
func isRefusal(err error) bool {
	refused, ok := problem.As(err)
	if !ok {
		return false
	}
	switch refused.Status {
	case http.StatusUnauthorized, http.StatusForbidden, http.StatusRequestTimeout, http.StatusTooManyRequests:
		return false
	}
	return refused.Status >= http.StatusBadRequest && refused.Status < http.StatusInternalServerError
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
