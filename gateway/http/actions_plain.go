package http

import (
	"context"

	"aftercare.dev/gateway/api"
	"aftercare.dev/workflows/contract"
)

// The actions that have no content but what every action has.

// ApproveCase lets the return go ahead.
func (h *Handlers) ApproveCase(ctx context.Context, r api.ApproveCaseRequestObject) (api.ApproveCaseResponseObject, error) {
	b := r.Body
	return h.act(ctx, contract.ActionApprove, action{r.CaseID, r.Params.IdempotencyKey, b, b.Version, b.Note, b.EvidenceIds},
		func(e contract.Envelope) (contract.Act, error) { return contract.Approve{Envelope: e}, nil })
}

// RequestInfo asks the buyer for more.
func (h *Handlers) RequestInfo(ctx context.Context, r api.RequestInfoRequestObject) (api.RequestInfoResponseObject, error) {
	b := r.Body
	return h.act(ctx, contract.ActionRequestInfo, action{r.CaseID, r.Params.IdempotencyKey, b, b.Version, &b.Note, b.EvidenceIds},
		func(e contract.Envelope) (contract.Act, error) { return contract.RequestInfo{Envelope: e}, nil })
}

// ProvideInfo answers the request for more.
func (h *Handlers) ProvideInfo(ctx context.Context, r api.ProvideInfoRequestObject) (api.ProvideInfoResponseObject, error) {
	b := r.Body
	return h.act(ctx, contract.ActionProvideInfo, action{r.CaseID, r.Params.IdempotencyKey, b, b.Version, &b.Note, b.EvidenceIds},
		func(e contract.Envelope) (contract.Act, error) { return contract.ProvideInfo{Envelope: e}, nil })
}

// AnswerRejection answers a rejection.
func (h *Handlers) AnswerRejection(ctx context.Context, r api.AnswerRejectionRequestObject) (api.AnswerRejectionResponseObject, error) {
	b := r.Body
	return h.act(ctx, contract.ActionAnswerRejection, action{r.CaseID, r.Params.IdempotencyKey, b, b.Version, &b.Note, b.EvidenceIds},
		func(e contract.Envelope) (contract.Act, error) { return contract.AnswerRejection{Envelope: e}, nil })
}

// WithdrawCase ends the case on the buyer's wish.
func (h *Handlers) WithdrawCase(ctx context.Context, r api.WithdrawCaseRequestObject) (api.WithdrawCaseResponseObject, error) {
	b := r.Body
	return h.act(ctx, contract.ActionWithdraw, action{r.CaseID, r.Params.IdempotencyKey, b, b.Version, b.Note, b.EvidenceIds},
		func(e contract.Envelope) (contract.Act, error) { return contract.Withdraw{Envelope: e}, nil })
}

// CancelPickup calls the courier off.
func (h *Handlers) CancelPickup(ctx context.Context, r api.CancelPickupRequestObject) (api.CancelPickupResponseObject, error) {
	b := r.Body
	return h.act(ctx, contract.ActionCancelPickup, action{r.CaseID, r.Params.IdempotencyKey, b, b.Version, b.Note, b.EvidenceIds},
		func(e contract.Envelope) (contract.Act, error) { return contract.CancelPickup{Envelope: e}, nil })
}

// AgreeToInspection ends the time to contest early.
func (h *Handlers) AgreeToInspection(ctx context.Context, r api.AgreeToInspectionRequestObject) (api.AgreeToInspectionResponseObject, error) {
	b := r.Body
	return h.act(ctx, contract.ActionAgree, action{r.CaseID, r.Params.IdempotencyKey, b, b.Version, b.Note, b.EvidenceIds},
		func(e contract.Envelope) (contract.Act, error) { return contract.Agree{Envelope: e}, nil })
}

// ContestInspection says no to the inspection.
func (h *Handlers) ContestInspection(ctx context.Context, r api.ContestInspectionRequestObject) (api.ContestInspectionResponseObject, error) {
	b := r.Body
	return h.act(ctx, contract.ActionContest, action{r.CaseID, r.Params.IdempotencyKey, b, b.Version, &b.Note, b.EvidenceIds},
		func(e contract.Envelope) (contract.Act, error) { return contract.Contest{Envelope: e}, nil })
}

// RetryCase tries the stuck step again.
func (h *Handlers) RetryCase(ctx context.Context, r api.RetryCaseRequestObject) (api.RetryCaseResponseObject, error) {
	b := r.Body
	return h.act(ctx, contract.ActionRetry, action{r.CaseID, r.Params.IdempotencyKey, b, b.Version, b.Note, b.EvidenceIds},
		func(e contract.Envelope) (contract.Act, error) { return contract.Retry{Envelope: e}, nil })
}

// SkipStep goes on without the stuck step.
func (h *Handlers) SkipStep(ctx context.Context, r api.SkipStepRequestObject) (api.SkipStepResponseObject, error) {
	b := r.Body
	return h.act(ctx, contract.ActionSkip, action{r.CaseID, r.Params.IdempotencyKey, b, b.Version, &b.Note, b.EvidenceIds},
		func(e contract.Envelope) (contract.Act, error) { return contract.Skip{Envelope: e}, nil })
}

// ResolveCase ends the case by hand.
func (h *Handlers) ResolveCase(ctx context.Context, r api.ResolveCaseRequestObject) (api.ResolveCaseResponseObject, error) {
	b := r.Body
	return h.act(ctx, contract.ActionResolve, action{r.CaseID, r.Params.IdempotencyKey, b, b.Version, &b.Note, b.EvidenceIds},
		func(e contract.Envelope) (contract.Act, error) { return contract.Resolve{Envelope: e}, nil })
}
