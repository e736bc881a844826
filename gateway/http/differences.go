package http

import (
	"context"

	"aftercare.dev/gateway/access"
	"aftercare.dev/gateway/api"
	payment "aftercare.dev/services/payment/api"
	"aftercare.dev/services/platform/ids"
	"aftercare.dev/services/platform/problem"
)

// CodeNoCaseForNote is a note on a difference that no case knows of.
const CodeNoCaseForNote = "no_case_for_note"

// ListDifferences returns what the merchant's refunds and the provider do not agree about.
func (h *Handlers) ListDifferences(ctx context.Context, r api.ListDifferencesRequestObject) (api.ListDifferencesResponseObject, error) {
	p := r.Params
	page, err := read(h.Services.Payment.ListDifferencesWithResponse(ctx, access.From(ctx).MerchantID, &payment.ListDifferencesParams{
		State: p.State, CaseID: p.CaseID, OrderID: p.OrderID, Cursor: p.Cursor, Limit: p.Limit,
	}))
	return api.ListDifferences200JSONResponse(page), err
}

// ResolveDifference says that the caller is done with a difference. A note is kept with the difference's case.
func (h *Handlers) ResolveDifference(ctx context.Context, r api.ResolveDifferenceRequestObject) (api.ResolveDifferenceResponseObject, error) {
	caller := access.From(ctx)
	input := payment.ResolveDifferenceInput{ActorID: caller.Subject}
	if note := value(r.Body.Note); note != "" {
		difference, err := read(h.Services.Payment.GetDifferenceWithResponse(ctx, caller.MerchantID, r.DifferenceID))
		if err != nil {
			return nil, err
		}
		if difference.CaseID == "" {
			return nil, problem.Unprocessable(CodeNoCaseForNote, "the difference has no case to keep the note with; resolve it without a note")
		}
		// The same words are the same note, so that a repeated request is recognised without a key.
		id := ids.Derive("act", r.DifferenceID, caller.Subject, note)
		noteID, err := h.keepNote(ctx, action{caseID: difference.CaseID, note: &note}, id)
		if err != nil {
			return nil, err
		}
		input.NoteID = &noteID
	}
	resolved, err := read(h.Services.Payment.ResolveDifferenceWithResponse(ctx, caller.MerchantID, r.DifferenceID, input))
	if err == nil && resolved.CaseID != "" {
		h.differenceResolved(ctx, caller.MerchantID, resolved.CaseID, r.DifferenceID)
	}
	return api.ResolveDifference200JSONResponse(resolved), err
}
