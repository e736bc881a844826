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
		if err := d.submitPart(ctx, refund, part); err != nil {
			return domain.Refund{}, err
		}
	}
	return d.store.Refund(ctx, merchantID, refundID)
}

func (d *Desk) submitPart(ctx context.Context, refund domain.Refund, part domain.Part) error {
	if part.State == domain.PartUnknown {
		r, err := d.ask(ctx, refund, part, part)
		if err != nil || !r.missing() {
			return err
		}
	}
	account := d.accounts[part.Provider]
	// Two calls at most happen under the slot. They are cut off while half of it is left, so that
	// nothing is sent after the slot is somebody else's.
	lease := 4 * account.CallTimeout
	sending, slot, claimed, err := d.store.Claim(ctx, refund, part, lease, account.MinGap)
	if err != nil || !claimed {
		return err
	}
	// The intention is on record. Carrying it out no longer depends on the caller's patience.
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), lease/2)
	defer cancel()
	wait, err := d.send(ctx, account, refund, sending)
	next := d.now().Add(max(account.MinGap, wait))
	return errors.Join(err, d.store.Release(context.WithoutCancel(ctx), slot, next))
}

// send makes the call and stores what came of it. It returns how long the provider wants to be left
// alone for.
func (d *Desk) send(ctx context.Context, account Account, refund domain.Refund, part domain.Part) (wait time.Duration, err error) {
	held, err := account.Provider.Create(ctx, part.Instruction)
	if err == nil {
		after := part.Told(held, d.now())
		d.noteTrouble(ctx, refund, part, after)
		attempt := store.Attempt{Op: "create", Outcome: domain.OutcomeDone, Code: after.Code}
		return 0, d.record(ctx, refund, part, after, attempt)
	}
	failure := failureOf(err)
	attempt := store.Attempt{Op: "create", Outcome: failure.Outcome, Code: failure.Code}
	after := part.Failed(failure)
	if failure.Outcome == domain.OutcomeUnknown && failure.Retry == domain.RetryNever {
		if err := d.record(ctx, refund, part, part, attempt); err != nil {
			return 0, err
		}
		after, attempt = d.settleRefusal(ctx, part, failure)
	}
	d.noteTrouble(ctx, refund, part, after)
	return failure.After, d.record(ctx, refund, part, after, attempt)
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
