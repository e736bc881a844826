package refunds

import (
	"context"
	"errors"
	"time"

	"aftercare.dev/services/payment/domain"
	"aftercare.dev/services/payment/store"
)

// Submit sends every part that the provider does not have yet, and returns how the refund stands then.
// It may be repeated, also concurrently and after a crash at any point: a part is marked before it is
// sent, and a marked part is asked about before it is sent again with the same number.
func (d *Desk) Submit(ctx context.Context, merchantID, refundID string) (domain.Refund, error) {
	refund, err := d.store.Refund(ctx, merchantID, refundID)
	if err != nil {
		return domain.Refund{}, err
	}
	for _, part := range refund.Parts {
		if !part.Sendable() {
			continue
		}
		if err := ctx.Err(); err != nil {
			return domain.Refund{}, err
		}
		if refund, err = d.submitPart(ctx, refund, part); err != nil {
			return domain.Refund{}, err
		}
	}
	return d.timed(ctx, refund)
}

// submitPart returns the refund as it stands then.
func (d *Desk) submitPart(ctx context.Context, refund domain.Refund, part domain.Part) (domain.Refund, error) {
	if part.State == domain.PartUnknown {
		now, r, err := d.ask(ctx, refund, part, part)
		if err != nil || !r.missing() {
			return now, err
		}
	}
	account := d.accounts[part.Provider]
	// Two calls at most happen under the slot. They are cut off while half of it is left, so that
	// nothing is sent after the slot is somebody else's.
	lease := 4 * account.CallTimeout
	slot, claimed, err := d.store.Claim(ctx, refund, part, lease, account.MinGap)
	if err != nil || !claimed {
		return refund, err
	}
	// The intention is on record. Carrying it out no longer depends on the caller's patience.
	calling, cancel := context.WithTimeout(context.WithoutCancel(ctx), lease/2)
	defer cancel()
	after, attempt, wait, err := d.send(calling, account, slot)
	if err != nil {
		return refund, errors.Join(err, d.store.Release(context.WithoutCancel(ctx), slot, d.now().Add(account.MinGap)))
	}
	d.noteTrouble(ctx, refund, slot.Part, after)
	next := d.now().Add(max(account.MinGap, wait))
	now, repaid, err := d.store.RecordSent(context.WithoutCancel(ctx), slot, after, attempt, next)
	d.tell(ctx, refund, repaid)
	if err != nil {
		err = errors.Join(err, d.store.Release(context.WithoutCancel(ctx), slot, next))
	}
	return now, err
}

// send makes the call and returns the part after it, for the record, and how long the provider wants to be left alone for.
func (d *Desk) send(ctx context.Context, account Account, slot store.Slot) (after domain.Part, attempt store.Attempt, wait time.Duration, err error) {
	part := slot.Part
	held, err := account.Provider.Create(ctx, part.Instruction)
	if err == nil {
		after = part.Told(held, d.now())
		return after, store.Attempt{Op: "create", Outcome: domain.OutcomeDone, Code: after.Code}, 0, nil
	}
	failure := failureOf(err)
	after, attempt = part.Failed(failure), store.Attempt{Op: "create", Outcome: failure.Outcome, Code: failure.Code}
	if failure.Outcome == domain.OutcomeUnknown && failure.Retry == domain.RetryNever {
		if _, _, err := d.store.Record(context.WithoutCancel(ctx), slot.Refund, part, part, attempt); err != nil {
			return part, attempt, failure.After, err
		}
		after, attempt = d.settleRefusal(ctx, part, failure)
	}
	return after, attempt, failure.After, nil
}

// settleRefusal finds out what a refusal meant that may be either "cannot be refunded" or "this number
// was used for something else": the provider's refund of this number is the answer.
func (d *Desk) settleRefusal(ctx context.Context, part domain.Part, refusal *domain.ProviderError) (domain.Part, store.Attempt) {
	r := d.query(ctx, part)
	switch {
	case r.failure == nil:
		after := part.Told(r.held, d.now())
		return after, store.Attempt{Op: "query", Outcome: domain.OutcomeDone, Code: after.Code}
	case r.missing():
		return part.RefusedAfterAll(refusal), store.Attempt{Op: "query", Outcome: r.failure.Outcome, Code: r.failure.Code}
	default:
		return part.Failed(refusal), store.Attempt{Op: "query", Outcome: r.failure.Outcome, Code: r.failure.Code}
	}
}
