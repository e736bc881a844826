// Package reopened goes on with a closed case whose money is not right any more: the provider took a success back, or
// paid what nobody here has asked for. The case is opened again, the buyer is told, finance decides, and the case closes.
//
// Its workflow runs under the id of the case, after the workflow that closed it, whatever the type of the case is.
package reopened

import (
	"cmp"
	"errors"
	"fmt"

	"go.temporal.io/sdk/temporal"
	"go.temporal.io/sdk/workflow"

	"aftercare.dev/activities/cases"
	"aftercare.dev/activities/fault"
	"aftercare.dev/services/cases/api"
	"aftercare.dev/workflows/caseflow"
	"aftercare.dev/workflows/contract"
	"aftercare.dev/workflows/repay"
)

// Reopened opens a closed case again until its money is right. If all is well it ends without a trace in the case.
func Reopened(ctx workflow.Context, in contract.ReopenedInput) error {
	r, err := setup(ctx, in)
	if err != nil {
		return err
	}
	return r.run(ctx)
}

// reopened is a closed case on its way again.
type reopened struct {
	in   contract.ReopenedInput
	flow *caseflow.Flow
	// outcome is how the case had ended.
	outcome api.Outcome
}

func setup(ctx workflow.Context, in contract.ReopenedInput) (*reopened, error) {
	flow, err := caseflow.New(ctx, in.Case, contract.MoneyEvent)
	if err != nil {
		return nil, err
	}
	return &reopened{in: in, flow: flow}, caseflow.AcceptAll(ctx, flow)
}

func (r *reopened) run(ctx workflow.Context) error {
	ctx = r.flow.Grounded(ctx)
	r.flow.Heeded()
	trouble, err := repay.Look(ctx, r.in.Case)
	if err != nil {
		return err
	}
	if trouble.None() {
		return r.flow.End(ctx)
	}
	closed, err := r.reopen(ctx, trouble)
	if err != nil || !closed {
		return errors.Join(err, caseflow.Settle(ctx))
	}
	outcome, by := r.mend(ctx, trouble)
	if err := r.flow.Close(ctx, outcome, by); err != nil {
		return err
	}
	return r.flow.End(ctx)
}

// reopen takes the case up and tells why. It is false if the case is not closed: then another workflow is at it.
func (r *reopened) reopen(ctx workflow.Context, trouble repay.Trouble) (bool, error) {
	standing, err := cases.Look(ctx, cases.CaseRef{MerchantID: r.in.MerchantID, CaseID: r.in.CaseID})
	if fault.Is(err, fault.Missing) {
		return false, nil
	}
	if err != nil || standing.State.Status != api.StatusClosed || standing.State.Outcome == nil {
		return false, err
	}
	if err := trouble.TakeNotice(ctx); err != nil {
		return false, err
	}
	r.outcome = *standing.State.Outcome
	r.flow.Resume(standing.Version, standing.State)
	for _, entry := range trouble.Entries("case.reopened") {
		r.flow.Tell(ctx, entry)
	}
	return true, nil
}

// mend has finance deal with what is wrong, and with what goes wrong meanwhile. It returns how the case ends, and by whom.
func (r *reopened) mend(ctx workflow.Context, trouble repay.Trouble) (api.Outcome, contract.Actor) {
	outcome := r.outcome
	deadline := workflow.Now(ctx).Add(repay.LegalLimit)
	for !trouble.None() {
		givenUp, err := trouble.Mend(ctx, r.flow, deadline)
		outcome = cmp.Or(givenUp, outcome)
		if err == nil {
			trouble, err = r.lookAgain(ctx)
		}
		ended, byHand := repay.Ended(err)
		switch {
		case byHand:
			return api.OutcomeResolved, ended.By
		case temporal.IsCanceledError(err):
			// An operator cancelled the workflow in the Temporal UI.
			return api.OutcomeResolved, contract.Actor{Role: contract.Operator, ID: "temporal"}
		case err != nil:
			// A defect of this program. The task fails, and the case goes on when the defect is mended.
			panic(fmt.Errorf("nothing expects this of a reopened case: %w", err))
		}
	}
	return outcome, caseflow.By("workflow")
}

// lookAgain asks what is still wrong, and tells what is new. An operator who skips it is content.
func (r *reopened) lookAgain(ctx workflow.Context) (repay.Trouble, error) {
	r.flow.Heeded()
	trouble, err := caseflow.Do(ctx, r.flow, func(ctx workflow.Context) (repay.Trouble, error) {
		trouble, err := repay.Look(ctx, r.in.Case)
		return trouble, errors.Join(err, trouble.TakeNotice(ctx))
	})
	if errors.Is(err, caseflow.ErrSkipped) {
		return repay.Trouble{}, nil
	}
	if err != nil {
		return trouble, err
	}
	for _, entry := range trouble.News().Entries("refund.differs") {
		r.flow.Tell(ctx, entry)
	}
	return trouble, nil
}
