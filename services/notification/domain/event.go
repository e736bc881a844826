// Package domain says what happened, whom it concerns and how often to try to tell them: rules and
// types without I/O. Errors are *problem.Error with a stable code that name the field and the way out.
package domain

import (
	"bytes"
	"encoding/json"
	"maps"
	"net/url"
	"time"

	"aftercare.dev/services/platform/ids"
)

// MaxPayload is the size in bytes of the largest webhook body. Standard Webhooks 1.0 asks for small
// payloads, below 20 kB, because receivers limit what they read.
const MaxPayload = 20_000

// Audience is who may know of an event.
type Audience string

// The audiences of the contract.
const (
	AudienceEveryone Audience = "everyone"
	AudienceStaff    Audience = "staff"
)

// TypeWebhookDisabled is the one event that this service makes itself: an endpoint was switched off,
// and its owner ought to know. It goes to the staff's inbox only.
const TypeWebhookDisabled = "webhook.disabled"

// Event is something that happened to a case. Make one with [NewEvent].
type Event struct {
	MerchantID string
	EventID    string
	// Type is also the name that webhooks carry, such as case.approved.
	Type    string
	CaseID  string
	OrderID string
	BuyerID string
	// Number is that of the timeline entry: receivers that want order sort by it.
	Number int64
	// OccurredAt is in UTC, exact to the microsecond.
	OccurredAt time.Time
	Audience   Audience
	Stage      string
	Status     string
	Outcome    string
	// Data is a JSON object with ids, codes and amounts; never empty.
	Data json.RawMessage
}

// NewEvent returns the event, or the reason why it cannot be one. A nil data is an empty object.
func NewEvent(e Event, data map[string]any) (Event, error) {
	switch {
	case e.MerchantID == "" || e.EventID == "" || e.CaseID == "" || e.OrderID == "" || e.BuyerID == "":
		return Event{}, invalid("", "merchant, event, case, order and buyer must have ids")
	case e.Type == "" || len(e.Type) > maxType:
		return Event{}, invalid("type", "name what happened, such as case.approved, in at most 64 characters")
	case e.Number < 0:
		return Event{}, invalid("number", "the number of a timeline entry is zero or more")
	case e.OccurredAt.IsZero():
		return Event{}, invalid("occurred_at", "say when it happened")
	case e.Audience != AudienceEveryone && e.Audience != AudienceStaff:
		return Event{}, invalid("audience", "the audience is everyone or staff")
	}
	for field, value := range map[string]string{"stage": e.Stage, "status": e.Status, "outcome": e.Outcome} {
		if len(value) > maxCode {
			return Event{}, invalid(field, "a code has at most 64 characters")
		}
	}
	if data == nil {
		data = map[string]any{}
	}
	raw, err := plainJSON(data)
	if err != nil {
		return Event{}, invalid("data", "send a JSON object")
	}
	e.Data = raw
	e.OccurredAt = e.OccurredAt.UTC().Truncate(time.Microsecond)
	payload, err := e.Payload()
	if err != nil {
		return Event{}, invalid("data", "send a JSON object")
	}
	if len(payload) > MaxPayload {
		return Event{}, Fault(CodeDataTooLarge, "data", "a webhook of this event would pass 20000 bytes; send ids instead of contents")
	}
	return e, nil
}

const (
	maxType = 64
	maxCode = 64
)

// EndpointDisabled returns the event that tells the staff of an endpoint that was switched off, and of
// the message at which it was noticed. Of the URL it has the host alone, since a path may hold a secret.
func EndpointDisabled(eventID string, at Event, endpoint Endpoint, reason string, now time.Time) (Event, error) {
	host := ""
	if u, err := url.Parse(endpoint.URL); err == nil {
		host = u.Host
	}
	return NewEvent(Event{
		MerchantID: at.MerchantID, EventID: eventID, Type: TypeWebhookDisabled,
		CaseID: at.CaseID, OrderID: at.OrderID, BuyerID: at.BuyerID,
		OccurredAt: now, Audience: AudienceStaff,
	}, map[string]any{"endpoint_id": endpoint.EndpointID, "host": host, "reason": reason})
}

// SameAs tells whether other is the same happening published again. Details may differ, since a
// publisher may have learned to say more between two attempts.
func (e Event) SameAs(other Event) bool {
	return e.CaseID == other.CaseID && e.Type == other.Type && e.Number == other.Number
}

// MessageID is the header webhook-id: the same for every attempt, endpoint and resend of the event,
// so that a receiver can tell a repeat. It has no full stop, which separates the signed parts.
func (e Event) MessageID() string { return ids.Derive("msg", e.MerchantID, e.EventID) }

// Payload is the webhook's body, the same bytes every time: type, timestamp and data, as Standard
// Webhooks asks. The fields of the case win over equally named ones of the event's data.
func (e Event) Payload() ([]byte, error) {
	data := map[string]json.RawMessage{}
	if err := json.Unmarshal(e.Data, &data); err != nil {
		return nil, err
	}
	own := map[string]any{
		"event_id": e.EventID, "case_id": e.CaseID, "order_id": e.OrderID, "buyer_id": e.BuyerID, "number": e.Number,
	}
	for name, value := range map[string]string{"stage": e.Stage, "status": e.Status, "outcome": e.Outcome} {
		if value != "" {
			own[name] = value
		}
	}
	fields := make(map[string]json.RawMessage, len(own))
	for name, value := range own {
		raw, err := json.Marshal(value)
		if err != nil {
			return nil, err
		}
		fields[name] = raw
	}
	maps.Copy(data, fields)

	return plainJSON(struct {
		Type      string                     `json:"type"`
		Timestamp time.Time                  `json:"timestamp"`
		Data      map[string]json.RawMessage `json:"data"`
	}{e.Type, e.OccurredAt, data})
}

// plainJSON writes &, < and > as they are: nothing here ends up inside HTML.
func plainJSON(v any) ([]byte, error) {
	var text bytes.Buffer
	encoder := json.NewEncoder(&text)
	encoder.SetEscapeHTML(false)
	err := encoder.Encode(v)
	return bytes.TrimRight(text.Bytes(), "\n"), err
}
