package gateway_test

import (
	"net/http"
	"testing"

	"github.com/stretchr/testify/require"
)

const aDifference = `{"difference_id":"d1","kind":"unknown_refund","state":"told","provider":"wechatpay","merchant_id":"m1","order_id":"o1",
	"case_id":"case_1","refund_id":"","refund_number":"W1","provider_reference":"509","payment_id":"p1","payment_reference":"T1",
	"amount":{"amount":0,"currency":"CNY"},"provider_amount":{"amount":5,"currency":"CNY"},"overpaid":{"amount":0,"currency":"CNY"},
	"created_at":"2026-11-21T09:00:00Z"}`

func TestFinanceResolvesADifferenceWithANoteOnItsCase(t *testing.T) {
	w := newWorld(t)
	w.payment.on("GET /v1/merchants/m1/differences", answer(`{"items":[`+aDifference+`]}`))
	w.payment.on("GET /v1/merchants/m1/differences/d1", answer(aDifference))
	w.payment.on("POST /v1/merchants/m1/differences/d1/resolve", answer(aDifference))
	finance := w.token("f1", "finance")

	require.Contains(t, w.ask(finance, "GET", "/v1/differences?state=told&case_id=case_1&limit=5", "").is(http.StatusOK, "").body, `"refund_number":"W1"`)
	asked := w.payment.asked("GET", "/differences")
	require.Equal(t, []string{"told"}, asked[0].query["state"])
	require.Equal(t, []string{"case_1"}, asked[0].query["case_id"])

	for range 2 {
		w.ask(finance, "POST", "/v1/differences/d1/resolve", `{"note":"paid by hand on the shop's pages"}`).is(http.StatusOK, "")
	}
	notes := w.cases.asked("POST", "/cases/case_1/notes")
	require.Len(t, notes, 2)
	require.Contains(t, notes[0].body, "paid by hand")
	require.Equal(t, notes[0].body, notes[1].body, "the same words are the same note")
	resolved := w.payment.asked("POST", "/resolve")
	require.JSONEq(t, `{"actor_id":"f1","note_id":"note_1"}`, resolved[0].body)

	w.ask(finance, "POST", "/v1/differences/d1/resolve", `{}`).is(http.StatusOK, "")
	require.JSONEq(t, `{"actor_id":"f1"}`, w.payment.asked("POST", "/resolve")[2].body)
	w.ask(w.token("a1", "agent"), "POST", "/v1/differences/d1/resolve", `{}`).is(http.StatusForbidden, "forbidden")
}

func TestADifferenceWithoutACaseTakesNoNote(t *testing.T) {
	w := newWorld(t)
	nowhere := `{"difference_id":"d1","kind":"unknown_refund","state":"told","provider":"wechatpay","merchant_id":"m1","order_id":"o1","case_id":"",
		"amount":{"amount":0,"currency":"CNY"},"provider_amount":{"amount":5,"currency":"CNY"},"overpaid":{"amount":0,"currency":"CNY"}}`
	w.payment.on("GET /v1/merchants/m1/differences/d1", answer(nowhere))
	w.ask(w.token("f1", "finance"), "POST", "/v1/differences/d1/resolve", `{"note":"x"}`).is(http.StatusUnprocessableEntity, "no_case_for_note")
	require.Empty(t, w.payment.asked("POST", "/resolve"))
}
