// Package insurance takes freight insurance when a shop ships, and claims it when a parcel came back.
//
// A policy and a claim are written before the insurer is asked, and stay pending until it has answered:
// they are tried again when somebody asks for them and in the background. Once the insurer may have heard
// of one, it is asked what it has before it is told again.
package insurance

import (
	"context"
	"errors"
	"log/slog"
	"time"

	"aftercare.dev/services/logistics/domain"
	"aftercare.dev/services/logistics/store"
	"aftercare.dev/services/platform/problem"
)

// Insurer is what the service needs of a freight insurer. Errors are [*domain.ProviderError].
type Insurer interface {
	// Insure takes a policy for a payment.
	Insure(context.Context, domain.Insurance) (domain.Cover, error)
	// Claim asks for the payout and returns the insurer's number of the claim.
	Claim(ctx context.Context, buyerReference, paymentReference, carrier, trackingNumber string) (string, error)
	// Find tells how policy and claim of a payment stand.
	Find(ctx context.Context, paymentReference string) (domain.Cover, error)
}

// Orders is what the service needs of the order service.
type Orders interface {
	Buyer(ctx context.Context, merchantID, orderID string) (domain.Buyer, error)
	Order(ctx context.Context, merchantID, orderID string) (domain.Order, error)
}

// Currency is the only one that the insurer deals in.
const Currency = "CNY"

// Patience is how long an unanswered call counts as under way, so that nobody calls beside it.
type Patience struct {
	Call time.Duration
	// Retry is when a pending policy or claim is tried again in the background.
	Retry time.Duration
}

// Desk insures and claims. It is safe for concurrent use by any number of processes.
type Desk struct {
	store    *store.Store
	insurer  Insurer
	orders   Orders
	patience Patience
	now      func() time.Time
	log      *slog.Logger
}

// New returns a desk.
func New(s *store.Store, insurer Insurer, orders Orders, patience Patience, now func() time.Time, log *slog.Logger) *Desk {
	return &Desk{store: s, insurer: insurer, orders: orders, patience: patience, now: now, log: log}
}

// Insure takes the insurance of an order, once for ever.
func (d *Desk) Insure(ctx context.Context, merchantID, orderID string, input domain.PolicyInput) (domain.Policy, error) {
	now := d.now().UTC()
	p, added, err := d.store.AddPolicy(ctx, domain.Policy{
		MerchantID: merchantID, OrderID: orderID, Input: input, State: domain.PolicyPending,
		CreatedAt: now, UpdatedAt: now,
	})
	if err != nil {
		return domain.Policy{}, err
	}
	if !added && p.Input.Fingerprint() != input.Fingerprint() {
		return domain.Policy{}, problem.Conflict(domain.CodePolicyDiffers,
			"the order is insured with other content; a policy cannot be changed")
	}
	return d.insure(ctx, p)
}

// Policy returns the policy of an order.
func (d *Desk) Policy(ctx context.Context, merchantID, orderID string) (domain.Policy, error) {
	return d.store.Policy(ctx, merchantID, orderID)
}

// errUnderWay says that somebody else has just asked the insurer.
var errUnderWay = errors.New("the insurer is being asked")

// insure brings a pending policy forward. That the insurer did not answer is no error: it stays pending.
func (d *Desk) insure(ctx context.Context, p domain.Policy) (domain.Policy, error) {
	if p.State != domain.PolicyPending {
		return p, nil
	}
	wanted, obstacle, err := d.application(ctx, p)
	if err != nil {
		return domain.Policy{}, err
	}
	if obstacle != "" {
		return d.wait(ctx, p, obstacle)
	}
	var before int
	p, err = d.store.UpdatePolicy(ctx, p.MerchantID, p.OrderID, func(p *domain.Policy) error {
		now := d.now().UTC()
		if p.State != domain.PolicyPending || now.Before(p.AskedAt.Add(d.patience.Call)) {
			return errUnderWay
		}
		before = p.Asked
		p.AskedAt, p.Asked = now, p.Asked+1
		return nil
	})
	if errors.Is(err, errUnderWay) {
		return d.store.Policy(ctx, wanted.MerchantID, wanted.OrderID)
	}
	if err != nil {
		return domain.Policy{}, err
	}
	cover, failed := d.take(ctx, wanted, before > 0)
	// What the insurer answered is kept, also when the caller has gone away.
	return d.store.UpdatePolicy(context.WithoutCancel(ctx), p.MerchantID, p.OrderID, func(p *domain.Policy) error {
		p.AskedAt = time.Time{}
		switch {
		case failed == nil:
			p.Take(cover)
		case domain.TroubleOf(failed) == domain.Refusal && p.State == domain.PolicyPending:
			p.State, p.Reason = domain.PolicyRefused, domain.CodeOf(failed)
		case p.State == domain.PolicyPending:
			p.AskedAt, p.Reason = d.backoff(), domain.CodeOf(failed)
		}
		return nil
	})
}

// backoff is the time of asking to note after a failure: such that the call no longer counts as under
// way, and the background waits its time.
func (d *Desk) backoff() time.Time { return d.now().UTC().Add(-d.patience.Call) }

// take insures; if the insurer may have heard of it, or says that it has, it is asked first.
func (d *Desk) take(ctx context.Context, wanted domain.Insurance, heard bool) (domain.Cover, error) {
	if heard {
		cover, err := d.insurer.Find(ctx, wanted.PaymentReference)
		if err != nil || cover.Status != domain.NotCovered {
			return cover, err
		}
	}
	cover, err := d.insurer.Insure(ctx, wanted)
	if domain.TroubleOf(err) == domain.Duplicate && err != nil {
		return d.insurer.Find(ctx, wanted.PaymentReference)
	}
	return cover, err
}

// wait notes why the insurer is not asked: for good, or until somebody completes what it needs.
func (d *Desk) wait(ctx context.Context, p domain.Policy, obstacle string) (domain.Policy, error) {
	return d.store.UpdatePolicy(ctx, p.MerchantID, p.OrderID, func(p *domain.Policy) error {
		if p.State != domain.PolicyPending {
			return nil
		}
		p.AskedAt, p.Reason = d.backoff(), obstacle
		if obstacle == buyerUnknown {
			p.State = domain.PolicyRefused
		}
		return nil
	})
}

// What keeps an order from being insured. A buyer who did not pay by WeChat stays unknown to the
// insurer; addresses can be completed.
const (
	buyerUnknown         = "buyer_reference_missing"
	returnAddressMissing = domain.CodeReturnAddressMissing
	addressIncomplete    = "delivery_address_incomplete"
)

// application gathers what the insurer wants to know, or says what is missing.
func (d *Desk) application(ctx context.Context, p domain.Policy) (wanted domain.Insurance, obstacle string, err error) {
	buyer, err := d.orders.Buyer(ctx, p.MerchantID, p.OrderID)
	if err != nil {
		return domain.Insurance{}, "", err
	}
	if buyer.Reference == "" {
		return domain.Insurance{}, buyerUnknown, nil
	}
	if to := buyer.Contact; to.Province == "" || to.City == "" || to.Street == "" {
		return domain.Insurance{}, addressIncomplete, nil
	}
	from, found, err := d.store.ReturnAddress(ctx, p.MerchantID)
	if err != nil {
		return domain.Insurance{}, "", err
	}
	if !found {
		return domain.Insurance{}, returnAddressMissing, nil
	}
	order, err := d.orders.Order(ctx, p.MerchantID, p.OrderID)
	if err != nil {
		return domain.Insurance{}, "", err
	}
	return domain.Insurance{
		MerchantID: p.MerchantID, OrderID: p.OrderID,
		PaymentReference: p.Input.PaymentReference, BuyerReference: buyer.Reference,
		PaidAt: p.Input.PaidAt, PaidFen: p.Input.PaidFen, TrackingNumber: p.Input.TrackingNumber,
		From: from, To: buyer.Contact, Goods: order.Goods,
	}, "", nil
}
