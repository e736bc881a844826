package gateway_test

import (
	"context"
	"reflect"
	"strings"
	"testing"

	"go.temporal.io/api/enums/v1"
	"go.temporal.io/api/serviceerror"
	"go.temporal.io/sdk/client"

	"aftercare.dev/services/platform/problem"
	"aftercare.dev/workflows/contract"
)

// SignalWithStartWorkflow is how a closed case is gone on with.
func (f *fakeTemporal) SignalWithStartWorkflow(
	_ context.Context, workflowID, name string, content any, o client.StartWorkflowOptions, _ any, args ...any,
) (client.WorkflowRun, error) {
	f.mu.Lock()
	defer f.mu.Unlock()
	o.ID = workflowID
	f.starts, f.inputs = append(f.starts, o), append(f.inputs, args...)
	f.signals = append(f.signals, signalled{workflowID, name, content})
	return nil, nil
}

// ended lets the workflows whose ids begin with a prefix have ended.
func (f *fakeTemporal) ended(prefixes ...string) {
	f.signal = func(workflowID, _ string, _ any) error {
		for _, prefix := range prefixes {
			if strings.HasPrefix(workflowID, prefix) {
				return serviceerror.NewNotFound("completed")
			}
		}
		return nil
	}
}

func caseThatIs(status string) string {
	return `{"case_id":"case_1","merchant_id":"m1","order_id":"o1","buyer_id":"b1","type":"return_refund","reason":"defective","stage":"` + status +
		`","status":"` + status + `","lines":[],"next_actions":[],"version":9,"opened_at":"2026-11-01T08:00:00Z","updated_at":"2026-11-02T08:00:00Z"}`
}

func TestNewsOfARefundWhoseWorkflowHasEndedGoesToItsCase(t *testing.T) {
	w := newWorld(t)
	w.payment.on("POST /v1/callbacks/wechatpay", believed("ok"))
	w.temporal.ended("refund/")
	w.ask("", "POST", "/callbacks/wechatpay", `{}`).is(200, "")

	want := signalled{"case/m1/case_1", contract.MoneyEvent, contract.Event{EventID: "ev1", Subject: "case_1-x1"}}
	if got := w.temporal.signals[len(w.temporal.signals)-1]; !reflect.DeepEqual(got, want) {
		t.Errorf("signals %+v", got)
	}
	if len(w.temporal.starts) != 0 {
		t.Errorf("a case that runs needs no other workflow: %+v", w.temporal.starts)
	}
}

func TestAClosedCaseIsGoneOnWithWhenThereIsNewsOfItsRefund(t *testing.T) {
	w := newWorld(t)
	w.payment.on("POST /v1/callbacks/wechatpay", believed("ok"))
	w.cases.on("GET /v1/merchants/m1/cases/case_1", answer(caseThatIs("closed")))
	w.temporal.ended("refund/", "case/")
	w.ask("", "POST", "/callbacks/wechatpay", `{}`).is(200, "")

	if len(w.temporal.starts) != 1 {
		t.Fatalf("starts %+v", w.temporal.starts)
	}
	start := w.temporal.starts[0]
	if start.ID != "case/m1/case_1" || start.WorkflowIDReusePolicy != enums.WORKFLOW_ID_REUSE_POLICY_ALLOW_DUPLICATE || start.TaskQueue != contract.CasesQueue {
		t.Errorf("starts %+v", start)
	}
	in := contract.ReopenedInput{Case: contract.Case{MerchantID: "m1", CaseID: "case_1", OrderID: "o1", BuyerID: "b1"}}
	if !reflect.DeepEqual(w.temporal.inputs[0], in) {
		t.Errorf("input %+v", w.temporal.inputs[0])
	}
}

func TestACaseWithoutAWorkflowIsNotGoneOnWithUnlessItIsClosed(t *testing.T) {
	for name, test := range map[string]struct {
		on   func(*world)
		want int
	}{
		"open, its workflow was terminated": {func(w *world) {
			w.cases.on("GET /v1/merchants/m1/cases/case_1", answer(strings.ReplaceAll(caseThatIs("open"), `"stage":"open"`, `"stage":"refunding"`)))
		}, 200},
		"never opened": {func(w *world) {
			w.cases.on("GET /v1/merchants/m1/cases/case_1", refusing(problem.NotFound("case_not_found", "no such case")))
		}, 200},
		"not to be read at the moment": {func(w *world) {
			w.cases.on("GET /v1/merchants/m1/cases/case_1", refusing(problem.Unavailable("unavailable", "later")))
		}, 503},
	} {
		t.Run(name, func(t *testing.T) {
			w := newWorld(t)
			w.payment.on("POST /v1/callbacks/wechatpay", believed("ok"))
			test.on(w)
			w.temporal.ended("refund/", "case/")
			w.ask("", "POST", "/callbacks/wechatpay", `{}`).is(test.want, "")
			if len(w.temporal.starts) != 0 {
				t.Errorf("starts %+v", w.temporal.starts)
			}
		})
	}
}

func TestNewsOfAParcelOrAClaimIsNoNewsOfMoney(t *testing.T) {
	w := newWorld(t)
	w.logistics.on("POST /v1/callbacks/kuaidi100/s3cret", believed("ok"))
	w.temporal.ended("case/")
	w.ask("", "POST", "/callbacks/kuaidi100/s3cret", `{}`).is(200, "")
	if len(w.temporal.signals) != 1 || len(w.temporal.starts) != 0 {
		t.Errorf("signals %+v, starts %+v", w.temporal.signals, w.temporal.starts)
	}
}
