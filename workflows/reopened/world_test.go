package reopened_test

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/mock"
	"github.com/stretchr/testify/require"
	"go.temporal.io/sdk/activity"
	"go.temporal.io/sdk/temporal"
	"go.temporal.io/sdk/testsuite"
	"go.temporal.io/sdk/workflow"

	"aftercare.dev/activities/cases"
	"aftercare.dev/activities/fault"
	"aftercare.dev/activities/payment"
	casesapi "aftercare.dev/services/cases/api"
	paymentapi "aftercare.dev/services/payment/api"
	"aftercare.dev/services/platform/money"
	"aftercare.dev/workflows/contract"
	"aftercare.dev/workflows/internal/quiet"
	"aftercare.dev/workflows/worker"
)

// world is a case that was closed days ago at version 9, and the services around it.
type world struct {
	t   *testing.T
	env *testsuite.TestWorkflowEnvironment

	mu          sync.Mutex
	state       casesapi.CaseState
	version     int64
	entries     []casesapi.EntryInput
	fences      []int64
	refund      paymentapi.Refund
	differences []paymentapi.Difference
	looks       int
	// blind is how many looks fail after the first.
	blind     int
	submitted int
	// kept is what the buyer keeps of the refund when it is voided: a part that did not come back.
	kept int64
	// next is what becomes of the refund when it is asked about while it is processing.
	next     paymentapi.RefundState
	problems []string
	// onClose happens while the end of the case is recorded.
	onClose func()
	start   time.Time
}

const closedAt = 9

func cny(amount int64) money.Money { return money.Money{Amount: amount, Currency: "CNY"} }

func newWorld(t *testing.T) *world {
	var suite testsuite.WorkflowTestSuite
	suite.SetLogger(quiet.Log{})
	refunded := casesapi.OutcomeRefunded
	w := &world{
		t: t, env: suite.NewTestWorkflowEnvironment(), version: closedAt, next: paymentapi.RefundStateSucceeded,
		state: casesapi.CaseState{
			Stage: casesapi.StageClosed, Status: casesapi.StatusClosed, Outcome: &refunded, NextActions: []casesapi.NextAction{},
			Refund:   &casesapi.RefundProgress{RefundID: "case_1-r1", State: "succeeded", Amount: cny(2000)},
			Shipment: &casesapi.ShipmentProgress{ShipmentID: "s1", State: "delivered"},
		},
		refund: paymentapi.Refund{
			RefundID: "case_1-r1", CaseID: "case_1", OrderID: "o1", State: paymentapi.RefundStateSucceeded,
			Amount: cny(2000), Refunded: cny(2000), Parts: []paymentapi.RefundPart{},
		},
	}
	w.env.SetTestTimeout(20 * time.Second)
	w.env.SetStartTime(time.Date(2026, 11, 22, 8, 0, 0, 0, time.UTC))
	w.start = w.env.Now()
	worker.RegisterCases(w.env)
	worker.RegisterMoney(w.env)
	for name, fn := range map[string]any{
		cases.Prefix + "Standing": w.readCase, cases.Prefix + "Record": w.record, cases.Prefix + "StoreNote": w.storeNote,
		payment.Prefix + "Standing": w.look, payment.Prefix + "MarkTold": w.markTold,
		payment.Prefix + "ResolveDifference": w.resolveDifference, payment.Prefix + "Query": w.query,
		payment.Prefix + "Submit": w.submit, payment.Prefix + "Resolve": w.resolve,
	} {
		w.env.RegisterActivityWithOptions(fn, activity.RegisterOptions{Name: name})
	}
	w.env.OnUpsertTypedSearchAttributes(mock.Anything).Return(nil).Maybe()
	return w
}

// takenBack is a world in which the provider has taken the success back.
func takenBack(t *testing.T) *world {
	w := newWorld(t)
	w.comeBack("d1")
	return w
}

// comeBack is the provider taking the success back. The caller holds the lock, or the world has not begun.
func (w *world) comeBack(difference string) {
	reason := "abnormal_account"
	w.refund.State, w.refund.Reason, w.refund.Refunded = paymentapi.RefundStateNeedsAttention, &reason, cny(0)
	w.differences = append(w.differences, paymentapi.Difference{
		DifferenceID: difference, Kind: paymentapi.Returned, State: paymentapi.Open, RefundID: "case_1-r1", CaseID: "case_1", Amount: cny(2000),
	})
}

// outside is a world in which the provider paid what nobody here asked for.
func outside(t *testing.T) *world {
	w := newWorld(t)
	w.differences = append(w.differences, paymentapi.Difference{
		DifferenceID: "d2", Kind: paymentapi.UnknownRefund, State: paymentapi.Open, CaseID: "case_1", Amount: cny(0), ProviderAmount: cny(300),
	})
	return w
}

// run begins with the news that starts such a workflow, and returns what the workflow ended with.
func (w *world) run() error {
	w.env.RegisterDelayedCallback(func() { w.news("begin") }, 0)
	w.env.ExecuteWorkflow(contract.ReopenedWorkflow, contract.ReopenedInput{
		Case: contract.Case{MerchantID: "m1", CaseID: "case_1", OrderID: "o1", BuyerID: "b1"},
	})
	require.True(w.t, w.env.IsWorkflowCompleted(), "the workflow has not ended: stage %s", w.state.Stage)
	require.Empty(w.t, w.problems)
	return w.env.GetWorkflowError()
}

// runs is run for a case that closes again.
func (w *world) runs() {
	w.t.Helper()
	require.NoError(w.t, w.run())
	require.Equal(w.t, casesapi.StatusClosed, w.state.Status)
	require.Empty(w.t, w.unresolved(), "what was wrong is dealt with")
}

func (w *world) unresolved() []string {
	var open []string
	for _, d := range w.differences {
		if d.State != paymentapi.Resolved {
			open = append(open, d.DifferenceID)
		}
	}
	return open
}

func (w *world) news(id string) {
	w.env.SignalWorkflow(contract.MoneyEvent, contract.Event{EventID: id, Subject: id})
}

// later changes the world at a time after the beginning.
func (w *world) later(d time.Duration, change func()) {
	w.env.RegisterDelayedCallback(func() {
		w.mu.Lock()
		defer w.mu.Unlock()
		change()
	}, d)
}

// act sends an action; the pointer has the refusal at the end, if it was refused.
func (w *world) act(d time.Duration, act contract.Act) *contract.Refusal {
	refusal := &contract.Refusal{}
	w.env.RegisterDelayedCallback(func() {
		w.env.UpdateWorkflow(string(act.Action()), fmt.Sprintf("u-%s-%s", act.Action(), d), &testsuite.TestUpdateCallback{
			OnAccept: func() {}, OnComplete: func(any, error) {},
			OnReject: func(err error) {
				var failure *temporal.ApplicationError
				if errors.As(err, &failure) {
					_ = failure.Details(refusal)
				}
			},
		}, act)
	}, d)
	return refusal
}

func (w *world) wantTimeline(want string) {
	w.t.Helper()
	types := make([]string, 0, len(w.entries))
	for _, e := range w.entries {
		types = append(types, e.Type)
	}
	require.Equal(w.t, strings.Fields(want), types)
}

func (w *world) entry(kind string) casesapi.EntryInput {
	w.t.Helper()
	for _, e := range w.entries {
		if e.Type == kind {
			return e
		}
	}
	require.Fail(w.t, "no such entry", kind)
	return casesapi.EntryInput{}
}

func (w *world) outcome() casesapi.Outcome {
	require.NotNil(w.t, w.state.Outcome)
	return *w.state.Outcome
}

func (w *world) readCase(context.Context, cases.CaseRef) (cases.Standing, error) {
	w.mu.Lock()
	defer w.mu.Unlock()
	if w.version == 0 {
		return cases.Standing{}, temporal.NewNonRetryableApplicationError("case_not_found", fault.Missing, nil)
	}
	return cases.Standing{Version: w.version, OrderID: "o1", BuyerID: "b1", State: w.state}, nil
}

// record is as strict as the cases service: only case.reopened opens a closed case.
func (w *world) record(_ context.Context, in cases.Step) (casesapi.StepResult, error) {
	w.mu.Lock()
	defer w.mu.Unlock()
	first := in.Step.Entries[0]
	switch {
	case first.Number != w.version+1:
		w.problems = append(w.problems, fmt.Sprintf("entry %s has number %d after %d", first.Type, first.Number, w.version))
	case w.state.Status == casesapi.StatusClosed && first.Type != "case.reopened":
		w.problems = append(w.problems, first.Type+" opens a closed case")
	case in.Step.State.Status == casesapi.StatusOpen && len(in.Step.State.NextActions) == 0:
		w.problems = append(w.problems, "nobody is expected after "+first.Type)
	}
	w.entries = append(w.entries, in.Step.Entries...)
	w.state, w.version = in.Step.State, in.Step.Entries[len(in.Step.Entries)-1].Number
	w.fences = append(w.fences, *in.Step.Fence)
	if w.state.Status == casesapi.StatusClosed && w.onClose != nil {
		w.onClose()
	}
	return casesapi.StepResult{Version: w.version}, nil
}

func (w *world) storeNote(context.Context, cases.Note) (casesapi.NoteRef, error) {
	return casesapi.NoteRef{NoteID: "note_typed"}, nil
}

func (w *world) look(context.Context, payment.CaseRef) (payment.Standing, error) {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.looks++
	if w.looks > 1 && w.blind > 0 {
		w.blind--
		return payment.Standing{}, temporal.NewNonRetryableApplicationError("no_such_merchant", fault.Refused, nil)
	}
	s := payment.Standing{Refunds: []paymentapi.Refund{w.refund}}
	for _, d := range w.differences {
		if d.State != paymentapi.Resolved {
			amount := d.Amount
			if amount.Amount == 0 {
				amount = d.ProviderAmount
			}
			s.Differences = append(s.Differences, payment.Difference{
				DifferenceID: d.DifferenceID, Kind: d.Kind, RefundID: d.RefundID, Amount: amount, Told: d.State == paymentapi.Told,
			})
		}
	}
	return s, nil
}

func (w *world) set(id string, state paymentapi.DifferenceState) {
	for i := range w.differences {
		if w.differences[i].DifferenceID == id {
			w.differences[i].State = state
		}
	}
}

func (w *world) markTold(_ context.Context, in payment.ToldDifference) error {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.set(in.DifferenceID, paymentapi.Told)
	return nil
}

func (w *world) resolveDifference(_ context.Context, in payment.ResolvedDifference) error {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.set(in.DifferenceID, paymentapi.Resolved)
	return nil
}

func (w *world) query(context.Context, payment.RefundRef) (paymentapi.Refund, error) {
	w.mu.Lock()
	defer w.mu.Unlock()
	if w.refund.State == paymentapi.RefundStateProcessing {
		w.becomes(w.next)
	}
	return w.refund, nil
}

func (w *world) submit(context.Context, payment.RefundRef) (paymentapi.Refund, error) {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.submitted++
	w.refund.State = paymentapi.RefundStateProcessing
	return w.refund, nil
}

func (w *world) resolve(_ context.Context, in payment.Resolution) (paymentapi.Refund, error) {
	w.mu.Lock()
	defer w.mu.Unlock()
	switch in.Input.Resolution {
	case paymentapi.ResolveRefundInputResolutionManualTransfer:
		w.becomes(paymentapi.RefundStatePaidManually)
	case paymentapi.ResolveRefundInputResolutionVoid:
		w.becomes(paymentapi.RefundStateVoided)
	default:
		w.becomes(paymentapi.RefundStateReserved)
	}
	return w.refund, nil
}

// becomes changes where the refund stands. The caller holds the lock.
func (w *world) becomes(state paymentapi.RefundState) {
	w.refund.State, w.refund.Refunded = state, cny(0)
	if state == paymentapi.RefundStateSucceeded || state == paymentapi.RefundStatePaidManually {
		w.refund.Refunded, w.refund.Reason = w.refund.Amount, nil
	}
	if state == paymentapi.RefundStateVoided {
		w.refund.Refunded = cny(w.kept)
	}
}

func continues(err error) bool {
	var again *workflow.ContinueAsNewError
	return errors.As(err, &again)
}
