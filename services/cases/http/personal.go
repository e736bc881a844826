package http

import (
	"cmp"
	"context"

	"aftercare.dev/services/cases/api"
	"aftercare.dev/services/cases/store"
)

// batch is how many cases or photos one call drops.
const batch = 50

// ExportBuyer returns what a buyer wrote and sent.
func (h *Handlers) ExportBuyer(ctx context.Context, r api.ExportBuyerRequestObject) (api.ExportBuyerResponseObject, error) {
	page, more, err := h.store.OfBuyer(ctx, r.MerchantID, r.BuyerID, value(r.Params.After), cmp.Or(value(r.Params.Limit), defaultLimit))
	if err != nil {
		return nil, err
	}
	return api.ExportBuyer200JSONResponse{More: more, Items: each(page, buyerCaseFrom)}, nil
}

func buyerCaseFrom(c store.BuyerCase) api.BuyerCase {
	return api.BuyerCase{
		CaseID: c.CaseID, OrderID: c.OrderID, FiledAt: c.FiledAt, Text: optional(c.Text),
		Notes: each(c.Notes, func(n store.BuyerNote) api.BuyerNote {
			return api.BuyerNote{NoteID: n.NoteID, Text: n.Text, WrittenAt: n.At}
		}),
		EvidenceIds: each(c.EvidenceIDs, func(id string) string { return id }),
	}
}

// RequestErasure notes that a buyer is to be forgotten.
func (h *Handlers) RequestErasure(ctx context.Context, r api.RequestErasureRequestObject) (api.RequestErasureResponseObject, error) {
	erasure, err := h.store.RequestErasure(ctx, r.MerchantID, r.BuyerID, actorOf(*r.Body))
	if err != nil {
		return nil, err
	}
	return api.RequestErasure200JSONResponse(erasureFrom(erasure)), nil
}

// GetErasure tells how an erasure stands.
func (h *Handlers) GetErasure(ctx context.Context, r api.GetErasureRequestObject) (api.GetErasureResponseObject, error) {
	erasure, err := h.store.Erasure(ctx, r.MerchantID, r.BuyerID)
	if err != nil {
		return nil, err
	}
	return api.GetErasure200JSONResponse(erasureFrom(erasure)), nil
}

// EraseBuyer drops a page of a buyer's texts and photos.
func (h *Handlers) EraseBuyer(ctx context.Context, r api.EraseBuyerRequestObject) (api.EraseBuyerResponseObject, error) {
	done, err := h.store.ForgetBuyer(ctx, h.vault, r.MerchantID, r.BuyerID, value(r.Body.After), batch)
	if err != nil {
		return nil, err
	}
	return api.EraseBuyer200JSONResponse{Cases: done.Cases, Photos: done.Photos, Last: done.Last, More: done.More}, nil
}

// FinishErasure notes that everything is dropped.
func (h *Handlers) FinishErasure(ctx context.Context, r api.FinishErasureRequestObject) (api.FinishErasureResponseObject, error) {
	erasure, err := h.store.FinishErasure(ctx, r.MerchantID, r.BuyerID)
	if err != nil {
		return nil, err
	}
	return api.FinishErasure200JSONResponse(erasureFrom(erasure)), nil
}

func erasureFrom(e store.Erasure) api.Erasure {
	state := api.Running
	if e.FinishedAt.Valid {
		state = api.Done
	}
	return api.Erasure{BuyerID: e.BuyerID, State: state, RequestedAt: e.RequestedAt.Time, FinishedAt: e.FinishedAt.Ptr()}
}

// ApplyRetention drops photos and texts whose time is over.
func (h *Handlers) ApplyRetention(ctx context.Context, _ api.ApplyRetentionRequestObject) (api.ApplyRetentionResponseObject, error) {
	var total api.ApplyRetention200JSONResponse
	if h.keepPhotos > 0 {
		done, err := h.store.ForgetPhotosBefore(ctx, h.vault, h.now().AddDate(0, 0, -h.keepPhotos), batch)
		if err != nil {
			return nil, err
		}
		total.Dropped, total.More = done.Photos, done.More
	}
	if h.keepTexts > 0 {
		done, err := h.store.ForgetCasesBefore(ctx, h.vault, h.now().AddDate(0, 0, -h.keepTexts), batch)
		if err != nil {
			return nil, err
		}
		total.Dropped, total.More = total.Dropped+done.Cases+done.Photos, total.More || done.More
	}
	return total, nil
}
