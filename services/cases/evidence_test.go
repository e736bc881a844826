package cases_test

import (
	"bytes"
	"image"
	"image/png"
	"io"
	"strings"
	"testing"

	"aftercare.dev/services/cases/api"
)

func photoOf(t *testing.T) []byte {
	t.Helper()
	var b bytes.Buffer
	if err := png.Encode(&b, image.NewGray(image.Rect(0, 0, 40, 30))); err != nil {
		t.Fatal(err)
	}
	return b.Bytes()
}

func (w *world) upload(t *testing.T, actorID string, body io.Reader) *api.UploadEvidenceResponse {
	t.Helper()
	answer, err := w.UploadEvidenceWithBodyWithResponse(t.Context(), "m1", &api.UploadEvidenceParams{Role: api.RoleBuyer, ActorID: actorID}, "application/octet-stream", body)
	if err != nil {
		t.Fatal(err)
	}
	return answer
}

func TestAPhotoIsForItsOwnerAndTheCaseOfItsBuyer(t *testing.T) {
	w := start(t)
	mine := check(t, w.upload(t, "b1", bytes.NewReader(photoOf(t))), nil).JSON200
	if mine.ContentType != "image/png" || mine.Width != 40 || mine.Height != 30 {
		t.Errorf("%+v", mine)
	}
	for buyerID, want := range map[string]int{"b1": 200, "b2": 404} {
		got, err := w.GetEvidenceWithResponse(t.Context(), "m1", mine.EvidenceID, &api.GetEvidenceParams{BuyerID: &buyerID})
		if err != nil || got.StatusCode() != want {
			t.Fatalf("%s: %d, %v", buyerID, got.StatusCode(), err)
		}
		if want == 200 && (int64(len(got.Body)) != mine.SizeBytes || got.HTTPResponse.Header.Get("Content-Type") != "image/png") {
			t.Errorf("%d bytes of %s", len(got.Body), got.HTTPResponse.Header.Get("Content-Type"))
		}
	}
	theirs := check(t, w.upload(t, "b2", bytes.NewReader(photoOf(t))), nil).JSON200
	answer, err := w.StoreApplicationWithResponse(t.Context(), "m1", nil, api.ApplicationInput{
		IdempotencyKey: "key-00001", Applicant: buyer("b1"), BuyerID: new("b1"), OrderID: "o1", Type: api.ReturnRefund, Reason: "defective",
		Lines: []api.LineQuantity{{LineID: "l1", Quantity: 1}}, EvidenceIds: &[]string{mine.EvidenceID, theirs.EvidenceID},
	})
	if err != nil {
		t.Fatal(err)
	}
	refused(t, answer.StatusCode(), answer.Body, 422, "evidence_not_available", "evidence_ids")
	w.apply(t, "key-00002", func(in *api.ApplicationInput) { in.EvidenceIds = &[]string{mine.EvidenceID} })
}

func TestAnUploadThatIsNoPhotoOrTooLargeIsRefused(t *testing.T) {
	w := start(t)
	page := w.upload(t, "b1", strings.NewReader("<html>"))
	refused(t, page.StatusCode(), page.Body, 422, "evidence_unreadable", "body")
	for name, body := range map[string]io.Reader{
		"announced": bytes.NewReader(make([]byte, 1<<20+1)),
		"streamed":  io.MultiReader(bytes.NewReader(make([]byte, 1<<20)), strings.NewReader("x")),
	} {
		large := w.upload(t, "b1", body)
		if e := refused(t, large.StatusCode(), large.Body, 413, "too_large", ""); e.Meta["limit"] != float64(1<<20) {
			t.Errorf("%s: the limit is not named: %+v", name, e.Meta)
		}
	}
}
