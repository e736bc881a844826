// Package http implements the contract of the notification service: it translates between the
// contract's types and the domain's, and holds no rules of its own.
package http

import (
	"context"
	"embed"
	"io/fs"

	"aftercare.dev/services/notification/api"
	"aftercare.dev/services/notification/domain"
	"aftercare.dev/services/notification/store"
	"aftercare.dev/services/notification/webhook"
	"aftercare.dev/services/notification/wording"
	"aftercare.dev/services/platform/database"
)

//go:embed catalog/*.json
var catalog embed.FS

// Catalog has the titles of this service's problems, for httpserver.
func Catalog() fs.FS { return database.Sub(catalog, "catalog") }

// Handlers implements api.StrictServerInterface.
type Handlers struct {
	store  *store.Store
	guard  *webhook.Guard
	book   *wording.Book
	sender store.Sender
	// keep is how many days messages are kept; 0 means for ever.
	keep int
}

var _ api.StrictServerInterface = (*Handlers)(nil)

// New returns the handlers. The sender sends what they store.
func New(s *store.Store, guard *webhook.Guard, book *wording.Book, sender store.Sender) *Handlers {
	return &Handlers{store: s, guard: guard, book: book, sender: sender}
}

// PublishEvent stores what happened and whom to tell.
func (h *Handlers) PublishEvent(ctx context.Context, r api.PublishEventRequestObject) (api.PublishEventResponseObject, error) {
	event, err := eventOf(r.MerchantID, *r.Body)
	if err != nil {
		return nil, err
	}
	created, err := h.store.Publish(ctx, event)
	if err != nil {
		return nil, err
	}
	if created {
		h.sender.Wake()
	}
	return api.PublishEvent200JSONResponse{Created: created}, nil
}

// PublishEvents stores what happened and whom to tell, all or none of it.
func (h *Handlers) PublishEvents(ctx context.Context, r api.PublishEventsRequestObject) (api.PublishEventsResponseObject, error) {
	events := make([]domain.Event, len(r.Body.Events))
	for i, e := range r.Body.Events {
		var err error
		if events[i], err = eventOf(r.MerchantID, e); err != nil {
			return nil, err
		}
	}
	if err := h.store.PublishAll(ctx, r.MerchantID, events, h.sender); err != nil {
		return nil, err
	}
	return api.PublishEvents204Response{}, nil
}

func eventOf(merchantID string, e api.Event) (domain.Event, error) {
	return domain.NewEvent(domain.Event{
		MerchantID: merchantID, EventID: e.EventID, Type: e.Type, CaseID: e.CaseID,
		OrderID: e.OrderID, BuyerID: e.BuyerID, Number: e.Number, OccurredAt: e.OccurredAt,
		Audience: domain.Audience(e.Audience), Stage: value(e.Stage), Status: value(e.Status), Outcome: value(e.Outcome),
	}, value(e.Data))
}

// ListInbox returns a page of a person's messages, newest first, in the language of the request.
func (h *Handlers) ListInbox(ctx context.Context, r api.ListInboxRequestObject) (api.ListInboxResponseObject, error) {
	page := store.Page{Cursor: value(r.Params.Cursor), Limit: value(r.Params.Limit)}
	messages, next, err := h.store.Inbox(ctx, r.MerchantID, r.Params.RecipientID, value(r.Params.Unread), page)
	if err != nil {
		return nil, err
	}
	items := make([]api.InboxMessage, len(messages))
	for i, m := range messages {
		if items[i], err = h.inboxMessage(ctx, m); err != nil {
			return nil, err
		}
	}
	return api.ListInbox200JSONResponse{Items: items, NextCursor: optional(next)}, nil
}

// MarkRead notes that the person has seen a message.
func (h *Handlers) MarkRead(ctx context.Context, r api.MarkReadRequestObject) (api.MarkReadResponseObject, error) {
	m, err := h.store.MarkRead(ctx, r.MerchantID, r.Params.RecipientID, r.MessageID)
	if err != nil {
		return nil, err
	}
	message, err := h.inboxMessage(ctx, m)
	return api.MarkRead200JSONResponse(message), err
}

// ListDeliveries returns a page of what was sent where, newest first.
func (h *Handlers) ListDeliveries(ctx context.Context, r api.ListDeliveriesRequestObject) (api.ListDeliveriesResponseObject, error) {
	filter := store.Filter{CaseID: value(r.Params.CaseID), EndpointID: value(r.Params.EndpointID), State: domain.State(value(r.Params.State))}
	page := store.Page{Cursor: value(r.Params.Cursor), Limit: value(r.Params.Limit)}
	deliveries, next, err := h.store.Deliveries(ctx, r.MerchantID, filter, page)
	if err != nil {
		return nil, err
	}
	items := make([]api.Delivery, len(deliveries))
	for i, d := range deliveries {
		items[i] = deliveryFrom(d)
	}
	return api.ListDeliveries200JSONResponse{Items: items, NextCursor: optional(next)}, nil
}

// ResendDelivery sends a message again now, under the same id.
func (h *Handlers) ResendDelivery(ctx context.Context, r api.ResendDeliveryRequestObject) (api.ResendDeliveryResponseObject, error) {
	d, err := h.store.Resend(ctx, r.MerchantID, r.DeliveryID)
	if err != nil {
		return nil, err
	}
	h.sender.Wake()
	return api.ResendDelivery200JSONResponse(deliveryFrom(d)), nil
}
