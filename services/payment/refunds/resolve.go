package refunds

import (
	"context"

	"aftercare.dev/services/payment/domain"
	"aftercare.dev/services/platform/problem"
)

// Resolve carries out what a person decided about a refund that needs attention, or is closed.
//
// Retry sends refused parts again, with the same number, and asks about the others; where all of them are closed by the
// provider for good, it is a 409 problem refund_given_up. A manual transfer
// and a void are final, so each part is asked about first: what the provider has paid, or is paying,
// is not given up behind its back, which is a 409 problem provider_moved_money; a provider that does
// not answer is a 503 problem provider_silent.
//
// Repeated with the same words after it took effect, it returns the refund.
func (d *Desk) Resolve(ctx context.Context, merchantID, refundID string, decision domain.Resolution) (domain.Refund, error) {
	if (decision.Kind == domain.ResolveManualTransfer) != (decision.TransferReference != "") {
		return domain.Refund{}, problem.Invalid("transfer_reference", "is required for manual_transfer, and for nothing else")
	}
	refund, err := d.store.Refund(ctx, merchantID, refundID)
	if err != nil {
		return domain.Refund{}, err
	}
	if !refund.Resolvable() {
		return unresolvable(refund, decision)
	}
	if refund, err = d.confirm(ctx, refund, decision.Kind); err != nil {
		return domain.Refund{}, err
	}
	if !refund.Resolvable() {
		return unresolvable(refund, decision)
	}
	if decision.Kind == domain.ResolveRetry && refund.GivenUp() {
		return domain.Refund{}, problem.Conflict("refund_given_up",
			"the provider has closed this refund for good; pay it by hand (manual_transfer) or give the amount up (void)")
	}
	repaid, err := d.store.Resolve(ctx, refund, decision, d.effect(decision.Kind))
	if err != nil {
		return domain.Refund{}, err
	}
	d.tell(ctx, refund, repaid)
	if decision.Kind == domain.ResolveRetry {
		return d.Submit(ctx, merchantID, refundID)
	}
	return d.store.Refund(ctx, merchantID, refundID)
}

// unresolvable returns the refund if the decision is the one that brought it here, as for a retry
// after a lost answer, and a 409 problem otherwise.
func unresolvable(refund domain.Refund, decision domain.Resolution) (domain.Refund, error) {
	if refund.Resolution == decision {
		return refund, nil
	}
	return domain.Refund{}, problem.Conflict("refund_not_resolvable", "only a refund that needs attention or is closed can be resolved").
		With("state", string(refund.State()))
}

// effect is what the decision does to one part; parts that need nobody stay as they are.
func (d *Desk) effect(kind domain.ResolutionKind) func(domain.Part) domain.Part {
	now := d.now()
	return func(p domain.Part) domain.Part {
		switch {
		case !p.Troubled():
			return p
		case kind == domain.ResolveVoid:
			return p.Voided()
		case kind == domain.ResolveManualTransfer:
			return p.PaidManually(now)
		case p.State == domain.PartRefused:
			return p.Retried()
		}
		return p
	}
}

// confirm asks the provider about the parts that the decision is about and returns the refund as it
// stands after that.
func (d *Desk) confirm(ctx context.Context, refund domain.Refund, kind domain.ResolutionKind) (domain.Refund, error) {
	for _, part := range refund.Parts {
		if !part.Troubled() || (kind == domain.ResolveRetry && part.State == domain.PartRefused) {
			continue
		}
		now, r, err := d.ask(ctx, refund, part, part)
		refund = now
		switch {
		case err != nil:
			return domain.Refund{}, err
		case kind == domain.ResolveRetry, r.missing():
		case r.failure != nil:
			return domain.Refund{}, problem.Unavailable("provider_silent",
				"the provider does not tell whether it holds the refund, and without that nothing can be given up; try again later").WithCause(r.failure)
		case moved(part, r.held, kind):
			return domain.Refund{}, problem.Conflict("provider_moved_money",
				"the provider has paid or is paying a refund of this number; look at the refund again").With("refund_number", part.RefundNumber)
		}
	}
	return refund, nil
}

// moved tells whether the provider's refund forbids the decision. One that differs from what was asked
// may still be settled by hand: somebody has to pay the difference.
func moved(part domain.Part, held domain.ProviderRefund, kind domain.ResolutionKind) bool {
	if kind == domain.ResolveManualTransfer && !part.Matches(held) {
		return false
	}
	return held.Status == domain.ProviderSucceeded || held.Status == domain.ProviderProcessing
}
