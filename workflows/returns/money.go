package returns

import (
	"cmp"
	"errors"

	"go.temporal.io/sdk/workflow"

	"aftercare.dev/activities/fault"
	"aftercare.dev/workflows/repay"
)

// mindMoney looks what is wrong with the money of the case, and says so. What came back after the refund is put before
// finance at once, and the case waits with what else it had to do; before, the refund comes upon it by itself.
func (r *returning) mindMoney(ctx workflow.Context) error {
	calm, _ := workflow.NewDisconnectedContext(ctx)
	trouble, err := repay.Look(calm, r.in.Case)
	if err = errors.Join(err, trouble.TakeNotice(calm)); err != nil {
		// It stays open in the payment service, and the sweep brings it again.
		workflow.GetLogger(ctx).Error("news about the money of the case were not heeded", "case_id", r.in.CaseID, "code", fault.Code(err))
		return nil
	}
	for _, entry := range trouble.News().Entries("refund.differs") {
		r.flow.Tell(ctx, entry)
	}
	if !r.settled || trouble.None() {
		return nil
	}
	attention := r.flow.State.Attention
	givenUp, err := trouble.Mend(ctx, r.flow, workflow.Now(ctx).Add(repay.LegalLimit))
	r.givenUp = cmp.Or(givenUp, r.givenUp)
	r.flow.State.Attention = attention
	return err
}
