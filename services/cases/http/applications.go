package http

import (
	"cmp"
	"context"

	"aftercare.dev/services/cases/api"
	"aftercare.dev/services/cases/domain"
	"aftercare.dev/services/platform/problem"
)

// StoreApplication keeps what was asked, before a workflow starts.
func (h *Handlers) StoreApplication(ctx context.Context, r api.StoreApplicationRequestObject) (api.StoreApplicationResponseObject, error) {
	in := r.Body
	application := domain.Application{
		Applicant: actorOf(in.Applicant), BuyerID: value(in.BuyerID), OrderID: in.OrderID, Type: string(in.Type), Reason: domain.Reason(in.Reason),
		Channel: string(cmp.Or(value(in.Channel), api.API)), Lines: each(in.Lines, quantityOf),
		Text: value(in.Text), EvidenceIDs: value(in.EvidenceIds),
	}
	if err := application.Validate(); err != nil {
		return nil, err
	}
	judge := value(r.Params.Judge)
	var order domain.Order
	// Who names the buyer, and wants no judgement, is believed: the order need not be read.
	if judge || application.BuyerID == "" || r.Params.BuyerID != nil {
		owner := cmp.Or(value(r.Params.BuyerID), application.BuyerID)
		var err error
		if order, err = h.orders.Order(ctx, r.MerchantID, application.OrderID, owner); err != nil {
			return nil, err
		}
		application.BuyerID = cmp.Or(application.BuyerID, owner, order.BuyerID)
	}
	if judge {
		return h.storeJudged(ctx, r.MerchantID, in.IdempotencyKey, application, order)
	}
	caseID, created, err := h.store.StoreApplication(ctx, r.MerchantID, in.IdempotencyKey, application, nil)
	if err != nil {
		return nil, err
	}
	return api.StoreApplication200JSONResponse{CaseID: caseID, Created: created, BuyerID: application.BuyerID}, nil
}

// storeJudged keeps an application for the order together with its judgement.
func (h *Handlers) storeJudged(ctx context.Context, merchantID, key string, a domain.Application, order domain.Order) (api.StoreApplicationResponseObject, error) {
	judgement, err := h.judge(ctx, merchantID, order, requestOf(a))
	if problem.HasCode(err, domain.CodeUnitsNotAvailable) {
		// They may be those that this very filing holds, sent before: only the key tells.
		caseID, filed, unknown := h.store.Filed(ctx, merchantID, key, a)
		switch {
		case unknown != nil:
			return nil, unknown
		case !filed:
			return nil, err
		}
		return api.StoreApplication200JSONResponse{CaseID: caseID, BuyerID: a.BuyerID}, nil
	}
	if err != nil {
		return nil, err
	}
	caseID, created, err := h.store.StoreApplication(ctx, merchantID, key, a, &judgement)
	if err != nil {
		return nil, err
	}
	shown := judgementFrom(judgement, h.voice(ctx))
	return api.StoreApplication200JSONResponse{CaseID: caseID, Created: created, BuyerID: a.BuyerID, Judgement: &shown}, nil
}

// StoreNote keeps free text and evidence under an id.
func (h *Handlers) StoreNote(ctx context.Context, r api.StoreNoteRequestObject) (api.StoreNoteResponseObject, error) {
	note := domain.Note{Author: actorOf(r.Body.Author), Text: r.Body.Text, EvidenceIDs: value(r.Body.EvidenceIds)}
	if err := note.Validate(); err != nil {
		return nil, err
	}
	noteID, err := h.store.StoreNote(ctx, r.MerchantID, r.CaseID, r.Body.IdempotencyKey, note)
	if err != nil {
		return nil, err
	}
	return api.StoreNote200JSONResponse{NoteID: noteID}, nil
}

// UploadEvidence takes a photo in.
func (h *Handlers) UploadEvidence(ctx context.Context, r api.UploadEvidenceRequestObject) (api.UploadEvidenceResponseObject, error) {
	uploader := domain.Actor{Role: string(r.Params.Role), ID: r.Params.ActorID}
	evidence, err := h.vault.Upload(ctx, r.MerchantID, uploader, r.Body)
	if err != nil {
		return nil, err
	}
	return api.UploadEvidence200JSONResponse{
		EvidenceID: evidence.EvidenceID, ContentType: evidence.ContentType, SizeBytes: evidence.SizeBytes,
		Width: int(evidence.Width), Height: int(evidence.Height),
	}, nil
}

// GetEvidence returns a photo.
func (h *Handlers) GetEvidence(ctx context.Context, r api.GetEvidenceRequestObject) (api.GetEvidenceResponseObject, error) {
	evidence, body, err := h.vault.Open(ctx, r.MerchantID, r.EvidenceID, value(r.Params.BuyerID), value(r.Params.Audience) == api.Everyone)
	if err != nil {
		return nil, err
	}
	return api.GetEvidence200ImageResponse{Body: body, ContentType: evidence.ContentType, ContentLength: evidence.SizeBytes}, nil
}

func actorOf(a api.Actor) domain.Actor { return domain.Actor{Role: string(a.Role), ID: a.ID} }
