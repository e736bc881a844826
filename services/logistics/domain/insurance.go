package domain

import "time"

// PolicyState is how the freight insurance of an order stands.
type PolicyState string

// The policy states of the contract.
const (
	PolicyPending PolicyState = "pending" // the insurer's answer is open
	PolicyActive  PolicyState = "active"
	PolicyRefused PolicyState = "refused"
	PolicyClaimed PolicyState = "claimed"
	PolicyExpired PolicyState = "expired"
)

// ClaimState is how a claim stands.
type ClaimState string

// The claim states of the contract.
const (
	ClaimPending  ClaimState = "pending" // not yet accepted by the insurer
	ClaimFiled    ClaimState = "filed"
	ClaimPaid     ClaimState = "paid"
	ClaimRejected ClaimState = "rejected"
)

// CoverStatus is what the insurer says of a payment.
type CoverStatus int

// The statuses of a payment at the insurer.
const (
	CoverUnknown CoverStatus = iota // a status that we do not know
	NotCovered
	Covered
	Claiming
	PaidOut
	PayoutFailed
	Expired
)

// Cover is how policy and claim of one payment stand at the insurer.
type Cover struct {
	Status       CoverStatus
	PolicyNumber string
	ClaimNumber  string
	// EstimateFen is what a claim pays; the insurer pays just this (its statement of 2023).
	EstimateFen int64
	EndsAt      time.Time
	PaidAt      time.Time
}

// Insurance asks for a policy. It holds personal data.
type Insurance struct {
	MerchantID, OrderID string
	PaymentReference    string
	// BuyerReference is the buyer at the insurer (openid).
	BuyerReference string
	PaidAt         time.Time
	PaidFen        int64
	TrackingNumber string
	From, To       Contact
	Goods          []string
}

// Policy is the policy state that a cover means, given what it was.
func (c Cover) Policy(was PolicyState) PolicyState {
	switch c.Status {
	case Covered:
		return PolicyActive
	case Claiming, PaidOut, PayoutFailed:
		return PolicyClaimed
	case Expired:
		return PolicyExpired
	default:
		return was
	}
}

// Claim is the claim state that a cover means, given what it was, and the reason of a rejection. A
// failed payout is a rejection for now: the insurer has been seen to pay later by itself, so that a
// later question may still find it paid.
func (c Cover) Claim(was ClaimState) (ClaimState, string) {
	switch {
	case c.Status == Claiming:
		return ClaimFiled, ""
	case c.Status == PaidOut:
		return ClaimPaid, ""
	case c.Status == PayoutFailed:
		return ClaimRejected, ReasonPayoutFailed
	case c.Status == Expired && was == ClaimPending:
		return ClaimRejected, "policy_expired"
	case c.Status == NotCovered && was == ClaimPending:
		return ClaimRejected, "no_policy"
	}
	return was, ""
}

// ReasonPayoutFailed is the reason of a claim that the insurer took and did not pay.
const ReasonPayoutFailed = "payout_failed"

// Claimed tells whether the insurer has taken a claim on the payment.
func (c Cover) Claimed() bool {
	return c.Status == Claiming || c.Status == PaidOut || c.Status == PayoutFailed
}
