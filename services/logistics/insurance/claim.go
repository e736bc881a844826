package insurance

import (
	"context"
	"errors"
	"time"

	"aftercare.dev/services/logistics/domain"
	"aftercare.dev/services/platform/problem"
)

// File claims the return freight of an order for a case, by a parcel that was really picked up: a waybill
// of a parcel that never travelled would stay bound at the insurer and spoil the claim of the next one.
func (d *Desk) File(ctx context.Context, merchantID, caseID, orderID, shipmentID string) (domain.Claim, error) {
	parcel, err := d.parcel(ctx, merchantID, caseID, orderID, shipmentID)
	if err != nil {
		return domain.Claim{}, err
	}
	c, added, err := d.store.AddClaim(ctx, d.newClaim(merchantID, caseID, orderID, shipmentID))
	if err != nil {
		return domain.Claim{}, err
	}
	if !added && (c.OrderID != orderID || c.ShipmentID != shipmentID) {
		if c, err = d.reopen(ctx, c, orderID, shipmentID); err != nil {
			return domain.Claim{}, err
		}
	}
	return d.file(ctx, c, parcel)
}

func (d *Desk) newClaim(merchantID, caseID, orderID, shipmentID string) domain.Claim {
	now := d.now().UTC()
	return domain.Claim{
		MerchantID: merchantID, CaseID: caseID, OrderID: orderID, ShipmentID: shipmentID,
		State: domain.ClaimPending, Holds: true, CreatedAt: now, UpdatedAt: now,
	}
}

// reopen makes a claim that the insurer never took again, with another parcel.
func (d *Desk) reopen(ctx context.Context, c domain.Claim, orderID, shipmentID string) (domain.Claim, error) {
	return d.store.UpdateClaim(ctx, c.MerchantID, c.CaseID, func(c *domain.Claim) error {
		if c.OrderID != orderID || !c.Reopenable() {
			return problem.Conflict(domain.CodeClaimDiffers,
				"the case has a claim with another order or parcel; it can be made again only after the insurer refused it")
		}
		c.ShipmentID, c.State, c.Reason, c.Holds = shipmentID, domain.ClaimPending, "", true
		c.AskedAt = time.Time{}
		return nil
	})
}

// parcel returns the parcel of the case, if it can be claimed for.
func (d *Desk) parcel(ctx context.Context, merchantID, caseID, orderID, shipmentID string) (domain.Shipment, error) {
	s, err := d.store.Shipment(ctx, merchantID, shipmentID)
	if err != nil {
		return domain.Shipment{}, err
	}
	if s.Request.CaseID != caseID || s.Request.OrderID != orderID || s.Request.Direction != domain.ToWarehouse {
		return domain.Shipment{}, domain.Unprocessable("shipment_id", "is not a return parcel of this case and order")
	}
	if s.PickedUpAt.IsZero() || s.TrackingNumber == "" {
		return domain.Shipment{}, problem.Conflict(domain.CodeNotPickedUp,
			"nobody has picked the parcel up yet; claim when it is on its way or received")
	}
	return s, nil
}

// Claim returns the claim of a case; with refresh the insurer is asked first.
func (d *Desk) Claim(ctx context.Context, merchantID, caseID string, refresh bool) (domain.Claim, error) {
	c, err := d.store.Claim(ctx, merchantID, caseID)
	if err != nil || !refresh {
		return c, err
	}
	switch {
	case c.State == domain.ClaimPending:
		return d.again(ctx, c)
	case c.State == domain.ClaimFiled, c.Reason == domain.ReasonPayoutFailed:
		return d.follow(ctx, c)
	}
	return c, nil
}

// again brings a pending claim forward.
func (d *Desk) again(ctx context.Context, c domain.Claim) (domain.Claim, error) {
	parcel, err := d.store.Shipment(ctx, c.MerchantID, c.ShipmentID)
	if err != nil {
		return domain.Claim{}, err
	}
	return d.file(ctx, c, parcel)
}

// follow asks how a claim stands that the insurer has taken.
func (d *Desk) follow(ctx context.Context, c domain.Claim) (domain.Claim, error) {
	p, err := d.store.Policy(ctx, c.MerchantID, c.OrderID)
	if err != nil {
		return domain.Claim{}, err
	}
	cover, err := d.insurer.Find(ctx, p.Input.PaymentReference)
	if err != nil {
		return domain.Claim{}, domain.Unavailable(domain.CodeInsurerUnavailable, err)
	}
	return d.keep(ctx, c, cover)
}

// file brings a pending claim forward. That the insurer did not answer is no error: it stays pending.
func (d *Desk) file(ctx context.Context, c domain.Claim, parcel domain.Shipment) (domain.Claim, error) {
	if c.State != domain.ClaimPending {
		return c, nil
	}
	p, rejected, err := d.cover(ctx, c)
	if err != nil {
		return domain.Claim{}, err
	}
	if rejected != "" {
		return d.reject(ctx, c, rejected)
	}
	if p.State == domain.PolicyPending {
		return c, nil
	}
	buyer, err := d.orders.Buyer(ctx, c.MerchantID, c.OrderID)
	if err != nil {
		return domain.Claim{}, err
	}
	var before int
	c, err = d.store.UpdateClaim(ctx, c.MerchantID, c.CaseID, func(c *domain.Claim) error {
		now := d.now().UTC()
		if c.State != domain.ClaimPending || now.Before(c.AskedAt.Add(d.patience.Call)) {
			return errUnderWay
		}
		before = c.Asked
		c.AskedAt, c.Asked = now, c.Asked+1
		return nil
	})
	if errors.Is(err, errUnderWay) {
		return d.store.Claim(ctx, parcel.MerchantID, parcel.Request.CaseID)
	}
	if err != nil {
		return domain.Claim{}, err
	}
	cover, failed := d.ask(ctx, p, buyer.Reference, parcel, before > 0)
	if failed != nil {
		return d.unanswered(ctx, c, failed)
	}
	return d.keep(ctx, c, cover)
}

// cover returns the policy that the claim is on, brought forward if it is pending, or the reason why
// there is nothing to claim.
func (d *Desk) cover(ctx context.Context, c domain.Claim) (p domain.Policy, rejected string, err error) {
	p, err = d.store.Policy(ctx, c.MerchantID, c.OrderID)
	if problem.HasCode(err, domain.CodePolicyNotFound) {
		return p, "no_policy", nil
	}
	if err != nil {
		return p, "", err
	}
	if p, err = d.insure(ctx, p); err != nil {
		return p, "", err
	}
	switch p.State {
	case domain.PolicyRefused:
		return p, "no_policy", nil
	case domain.PolicyExpired:
		return p, "policy_expired", nil
	default:
		return p, "", nil
	}
}

// ask claims; if the insurer may have heard of the claim, or says that it has one, it is asked first
// what it has.
func (d *Desk) ask(
	ctx context.Context, p domain.Policy, buyer string, parcel domain.Shipment, heard bool,
) (domain.Cover, error) {
	if heard {
		cover, err := d.insurer.Find(ctx, p.Input.PaymentReference)
		if err != nil || cover.Status != domain.Covered {
			return cover, err
		}
	}
	number, err := d.insurer.Claim(ctx, buyer, p.Input.PaymentReference, parcel.Carrier, parcel.TrackingNumber)
	switch {
	case err == nil:
		return domain.Cover{Status: domain.Claiming, ClaimNumber: number}, nil
	case domain.TroubleOf(err) != domain.Duplicate:
		return domain.Cover{}, err
	}
	return d.insurer.Find(ctx, p.Input.PaymentReference)
}

// keep saves what the insurer said, for the claim and for the policy.
func (d *Desk) keep(ctx context.Context, c domain.Claim, cover domain.Cover) (domain.Claim, error) {
	ctx = context.WithoutCancel(ctx)
	_, err := d.store.UpdatePolicy(ctx, c.MerchantID, c.OrderID, func(p *domain.Policy) error {
		p.Take(cover)
		return nil
	})
	if err != nil {
		return domain.Claim{}, err
	}
	return d.store.UpdateClaim(ctx, c.MerchantID, c.CaseID, func(c *domain.Claim) error {
		c.AskedAt = d.backoff()
		c.Take(cover)
		return nil
	})
}

func (d *Desk) reject(ctx context.Context, c domain.Claim, reason string) (domain.Claim, error) {
	return d.store.UpdateClaim(context.WithoutCancel(ctx), c.MerchantID, c.CaseID, func(c *domain.Claim) error {
		if c.State == domain.ClaimPending {
			c.Reject(reason)
		}
		return nil
	})
}

// unanswered keeps why a claim was not taken: for good, or for now.
func (d *Desk) unanswered(ctx context.Context, c domain.Claim, failed error) (domain.Claim, error) {
	d.log.WarnContext(ctx, "insurer did not take the claim", "merchant_id", c.MerchantID, "case_id", c.CaseID,
		"code", domain.CodeOf(failed))
	if domain.TroubleOf(failed) == domain.Refusal {
		return d.reject(ctx, c, domain.CodeOf(failed))
	}
	return d.store.UpdateClaim(context.WithoutCancel(ctx), c.MerchantID, c.CaseID, func(c *domain.Claim) error {
		if c.State == domain.ClaimPending {
			c.AskedAt, c.Reason = d.backoff(), domain.CodeOf(failed)
		}
		return nil
	})
}

// Event is a case to wake.
type Event struct {
	ID, MerchantID, CaseID, Subject string
}

// Decided returns the case to wake because the insurer says that it decided the claim on a payment. It
// changes nothing: whoever is woken asks.
func (d *Desk) Decided(ctx context.Context, paymentReference string, paid bool) ([]Event, error) {
	if paymentReference == "" {
		return nil, nil
	}
	p, err := d.store.PolicyOf(ctx, paymentReference)
	if problem.HasCode(err, domain.CodePolicyNotFound) {
		return nil, nil
	}
	if err != nil {
		return nil, err
	}
	c, err := d.store.ClaimOn(ctx, p.MerchantID, p.OrderID)
	if problem.HasCode(err, domain.CodeClaimNotFound) {
		return nil, nil
	}
	if err != nil {
		return nil, err
	}
	news := "failed"
	if paid {
		news = "paid"
	}
	return []Event{{ID: c.CaseID + ":claim:" + news, MerchantID: c.MerchantID, CaseID: c.CaseID, Subject: c.CaseID}}, nil
}

// batch is how many policies and claims one round of [Desk.Sweep] tries again.
const batch = 50

// Sweep tries pending policies and claims again that have waited long enough. It goes on after failures.
func (d *Desk) Sweep(ctx context.Context) error {
	before := d.now().UTC().Add(-max(d.patience.Retry, d.patience.Call))
	policies, err := d.store.PendingPolicies(ctx, before, batch)
	if err != nil {
		return err
	}
	for _, p := range policies {
		_, err := d.insure(ctx, p)
		d.heard(ctx, "policy", p.MerchantID, p.OrderID, err)
	}
	claims, err := d.store.PendingClaims(ctx, before, batch)
	if err != nil {
		return err
	}
	for _, c := range claims {
		_, err := d.again(ctx, c)
		d.heard(ctx, "claim", c.MerchantID, c.CaseID, err)
	}
	return ctx.Err()
}

func (d *Desk) heard(ctx context.Context, what, merchantID, id string, err error) {
	if err != nil && ctx.Err() == nil {
		d.log.WarnContext(ctx, "cannot be tried again", "what", what, "merchant_id", merchantID, "id", id, "error", err)
	}
}

// Run sweeps every interval until ctx ends.
func (d *Desk) Run(ctx context.Context, interval time.Duration) error {
	ticker := time.NewTicker(interval)
	defer ticker.Stop()
	for {
		select {
		case <-ctx.Done():
			return nil
		case <-ticker.C:
		}
		if err := d.Sweep(ctx); err != nil && ctx.Err() == nil {
			d.log.WarnContext(ctx, "sweep failed", "error", err)
		}
	}
}
