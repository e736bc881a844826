package http

import (
	"context"
	"net/http"
	"sync"
	"time"

	"aftercare.dev/gateway/access"
	"aftercare.dev/gateway/api"
	cases "aftercare.dev/services/cases/api"
	"aftercare.dev/services/platform/problem"
	"aftercare.dev/workflows/contract"
)

const (
	// maxActed is how many cases one request acts on.
	maxActed = 500
	// actedAtOnce is how many of them are under way at once.
	actedAtOnce = 8
	// actedFor bounds the acting, so that there is time to answer. What was not done by then has failed, and is done when the
	// request is repeated.
	actedFor = 20 * time.Second
)

// operatorAct is the update of an action that can be done on many cases.
func operatorAct(action api.CasesActionInputAction) build {
	return func(e contract.Envelope) (contract.Act, error) {
		switch action {
		case api.CasesActionInputActionSkip:
			return contract.Skip{Envelope: e}, nil
		case api.CasesActionInputActionResolve:
			return contract.Resolve{Envelope: e}, nil
		default:
			return contract.Retry{Envelope: e}, nil
		}
	}
}

// ActOnCases does one action on many cases of the merchant. Each has its own result.
func (h *Handlers) ActOnCases(ctx context.Context, r api.ActOnCasesRequestObject) (api.ActOnCasesResponseObject, error) {
	in := *r.Body
	if (in.CaseIds == nil) == (in.Filter == nil) {
		return nil, problem.Invalid("case_ids", "name the cases by case_ids or by filter, one of the two")
	}
	ids, more := value(in.CaseIds), false
	if in.Filter != nil {
		var err error
		if ids, more, err = h.needingAttention(ctx, *in.Filter); err != nil {
			return nil, err
		}
	}
	ctx, cancel := context.WithTimeout(ctx, actedFor)
	defer cancel()
	results := make([]api.CaseActionResult, len(ids))
	var acting sync.WaitGroup
	free := make(chan struct{}, actedAtOnce)
	for i, id := range ids {
		free <- struct{}{}
		acting.Go(func() {
			defer func() { <-free }()
			results[i] = h.actOnCase(ctx, id, r.Params.IdempotencyKey, in)
		})
	}
	acting.Wait()
	return api.ActOnCases200JSONResponse{Items: results, More: more}, nil
}

// actOnCase is the action on one of the cases. What makes a repetition recognisable is the action and the note, not which
// other cases were in the request: a filter finds others the next time.
func (h *Handlers) actOnCase(ctx context.Context, caseID, key string, in api.CasesActionInput) api.CaseActionResult {
	content := map[string]string{"action": string(in.Action), "note": in.Note}
	done, err := h.act(ctx, contract.Action(in.Action), action{caseID: caseID, key: &key, body: content, note: &in.Note}, operatorAct(in.Action))
	result := api.CaseActionResult{CaseID: caseID, Result: api.Done}
	switch p, known := problem.As(err); {
	case err == nil && done.body == nil:
		result.Result = api.Accepted
	case err == nil:
		stage := string(done.body.Stage)
		result.Stage = &stage
	case known && p.Status < http.StatusInternalServerError:
		result.Result, result.Code, result.Detail = api.Refused, &p.Code, &p.Detail
	default:
		h.Log.WarnContext(ctx, "an action on many cases failed on one", "case_id", caseID, "error", err)
		code, detail := problem.CodeUnavailable, "nobody answered in time; repeat the request with the same Idempotency-Key"
		result.Result, result.Code, result.Detail = api.Failed, &code, &detail
	}
	return result
}

// needingAttention finds the cases to act on, the oldest deadline first. more tells that there are others.
func (h *Handlers) needingAttention(ctx context.Context, f api.AttentionFilter) (ids []string, more bool, err error) {
	yes, limit, sort := true, 100, cases.Deadline
	params := cases.ListCasesParams{NeedsAttention: &yes, AttentionReason: f.Reason, Stage: f.Stage, Sort: &sort, Limit: &limit}
	for {
		page, err := read(h.Services.Cases.ListCasesWithResponse(ctx, access.From(ctx).MerchantID, &params))
		if err != nil {
			return nil, false, err
		}
		for _, c := range page.Items {
			ids = append(ids, c.CaseID)
		}
		if page.NextCursor == nil || len(ids) >= maxActed {
			return ids, page.NextCursor != nil, nil
		}
		params.Cursor = page.NextCursor
	}
}

// CountAttention counts the cases that need attention, by reason.
func (h *Handlers) CountAttention(ctx context.Context, _ api.CountAttentionRequestObject) (api.CountAttentionResponseObject, error) {
	counts, err := read(h.Services.Cases.CountAttentionWithResponse(ctx, access.From(ctx).MerchantID))
	return api.CountAttention200JSONResponse(counts), err
}

// ListFindings returns what the last sweep found of the merchant.
func (h *Handlers) ListFindings(ctx context.Context, _ api.ListFindingsRequestObject) (api.ListFindingsResponseObject, error) {
	found, err := read(h.Services.Cases.ListFindingsWithResponse(ctx, access.From(ctx).MerchantID))
	return api.ListFindings200JSONResponse(found), err
}
