package http

import (
	"cmp"
	"context"
	"math"
	"time"

	"aftercare.dev/services/cases/api"
	"aftercare.dev/services/cases/store"
	"aftercare.dev/services/platform/database"
)

// PutFindings keeps what a sweep found.
func (h *Handlers) PutFindings(ctx context.Context, r api.PutFindingsRequestObject) (api.PutFindingsResponseObject, error) {
	found := each(r.Body.Items, func(f api.FindingInput) store.Finding {
		return store.Finding{
			MerchantID: f.MerchantID, Kind: string(f.Kind), WorkflowID: f.WorkflowID, CaseID: value(f.CaseID), Code: f.Code,
			Since: database.At(f.Since),
		}
	})
	if err := h.store.PutFindings(ctx, r.Body.FinishedAt, r.Body.Total, found); err != nil {
		return nil, err
	}
	return api.PutFindings204Response{}, nil
}

// ListFindings returns what the last sweep found of a merchant.
func (h *Handlers) ListFindings(ctx context.Context, r api.ListFindingsRequestObject) (api.ListFindingsResponseObject, error) {
	found, finishedAt, err := h.store.Findings(ctx, r.MerchantID)
	if err != nil {
		return nil, err
	}
	return api.ListFindings200JSONResponse{
		FinishedAt: optional(finishedAt),
		Items: each(found, func(f store.Finding) api.Finding {
			return api.Finding{Kind: api.FindingKind(f.Kind), CaseID: f.CaseID, WorkflowID: f.WorkflowID, Since: f.Since.Time, Code: f.Code}
		}),
	}, nil
}

// ListOpenCases returns a page of the open cases of all merchants.
func (h *Handlers) ListOpenCases(ctx context.Context, r api.ListOpenCasesRequestObject) (api.ListOpenCasesResponseObject, error) {
	p := r.Params
	page, err := h.store.OpenCases(ctx, value(p.AfterMerchantID), value(p.AfterCaseID), cmp.Or(value(p.Limit), defaultLimit))
	if err != nil {
		return nil, err
	}
	items := make([]api.OpenCase, len(page))
	for i, row := range page {
		if items[i], err = openCaseFrom(row); err != nil {
			return nil, err
		}
	}
	return api.ListOpenCases200JSONResponse{Items: items}, nil
}

func openCaseFrom(row store.Case) (api.OpenCase, error) {
	c, err := caseFrom(row)
	if err != nil {
		return api.OpenCase{}, err
	}
	open := api.OpenCase{
		MerchantID: row.MerchantID, CaseID: row.CaseID, Stage: api.Stage(row.Stage), Version: row.Version,
		NeedsAttention: row.NeedsAttention != 0, UpdatedAt: row.UpdatedAt.Time,
	}
	for _, next := range c.NextActions {
		open.Expected = open.Expected || len(next.Actors) > 0
	}
	if row.Deadline != math.MaxInt64 {
		open.Deadline = optional(time.UnixMicro(row.Deadline).UTC())
	}
	return open, nil
}

// CountAttention counts the cases that need attention, by reason.
func (h *Handlers) CountAttention(ctx context.Context, r api.CountAttentionRequestObject) (api.CountAttentionResponseObject, error) {
	counts, err := h.store.Attention(ctx, r.MerchantID)
	if err != nil {
		return nil, err
	}
	return api.CountAttention200JSONResponse{Items: each(counts, func(c store.AttentionCount) api.AttentionCount {
		return api.AttentionCount{Reason: c.Reason, Cases: c.Cases}
	})}, nil
}
