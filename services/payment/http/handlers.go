// Package http serves the contract of the payment service over refunds. It translates, and decides
// nothing.
package http

import (
	"context"
	"embed"
	"io/fs"
	"strings"

	"aftercare.dev/services/payment/api"
	"aftercare.dev/services/payment/domain"
	"aftercare.dev/services/payment/reconcile"
	"aftercare.dev/services/payment/refunds"
	"aftercare.dev/services/payment/store"
	"aftercare.dev/services/payment/wechatpay"
	"aftercare.dev/services/platform/problem"
)

//go:embed catalog/*.json
var catalog embed.FS

// Catalog has the titles of this service's problems.
func Catalog() fs.FS {
	sub, err := fs.Sub(catalog, "catalog")
	if err != nil {
		panic(err) // the directory is embedded above
	}
	return sub
}

// Handlers implements [api.StrictServerInterface].
type Handlers struct {
	desk   *refunds.Desk
	wechat *wechatpay.Client
	clerk  *reconcile.Clerk
	store  *store.Store
}

var _ api.StrictServerInterface = (*Handlers)(nil)

// New returns handlers over the desk and the clerk; wechat reads the notifications.
func New(desk *refunds.Desk, clerk *reconcile.Clerk, records *store.Store, wechat *wechatpay.Client) *Handlers {
	return &Handlers{desk: desk, wechat: wechat, clerk: clerk, store: records}
}

// ReserveRefund implements [api.StrictServerInterface].
func (h *Handlers) ReserveRefund(ctx context.Context, r api.ReserveRefundRequestObject) (api.ReserveRefundResponseObject, error) {
	lines := make([]domain.Asked, len(r.Body.Lines))
	for i, line := range r.Body.Lines {
		lines[i] = domain.Asked{LineID: line.LineID, Amount: line.Amount}
	}
	request, err := domain.NewRequest(r.Body.CaseID, r.Body.OrderID, r.Body.Currency, r.Body.Reason, lines, r.Body.Freight)
	if err != nil {
		return nil, err
	}
	refund, err := h.desk.Reserve(ctx, r.MerchantID, r.RefundID, request)
	if err != nil {
		return nil, err
	}
	return api.ReserveRefund200JSONResponse(view(refund)), nil
}

// GetRefund implements [api.StrictServerInterface].
func (h *Handlers) GetRefund(ctx context.Context, r api.GetRefundRequestObject) (api.GetRefundResponseObject, error) {
	refresh := r.Params.Refresh != nil && *r.Params.Refresh
	refund, err := h.desk.Get(ctx, r.MerchantID, r.RefundID, refresh)
	if err != nil {
		return nil, err
	}
	return api.GetRefund200JSONResponse(view(refund)), nil
}

// SubmitRefund implements [api.StrictServerInterface].
func (h *Handlers) SubmitRefund(ctx context.Context, r api.SubmitRefundRequestObject) (api.SubmitRefundResponseObject, error) {
	refund, err := h.desk.Submit(ctx, r.MerchantID, r.RefundID)
	if err != nil {
		return nil, err
	}
	return api.SubmitRefund200JSONResponse(view(refund)), nil
}

// ResolveRefund implements [api.StrictServerInterface].
func (h *Handlers) ResolveRefund(ctx context.Context, r api.ResolveRefundRequestObject) (api.ResolveRefundResponseObject, error) {
	decision := domain.Resolution{Kind: domain.ResolutionKind(r.Body.Resolution), ActorID: r.Body.ActorID}
	if r.Body.TransferReference != nil {
		decision.TransferReference = *r.Body.TransferReference
	}
	refund, err := h.desk.Resolve(ctx, r.MerchantID, r.RefundID, decision)
	if err != nil {
		return nil, err
	}
	return api.ResolveRefund200JSONResponse(view(refund)), nil
}

const (
	defaultPage  = 50
	cursorPrefix = "r."
)

// ListRefunds implements [api.StrictServerInterface]. A cursor is the id that the page before ended with.
func (h *Handlers) ListRefunds(ctx context.Context, r api.ListRefundsRequestObject) (api.ListRefundsResponseObject, error) {
	filter := store.Filter{CaseID: value(r.Params.CaseID), OrderID: value(r.Params.OrderID), Limit: defaultPage}
	if r.Params.State != nil {
		filter.State = domain.RefundState(*r.Params.State)
	}
	if r.Params.Limit != nil {
		filter.Limit = *r.Params.Limit
	}
	if r.Params.Cursor != nil {
		after, ok := strings.CutPrefix(*r.Params.Cursor, cursorPrefix)
		if !ok {
			return nil, problem.Invalid("cursor", "must be next_cursor of the page before")
		}
		filter.After = after
	}
	found, more, err := h.desk.List(ctx, r.MerchantID, filter)
	if err != nil {
		return nil, err
	}
	page := api.RefundPage{Items: make([]api.Refund, len(found))}
	for i, refund := range found {
		page.Items[i] = view(refund)
	}
	if more {
		next := cursorPrefix + found[len(found)-1].RefundID
		page.NextCursor = &next
	}
	return api.ListRefunds200JSONResponse(page), nil
}

func value(s *string) string {
	if s == nil {
		return ""
	}
	return *s
}
