// Package repay has money go back to the buyer on account of a case: it runs the workflow of the refund, tells on the
// timeline what becomes of it, and asks finance where the provider did not pay. A case that goes on and one that is
// reopened do it the same way.
package repay

import (
	"errors"
	"time"

	"go.temporal.io/api/enums/v1"
	"go.temporal.io/sdk/workflow"

	"aftercare.dev/services/cases/api"
	paymentapi "aftercare.dev/services/payment/api"
	"aftercare.dev/services/platform/money"
	"aftercare.dev/workflows/caseflow"
	"aftercare.dev/workflows/contract"
)

// LegalLimit is by when the money must be with the buyer: seven days after the goods were received (CN-09).
const LegalLimit = 7 * 24 * time.Hour

// consequenceTold is what happens when the money is not there in time.
const consequenceTold = "operator_told"

// Refund is a refund of a case on its way. Flow and Intent are required.
type Refund struct {
	Flow *caseflow.Flow
	// Intent is what the workflow of the refund is started with.
	Intent contract.RefundInput
	// Begun is called when the workflow of the refund runs for the first time, to tell what it is worth; nil: nothing is told.
	Begun func(workflow.Context)
	// DecideBy is when the operators are told that finance has not decided; zero: never.
	DecideBy time.Time

	// Booked is set once the units are booked as returned.
	Booked bool
	// GivenUp is set when nobody will pay the refund, or the rest of it: finance or an operator gave it up. It is how the case
	// ends then, partly refunded if one of the order's payments was paid back.
	GivenUp api.Outcome
}

// Run has the refund paid, however long that takes: it ends when the refund is settled, also by hand. Its error is that
// of a person who ended the case meanwhile, or of a cancelled workflow.
func (r *Refund) Run(ctx workflow.Context) error {
	for settled := false; !settled; {
		result, err := caseflow.Do(ctx, r.Flow, r.pay)
		if errors.Is(err, caseflow.ErrSkipped) {
			r.GivenUp = api.OutcomeResolved
			break
		}
		if err == nil {
			r.Booked = true
			settled, err = r.heed(ctx, result)
		}
		if err != nil {
			return err
		}
	}
	r.Flow.State.Attention = nil
	return nil
}

// Show brings the refund into what readers see.
func (r *Refund) Show(state string, amount money.Money) {
	r.Flow.State.Refund = &api.RefundProgress{RefundID: r.Intent.RefundID, State: state, Amount: amount}
}

// heed tells how the refund stands. settled is false when it has to be tried, or awaited, again.
func (r *Refund) heed(ctx workflow.Context, result contract.RefundResult) (settled bool, err error) {
	if result.State == contract.RefundNothing {
		if caseflow.TellsNothingDue(ctx) {
			r.Flow.Tell(ctx, caseflow.Entry{
				Type: "refund.nothing_due", By: caseflow.By("workflow"), Data: map[string]any{"refund_id": r.Intent.RefundID},
			})
		}
		return true, nil
	}
	r.Show(result.State, result.Amount)
	if isSettled(paymentapi.RefundState(result.State)) {
		r.Flow.State.Refund.Refunded = &result.Refunded
	}
	data := map[string]any{"refund_id": r.Intent.RefundID}
	switch paymentapi.RefundState(result.State) {
	case paymentapi.RefundStateSucceeded, paymentapi.RefundStatePaidManually:
		data["amount"], data["state"] = result.Refunded, result.State
		r.Flow.Tell(ctx, caseflow.Entry{Type: "refund.succeeded", By: caseflow.By("payment_provider"), Data: data})
		return true, nil
	case paymentapi.RefundStateVoided:
		r.giveUp(ctx, result)
		return true, nil
	case paymentapi.RefundStateReserved, paymentapi.RefundStateProcessing:
		// The time is over, the money is not there. It is awaited on, without a limit and with a word to the operators.
		r.Intent.By = time.Time{}
		r.Flow.State.Attention = &api.Attention{Reason: "refund_late", Since: workflow.Now(ctx).UTC()}
		r.Flow.Tell(ctx, caseflow.Entry{Type: "refund.late", By: caseflow.By("clock"), Data: data, Staff: true})
		return false, nil
	default:
		reason := result.Reason
		if reason == "" {
			reason = result.State
		}
		return false, r.Ask(ctx, reason)
	}
}

// giveUp tells what was paid of a refund that nobody will pay further, and what not.
func (r *Refund) giveUp(ctx workflow.Context, result contract.RefundResult) {
	r.GivenUp = api.OutcomeResolved
	tell := func(kind, by string, amount int64) {
		r.Flow.Tell(ctx, caseflow.Entry{Type: kind, By: caseflow.By(by), Data: map[string]any{
			"refund_id": r.Intent.RefundID, "state": result.State, "amount": money.Money{Amount: amount, Currency: result.Amount.Currency},
		}})
	}
	if paid := result.Refunded.Amount; paid > 0 {
		r.GivenUp = api.OutcomePartlyRefunded
		tell("refund.succeeded", "payment_provider", paid)
	}
	tell("refund.failed", "workflow", result.Amount.Amount-result.Refunded.Amount)
}

// pay runs the workflow of the refund and waits for it. It can run again under the same id: the payment service knows
// the refund and never pays it twice.
func (r *Refund) pay(ctx workflow.Context) (contract.RefundResult, error) {
	in := r.Intent
	child := workflow.ExecuteChildWorkflow(workflow.WithChildOptions(ctx, workflow.ChildWorkflowOptions{
		WorkflowID:            contract.RefundWorkflowID(in.MerchantID, in.RefundID),
		TaskQueue:             contract.MoneyQueue,
		WorkflowIDReusePolicy: enums.WORKFLOW_ID_REUSE_POLICY_ALLOW_DUPLICATE,
		ParentClosePolicy:     enums.PARENT_CLOSE_POLICY_ABANDON,
		StaticSummary:         "Refund " + in.RefundID + " · " + in.MerchantID,
		StaticDetails: caseflow.ChildDetails(in.Case, "Books the units as returned and moves the money, once, until the refund is settled or needs a person. "+
			"`GET /v1/refunds?case_id="+in.CaseID+"` tells what the provider said."),
	}), contract.RefundWorkflow, in)
	if err := child.GetChildWorkflowExecution().Get(ctx, nil); err != nil {
		return contract.RefundResult{}, err
	}
	r.Flow.Firm()
	if r.Begun != nil && r.Flow.State.Refund == nil {
		r.Begun(ctx)
	}
	if err := r.Flow.Pass(ctx, caseflow.Wait{
		Stage:    api.StageRefunding,
		Expects:  []caseflow.Expectation{{Action: "provider_pays", Actor: "payment_provider"}},
		Deadline: in.By, Consequence: consequenceTold,
	}); err != nil {
		return contract.RefundResult{}, err
	}
	var result contract.RefundResult
	err := child.Get(ctx, &result)
	return result, err
}
