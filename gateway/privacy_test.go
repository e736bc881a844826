package gateway_test

import (
	"encoding/json"
	"net/http"
	"slices"
	"strings"
	"testing"

	"aftercare.dev/services/platform/problem"
	"aftercare.dev/workflows/contract"
)

func TestWhoseCourierItIsSeesTheNumberAndStaffSeesItMasked(t *testing.T) {
	w := newWorld(t)
	w.logistics.on("GET /v1/merchants/{merchant}/shipments/case_1-s1/tracking",
		answer(`{"courier":{"name":"李快递","phone":"13900139000"},"scans":[{"at":"2026-11-21T09:00:00Z","text":"李快递 13900139000"}]}`))
	for role, seen := range map[string]bool{
		"buyer": true, "storefront": true, "agent": false, "warehouse": false, "finance": false, "operator": false, "administrator": false,
	} {
		body := w.ask(w.token(owner, role), "GET", "/v1/cases/case_1/tracking", "").is(200, "").body
		if strings.Contains(body, "13900139000") != seen {
			t.Errorf("%s is told %s", role, body)
		}
		if !seen && !strings.Contains(body, "139****9000") {
			t.Errorf("%s is not told the mask: %s", role, body)
		}
	}
}

func TestAContactIsMaskedUnlessSomebodySaysWhyTheyNeedIt(t *testing.T) {
	w := newWorld(t)
	w.order.on("GET /v1/merchants/{merchant}/orders/o1/contact/masked", answer(`{"name":"张*","phone":"138****8000"}`))
	w.order.on("POST /v1/merchants/{merchant}/orders/o1/contact/reveals", answer(`{"name":"张三丰","phone":"13800138000"}`))
	agent := w.token("agent-7", "agent")
	if body := w.ask(agent, "GET", "/v1/orders/o1/contact", "").is(200, "").body; strings.Contains(body, "13800138000") {
		t.Errorf("masked is %s", body)
	}
	w.ask(agent, "POST", "/v1/orders/o1/contact/reveal", `{}`).is(400, "invalid_request").names("reason")
	w.ask(agent, "POST", "/v1/orders/o1/contact/reveal", `{"reason":""}`).is(400, "invalid_request").names("reason")
	if calls := w.order.asked("POST", "/reveals"); len(calls) > 0 {
		t.Errorf("revealed without a reason: %v", calls)
	}
	body := w.ask(agent, "POST", "/v1/orders/o1/contact/reveal", `{"reason":"the parcel came back"}`).is(200, "").body
	if !strings.Contains(body, "13800138000") {
		t.Errorf("revealed is %s", body)
	}
	var said struct {
		Role   string `json:"actor_role"`
		ID     string `json:"actor_id"`
		Reason string `json:"reason"`
	}
	if calls := w.order.asked("POST", "/reveals"); len(calls) != 1 || json.Unmarshal([]byte(calls[0].body), &said) != nil ||
		said.Role != "agent" || said.ID != "agent-7" || said.Reason != "the parcel came back" {
		t.Errorf("%v: %+v", calls, said)
	}
	if calls := w.order.asked("GET", "/contact"); len(calls) > 0 {
		t.Errorf("the gateway asked for the contact unmasked: %v", calls)
	}
}

func TestAPhoneNumberIsInNoURL(t *testing.T) {
	w := newWorld(t)
	w.order.on("POST /v1/merchants/{merchant}/contact-searches", answer(`{"items":[]}`))
	w.ask(w.token("agent-7", "agent"), "POST", "/v1/contact-searches", `{"phone":"13800138000"}`).is(200, "")
	for _, c := range w.order.calls {
		if strings.Contains(c.path, "138001") || len(c.query) > 0 {
			t.Errorf("%s %v", c.path, c.query)
		}
	}
	w.ask(w.token("agent-7", "agent"), "POST", "/v1/contact-searches", `{"phone":"110"}`).is(400, "invalid_request").names("phone")
}

func TestABuyerIsForgottenByAWorkflowThatKnowsIdsOnly(t *testing.T) {
	w := newWorld(t)
	w.cases.on("PUT /v1/merchants/{merchant}/buyers/b1/erasure", answer(`{"buyer_id":"b1","state":"running","requested_at":"2026-11-21T09:00:00Z"}`))
	admin := w.token("admin-1", "administrator")
	w.ask(admin, "POST", "/v1/buyers/b1/erasure", "").is(202, "")
	if len(w.temporal.starts) != 1 || w.temporal.starts[0].ID != "erase/m1/b1" ||
		!slices.Equal(w.temporal.inputs, []any{contract.BuyerRef{MerchantID: "m1", BuyerID: "b1"}}) {
		t.Errorf("%+v %+v", w.temporal.starts, w.temporal.inputs)
	}
	if calls := w.cases.asked("PUT", "/erasure"); len(calls) != 1 || !strings.Contains(calls[0].body, "admin-1") {
		t.Errorf("%v", calls)
	}
}

func TestABuyerWithAnOpenCaseIsNotForgotten(t *testing.T) {
	w := newWorld(t)
	w.cases.on("PUT /v1/merchants/{merchant}/buyers/b1/erasure", refusing(problem.Conflict("buyer_has_open_cases", "a case is open")))
	w.ask(w.token("shop-1", "storefront"), "POST", "/v1/buyers/b1/erasure", "").is(409, "buyer_has_open_cases")
	w.unmoved()
}

func TestAnExportHasWhatEveryServiceKeepsPageByPage(t *testing.T) {
	w := newWorld(t)
	w.order.on("GET /v1/merchants/{merchant}/buyers/b1/personal-data", paged(map[string]string{
		"":   `{"items":[{"order_id":"o1","placed_at":"2026-11-21T09:00:00Z","contact":{"name":"张三丰"}}],"more":true}`,
		"o1": `{"items":[{"order_id":"o2","placed_at":"2026-11-21T09:00:00Z"}],"more":false}`,
	}))
	w.logistics.on("POST /v1/merchants/{merchant}/personal-data/exports",
		answer(`{"contacts":[],"couriers":[{"shipment_id":"s1","name":"李快递"}]}`))
	w.cases.on("GET /v1/merchants/{merchant}/buyers/b1/personal-data",
		answer(`{"items":[{"case_id":"case_1","order_id":"o1","filed_at":"2026-11-21T09:00:00Z","text":"too small","notes":[],"evidence_ids":[]}],"more":false}`))
	w.notification.on("GET /v1/merchants/{merchant}/inbox", answer(`{"items":[]}`))
	body := w.ask(w.token("shop-1", "storefront"), "GET", "/v1/buyers/b1/personal-data", "").is(200, "").body
	for _, part := range []string{`"o1"`, `"o2"`, "张三丰", "李快递", "too small", `"messages":[]`} {
		if !strings.Contains(body, part) {
			t.Errorf("no %s in %s", part, body)
		}
	}
	for _, c := range w.order.asked("GET", "/personal-data") {
		if c.query["actor_id"][0] != "shop-1" || c.query["actor_role"][0] != "storefront" {
			t.Errorf("who asked is not told: %v", c.query)
		}
	}
}

// paged answers by the page after which is asked.
func paged(pages map[string]string) http.HandlerFunc {
	return func(out http.ResponseWriter, r *http.Request) {
		reply(out, http.StatusOK, pages[r.URL.Query().Get("after")])
	}
}
