package http

import (
	"context"

	"aftercare.dev/gateway/access"
	"aftercare.dev/gateway/api"
	cases "aftercare.dev/services/cases/api"
	payment "aftercare.dev/services/payment/api"
	"aftercare.dev/services/platform/problem"
)

// PreviewCase judges without filing.
func (h *Handlers) PreviewCase(ctx context.Context, r api.PreviewCaseRequestObject) (api.PreviewCaseResponseObject, error) {
	caller := access.From(ctx)
	judgement, err := read(h.Services.Cases.PreviewJudgementWithResponse(ctx, caller.MerchantID, cases.JudgementInput{
		OrderID: r.Body.OrderID, BuyerID: caller.Owner(), Type: r.Body.Type, Reason: r.Body.Reason, Lines: r.Body.Lines,
		EvidenceCount: r.Body.EvidenceCount,
	}))
	if err != nil {
		return nil, err
	}
	return api.PreviewCase200JSONResponse(judgement), nil
}

// ListCases returns a page of cases; a buyer's are the buyer's own.
func (h *Handlers) ListCases(ctx context.Context, r api.ListCasesRequestObject) (api.ListCasesResponseObject, error) {
	caller, p := access.From(ctx), r.Params
	if caller.Confined() {
		switch {
		case p.NeedsAttention != nil:
			return nil, problem.Invalid("needs_attention", "is for staff; leave it out")
		case p.AttentionReason != nil:
			return nil, problem.Invalid("attention_reason", "is for staff; leave it out")
		}
		p.BuyerID = caller.Owner()
	}
	page, err := read(h.Services.Cases.ListCasesWithResponse(ctx, caller.MerchantID, &cases.ListCasesParams{
		BuyerID: p.BuyerID, OrderID: p.OrderID, Status: p.Status, Stage: p.Stage, Outcome: p.Outcome, Awaiting: p.Awaiting,
		NeedsAttention: p.NeedsAttention, AttentionReason: p.AttentionReason, OpenedFrom: p.OpenedFrom, OpenedBefore: p.OpenedBefore, Q: p.Q,
		Sort: recode[cases.ListCasesParamsSort](p.Sort), Cursor: p.Cursor, Limit: p.Limit,
	}))
	if err != nil {
		return nil, err
	}
	page.Items = each(page.Items, func(c cases.Case) cases.Case { return shown(caller, c) })
	return api.ListCases200JSONResponse(page), nil
}

// GetCase returns a case as it stands.
func (h *Handlers) GetCase(ctx context.Context, r api.GetCaseRequestObject) (api.GetCaseResponseObject, error) {
	c, err := h.readCase(ctx, r.CaseID)
	if err != nil {
		return nil, err
	}
	return api.GetCase200JSONResponse(c), nil
}

// readCase is the case if it exists for the caller, without what the caller may not see.
func (h *Handlers) readCase(ctx context.Context, caseID string) (cases.Case, error) {
	caller := access.From(ctx)
	c, err := read(h.Services.Cases.GetCaseWithResponse(ctx, caller.MerchantID, caseID, &cases.GetCaseParams{BuyerID: caller.Owner()}))
	if err == nil {
		h.known.keep(c)
	}
	return shown(caller, c), err
}

// shown is the case without what is for the merchant's people: why it is stuck is no business of a buyer.
func shown(caller access.Caller, c cases.Case) cases.Case {
	if caller.Confined() {
		c.Attention = nil
	}
	return c
}

// GetTracking returns the scans of the parcel of the moment.
func (h *Handlers) GetTracking(ctx context.Context, r api.GetTrackingRequestObject) (api.GetTrackingResponseObject, error) {
	c, err := h.readCase(ctx, r.CaseID)
	if err != nil {
		return nil, err
	}
	if c.Shipment == nil {
		return nil, problem.NotFound(CodeNoParcel, "the case has no parcel yet; book a pickup or name the one that was sent")
	}
	tracking, err := read(h.Services.Logistics.GetTrackingWithResponse(ctx, access.From(ctx).MerchantID, c.Shipment.ShipmentID))
	if err != nil {
		return nil, err
	}
	return api.GetTracking200JSONResponse(masked(access.From(ctx).Role, tracking)), nil
}

// ListRefunds returns refunds of a case or an order, or those in a state.
func (h *Handlers) ListRefunds(ctx context.Context, r api.ListRefundsRequestObject) (api.ListRefundsResponseObject, error) {
	p := r.Params
	page, err := read(h.Services.Payment.ListRefundsWithResponse(ctx, access.From(ctx).MerchantID, &payment.ListRefundsParams{
		CaseID: p.CaseID, OrderID: p.OrderID, State: p.State, Cursor: p.Cursor, Limit: p.Limit,
	}))
	if err != nil {
		return nil, err
	}
	return api.ListRefunds200JSONResponse(page), nil
}
