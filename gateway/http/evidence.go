package http

import (
	"bytes"
	"context"
	"net/http"

	"aftercare.dev/gateway/access"
	"aftercare.dev/gateway/api"
	cases "aftercare.dev/services/cases/api"
	"aftercare.dev/services/platform/httpclient"
)

// UploadEvidence streams a photo to the cases service.
func (h *Handlers) UploadEvidence(ctx context.Context, r api.UploadEvidenceRequestObject) (api.UploadEvidenceResponseObject, error) {
	caller := access.From(ctx)
	evidence, err := read(h.Services.Cases.UploadEvidenceWithBodyWithResponse(ctx, caller.MerchantID,
		&cases.UploadEvidenceParams{Role: cases.Role(caller.Role), ActorID: caller.Subject}, "application/octet-stream", r.Body))
	if err != nil {
		return nil, err
	}
	return api.UploadEvidence201JSONResponse(evidence), nil
}

// GetEvidence returns a photo; to a buyer only one that they uploaded or that a case of theirs shows to everyone, to a
// storefront none that is for staff.
func (h *Handlers) GetEvidence(ctx context.Context, r api.GetEvidenceRequestObject) (api.GetEvidenceResponseObject, error) {
	caller := access.From(ctx)
	wanted := cases.GetEvidenceParams{BuyerID: caller.Owner()}
	if !caller.Staff() {
		everyone := cases.Everyone
		wanted.Audience = &everyone
	}
	photo, err := h.Services.Cases.GetEvidenceWithResponse(ctx, caller.MerchantID, r.EvidenceID, &wanted)
	if err != nil {
		return nil, err
	}
	if err := public(httpclient.CheckStatus(photo.StatusCode(), photo.Body)); err != nil {
		return nil, err
	}
	return image{kind: photo.ContentType(), content: photo.Body}, nil
}

// image is a photo that a browser shows and does not interpret otherwise.
type image struct {
	kind    string
	content []byte
}

// VisitGetEvidenceResponse implements api.GetEvidenceResponseObject.
func (i image) VisitGetEvidenceResponse(w http.ResponseWriter) error {
	header := w.Header()
	header.Set("Content-Security-Policy", "sandbox; default-src 'none'")
	header.Set("Content-Disposition", "inline")
	return api.GetEvidence200ImageResponse{
		Body: bytes.NewReader(i.content), ContentType: i.kind, ContentLength: int64(len(i.content)),
	}.VisitGetEvidenceResponse(w)
}
