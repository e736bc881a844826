package http

import (
	"context"

	"aftercare.dev/gateway/access"
	"aftercare.dev/gateway/api"
	notification "aftercare.dev/services/notification/api"
)

// ListInbox returns the caller's own messages.
func (h *Handlers) ListInbox(ctx context.Context, r api.ListInboxRequestObject) (api.ListInboxResponseObject, error) {
	caller := access.From(ctx)
	page, err := read(h.Services.Notification.ListInboxWithResponse(ctx, caller.MerchantID, &notification.ListInboxParams{
		RecipientID: caller.Subject, Unread: r.Params.Unread, Cursor: r.Params.Cursor, Limit: r.Params.Limit,
	}))
	if err != nil {
		return nil, err
	}
	return api.ListInbox200JSONResponse(page), nil
}

// MarkRead notes that the caller has seen a message of theirs.
func (h *Handlers) MarkRead(ctx context.Context, r api.MarkReadRequestObject) (api.MarkReadResponseObject, error) {
	caller := access.From(ctx)
	message, err := read(h.Services.Notification.MarkReadWithResponse(ctx, caller.MerchantID, r.MessageID, &notification.MarkReadParams{RecipientID: caller.Subject}))
	if err != nil {
		return nil, err
	}
	return api.MarkRead200JSONResponse(message), nil
}

// ListDeliveries returns what was sent where.
func (h *Handlers) ListDeliveries(ctx context.Context, r api.ListDeliveriesRequestObject) (api.ListDeliveriesResponseObject, error) {
	p := r.Params
	page, err := read(h.Services.Notification.ListDeliveriesWithResponse(ctx, access.From(ctx).MerchantID, &notification.ListDeliveriesParams{
		CaseID: p.CaseID, EndpointID: p.EndpointID, State: p.State, Cursor: p.Cursor, Limit: p.Limit,
	}))
	if err != nil {
		return nil, err
	}
	return api.ListDeliveries200JSONResponse(page), nil
}

// ResendDelivery sends something again now.
func (h *Handlers) ResendDelivery(ctx context.Context, r api.ResendDeliveryRequestObject) (api.ResendDeliveryResponseObject, error) {
	delivery, err := read(h.Services.Notification.ResendDeliveryWithResponse(ctx, access.From(ctx).MerchantID, r.DeliveryID))
	if err != nil {
		return nil, err
	}
	return api.ResendDelivery200JSONResponse(delivery), nil
}
