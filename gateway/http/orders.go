package http

import (
	"context"

	"aftercare.dev/gateway/access"
	"aftercare.dev/gateway/api"
	order "aftercare.dev/services/order/api"
)

// ListOrders returns a page of orders; a buyer's are the buyer's own.
func (h *Handlers) ListOrders(ctx context.Context, r api.ListOrdersRequestObject) (api.ListOrdersResponseObject, error) {
	caller := access.From(ctx)
	buyer := r.Params.BuyerID
	if caller.Confined() {
		buyer = caller.Owner()
	}
	page, err := read(h.Services.Order.ListOrdersWithResponse(ctx, caller.MerchantID, &order.ListOrdersParams{
		BuyerID: buyer, Cursor: r.Params.Cursor, Limit: r.Params.Limit,
	}))
	if err != nil {
		return nil, err
	}
	return api.ListOrders200JSONResponse(page), nil
}

// GetOrder returns an order; to a buyer only their own.
func (h *Handlers) GetOrder(ctx context.Context, r api.GetOrderRequestObject) (api.GetOrderResponseObject, error) {
	o, err := h.order(ctx, r.OrderID)
	if err != nil {
		return nil, err
	}
	return api.GetOrder200JSONResponse(o), nil
}

// order is the order if it exists for the caller.
func (h *Handlers) order(ctx context.Context, orderID string) (order.Order, error) {
	caller := access.From(ctx)
	return read(h.Services.Order.GetOrderWithResponse(ctx, caller.MerchantID, orderID, &order.GetOrderParams{BuyerID: caller.Owner()}))
}

// PutOrder stores an order as the shop sees it now.
func (h *Handlers) PutOrder(ctx context.Context, r api.PutOrderRequestObject) (api.PutOrderResponseObject, error) {
	result, err := read(h.Services.Order.PutOrderWithResponse(ctx, access.From(ctx).MerchantID, r.OrderID, *r.Body))
	if err != nil {
		return nil, err
	}
	return api.PutOrder200JSONResponse(result), nil
}
