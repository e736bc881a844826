package repay

import (
	"errors"
	"time"

	"go.temporal.io/sdk/workflow"

	"aftercare.dev/activities/fault"
	"aftercare.dev/activities/payment"
	"aftercare.dev/services/cases/api"
	paymentapi "aftercare.dev/services/payment/api"
	"aftercare.dev/workflows/caseflow"
	"aftercare.dev/workflows/contract"
)

// Ask puts a refund that the provider did not pay, or took back, before finance and carries out the answer. The reason
// is a code of the payment service, or "returned". What is true afterwards has to be read again, see [Refund.Run]: the
// refund may have been settled in another way meanwhile.
func (r *Refund) Ask(ctx workflow.Context, reason string) error {
	since := workflow.Now(ctx).UTC()
	r.Flow.Tell(ctx, caseflow.Entry{
		Type: "refund.needs_attention", By: caseflow.By("payment_provider"), Staff: true,
		Data: map[string]any{"refund_id": r.Intent.RefundID, "reason": reason},
	})
	r.Flow.State.Attention = &api.Attention{Reason: "refund_" + reason, Since: since}
	wake, err := r.awaitDecision(ctx)
	r.Flow.State.Attention = nil
	if err != nil {
		return err
	}
	act, ok := wake.Act.(contract.ResolveRefund)
	if !ok {
		return nil
	}
	return r.carryOut(ctx, act)
}

// awaitDecision waits for finance, and tells the operators once if finance takes too long.
func (r *Refund) awaitDecision(ctx workflow.Context) (caseflow.Wake, error) {
	wait := caseflow.Wait{
		Stage:  api.StageRefunding,
		Offers: []caseflow.Offer{{Action: contract.ActionResolveRefund, Actors: []contract.Role{contract.Finance}, Check: namesTransfer}},
		Events: r.Intent.Known,
	}
	if !r.DecideBy.IsZero() && workflow.Now(ctx).Before(r.DecideBy) {
		wait.Deadline, wait.Consequence = r.DecideBy, consequenceTold
	}
	for {
		wake, err := r.Flow.Wait(ctx, wait)
		switch {
		case err == nil && wake.Late:
			r.Flow.Tell(ctx, caseflow.Entry{
				Type: "refund.late", By: caseflow.By("clock"), Data: map[string]any{"refund_id": r.Intent.RefundID}, Staff: true,
			})
			wait.Deadline, wait.Consequence = time.Time{}, ""
		case err == nil && wake.Event && r.stillWrong(ctx):
		default:
			return wake, err
		}
	}
}

// stillWrong asks whether the news that came changes nothing for finance.
func (r *Refund) stillWrong(ctx workflow.Context) bool {
	refund, err := payment.Query(ctx, payment.RefundRef{MerchantID: r.Intent.MerchantID, RefundID: r.Intent.RefundID})
	return err != nil || refund.State == paymentapi.RefundStateNeedsAttention || refund.State == paymentapi.RefundStateClosed
}

func namesTransfer(act contract.Act) *contract.Refusal {
	if a, ok := act.(contract.ResolveRefund); ok && a.Resolution == contract.ResolutionManualTransfer && a.TransferReference == "" {
		return &contract.Refusal{Field: "transfer_reference", Detail: "a manual transfer needs the bank's reference"}
	}
	return nil
}

// carryOut does what finance decided.
func (r *Refund) carryOut(ctx workflow.Context, act contract.ResolveRefund) error {
	resolution := paymentapi.ResolveRefundInput{
		ActorID: act.Actor.ID, Resolution: paymentapi.ResolveRefundInputResolution(act.Resolution),
	}
	if act.TransferReference != "" {
		resolution.TransferReference = &act.TransferReference
	}
	declined := false
	_, err := caseflow.Do(ctx, r.Flow, func(ctx workflow.Context) (paymentapi.Refund, error) {
		out, err := payment.Resolve(ctx, payment.Resolution{MerchantID: r.Intent.MerchantID, RefundID: r.Intent.RefundID, Input: resolution})
		if fault.Is(err, fault.Refused, fault.Conflicting) {
			// It was settled in another way meanwhile, or the content does not do: what is true is read again.
			declined = true
			r.Flow.Decline(fault.ReasonOf(err))
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
	r.Flow.Tell(ctx, caseflow.Entry{
		Type: "refund.resolved", By: act.Actor, NoteID: act.NoteID, Staff: true,
		Data: map[string]any{"refund_id": r.Intent.RefundID, "resolution": act.Resolution},
	})
	return nil
}
