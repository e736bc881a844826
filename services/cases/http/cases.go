package http

import (
	"cmp"
	"context"
	"encoding/json"
	"fmt"

	"aftercare.dev/services/cases/api"
	"aftercare.dev/services/cases/domain"
	"aftercare.dev/services/cases/store"
)

// GetCase returns a case as it stands, with what was asked and how it was judged.
func (h *Handlers) GetCase(ctx context.Context, r api.GetCaseRequestObject) (api.GetCaseResponseObject, error) {
	details, err := h.store.Case(ctx, r.MerchantID, r.CaseID, value(r.Params.BuyerID))
	if err != nil {
		return nil, err
	}
	out, err := caseFrom(details.Case)
	if err != nil {
		return nil, err
	}
	out.Text, out.EvidenceIds = optional(details.Text), optionalList(details.EvidenceIDs.V)
	if details.Judgement.V != nil {
		judgement := judgementFrom(*details.Judgement.V, h.voice(ctx))
		out.Judgement = &judgement
	}
	return api.GetCase200JSONResponse(out), nil
}

// ListCases returns a page of cases without their judgements and texts.
func (h *Handlers) ListCases(ctx context.Context, r api.ListCasesRequestObject) (api.ListCasesResponseObject, error) {
	p := r.Params
	page, next, err := h.store.List(ctx, r.MerchantID, store.Query{
		BuyerID: value(p.BuyerID), OrderID: value(p.OrderID), Status: string(value(p.Status)), Stage: string(value(p.Stage)),
		Outcome: string(value(p.Outcome)), Awaiting: domain.RolesOf(string(value(p.Awaiting))), NeedsAttention: p.NeedsAttention,
		AttentionReason: value(p.AttentionReason),
		OpenedFrom:      value(p.OpenedFrom), OpenedBefore: value(p.OpenedBefore), Prefix: value(p.Q),
		ByDeadline: value(p.Sort) == api.Deadline, Cursor: value(p.Cursor), Limit: cmp.Or(value(p.Limit), defaultLimit),
	})
	if err != nil {
		return nil, err
	}
	items := make([]api.Case, len(page))
	for i, row := range page {
		if items[i], err = caseFrom(row); err != nil {
			return nil, err
		}
	}
	return api.ListCases200JSONResponse{Items: items, NextCursor: optional(next)}, nil
}

// RecordStep records one step of the case.
func (h *Handlers) RecordStep(ctx context.Context, r api.RecordStepRequestObject) (api.RecordStepResponseObject, error) {
	state, err := stateOf(r.Body.State)
	if err != nil {
		return nil, err
	}
	step, err := domain.NewStep(each(r.Body.Entries, entryOf), state, value(r.Body.Fence))
	if err != nil {
		return nil, err
	}
	recorded, err := h.store.RecordStep(ctx, r.MerchantID, r.CaseID, step)
	if err != nil {
		return nil, err
	}
	h.wake.notify(r.CaseID)
	h.recorded(ctx, r.MerchantID, recorded)
	return api.RecordStep200JSONResponse{Version: recorded.Version}, nil
}

func entryOf(e api.EntryInput) domain.Entry {
	return domain.Entry{
		Number: e.Number, Type: e.Type, At: e.At.UTC(), Actor: actorOf(e.Actor), Rules: value(e.Rules), NoteID: value(e.NoteID),
		Audience: string(cmp.Or(value(e.Audience), api.Everyone)), Data: value(e.Data),
	}
}

// stateOf takes out of the state what cases are found by, and keeps the whole.
func stateOf(s api.CaseState) (domain.State, error) {
	document, err := json.Marshal(s)
	if err != nil {
		return domain.State{}, fmt.Errorf("write the state: %w", err)
	}
	state := domain.State{
		Stage: string(s.Stage), Status: string(s.Status), Outcome: string(value(s.Outcome)), NeedsAttention: s.Attention != nil, Document: document,
	}
	if s.Attention != nil {
		state.AttentionReason = s.Attention.Reason
	}
	if s.Shipment != nil {
		state.TrackingNumber = value(s.Shipment.TrackingNumber)
	}
	for _, action := range s.NextActions {
		state.Awaiting |= domain.RolesOf(action.Actors...)
		if deadline := action.Deadline; deadline != nil && (state.Deadline.IsZero() || deadline.Before(state.Deadline)) {
			state.Deadline = deadline.UTC()
		}
	}
	return state, nil
}

func caseFrom(row store.Case) (api.Case, error) {
	var state api.CaseState
	if err := json.Unmarshal(row.Document.V, &state); err != nil {
		return api.Case{}, fmt.Errorf("read the state of case %s: %w", row.CaseID, err)
	}
	lines, actions := value(state.Lines), state.NextActions
	if lines == nil {
		lines = []api.LineState{}
	}
	if actions == nil {
		actions = []api.NextAction{}
	}
	return api.Case{
		CaseID: row.CaseID, MerchantID: row.MerchantID, OrderID: row.OrderID, BuyerID: row.BuyerID,
		Type: api.CaseType(row.Type), Reason: api.Reason(row.Reason), Channel: optional(row.Channel),
		Stage: state.Stage, Status: state.Status, Outcome: state.Outcome, Lines: lines, NextActions: actions, Attention: state.Attention,
		Refund: state.Refund, Shipment: state.Shipment, Insurance: state.Insurance, Version: row.Version,
		OpenedAt: row.OpenedAt.Time, UpdatedAt: row.UpdatedAt.Time, ClosedAt: row.ClosedAt.Ptr(),
	}, nil
}
