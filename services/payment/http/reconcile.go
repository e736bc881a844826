package http

import (
	"context"
	"strings"
	"time"

	openapi_types "github.com/oapi-codegen/runtime/types"

	"aftercare.dev/services/payment/api"
	"aftercare.dev/services/payment/domain"
	"aftercare.dev/services/payment/store"
	"aftercare.dev/services/platform/money"
	"aftercare.dev/services/platform/problem"
)

// differenceCursor begins every cursor of a list of differences.
const differenceCursor = "d_"

// ReconcileDay implements [api.StrictServerInterface].
func (h *Handlers) ReconcileDay(ctx context.Context, r api.ReconcileDayRequestObject) (api.ReconcileDayResponseObject, error) {
	done, err := h.clerk.Run(ctx, r.Provider, r.BillDate.Format(time.DateOnly))
	if err != nil {
		return nil, err
	}
	return api.ReconcileDay200JSONResponse{
		Provider: done.Provider, BillDate: r.BillDate, Runs: done.Runs, InBill: done.InBill, Ours: done.Ours,
		Found: done.Found, At: done.At.UTC(),
	}, nil
}

// ListAllDifferences implements [api.StrictServerInterface].
func (h *Handlers) ListAllDifferences(ctx context.Context, r api.ListAllDifferencesRequestObject) (api.ListAllDifferencesResponseObject, error) {
	filter, err := differences(r.Params.State, r.Params.Cursor, r.Params.Limit)
	if err != nil {
		return nil, err
	}
	found, more, err := h.store.AllDifferences(ctx, filter)
	if err != nil {
		return nil, err
	}
	return api.ListAllDifferences200JSONResponse(differencePage(found, more)), nil
}

// ListDifferences implements [api.StrictServerInterface].
func (h *Handlers) ListDifferences(ctx context.Context, r api.ListDifferencesRequestObject) (api.ListDifferencesResponseObject, error) {
	filter, err := differences(r.Params.State, r.Params.Cursor, r.Params.Limit)
	if err != nil {
		return nil, err
	}
	filter.CaseID, filter.OrderID = value(r.Params.CaseID), value(r.Params.OrderID)
	found, more, err := h.store.Differences(ctx, r.MerchantID, filter)
	if err != nil {
		return nil, err
	}
	return api.ListDifferences200JSONResponse(differencePage(found, more)), nil
}

// GetDifference implements [api.StrictServerInterface].
func (h *Handlers) GetDifference(ctx context.Context, r api.GetDifferenceRequestObject) (api.GetDifferenceResponseObject, error) {
	found, err := h.store.Difference(ctx, r.MerchantID, r.DifferenceID)
	if err != nil {
		return nil, err
	}
	return api.GetDifference200JSONResponse(differenceView(found)), nil
}

// MarkDifferenceTold implements [api.StrictServerInterface].
func (h *Handlers) MarkDifferenceTold(ctx context.Context, r api.MarkDifferenceToldRequestObject) (api.MarkDifferenceToldResponseObject, error) {
	told, err := h.store.TellDifference(ctx, r.DifferenceID, value(r.Body.CaseID))
	if err != nil {
		return nil, err
	}
	return api.MarkDifferenceTold200JSONResponse(differenceView(told)), nil
}

// ResolveDifference implements [api.StrictServerInterface].
func (h *Handlers) ResolveDifference(ctx context.Context, r api.ResolveDifferenceRequestObject) (api.ResolveDifferenceResponseObject, error) {
	resolved, err := h.store.ResolveDifference(ctx, r.MerchantID, r.DifferenceID, r.Body.ActorID, value(r.Body.NoteID))
	if err != nil {
		return nil, err
	}
	return api.ResolveDifference200JSONResponse(differenceView(resolved)), nil
}

func differences(state *api.DifferenceState, cursor *string, limit *int) (store.DifferenceFilter, error) {
	filter := store.DifferenceFilter{Limit: defaultPage}
	if state != nil {
		filter.State = domain.DifferenceState(*state)
	}
	if limit != nil {
		filter.Limit = *limit
	}
	if cursor != nil {
		after, ok := strings.CutPrefix(*cursor, differenceCursor)
		if !ok {
			return store.DifferenceFilter{}, problem.Invalid("cursor", "must be next_cursor of the page before")
		}
		filter.After = after
	}
	return filter, nil
}

func differencePage(found []domain.Difference, more bool) api.DifferencePage {
	page := api.DifferencePage{Items: make([]api.Difference, len(found))}
	for i, d := range found {
		page.Items[i] = differenceView(d)
	}
	if more {
		next := differenceCursor + found[len(found)-1].DifferenceID
		page.NextCursor = &next
	}
	return page
}

func differenceView(d domain.Difference) api.Difference {
	of := func(amount int64) money.Money { return money.Money{Amount: amount, Currency: d.Currency} }
	v := api.Difference{
		DifferenceID: d.DifferenceID, Kind: api.DifferenceKind(d.Kind), State: api.DifferenceState(d.State), Provider: d.Provider,
		MerchantID: d.MerchantID, OrderID: d.OrderID, CaseID: d.CaseID, RefundID: d.RefundID, RefundNumber: d.RefundNumber,
		ProviderReference: d.Reference, PaymentID: d.PaymentID, PaymentReference: d.PaymentReference,
		Amount: of(d.Amount), ProviderAmount: of(d.ProviderAmount), Overpaid: of(d.Overpaid),
		CreatedAt: d.CreatedAt.UTC(), ToldAt: optionalTime(d.ToldAt), ResolvedAt: optionalTime(d.ResolvedAt),
		ResolvedBy: optional(d.ResolvedBy), NoteID: optional(d.NoteID),
	}
	if day, err := time.Parse(time.DateOnly, d.BillDate); err == nil {
		v.BillDate = &openapi_types.Date{Time: day}
	}
	return v
}
