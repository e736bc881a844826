package http

import (
	"context"
	"time"

	"aftercare.dev/services/notification/api"
)

// batch is how many messages or events one call drops.
const batch = 200

// Keeping returns the handlers with the days after which messages are dropped; 0 means never.
func (h *Handlers) Keeping(days int) *Handlers {
	keeping := *h
	keeping.keep = days
	return &keeping
}

// EraseBuyer drops a buyer's messages.
func (h *Handlers) EraseBuyer(ctx context.Context, r api.EraseBuyerRequestObject) (api.EraseBuyerResponseObject, error) {
	dropped, more, err := h.store.ForgetBuyer(ctx, r.MerchantID, r.BuyerID, batch)
	if err != nil {
		return nil, err
	}
	return api.EraseBuyer200JSONResponse{Dropped: dropped, More: more}, nil
}

// ApplyRetention drops messages whose time is over.
func (h *Handlers) ApplyRetention(ctx context.Context, _ api.ApplyRetentionRequestObject) (api.ApplyRetentionResponseObject, error) {
	if h.keep == 0 {
		return api.ApplyRetention200JSONResponse{}, nil
	}
	dropped, more, err := h.store.ForgetBefore(ctx, time.Now().AddDate(0, 0, -h.keep), batch)
	if err != nil {
		return nil, err
	}
	return api.ApplyRetention200JSONResponse{Dropped: dropped, More: more}, nil
}
