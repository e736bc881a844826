package domain

import (
	"fmt"
	"time"
)

// Policy is the freight insurance of one order.
type Policy struct {
	MerchantID, OrderID string
	Input               PolicyInput
	State               PolicyState
	Number              string
	EstimateFen         int64
	EndsAt              time.Time
	Reason              string
	// AskedAt is when the insurer was asked, zero before; Asked counts how often.
	AskedAt time.Time
	Asked   int

	CreatedAt, UpdatedAt time.Time
	Version              int64
}

// PolicyInput is what is insured: the way of an order's goods to the buyer, by their payment.
type PolicyInput struct {
	PaymentReference        string
	PaidAt                  time.Time
	PaidFen                 int64
	Carrier, TrackingNumber string
}

// Fingerprint is equal for two inputs that ask for the same.
func (i PolicyInput) Fingerprint() string {
	return hashHex(fmt.Sprintf("%q %s %d %q %q", i.PaymentReference, stamp(i.PaidAt), i.PaidFen, i.Carrier, i.TrackingNumber))
}

// StateAt is the state as it is to be shown at now: a policy ends by itself.
func (p Policy) StateAt(now time.Time) PolicyState {
	if p.State == PolicyActive && !p.EndsAt.IsZero() && !now.Before(p.EndsAt) {
		return PolicyExpired
	}
	return p.State
}

// Take takes what the insurer says about the payment.
func (p *Policy) Take(c Cover) {
	p.State = c.Policy(p.State)
	if c.PolicyNumber != "" {
		p.Number = c.PolicyNumber
	}
	if c.EstimateFen > 0 {
		p.EstimateFen = c.EstimateFen
	}
	if !c.EndsAt.IsZero() {
		p.EndsAt = c.EndsAt
	}
	if p.State != PolicyPending && p.State != PolicyRefused {
		p.Reason = ""
	}
}

// Claim is the claim of one case on the policy of its order.
type Claim struct {
	MerchantID, CaseID  string
	OrderID, ShipmentID string
	State               ClaimState
	Number              string
	PayoutFen           int64
	PaidAt              time.Time
	Reason              string
	// Holds tells that the order's one claim is this one; no other case can claim then.
	Holds   bool
	AskedAt time.Time
	Asked   int

	CreatedAt, UpdatedAt time.Time
	Version              int64
}

// Reject ends a claim that the insurer never took, and lets another case try.
func (c *Claim) Reject(reason string) {
	c.State, c.Reason, c.Holds = ClaimRejected, reason, false
}

// Reopenable tells whether the claim ended before the insurer took it, so that it may be made again
// with another parcel.
func (c Claim) Reopenable() bool {
	return c.State == ClaimRejected && c.Number == "" && c.Reason != ReasonPayoutFailed
}

// Take takes what the insurer says about the payment.
func (c *Claim) Take(cover Cover) {
	state, reason := cover.Claim(c.State)
	if state == ClaimRejected && reason != ReasonPayoutFailed {
		c.Reject(reason)
		return
	}
	if state != c.State || state != ClaimPending {
		c.Reason = reason
	}
	c.State = state
	if cover.ClaimNumber != "" {
		c.Number = cover.ClaimNumber
	}
	if state == ClaimPaid {
		c.PayoutFen, c.PaidAt = cover.EstimateFen, cover.PaidAt
	}
}
