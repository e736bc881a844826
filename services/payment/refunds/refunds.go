// Package refunds carries a refund from its reservation to the provider and back: what the operations
// of the contract do, between the rules (domain), the records (store) and the providers.
package refunds

import (
	"context"
	"errors"
	"log/slog"
	"slices"
	"time"

	"aftercare.dev/services/payment/domain"
	"aftercare.dev/services/payment/store"
	"aftercare.dev/services/platform/problem"
)

// Provider is an account with a payment provider. Its errors are [*domain.ProviderError].
type Provider interface {
	// Create asks for a refund; asked again with the same instruction it changes nothing.
	Create(ctx context.Context, i domain.Instruction) (domain.ProviderRefund, error)
	// Query tells how a refund stands.
	Query(ctx context.Context, refundNumber string) (domain.ProviderRefund, error)
}

// Orders tells what was paid for an order. An order that does not exist is a 404 problem.
type Orders interface {
	Order(ctx context.Context, merchantID, orderID string) (domain.Order, error)
}

// Account is a provider with its rules.
type Account struct {
	Provider Provider
	// MinGap is the least time between two refunds of one payment.
	MinGap time.Duration
	// CallTimeout is the longest that one call takes.
	CallTimeout time.Duration
}

// Desk is where refunds are handled. It is safe for concurrent use, also by several processes on one
// database.
type Desk struct {
	store    *store.Store
	orders   Orders
	accounts map[string]Account
	repaid   func(context.Context, domain.Refund, store.Repaid)
	now      func() time.Time
	log      *slog.Logger
}

// New returns a desk; accounts are by the provider's name in orders, such as "wechatpay". It calls repaid when money is
// known to be back with a buyer, once for the same money; a process that dies at that moment may leave the call out.
func New(
	s *store.Store, orders Orders, accounts map[string]Account, repaid func(context.Context, domain.Refund, store.Repaid),
	now func() time.Time, log *slog.Logger,
) *Desk {
	return &Desk{store: s, orders: orders, accounts: accounts, repaid: repaid, now: now, log: log}
}

// Reserve sets the amounts of a refund aside, whole or not at all. Repeated, it returns the refund as
// it stands now, whatever the order service says by then.
func (d *Desk) Reserve(ctx context.Context, merchantID, refundID string, request domain.Request) (domain.Refund, error) {
	refund, err := d.reserve(ctx, merchantID, refundID, request)
	if err == nil {
		return refund, nil
	}
	known, knownErr := d.store.Reserved(ctx, merchantID, refundID, request)
	if problem.HasCode(knownErr, "refund_not_found") {
		return domain.Refund{}, err
	}
	return known, knownErr
}

func (d *Desk) reserve(ctx context.Context, merchantID, refundID string, request domain.Request) (domain.Refund, error) {
	order, err := d.orders.Order(ctx, merchantID, request.OrderID)
	if err != nil {
		return domain.Refund{}, err
	}
	if order.Currency != request.Currency {
		return domain.Refund{}, problem.Unprocessable("currency_differs", "the order was paid in "+order.Currency+"; refund it in that currency")
	}
	for _, p := range order.Payments {
		if _, known := d.accounts[p.Provider]; !known {
			return domain.Refund{}, problem.Unprocessable("provider_unknown", "payment "+p.PaymentID+" is with a provider for which no account is configured")
		}
	}
	return d.store.Reserve(ctx, merchantID, refundID, request, order)
}

// Get returns a refund. With refresh it first asks the provider about every part that it may hold,
// also those that succeeded, because a provider may take that back.
func (d *Desk) Get(ctx context.Context, merchantID, refundID string, refresh bool) (domain.Refund, error) {
	refund, err := d.store.Refund(ctx, merchantID, refundID)
	if err != nil || !refresh {
		return refund, err
	}
	for _, part := range refund.Parts {
		if !part.Asked() {
			continue
		}
		if refund, _, err = d.ask(ctx, refund, part, part.NotThere()); err != nil {
			return domain.Refund{}, err
		}
	}
	return d.timed(ctx, refund)
}

// timed returns a refund that was followed through its changes with the time of its next attempt, which is read again only
// if something waits for it.
func (d *Desk) timed(ctx context.Context, refund domain.Refund) (domain.Refund, error) {
	if slices.ContainsFunc(refund.Parts, domain.Part.Sendable) {
		return d.store.Refund(ctx, refund.MerchantID, refund.RefundID)
	}
	refund.NextAttemptAt = time.Time{}
	return refund, nil
}

// List returns refunds of a merchant.
func (d *Desk) List(ctx context.Context, merchantID string, f store.Filter) ([]domain.Refund, bool, error) {
	return d.store.List(ctx, merchantID, f)
}

// reply is what a query brought.
type reply struct {
	held    domain.ProviderRefund
	failure *domain.ProviderError // nil if held is set
}

func (r reply) missing() bool { return r.failure != nil && r.failure.NotFound }

// ask queries the provider about a part and stores what it says; it returns the refund as it stands then. A provider that
// does not answer is no error: the part stays as it is. One that does not have it makes it missing. What was heard is stored
// even if the caller has gone away.
func (d *Desk) ask(ctx context.Context, refund domain.Refund, part, missing domain.Part) (domain.Refund, reply, error) {
	r := d.query(ctx, part)
	after, attempt := part, store.Attempt{Op: "query", Outcome: domain.OutcomeDone}
	if r.failure == nil {
		after = part.Told(r.held, d.now())
		attempt.Code = after.Code
		d.noteTrouble(ctx, refund, part, after)
	} else {
		attempt.Outcome, attempt.Code = r.failure.Outcome, r.failure.Code
		if r.missing() {
			after = missing
		}
	}
	now, repaid, err := d.store.Record(context.WithoutCancel(ctx), refund, part, after, attempt)
	d.tell(ctx, refund, repaid)
	return now, r, err
}

func (d *Desk) tell(ctx context.Context, refund domain.Refund, repaid store.Repaid) {
	if repaid.Amount > 0 {
		d.repaid(ctx, refund, repaid)
	}
}

func (d *Desk) query(ctx context.Context, part domain.Part) reply {
	account := d.accounts[part.Provider]
	ctx, cancel := context.WithTimeout(ctx, account.CallTimeout)
	defer cancel()
	held, err := account.Provider.Query(ctx, part.RefundNumber)
	return reply{held: held, failure: failureOf(err)}
}

// failureOf takes an error that a provider should not have returned for "outcome unknown".
func failureOf(err error) *domain.ProviderError {
	if err == nil {
		return nil
	}
	if failure, ok := errors.AsType[*domain.ProviderError](err); ok {
		return failure
	}
	return domain.ProviderError{Outcome: domain.OutcomeUnknown, Retry: domain.RetrySame, Code: "internal"}.WithCause(err)
}

// noteTrouble tells operators when a part begins to need a person. Ids and codes only.
func (d *Desk) noteTrouble(ctx context.Context, refund domain.Refund, before, after domain.Part) {
	if after.Attention == domain.NoAttention || after.Attention == before.Attention {
		return
	}
	d.log.WarnContext(ctx, "refund needs attention", "merchant_id", refund.MerchantID, "refund_id", refund.RefundID,
		"refund_number", after.RefundNumber, "reason", string(after.Attention), "code", after.Code, "reopened", after.Reopened)
}
