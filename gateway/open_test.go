package gateway_test

import (
	"context"
	"io"
	"net/http"
	"reflect"
	"slices"
	"strings"
	"testing"

	"go.temporal.io/api/enums/v1"
	"go.temporal.io/api/serviceerror"
	"go.temporal.io/sdk/client"

	"aftercare.dev/services/platform/problem"
	"aftercare.dev/workflows/contract"
)

func (w *world) file(headers ...string) response {
	w.t.Helper()
	return w.ask(w.token(owner, "buyer"), "POST", "/v1/cases", filing, append([]string{"Idempotency-Key", key}, headers...)...)
}

func opens(err error) func(context.Context, client.StartWorkflowOptions, []any) (client.WorkflowUpdateHandle, error) {
	return func(context.Context, client.StartWorkflowOptions, []any) (client.WorkflowUpdateHandle, error) {
		return handle{err: err}, nil
	}
}

func TestAFiledCaseIsStartedOnceUnderItsOwnIDAndAnsweredWithItsJudgement(t *testing.T) {
	w := newWorld(t)
	answer := w.file().is(201, "")
	if answer.header.Get("Location") != "/v1/cases/case_1" || answer.member("case_id") != caseID || answer.member("attention") != nil {
		t.Errorf("answers %v %s", answer.header, answer.body)
	}
	start, update := w.temporal.starts[0], w.temporal.updates[0]
	if start.ID != "case/m1/case_1" || start.TaskQueue != contract.CasesQueue ||
		start.WorkflowIDConflictPolicy != enums.WORKFLOW_ID_CONFLICT_POLICY_USE_EXISTING ||
		start.WorkflowIDReusePolicy != enums.WORKFLOW_ID_REUSE_POLICY_REJECT_DUPLICATE {
		t.Errorf("starts %+v", start)
	}
	if update.UpdateName != contract.OpenUpdate || update.UpdateID != "open" {
		t.Errorf("updates %+v", update)
	}
	if start.StaticSummary != "Return case_1 · m1 · 1 unit · 19.99 CNY" {
		t.Errorf("summary %q", start.StaticSummary)
	}
	if stage, ok := start.TypedSearchAttributes.GetKeyword(contract.AttributeStage); !ok || stage != "reviewing" {
		t.Errorf("stage %q", stage)
	}
	if amount, ok := start.TypedSearchAttributes.GetInt64(contract.AttributeAmount); !ok || amount != 1999 {
		t.Errorf("amount %d", amount)
	}
	in := w.temporal.inputs[0].(contract.ReturnInput)
	if in.BuyerID != owner || in.Applicant != (contract.Actor{Role: "buyer", ID: owner}) || len(in.Lines) != 1 || in.Reason != "no_longer_wanted" {
		t.Errorf("input %+v", in)
	}
	kept := w.cases.asked("POST", "/applications")
	if len(kept) != 1 || !strings.Contains(kept[0].body, `"idempotency_key":"idempotency-1"`) || strings.Contains(kept[0].body, `"buyer_id"`) {
		t.Errorf("keeps %v", kept)
	}
	if len(w.order.calls) > 0 {
		t.Errorf("reads the order, as the cases service does: %v", w.order.calls)
	}
}

func TestAWorkflowIsStartedWithTheJudgementThatWasPinnedAndNoOther(t *testing.T) {
	input := func(w *world) contract.ReturnInput { return w.temporal.inputs[0].(contract.ReturnInput) }
	w := newWorld(t)
	w.file().is(201, "")
	got := input(w).Judgement
	if got == nil {
		t.Fatal("there is none")
	}
	want := contract.Judgement{
		Decision: "review", Currency: "CNY", Goods: 1999, Insured: true, Rules: []string{"CN-01"},
		Lines:  []contract.JudgedLine{{LineID: "l1", Quantity: 1, Refund: 1999}},
		Clocks: contract.Clocks{Review: 7, Silence: "reject"},
	}
	if !reflect.DeepEqual(*got, want) {
		t.Errorf("got %+v, want %+v", *got, want)
	}
	for name, kept := range map[string]string{
		"repeated, and judged as things are now":    `{"case_id":"case_1","created":false,"buyer_id":"buyer-1","judgement":` + aJudgement + `}`,
		"repeated, and its units are held":          `{"case_id":"case_1","created":false,"buyer_id":"buyer-1"}`,
		"kept by a service that does not judge yet": `{"case_id":"case_1","created":true,"buyer_id":"buyer-1"}`,
	} {
		t.Run(name, func(t *testing.T) {
			w := newWorld(t)
			w.cases.on("POST /v1/merchants/{merchant}/applications", answer(kept))
			w.cases.on("GET /v1/merchants/{merchant}/cases/case_1", refusing(problem.NotFound("case_not_found", "not yet")))
			w.file().is(202, "")
			if in := input(w); in.Judgement != nil || in.BuyerID != owner {
				t.Errorf("input %+v", in)
			}
		})
	}
}

func TestWhoseOrderItIsTheCasesServiceTells(t *testing.T) {
	tests := map[string]struct {
		subject, role string
		confined      []string
		status        int
		code          string
	}{
		"a buyer's own":                          {owner, "buyer", []string{owner}, 201, ""},
		"another buyer's":                        {stranger, "buyer", []string{stranger}, 404, "order_not_found"},
		"a storefront may see every buyer's":     {"shop", "storefront", nil, 201, ""},
		"an administrator may see every buyer's": {"admin-1", "administrator", nil, 201, ""},
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			w := newWorld(t)
			w.ask(w.token(test.subject, test.role), "POST", "/v1/cases", filing, "Idempotency-Key", key).is(test.status, test.code)
			asked := w.cases.asked("POST", "/applications")
			if len(asked) != 1 || !slices.Equal(asked[0].query["buyer_id"], test.confined) {
				t.Errorf("asked %v", asked)
			}
			if test.status != 201 {
				w.unmoved()
				return
			}
			if in := w.temporal.inputs[0].(contract.ReturnInput); in.BuyerID != owner {
				t.Errorf("input %+v", in)
			}
		})
	}
}

// earlier has the cases service of the release before: it has to be told the buyer, and does not tell them.
func (w *world) earlier() {
	w.cases.on("POST /v1/merchants/{merchant}/applications", func(out http.ResponseWriter, r *http.Request) {
		content, err := io.ReadAll(r.Body)
		if err != nil || namedIn(string(content))["buyer_id"] == "" {
			refuse(out, problem.New(http.StatusBadRequest, problem.CodeInvalid, "buyer_id: is required").
				WithFields(problem.FieldError{Field: "buyer_id", Code: "required", Detail: "is required"}))
			return
		}
		reply(out, http.StatusOK, `{"case_id":"case_1","created":true}`)
	})
}

func TestACasesServiceOfTheReleaseBeforeIsToldTheBuyer(t *testing.T) {
	tests := map[string]struct {
		subject, role string
		order         http.HandlerFunc
		status        int
		code          string
	}{
		"by a buyer":                {owner, "buyer", nil, 201, ""},
		"by a storefront":           {"shop", "storefront", nil, 201, ""},
		"but not by another buyer":  {stranger, "buyer", nil, 404, "order_not_found"},
		"nor of an unknown order":   {"shop", "storefront", refusing(problem.NotFound("order_not_found", "never")), 404, "order_not_found"},
		"nor while nobody knows it": {"shop", "storefront", refusing(problem.Unavailable("unavailable", "later")), 503, "unavailable"},
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			w := newWorld(t)
			w.earlier()
			if test.order != nil {
				w.order.on("GET /v1/merchants/{merchant}/orders/o1", test.order)
			}
			w.ask(w.token(test.subject, test.role), "POST", "/v1/cases", filing, "Idempotency-Key", key).is(test.status, test.code)
			kept := w.cases.asked("POST", "/applications")
			if test.status != 201 {
				w.unmoved()
				if len(kept) != 1 {
					t.Errorf("keeps %v", kept)
				}
				return
			}
			if len(kept) != 2 || namedIn(kept[1].body)["buyer_id"] != owner {
				t.Errorf("keeps %v", kept)
			}
			if in := w.temporal.inputs[0].(contract.ReturnInput); in.BuyerID != owner || in.Judgement != nil {
				t.Errorf("input %+v", in)
			}
		})
	}
}

func TestAStorefrontFilesForTheBuyerOfTheOrder(t *testing.T) {
	w := newWorld(t)
	w.ask(w.token("shop", "storefront"), "POST", "/v1/cases", filing, "Idempotency-Key", key).is(201, "")
	in := w.temporal.inputs[0].(contract.ReturnInput)
	if in.BuyerID != owner || in.Applicant != (contract.Actor{Role: "storefront", ID: "shop"}) {
		t.Errorf("input %+v", in)
	}
}

func TestARepeatedFilingGetsTheSameCase(t *testing.T) {
	t.Run("that is recorded, without asking a workflow", func(t *testing.T) {
		w := newWorld(t)
		w.cases.on("POST /v1/merchants/{merchant}/applications", answer(`{"case_id":"case_1","created":false,"buyer_id":"buyer-1"}`))
		if answer := w.file().is(201, ""); answer.header.Get("Location") != "/v1/cases/case_1" {
			t.Errorf("answers %v", answer.header)
		}
		w.unmoved()
	})
	t.Run("that is under way, by joining it", func(t *testing.T) {
		w := newWorld(t)
		w.cases.on("POST /v1/merchants/{merchant}/applications", answer(`{"case_id":"case_1","created":false,"buyer_id":"buyer-1"}`))
		w.cases.on("GET /v1/merchants/{merchant}/cases/case_1", refusing(problem.NotFound("case_not_found", "not yet")))
		w.temporal.open = func(context.Context, client.StartWorkflowOptions, []any) (client.WorkflowUpdateHandle, error) {
			w.cases.on("GET /v1/merchants/{merchant}/cases/case_1", answer(aCase))
			return handle{}, nil
		}
		w.file().is(201, "")
	})
	t.Run("or is told that the key has other content", func(t *testing.T) {
		w := newWorld(t)
		w.cases.on("POST /v1/merchants/{merchant}/applications", refusing(problem.Unprocessable("idempotency_key_reused", "other content").
			WithFields(problem.FieldError{Field: "idempotency_key", Detail: "was used"})))
		w.file().is(422, "idempotency_key_reused").names("Idempotency-Key")
		w.unmoved()
	})
}

func TestAFilingThatCannotBeIsRefusedAndStartsNothing(t *testing.T) {
	for name, refusal := range map[string]*problem.Error{
		"an order that is not there":     problem.NotFound("order_not_found", "never"),
		"a line that is not there":       problem.Unprocessable("unknown_line", "no such line").WithFields(problem.FieldError{Field: "lines[0].line_id"}),
		"units that another case holds":  problem.Conflict("units_not_available", "taken").WithFields(problem.FieldError{Field: "lines[0].quantity"}),
		"a judgement that nobody can do": problem.Unavailable("unavailable", "later"),
	} {
		t.Run(name, func(t *testing.T) {
			w := newWorld(t)
			w.cases.on("POST /v1/merchants/{merchant}/applications", refusing(refusal))
			answer := w.file().is(refusal.Status, refusal.Code)
			for _, f := range refusal.Errors {
				answer.names(f.Field)
			}
			w.unmoved()
		})
	}
}

func TestACaseThatCouldNotBeOpenedSaysWhy(t *testing.T) {
	tests := map[string]struct {
		refusal contract.Refusal
		status  int
		field   string
	}{
		"the units went to another case": {contract.Refusal{Code: "units_not_available", Field: "lines[0].quantity", Detail: "taken"}, 409, "lines[0].quantity"},
		"the order is gone":              {contract.Refusal{Code: "order_not_found", Detail: "gone"}, 404, ""},
		"the application does not do":    {contract.Refusal{Code: "invalid_application", Field: "text", Detail: "say why"}, 422, "text"},
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			w := newWorld(t)
			w.temporal.open = opens(refusal(contract.ErrorNotOpened, test.refusal))
			answer := w.file().is(test.status, test.refusal.Code)
			if test.field != "" {
				answer.names(test.field)
			}
		})
	}
}

func TestAJudgementThatTakesLongFollowsLaterIfTheCaseIsDurable(t *testing.T) {
	tests := map[string]func(*fakeTemporal){
		"it was taken in": func(f *fakeTemporal) {
			f.open = func(context.Context, client.StartWorkflowOptions, []any) (client.WorkflowUpdateHandle, error) {
				return handle{slow: true}, nil
			}
			f.described = serviceerror.NewUnavailable("not needed")
		},
		"it is started and nobody works": func(f *fakeTemporal) {
			f.open = func(ctx context.Context, _ client.StartWorkflowOptions, _ []any) (client.WorkflowUpdateHandle, error) {
				return unheard(ctx)
			}
		},
	}
	for name, prepare := range tests {
		t.Run(name, func(t *testing.T) {
			w := newWorld(t)
			prepare(w.temporal)
			answer := w.file().is(202, "")
			if answer.header.Get("Location") != "/v1/cases/case_1" || answer.member("case_id") != caseID {
				t.Errorf("answers %v %s", answer.header, answer.body)
			}
		})
	}
}

func TestACaseThatMayNotHaveStartedIsNotPromised(t *testing.T) {
	for name, open := range map[string]func(context.Context, client.StartWorkflowOptions, []any) (client.WorkflowUpdateHandle, error){
		"no answer in time": func(ctx context.Context, _ client.StartWorkflowOptions, _ []any) (client.WorkflowUpdateHandle, error) {
			return unheard(ctx)
		},
		"no Temporal": func(context.Context, client.StartWorkflowOptions, []any) (client.WorkflowUpdateHandle, error) {
			return nil, serviceerror.NewUnavailable("connection refused")
		},
	} {
		t.Run(name, func(t *testing.T) {
			w := newWorld(t)
			w.temporal.open, w.temporal.described = open, serviceerror.NewNotFound("no such workflow")
			w.file().is(503, "unavailable")
		})
	}
}

func TestACaseWhoseWorkflowHasEndedIsAnsweredFromTheRecord(t *testing.T) {
	ended := func(context.Context, client.StartWorkflowOptions, []any) (client.WorkflowUpdateHandle, error) {
		return nil, serviceerror.NewWorkflowExecutionAlreadyStarted("closed", "", "")
	}
	t.Run("if there is one", func(t *testing.T) {
		w := newWorld(t)
		w.temporal.open = ended
		w.file().is(201, "")
	})
	t.Run("else it was refused before", func(t *testing.T) {
		w := newWorld(t)
		w.temporal.open = ended
		w.cases.on("GET /v1/merchants/{merchant}/cases/case_1", refusing(problem.NotFound("case_not_found", "never")))
		w.file().is(409, "not_opened")
	})
}

func TestAnOpenCaseThatCannotBeReadAtTheMomentIsNotLost(t *testing.T) {
	w := newWorld(t)
	w.cases.on("GET /v1/merchants/{merchant}/cases/case_1", refusing(problem.Unavailable("unavailable", "restarting")))
	w.file().is(202, "")
}

func TestAFilingThatBreaksTheContractNamesTheField(t *testing.T) {
	tests := map[string]struct{ body, field string }{
		"no order":               {`{"type":"return_refund","reason":"other","lines":[{"line_id":"l1","quantity":1}]}`, "order_id"},
		"an order with a path":   {`{"order_id":"../o","type":"return_refund","reason":"other","lines":[{"line_id":"l1","quantity":1}]}`, "order_id"},
		"an unknown type":        {`{"order_id":"o1","type":"repair","reason":"other","lines":[{"line_id":"l1","quantity":1}]}`, "type"},
		"no lines":               {`{"order_id":"o1","type":"return_refund","reason":"other","lines":[]}`, "lines"},
		"no units":               {`{"order_id":"o1","type":"return_refund","reason":"other","lines":[{"line_id":"l1","quantity":0}]}`, "lines[0].quantity"},
		"a buyer of one's own":   {`{"order_id":"o1","type":"return_refund","reason":"other","buyer_id":"x","lines":[{"line_id":"l1","quantity":1}]}`, "body"},
		"a text that never ends": {`{"order_id":"o1","type":"return_refund","reason":"other","text":"` + strings.Repeat("x", 4001) + `","lines":[{"line_id":"l1","quantity":1}]}`, "text"},
		"no JSON":                {`{"order_id":`, "body"},
	}
	w := newWorld(t)
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			w := w.in(t)
			answer := w.ask(w.token(owner, "buyer"), "POST", "/v1/cases", test.body, "Idempotency-Key", key)
			answer.is(http.StatusBadRequest, "invalid_request").names(test.field)
		})
	}
	w.ask(w.token(owner, "buyer"), "POST", "/v1/cases", filing).is(400, "invalid_request").names("Idempotency-Key")
	w.ask(w.token(owner, "buyer"), "POST", "/v1/cases", filing, "Idempotency-Key", "short").is(400, "invalid_request").names("Idempotency-Key")
	w.untouched()
}
