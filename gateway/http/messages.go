package http

import (
	"context"

	"aftercare.dev/gateway/access"
	"aftercare.dev/gateway/api"
	notification "aftercare.dev/services/notification/api"
	"aftercare.dev/services/platform/problem"
)

// staffInbox is whose inbox everybody shares who works for the merchant.
const staffInbox = "staff"

// inboxOf is the recipient whose messages the caller reads. A buyer cannot be called what the staff is.
func inboxOf(caller access.Caller) (string, error) {
	switch {
	case caller.Staff():
		return staffInbox, nil
	case caller.Subject == staffInbox:
		return "", problem.Forbidden("reserved_subject", "this subject is reserved; the buyer needs another id")
	default:
		return caller.Subject, nil
	}
}

// ListInbox returns a buyer's own messages, or those of the staff.
func (h *Handlers) ListInbox(ctx context.Context, r api.ListInboxRequestObject) (api.ListInboxResponseObject, error) {
	caller := access.From(ctx)
	recipient, err := inboxOf(caller)
	if err != nil {
		return nil, err
	}
	page, err := read(h.Services.Notification.ListInboxWithResponse(ctx, caller.MerchantID, &notification.ListInboxParams{
		RecipientID: recipient, Unread: r.Params.Unread, Cursor: r.Params.Cursor, Limit: r.Params.Limit,
	}))
	if err != nil {
		return nil, err
	}
	return api.ListInbox200JSONResponse(page), nil
}

// MarkRead notes that the caller has seen a message of theirs.
func (h *Handlers) MarkRead(ctx context.Context, r api.MarkReadRequestObject) (api.MarkReadResponseObject, error) {
	caller := access.From(ctx)
	recipient, err := inboxOf(caller)
	if err != nil {
		return nil, err
	}
	message, err := read(h.Services.Notification.MarkReadWithResponse(ctx, caller.MerchantID, r.MessageID, &notification.MarkReadParams{RecipientID: recipient}))
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
