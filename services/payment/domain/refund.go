package domain

import (
	"slices"
	"time"
)

// RefundState is how a whole refund stands: as its least settled part.
type RefundState string

// States of a refund, from least to most settled.
const (
	RefundReserved       RefundState = "reserved"
	RefundProcessing     RefundState = "processing"
	RefundNeedsAttention RefundState = "needs_attention"
	RefundClosed         RefundState = "closed"
	RefundVoided         RefundState = "voided"
	RefundPaidManually   RefundState = "paid_manually"
	RefundSucceeded      RefundState = "succeeded"
)

// settled orders the states; a voided part beside a paid one makes the refund voided, because saying
// that it succeeded would claim money that never moved. Refunded tells how much did.
var settled = []RefundState{
	RefundReserved, RefundProcessing, RefundNeedsAttention, RefundClosed,
	RefundVoided, RefundPaidManually, RefundSucceeded,
}

// Unsettled are the states in which somebody still has to do something for the money to move or to be given up.
func Unsettled() []RefundState {
	return []RefundState{RefundReserved, RefundProcessing, RefundNeedsAttention, RefundClosed}
}

// attentions orders the reasons, the one that a person should see first in front.
var attentions = []Attention{Mismatch, AbnormalAccount, Refused, InsufficientFunds, Closed}

// Refund is money on its way back to a buyer.
type Refund struct {
	MerchantID string
	RefundID   string
	CaseID     string
	OrderID    string
	Currency   string
	// Amount reserved, in minor units.
	Amount int64
	Reason string
	// RequestHash is [Request.Hash] of what was asked.
	RequestHash string
	Parts       []Part
	// NextAttemptAt is the earliest time at which submitting can do more; zero if that is now, or if
	// there is nothing to submit.
	NextAttemptAt time.Time
	// Version counts the changes of the state and of the resolution, from 1, and those of a part beside others; see Changes.
	Version    int64
	Resolution Resolution
}

// Changes grows with every change of the refund or of a part.
func (r Refund) Changes() int64 {
	changes := r.Version
	for _, p := range r.Parts {
		changes += p.Version - 1
	}
	return changes
}

// Knows tells whether the part is one of the refund's, as the refund has it.
func (r Refund) Knows(p Part) bool {
	return slices.ContainsFunc(r.Parts, func(mine Part) bool { return mine.RefundNumber == p.RefundNumber && mine.Version == p.Version })
}

// With returns the refund after a change of one of its parts.
func (r Refund) With(p Part) Refund {
	r.Parts = slices.Clone(r.Parts)
	for i := range r.Parts {
		if r.Parts[i].RefundNumber == p.RefundNumber {
			r.Parts[i] = p
		}
	}
	return r
}

// State returns the state of the least settled part.
func (r Refund) State() RefundState {
	state := RefundSucceeded
	for _, p := range r.Parts {
		if of := p.refundState(); slices.Index(settled, of) < slices.Index(settled, state) {
			state = of
		}
	}
	return state
}

// refundState is the state of a refund of this part alone. A success that was taken back always
// needs a person, because the buyer was told.
func (p Part) refundState() RefundState {
	switch p.State {
	case PartReserved:
		return RefundReserved
	case PartUnknown, PartProcessing:
		return RefundProcessing
	case PartRefused, PartAbnormal:
		return RefundNeedsAttention
	case PartClosed:
		if p.Reopened {
			return RefundNeedsAttention
		}
		return RefundClosed
	case PartVoided:
		return RefundVoided
	case PartPaidManually:
		return RefundPaidManually
	case PartSucceeded:
	}
	return RefundSucceeded
}

// Attention returns why a person is needed, or NoAttention. It is told as soon as one part needs a
// person, while others may still be under way.
func (r Refund) Attention() Attention {
	for _, a := range attentions {
		if slices.ContainsFunc(r.Parts, func(p Part) bool { return p.Attention == a }) {
			return a
		}
	}
	return NoAttention
}

// Repaid tells that the buyer has all of it back, by the provider or by finance.
func (r Refund) Repaid() bool {
	return !slices.ContainsFunc(r.Parts, func(p Part) bool { return !p.Repaid() })
}

// Repaid tells that the buyer has the part back, by the provider or by finance.
func (p Part) Repaid() bool { return p.State == PartSucceeded || p.State == PartPaidManually }

// Refunded returns what the buyer has back, by the provider or by finance, in minor units.
func (r Refund) Refunded() int64 {
	var sum int64
	for _, p := range r.Parts {
		if p.Repaid() {
			sum += p.Amount
		}
	}
	return sum
}

// SucceededAt returns when the last part succeeded, or zero if the refund did not succeed.
func (r Refund) SucceededAt() time.Time {
	var last time.Time
	if r.State() != RefundSucceeded {
		return last
	}
	for _, p := range r.Parts {
		if p.SucceededAt.After(last) {
			last = p.SucceededAt
		}
	}
	return last
}

// ResolutionKind is what a person decided.
type ResolutionKind string

// What a person can decide.
const (
	ResolveRetry          ResolutionKind = "retry"
	ResolveManualTransfer ResolutionKind = "manual_transfer"
	ResolveVoid           ResolutionKind = "void"
)

// Resolution is a person's decision about a refund that needs attention; the zero value is none yet.
type Resolution struct {
	Kind    ResolutionKind
	ActorID string
	// TransferReference is the bank's, for ResolveManualTransfer.
	TransferReference string
}

// Resolvable tells whether a person may decide about the refund.
func (r Refund) Resolvable() bool {
	state := r.State()
	return state == RefundNeedsAttention || state == RefundClosed
}

// GivenUp tells that the provider has closed every part that is in trouble: under their numbers it will never pay them.
func (r Refund) GivenUp() bool {
	return !slices.ContainsFunc(r.Parts, func(p Part) bool { return p.Troubled() && p.State != PartClosed })
}
