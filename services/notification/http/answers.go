package http

import (
	"context"
	"fmt"
	"time"

	"aftercare.dev/services/notification/api"
	"aftercare.dev/services/notification/domain"
)

// value reads an optional field: absent is the zero value.
func value[T any](p *T) T {
	if p == nil {
		var zero T
		return zero
	}
	return *p
}

// optional leaves a zero value out of the answer.
func optional[T comparable](v T) *T {
	var zero T
	if v == zero {
		return nil
	}
	return &v
}

func instant(t time.Time) *time.Time {
	if t.IsZero() {
		return nil
	}
	return &t
}

func (h *Handlers) inboxMessage(ctx context.Context, m domain.Message) (api.InboxMessage, error) {
	text, err := h.book.Event(m.Event, languages(ctx))
	if err != nil {
		return api.InboxMessage{}, fmt.Errorf("word a message of type %s: %w", m.Event.Type, err)
	}
	return api.InboxMessage{
		MessageID: m.Delivery.DeliveryID, CaseID: m.Delivery.CaseID, Type: m.Delivery.Type, Title: text.Title, Body: text.Body,
		CreatedAt: m.Delivery.CreatedAt, ReadAt: instant(m.Delivery.ReadAt),
	}, nil
}

func deliveryFrom(d domain.Delivery) api.Delivery {
	answer := api.Delivery{
		DeliveryID: d.DeliveryID, EventID: d.EventID, CaseID: d.CaseID, Type: d.Type, Channel: api.DeliveryChannel(d.Channel),
		State: api.DeliveryState(d.State), Attempts: d.Attempts, LastError: optional(d.LastError),
		NextAttemptAt: instant(d.DueAt), CreatedAt: d.CreatedAt, DeliveredAt: instant(d.DeliveredAt),
	}
	if d.Channel == domain.ChannelWebhook {
		answer.EndpointID = &d.TargetID
		// The contract promises an HTTP status; that of a mail server is for the log.
		answer.LastStatus = optional(d.LastStatus)
	}
	return answer
}

func endpointFrom(e domain.Endpoint, secret string) api.WebhookEndpoint {
	types := e.Types
	if types == nil {
		types = []string{}
	}
	return api.WebhookEndpoint{
		EndpointID: e.EndpointID, URL: e.URL, Types: types, Enabled: e.Enabled,
		DisabledReason: optional(e.DisabledReason), Secret: optional(secret), CreatedAt: e.CreatedAt,
	}
}
