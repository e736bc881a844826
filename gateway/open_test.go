package gateway_test

import (
	"context"
	"net/http"
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
	if len(kept) != 1 || !strings.Contains(kept[0].body, `"idempotency_key":"idempotency-1"`) || !strings.Contains(kept[0].body, `"buyer_id":"buyer-1"`) {
		t.Errorf("keeps %v", kept)
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
		w.cases.on("POST /v1/merchants/{merchant}/applications", answer(`{"case_id":"case_1","created":false}`))
		if answer := w.file().is(201, ""); answer.header.Get("Location") != "/v1/cases/case_1" {
			t.Errorf("answers %v", answer.header)
		}
		w.unmoved()
	})
	t.Run("that is under way, by joining it", func(t *testing.T) {
		w := newWorld(t)
		w.cases.on("POST /v1/merchants/{merchant}/applications", answer(`{"case_id":"case_1","created":false}`))
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
