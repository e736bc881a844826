package returns

import (
	"errors"
	"time"

	"go.temporal.io/api/enums/v1"
	"go.temporal.io/sdk/temporal"
	"go.temporal.io/sdk/workflow"

	"aftercare.dev/activities/cases"
	"aftercare.dev/activities/fault"
	"aftercare.dev/activities/payment"
	"aftercare.dev/services/cases/api"
	paymentapi "aftercare.dev/services/payment/api"
	"aftercare.dev/services/platform/money"
	"aftercare.dev/workflows/caseflow"
	"aftercare.dev/workflows/contract"
	"aftercare.dev/workflows/refund"
)

// legalLimit is by when the money must be with the buyer: seven days after the goods were received (CN-09).
const legalLimit = 7 * 24 * time.Hour

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
	intent := r.intent(ctx)
	for settled := false; !settled; {
		result, err := caseflow.Do(ctx, r.flow, func(ctx workflow.Context) (contract.RefundResult, error) {
			return r.pay(ctx, intent)
		})
		if errors.Is(err, caseflow.ErrSkipped) {
			r.voided = true
			break
		}
		if err == nil {
			r.unitsHeld = false
			settled, err = r.heedRefund(ctx, &intent, result)
		}
		if err != nil {
			return "", err
		}
	}
	r.flow.State.Attention = nil
	return r.outcome(), nil
}

func (r *returning) intent(ctx workflow.Context) contract.RefundInput {
	intent := contract.RefundInput{
		Case: r.in.Case, RefundID: r.in.CaseID + "-r1", Currency: r.verdict.Currency, Reason: r.in.Reason,
		By: r.arrivedOr(ctx).Add(legalLimit),
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

// heedRefund tells how the refund stands. settled is false when it has to be tried, or awaited, again.
func (r *returning) heedRefund(ctx workflow.Context, intent *contract.RefundInput, result contract.RefundResult) (settled bool, err error) {
	if result.State == contract.RefundNothing {
		return true, nil
	}
	r.showRefund(intent.RefundID, result.State, result.Amount)
	data := map[string]any{"refund_id": intent.RefundID}
	switch paymentapi.RefundState(result.State) {
	case paymentapi.RefundStateSucceeded, paymentapi.RefundStatePaidManually:
		data["amount"], data["state"] = result.Refunded, result.State
		r.flow.Tell(ctx, caseflow.Entry{Type: "refund.succeeded", By: caseflow.By("payment_provider"), Data: data})
		return true, nil
	case paymentapi.RefundStateVoided:
		r.voided = true
		r.flow.Tell(ctx, caseflow.Entry{Type: "refund.failed", By: caseflow.By("workflow"), Data: data})
		return true, nil
	case paymentapi.RefundStateReserved, paymentapi.RefundStateProcessing:
		// The time is over, the money is not there. It is awaited on, without a limit and with a word to the operators.
		intent.By = time.Time{}
		r.flow.State.Attention = &api.Attention{Reason: "refund_late", Since: workflow.Now(ctx).UTC()}
		r.flow.Tell(ctx, caseflow.Entry{Type: "refund.late", By: caseflow.By("clock"), Data: data, Staff: true})
		return false, nil
	default:
		return false, r.askFinance(ctx, *intent, result)
	}
}

// tellWorth tells that the money is on its way, and how much the goods are worth. The freight of the order comes with its
// last units, which only the refund finds out.
func (r *returning) tellWorth(ctx workflow.Context, intent contract.RefundInput) {
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
		r.showRefund(intent.RefundID, string(paymentapi.RefundStateReserved), settlement.Total)
		r.flow.Tell(ctx, caseflow.Entry{
			Type: "refund.submitted", By: caseflow.By("workflow"),
			Data: map[string]any{"refund_id": intent.RefundID, "amount": settlement.Total},
		})
	}
}

// pay runs the workflow of the refund and waits for it. It can run again under the same id: the payment service knows
// the refund and never pays it twice.
func (r *returning) pay(ctx workflow.Context, intent contract.RefundInput) (contract.RefundResult, error) {
	child := workflow.ExecuteChildWorkflow(workflow.WithChildOptions(ctx, workflow.ChildWorkflowOptions{
		WorkflowID:            contract.RefundWorkflowID(r.in.MerchantID, intent.RefundID),
		TaskQueue:             contract.MoneyQueue,
		WorkflowIDReusePolicy: enums.WORKFLOW_ID_REUSE_POLICY_ALLOW_DUPLICATE,
		ParentClosePolicy:     enums.PARENT_CLOSE_POLICY_ABANDON,
		StaticSummary:         "Refund " + intent.RefundID + " · " + r.in.MerchantID,
		StaticDetails: r.childDetails("Books the units as returned and moves the money, once, until the refund is settled or needs a person. " +
			"`GET /v1/refunds?case_id=" + r.in.CaseID + "` tells what the provider said."),
	}), contract.RefundWorkflow, intent)
	if err := child.GetChildWorkflowExecution().Get(ctx, nil); err != nil {
		return contract.RefundResult{}, err
	}
	r.flow.Firm()
	if r.flow.State.Refund == nil {
		r.tellWorth(ctx, intent)
	}
	if err := r.flow.Pass(ctx, caseflow.Wait{
		Stage:    api.StageRefunding,
		Expects:  []caseflow.Expectation{{Action: "provider_pays", Actor: "payment_provider"}},
		Deadline: intent.By, Consequence: "operator_told",
	}); err != nil {
		return contract.RefundResult{}, err
	}
	var result contract.RefundResult
	err := child.Get(ctx, &result)
	return result, err
}

// askFinance puts a refund that the provider did not pay before a person, and carries out the answer.
func (r *returning) askFinance(ctx workflow.Context, intent contract.RefundInput, result contract.RefundResult) error {
	since := workflow.Now(ctx).UTC()
	reason := result.Reason
	if reason == "" {
		reason = result.State
	}
	r.flow.Tell(ctx, caseflow.Entry{
		Type: "refund.needs_attention", By: caseflow.By("payment_provider"), Staff: true,
		Data: map[string]any{"refund_id": intent.RefundID, "reason": reason},
	})
	resolve := offer(contract.ActionResolveRefund, contract.Finance)
	resolve.Check = func(act contract.Act) *contract.Refusal {
		if a, ok := act.(contract.ResolveRefund); ok && a.Resolution == contract.ResolutionManualTransfer && a.TransferReference == "" {
			return &contract.Refusal{Field: "transfer_reference", Detail: "a manual transfer needs the bank's reference"}
		}
		return nil
	}
	r.flow.State.Attention = &api.Attention{Reason: "refund_" + reason, Since: since}
	wake, err := r.flow.Wait(ctx, caseflow.Wait{Stage: api.StageRefunding, Offers: []caseflow.Offer{resolve}})
	r.flow.State.Attention = nil
	if err != nil {
		return err
	}
	act, ok := wake.Act.(contract.ResolveRefund)
	if !ok {
		return nil
	}
	resolution := paymentapi.ResolveRefundInput{
		ActorID: act.Actor.ID, Resolution: paymentapi.ResolveRefundInputResolution(act.Resolution),
	}
	if act.TransferReference != "" {
		resolution.TransferReference = &act.TransferReference
	}
	declined := false
	_, err = caseflow.Do(ctx, r.flow, func(ctx workflow.Context) (paymentapi.Refund, error) {
		out, err := payment.Resolve(ctx, payment.Resolution{MerchantID: r.in.MerchantID, RefundID: intent.RefundID, Input: resolution})
		if fault.Is(err, fault.Refused, fault.Conflicting) {
			// It was settled in another way meanwhile, or the content does not do: what is true is read again.
			declined = true
			r.flow.Decline(fault.ReasonOf(err))
			return out, nil
		}
		return out, err
	})
	skipped := errors.Is(err, caseflow.ErrSkipped)
	switch {
	case skipped || declined:
		return nil
	case err != nil:
		return err
	}
	r.flow.Tell(ctx, caseflow.Entry{
		Type: "refund.resolved", By: act.Actor, NoteID: act.NoteID, Staff: true,
		Data: map[string]any{"refund_id": intent.RefundID, "resolution": act.Resolution},
	})
	return nil
}

func (r *returning) showRefund(refundID, state string, amount money.Money) {
	r.flow.State.Refund = &api.RefundProgress{RefundID: refundID, State: state, Amount: amount}
}

func (r *returning) arrivedOr(ctx workflow.Context) time.Time {
	if r.arrived.IsZero() {
		return workflow.Now(ctx)
	}
	return r.arrived
}
