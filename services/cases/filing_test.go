package cases_test

import (
	"testing"

	"aftercare.dev/services/cases/api"
)

func TestAFilingIsJudgedAndKeptInOneRequest(t *testing.T) {
	w := start(t)
	file := func(quantity int64, text string) *api.StoreApplicationResponse {
		answer, err := w.StoreApplicationWithResponse(t.Context(), "m1", &api.StoreApplicationParams{Judge: new(true)}, api.ApplicationInput{
			IdempotencyKey: "key-00001", Applicant: buyer("b1"), BuyerID: new("b1"), OrderID: "o1", Type: api.ReturnRefund, Reason: "defective",
			Lines: []api.LineQuantity{{LineID: "l1", Quantity: quantity}}, Text: &text,
		})
		if err != nil {
			t.Fatal(err)
		}
		return answer
	}
	many := file(4, "too many")
	refused(t, many.StatusCode(), many.Body, 409, "units_not_available", "lines[0].quantity")
	filed := check(t, file(3, "torn"), nil).JSON200
	if !filed.Created || filed.Judgement == nil || filed.Judgement.Decision != api.JudgementDecisionReview {
		t.Fatalf("what cannot be is not kept under its key, what can is judged: %+v", filed)
	}
	w.mu.Lock()
	w.order.Lines[0].FreeUnits = nil // they are those of this case now
	w.mu.Unlock()
	again := check(t, file(3, "torn"), nil).JSON200
	if again.Created || again.CaseID != filed.CaseID {
		t.Errorf("repeated: %+v", again)
	}
	other := file(3, "burnt")
	refused(t, other.StatusCode(), other.Body, 422, "idempotency_key_reused", "idempotency_key")
	judged, err := w.JudgeCaseWithResponse(t.Context(), "m1", filed.CaseID)
	if pinned := check(t, judged, err).JSON200; pinned.Refund != filed.Judgement.Refund {
		t.Errorf("pinned %+v, filed %+v", pinned.Refund, filed.Judgement.Refund)
	}
}

// applies files under a key as a buyer or as the shop, with or without saying whose order it is.
func (w *world) applies(t *testing.T, by api.Actor, change ...func(*api.StoreApplicationParams, *api.ApplicationInput)) *api.StoreApplicationResponse {
	t.Helper()
	params := api.StoreApplicationParams{Judge: new(true)}
	if by.Role == api.RoleBuyer {
		params.BuyerID = &by.ID
	}
	in := api.ApplicationInput{
		IdempotencyKey: "key-00001", Applicant: by, OrderID: "o1", Type: api.ReturnRefund, Reason: "defective",
		Lines: []api.LineQuantity{{LineID: "l1", Quantity: 3}}, Text: new("torn"),
	}
	for _, c := range change {
		c(&params, &in)
	}
	answer, err := w.StoreApplicationWithResponse(t.Context(), "m1", &params, in)
	if err != nil {
		t.Fatal(err)
	}
	return answer
}

func toldBuyer(id string) func(*api.StoreApplicationParams, *api.ApplicationInput) {
	return func(_ *api.StoreApplicationParams, in *api.ApplicationInput) { in.BuyerID = &id }
}

func confinedTo(id string) func(*api.StoreApplicationParams, *api.ApplicationInput) {
	return func(p *api.StoreApplicationParams, _ *api.ApplicationInput) { p.BuyerID = &id }
}

func unjudged(p *api.StoreApplicationParams, _ *api.ApplicationInput) { p.Judge = nil }

func TestWhoFilesIsToldWhoseOrderItIs(t *testing.T) {
	type change = func(*api.StoreApplicationParams, *api.ApplicationInput)
	shop := api.Actor{Role: api.RoleStorefront, ID: "shop"}
	unknown := func(_ *api.StoreApplicationParams, in *api.ApplicationInput) { in.OrderID = "o2" }
	tests := map[string]struct {
		by     api.Actor
		change []change
		code   string
	}{
		"a buyer":                                  {by: buyer("b1")},
		"a buyer, judged later":                    {by: buyer("b1"), change: []change{unjudged}},
		"the shop":                                 {by: shop},
		"the shop, judged later":                   {by: shop, change: []change{unjudged}},
		"a gateway of the release before":          {by: buyer("b1"), change: []change{toldBuyer("b1"), unjudged}},
		"one of a service that is told and judges": {by: shop, change: []change{toldBuyer("b1")}},
		"another buyer":                            {by: buyer("b2"), code: "order_not_found"},
		"another buyer, judged later":              {by: buyer("b2"), change: []change{unjudged}, code: "order_not_found"},
		"a buyer of what never was":                {by: buyer("b1"), change: []change{unknown}, code: "order_not_found"},
		"the shop for what never was":              {by: shop, change: []change{unknown}, code: "order_not_found"},
		"the shop for the wrong buyer":             {by: shop, change: []change{toldBuyer("b2")}, code: "order_not_found"},
		"another buyer who names the right one":    {by: buyer("b2"), change: []change{toldBuyer("b1")}, code: "order_not_found"},
		"another buyer who does, judged later":     {by: buyer("b2"), change: []change{toldBuyer("b1"), unjudged}, code: "order_not_found"},
		"a buyer who names another":                {by: buyer("b1"), change: []change{toldBuyer("b2")}, code: "order_not_found"},
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			w := start(t)
			answer := w.applies(t, test.by, test.change...)
			if test.code != "" {
				refused(t, answer.StatusCode(), answer.Body, 404, test.code, "")
				// Nothing was kept: the key is free.
				if filed := check(t, w.applies(t, test.by, confinedTo("b1")), nil).JSON200; !filed.Created {
					t.Errorf("the key was taken: %+v", filed)
				}
				return
			}
			if filed := check(t, answer, nil).JSON200; !filed.Created || filed.BuyerID != "b1" {
				t.Errorf("%+v", filed)
			}
		})
	}
}

func TestAFilingIsTheSameWhetherItsBuyerIsGivenOrFound(t *testing.T) {
	shop := api.Actor{Role: api.RoleStorefront, ID: "shop"}
	for _, by := range []api.Actor{buyer("b1"), shop} {
		t.Run(string(by.Role), func(t *testing.T) {
			w := start(t)
			first := check(t, w.applies(t, by, toldBuyer("b1"), unjudged), nil).JSON200
			again := check(t, w.applies(t, by), nil).JSON200
			if !first.Created || again.Created || again.CaseID != first.CaseID || again.BuyerID != "b1" {
				t.Errorf("first %+v, then %+v", first, again)
			}
			w.mu.Lock()
			w.order.Lines[0].FreeUnits = nil // they are those of this case now
			w.mu.Unlock()
			held := check(t, w.applies(t, by), nil).JSON200
			if held.Created || held.CaseID != first.CaseID || held.BuyerID != "b1" || held.Judgement != nil {
				t.Errorf("once its units are held: %+v", held)
			}
			other := w.applies(t, by, func(_ *api.StoreApplicationParams, in *api.ApplicationInput) { in.Text = new("burnt") })
			refused(t, other.StatusCode(), other.Body, 422, "idempotency_key_reused", "idempotency_key")
		})
	}
}

func TestAFilingWaitsForAnOrderServiceThatDoesNotAnswer(t *testing.T) {
	w := start(t)
	answer := w.applies(t, buyer("b1"))
	check(t, answer, nil)
	w.silence()
	for _, change := range []func(*api.StoreApplicationParams, *api.ApplicationInput){confinedTo("b1"), unjudged} {
		answer := w.applies(t, buyer("b1"), change)
		refused(t, answer.StatusCode(), answer.Body, 503, "unavailable", "")
	}
	// A gateway of the release before has read the order itself.
	check(t, w.applies(t, api.Actor{Role: api.RoleStorefront, ID: "shop"}, toldBuyer("b1"), unjudged), nil)
}
