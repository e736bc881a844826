// Package http implements the contract of the order service: it translates between the contract's
// types and the domain's, and holds no rules of its own.
package http

import (
	"cmp"
	"context"
	"embed"
	"io/fs"

	"aftercare.dev/services/order/api"
	"aftercare.dev/services/order/domain"
	"aftercare.dev/services/order/store"
	"aftercare.dev/services/platform/database"
)

//go:embed catalog/*.json
var catalog embed.FS

// Catalog has the titles of this service's problems, for httpserver.
func Catalog() fs.FS { return database.Sub(catalog, "catalog") }

const defaultLimit = 50

// Handlers implements api.StrictServerInterface.
type Handlers struct {
	store *store.Store
	// announced is called after a put that has written to the outbox.
	announced func()
	// keep is how many days a contact is kept; 0 means for ever.
	keep int
}

var _ api.StrictServerInterface = (*Handlers)(nil)

// New returns the handlers. They call announced after an order was stored that has something to
// announce; it must not block.
func New(s *store.Store, announced func()) *Handlers {
	return &Handlers{store: s, announced: announced}
}

// Keeping returns the handlers with the days after which a contact is dropped; 0 means never.
func (h *Handlers) Keeping(days int) *Handlers {
	keeping := *h
	keeping.keep = days
	return &keeping
}

// PutOrder stores an order as the shop sees it now.
func (h *Handlers) PutOrder(ctx context.Context, r api.PutOrderRequestObject) (api.PutOrderResponseObject, error) {
	order, err := domain.NewOrder(draft(*r.Body))
	if err != nil {
		return nil, err
	}
	result, err := h.store.Put(ctx, r.MerchantID, r.OrderID, order, contactOf(r.Body.Contact))
	if err != nil {
		return nil, err
	}
	if result.Announced {
		h.announced()
	}
	return api.PutOrder200JSONResponse{
		OrderID: r.OrderID, Version: result.Version, Result: api.PutOrderResultResult(result.Outcome),
	}, nil
}

// GetOrder returns the order without personal data.
func (h *Handlers) GetOrder(ctx context.Context, r api.GetOrderRequestObject) (api.GetOrderResponseObject, error) {
	record, err := h.store.Get(ctx, r.MerchantID, r.OrderID, value(r.Params.BuyerID))
	if err != nil {
		return nil, err
	}
	return api.GetOrder200JSONResponse(orderFrom(record)), nil
}

// FindPayment returns the order that has a payment.
func (h *Handlers) FindPayment(ctx context.Context, r api.FindPaymentRequestObject) (api.FindPaymentResponseObject, error) {
	at, err := h.store.Payment(ctx, r.Params.Provider, r.Params.ProviderReference)
	if err != nil {
		return nil, err
	}
	return api.FindPayment200JSONResponse{MerchantID: at.MerchantID, OrderID: at.OrderID, PaymentID: at.PaymentID}, nil
}

// ListOrders returns a page of orders, newest first.
func (h *Handlers) ListOrders(ctx context.Context, r api.ListOrdersRequestObject) (api.ListOrdersResponseObject, error) {
	records, next, err := h.store.List(ctx, r.MerchantID, store.Query{
		BuyerID: value(r.Params.BuyerID), Cursor: value(r.Params.Cursor), Limit: cmp.Or(value(r.Params.Limit), defaultLimit),
	})
	if err != nil {
		return nil, err
	}
	return api.ListOrders200JSONResponse{Items: each(records, orderFrom), NextCursor: optional(next)}, nil
}

// GetOrderContact returns personal data.
func (h *Handlers) GetOrderContact(ctx context.Context, r api.GetOrderContactRequestObject) (api.GetOrderContactResponseObject, error) {
	contact, err := h.store.Contact(ctx, r.MerchantID, r.OrderID)
	if err != nil {
		return nil, err
	}
	return api.GetOrderContact200JSONResponse(contactFrom(contact)), nil
}

// ReserveUnits sets units aside for a case.
func (h *Handlers) ReserveUnits(ctx context.Context, r api.ReserveUnitsRequestObject) (api.ReserveUnitsResponseObject, error) {
	reservation, err := h.store.Reserve(ctx, r.MerchantID, r.OrderID, r.CaseID, each(r.Body.Lines, lineQuantity))
	if err != nil {
		return nil, err
	}
	return api.ReserveUnits200JSONResponse(reservationFrom(reservation)), nil
}

// GetReservation returns the units of a case.
func (h *Handlers) GetReservation(ctx context.Context, r api.GetReservationRequestObject) (api.GetReservationResponseObject, error) {
	reservation, err := h.store.Reservation(ctx, r.MerchantID, r.OrderID, r.CaseID)
	if err != nil {
		return nil, err
	}
	return api.GetReservation200JSONResponse(reservationFrom(reservation)), nil
}

// SettleReservation ends a reservation.
func (h *Handlers) SettleReservation(ctx context.Context, r api.SettleReservationRequestObject) (api.SettleReservationResponseObject, error) {
	reservation, err := h.store.Settle(ctx, r.MerchantID, r.OrderID, r.CaseID, each(r.Body.Lines, lineQuantity))
	if err != nil {
		return nil, err
	}
	return api.SettleReservation200JSONResponse(reservationFrom(reservation)), nil
}
