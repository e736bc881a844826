package gateway_test

import (
	"net/http"
	"slices"
	"strings"
	"testing"
)

var everyRole = []string{"storefront", "buyer", "agent", "warehouse", "finance", "operator", "administrator"}

// untouched fails the test if a service was asked or a workflow was reached.
func (w *world) untouched() {
	w.t.Helper()
	for _, s := range []*service{w.order, w.cases, w.logistics, w.payment, w.notification} {
		if len(s.calls) > 0 {
			w.t.Errorf("a service was asked: %s %s", s.calls[0].method, s.calls[0].path)
		}
	}
	w.unmoved()
}

// unmoved fails the test if a workflow was reached.
func (w *world) unmoved() {
	w.t.Helper()
	if n := len(w.temporal.updates) + len(w.temporal.signals) + len(w.temporal.starts); n > 0 {
		w.t.Errorf("workflows were reached %d times", n)
	}
}

func TestEveryListOfABuyerIsTheirsWhateverTheyAskFor(t *testing.T) {
	w := newWorld(t)
	w.order.on("GET /v1/merchants/{merchant}/orders", answer(`{"items":[]}`))
	w.cases.on("GET /v1/merchants/{merchant}/cases", answer(`{"items":[]}`))
	w.cases.on("GET /v1/merchants/{merchant}/evidence/ev_1", photo)
	w.notification.on("GET /v1/merchants/{merchant}/inbox", answer(`{"items":[]}`))
	token := w.token(owner, "buyer")
	w.ask(token, "GET", "/v1/orders?buyer_id="+stranger, "").is(200, "")
	w.ask(token, "GET", "/v1/cases?buyer_id="+stranger+"&status=open", "").is(200, "")
	w.ask(token, "GET", "/v1/evidence/ev_1", "").is(200, "")
	w.ask(token, "GET", "/v1/inbox", "").is(200, "")
	for _, c := range slices.Concat(w.order.asked("GET", "/orders"), w.cases.asked("GET", "/cases"), w.cases.asked("GET", "/ev_1")) {
		if !slices.Equal(c.query["buyer_id"], []string{owner}) {
			t.Errorf("%s was asked for %v", c.path, c.query["buyer_id"])
		}
	}
	if c := w.notification.asked("GET", "/inbox"); len(c) != 1 || !slices.Equal(c[0].query["recipient_id"], []string{owner}) {
		t.Errorf("the inbox of %v", c)
	}
	w.ask(token, "GET", "/v1/cases?needs_attention=true", "").is(400, "invalid_request").names("needs_attention")
}

func photo(out http.ResponseWriter, _ *http.Request) {
	out.Header().Set("Content-Type", "image/png")
	_, _ = out.Write([]byte("\x89PNG"))
}

func TestStaffAndStorefrontSeeAllOfTheMerchant(t *testing.T) {
	w := newWorld(t)
	w.cases.on("GET /v1/merchants/{merchant}/cases", answer(`{"items":[]}`))
	for _, role := range []string{"storefront", "agent"} {
		w.ask(w.token("s1", role), "GET", "/v1/cases?buyer_id="+stranger, "").is(200, "")
		w.ask(w.token("s1", role), "GET", "/v1/cases/"+caseID, "").is(200, "")
	}
	for _, c := range w.cases.asked("GET", "/cases") {
		if !slices.Equal(c.query["buyer_id"], []string{stranger}) || c.path != "/v1/merchants/m1/cases" {
			t.Errorf("asked %s for %v", c.path, c.query["buyer_id"])
		}
	}
	for _, c := range w.cases.asked("GET", caseID) {
		if c.query["buyer_id"] != nil {
			t.Errorf("confined to %v", c.query["buyer_id"])
		}
	}
}

func TestWhyACaseIsStuckIsNotForBuyers(t *testing.T) {
	w := newWorld(t)
	for role, seen := range map[string]bool{"buyer": false, "agent": true, "operator": true} {
		answer := w.ask(w.token(owner, role), "GET", "/v1/cases/"+caseID, "").is(200, "")
		if got := answer.member("attention") != nil; got != seen {
			t.Errorf("%s sees attention: %v", role, got)
		}
	}
}

func TestWhatStaffSaysAmongThemselvesIsNotForBuyersOrStorefronts(t *testing.T) {
	const timeline = `{"status":"open","version":2,"entries":[
		{"number":1,"type":"case.approved","at":"2026-11-21T09:00:00Z","actor":{"role":"agent","id":"agent-7"},"audience":"everyone","title":"Approved"},
		{"number":2,"type":"case.note_added","at":"2026-11-21T09:00:00Z","actor":{"role":"agent","id":"agent-7"},"audience":"staff","title":"Note","note":{"note_id":"n","text":"a difficult customer"}}]}`
	w := newWorld(t)
	w.cases.on("GET /v1/merchants/{merchant}/cases/case_1/timeline", answer(timeline))
	for role, want := range map[string][2]bool{"buyer": {false, false}, "storefront": {false, true}, "agent": {true, true}} {
		body := w.ask(w.token(owner, role), "GET", "/v1/cases/"+caseID+"/timeline", "").is(200, "").body
		if got := strings.Contains(body, "difficult"); got != want[0] {
			t.Errorf("%s reads the internal note: %v", role, got)
		}
		if got := strings.Contains(body, "agent-7"); got != want[1] {
			t.Errorf("%s sees which agent it was: %v", role, got)
		}
	}
	for _, role := range []string{"buyer", "storefront"} {
		w.ask(w.token(owner, role), "POST", "/v1/cases/"+caseID+"/notes", `{"note":"x","internal":true}`, "Idempotency-Key", key).
			is(403, "forbidden").names("internal")
	}
	w.unmoved()
}

func TestTheServicesAreAskedWithTheTokenBetweenUsAndInTheLanguageOfTheClient(t *testing.T) {
	w := newWorld(t)
	w.ask(w.token(owner, "buyer"), "GET", "/v1/cases/"+caseID, "", "Accept-Language", "zh-CN").is(200, "")
	c := w.cases.asked("GET", caseID)[0]
	if c.header.Get("Authorization") != "Bearer between-us" || c.header.Get("Accept-Language") != "zh-CN" {
		t.Errorf("asked with %v", c.header)
	}
}
