package http

import (
	"context"
	"maps"
	"slices"

	"aftercare.dev/services/logistics/api"
)

// batch is how many rows of a kind one call drops.
const batch = 200

// Keeping returns the handlers with the days after which addresses are dropped; 0 means never.
func (h *Handlers) Keeping(days int) *Handlers {
	keeping := *h
	keeping.keep = days
	return &keeping
}

// ExportOrders returns what is kept of people for some orders.
func (h *Handlers) ExportOrders(ctx context.Context, r api.ExportOrdersRequestObject) (api.ExportOrdersResponseObject, error) {
	kept, err := h.store.OfOrders(ctx, r.MerchantID, r.Body.OrderIds)
	if err != nil {
		return nil, err
	}
	data := api.ExportOrders200JSONResponse{Contacts: []api.ParcelContact{}, Couriers: []api.ParcelCourier{}}
	for _, id := range slices.Sorted(maps.Keys(kept.Contacts)) {
		data.Contacts = append(data.Contacts, api.ParcelContact{ContactID: id, Contact: contactFrom(kept.Contacts[id])})
	}
	for _, id := range slices.Sorted(maps.Keys(kept.Couriers)) {
		courier := kept.Couriers[id]
		data.Couriers = append(data.Couriers, api.ParcelCourier{ShipmentID: id, Name: optional(courier.Name), Phone: optional(courier.Phone)})
	}
	return data, nil
}

// EraseOrders drops what is kept of people for some orders.
func (h *Handlers) EraseOrders(ctx context.Context, r api.EraseOrdersRequestObject) (api.EraseOrdersResponseObject, error) {
	dropped, err := h.store.ForgetOrders(ctx, r.MerchantID, r.Body.OrderIds)
	if err != nil {
		return nil, err
	}
	return api.EraseOrders200JSONResponse{Dropped: dropped}, nil
}

// ApplyRetention drops what is older than it may be.
func (h *Handlers) ApplyRetention(ctx context.Context, _ api.ApplyRetentionRequestObject) (api.ApplyRetentionResponseObject, error) {
	if h.keep == 0 {
		return api.ApplyRetention200JSONResponse{}, nil
	}
	dropped, more, err := h.store.ForgetBefore(ctx, h.now().AddDate(0, 0, -h.keep), batch)
	if err != nil {
		return nil, err
	}
	return api.ApplyRetention200JSONResponse{Dropped: dropped, More: more}, nil
}
