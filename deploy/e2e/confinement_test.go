package e2e

import (
	"bytes"
	"image"
	"image/png"
	"net/http"
	"testing"

	"github.com/stretchr/testify/require"

	cases "aftercare.dev/services/cases/api"
	notification "aftercare.dev/services/notification/api"
	order "aftercare.dev/services/order/api"
)

// photo is a small one.
func photo(t testing.TB) []byte {
	t.Helper()
	var b bytes.Buffer
	require.NoError(t, png.Encode(&b, image.NewRGBA(image.Rect(0, 0, 8, 8))))
	return b.Bytes()
}

// upload keeps a photo and returns its id.
func upload(who *person) string {
	who.t.Helper()
	stored := who.post("/v1/evidence", photo(who.t), "Content-Type", "application/octet-stream")
	require.Equalf(who.t, http.StatusCreated, stored.status, "%s", stored.body)
	return into[cases.Evidence](stored).EvidenceID
}

func TestABuyerSeesWhatIsTheirsAndNothingElse(t *testing.T) {
	t.Parallel()
	s := newShop(t, shared)
	mine, theirs := s.buyer("b1"), s.buyer("b2")
	o, other := s.sell("b1", once), s.sell("b2", once)
	picture := upload(mine)
	in := application(o)
	in["evidence_ids"] = []string{picture}
	c := into[cases.Case](mine.post("/v1/cases", in, key()...))
	elsewhere := s.file(application(other))
	does(mine, c.CaseID, "ship", selfShip())
	eventually(t, "the inbox knows", func() bool {
		return len(into[notification.InboxPage](mine.get("/v1/inbox")).Items) > 0
	})

	require.Equal(t, []string{c.CaseID}, caseIDs(into[cases.CasePage](mine.get("/v1/cases")).Items))
	require.Equal(t, []string{elsewhere.CaseID}, caseIDs(into[cases.CasePage](theirs.get("/v1/cases")).Items))
	require.Empty(t, into[cases.CasePage](theirs.get("/v1/cases?order_id="+o)).Items)
	for _, m := range into[notification.InboxPage](theirs.get("/v1/inbox")).Items {
		require.Equal(t, elsewhere.CaseID, m.CaseID)
	}
	sold := into[order.OrderPage](theirs.get("/v1/orders")).Items
	require.Len(t, sold, 1)
	require.Equal(t, other, sold[0].OrderID)
	for who, stranger := range map[string]*person{
		"another buyer":             theirs,
		"a buyer of another shop":   shared.as(t, "m-other", "buyer", "b1"),
		"a storefront of another":   shared.as(t, "m-other", "storefront", "storefront-1"),
		"an administrator of those": shared.as(t, "m-other", "administrator", "administrator-1"),
	} {
		for path, code := range map[string]string{
			"/v1/cases/" + c.CaseID: "case_not_found", "/v1/cases/" + c.CaseID + "/timeline": "case_not_found",
			"/v1/cases/" + c.CaseID + "/events": "case_not_found", "/v1/cases/" + c.CaseID + "/tracking": "case_not_found",
			"/v1/evidence/" + picture: "evidence_not_found", "/v1/orders/" + o: "order_not_found",
		} {
			t.Run(who+" "+path[:9], func(t *testing.T) { (&person{t, stranger.url, stranger.token}).get(path).is(404, code) })
		}
	}
	for _, action := range []string{"withdraw", "ship", "notes"} {
		body := map[string]any{}
		switch action {
		case "ship":
			body = selfShip()
		case "notes":
			body["note"] = "mine now"
		}
		act(theirs, c.CaseID, action, body).is(404, "case_not_found")
	}
	theirs.post("/v1/cases", application(o), key()...).is(404, "order_not_found")
	theirs.post("/v1/previews", application(o)).is(404, "order_not_found")
	require.NotContains(t, string(theirs.get("/v1/cases?buyer_id=b1").fine().body), c.CaseID, "a filter opens nothing")
	require.NotContains(t, string(theirs.get("/v1/orders?buyer_id=b1").fine().body), o)
	require.Equal(t, http.StatusOK, mine.get("/v1/evidence/"+picture).status)
}

func caseIDs(all []cases.Case) []string {
	found := make([]string, 0, len(all))
	for _, c := range all {
		found = append(found, c.CaseID)
	}
	return found
}
