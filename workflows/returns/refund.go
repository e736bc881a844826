package returns

import (
	"time"

	"go.temporal.io/sdk/temporal"
	"go.temporal.io/sdk/workflow"

	"aftercare.dev/activities/cases"
	"aftercare.dev/services/cases/api"
	paymentapi "aftercare.dev/services/payment/api"
	"aftercare.dev/workflows/caseflow"
	"aftercare.dev/workflows/contract"
	"aftercare.dev/workflows/refund"
	"aftercare.dev/workflows/repay"
)

// refund pays for what was accepted. From its first step the buyer cannot withdraw.
func (r *returning) refund(ctx workflow.Context) (api.Outcome, error) {
	if ctx.Err() != nil || !r.flow.MoneyMoves() {
		return "", temporal.NewCanceledError()
	}
	_, err := r.payBuyer(ctx)
	return "", err
}

// payBuyer books the accepted units as returned and has the money go back. It returns how the case ends for the buyer's
// money, whatever legs follow.
func (r *returning) payBuyer(ctx workflow.Context) (api.Outcome, error) {
	// Money that moves is not stopped half-way by a cancelled workflow.
	ctx, _ = workflow.NewDisconnectedContext(ctx)
	if !r.anyLine(func(l line) bool { return l.accepted() > 0 }) {
		return r.outcome(), nil
	}
	r.repayment = &repay.Refund{Flow: r.flow, Intent: r.intent(ctx), Begun: r.tellWorth}
	err := r.repayment.Run(ctx)
	if r.repayment.Booked {
		r.unitsHeld = false
	}
	if err != nil {
		return "", err
	}
	r.settled, r.givenUp = true, r.repayment.GivenUp
	return r.outcome(), nil
}

func (r *returning) intent(ctx workflow.Context) contract.RefundInput {
	intent := contract.RefundInput{
		Case: r.in.Case, RefundID: r.in.CaseID + "-r1", Currency: r.verdict.Currency, Reason: r.in.Reason,
		By: r.arrivedOr(ctx).Add(repay.LegalLimit),
	}
	for _, l := range r.lines {
		accepted := contract.AcceptedLine{LineID: l.id, Accepted: l.accepted()}
		if l.inspected != nil {
			accepted.Deduction = l.inspected.Deduction
		}
		intent.Lines = append(intent.Lines, accepted)
	}
	return intent
}

// tellWorth tells that the money is on its way, and how much the goods are worth. The freight of the order comes with its
// last units, which only the refund finds out.
func (r *returning) tellWorth(ctx workflow.Context) {
	intent := r.repayment.Intent
	// What was judged eligible as a whole and accepted as a whole is worth what the judgement said.
	settlement := api.Settlement{Lines: r.verdict.Lines, Total: r.verdict.Refund.Goods}
	if r.verdict.Decision != api.JudgementDecisionApprove || r.anyLine(line.disputed) {
		var err error
		settlement, err = cases.Settle(ctx, refund.Inspection(r.ref(), intent.Lines, false))
		if err != nil {
			// The refund will come to the same and say so.
			return
		}
	}
	for _, l := range settlement.Lines {
		amount := l.Amount
		r.line(l.LineID).refund = &amount
	}
	r.showLines()
	if settlement.Total.Amount > 0 {
		r.repayment.Show(string(paymentapi.RefundStateReserved), settlement.Total)
		r.flow.Tell(ctx, caseflow.Entry{
			Type: "refund.submitted", By: caseflow.By("workflow"),
			Data: map[string]any{"refund_id": intent.RefundID, "amount": settlement.Total},
		})
	}
}

func (r *returning) arrivedOr(ctx workflow.Context) time.Time {
	if r.arrived.IsZero() {
		return workflow.Now(ctx)
	}
	return r.arrived
}
