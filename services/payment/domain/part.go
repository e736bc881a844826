package domain

import "time"

// PartState is how one part of a refund, on one payment, stands.
type PartState string

// States of a part. Only a person's word or the provider's moves money states; see [Part].
const (
	// PartReserved is not sent, or the provider said for certain that it did nothing and to come back.
	PartReserved PartState = "reserved"
	// PartUnknown is about to be sent, or sent without an answer: only a query can tell.
	PartUnknown    PartState = "unknown"
	PartProcessing PartState = "processing"
	PartSucceeded  PartState = "succeeded"
	// PartRefused was turned down by the provider, who did nothing. It may be sent again with the same number.
	PartRefused PartState = "refused"
	// PartAbnormal is held by the provider, but the buyer cannot be paid, or it is not what was asked.
	PartAbnormal PartState = "abnormal"
	// PartClosed was given up by the provider without paying.
	PartClosed       PartState = "closed"
	PartPaidManually PartState = "paid_manually"
	PartVoided       PartState = "voided"
)

// Attention is why a person is needed.
type Attention string

// Reasons for attention; the contract's Refund.reason.
const (
	NoAttention       Attention = ""
	InsufficientFunds Attention = "insufficient_funds"
	AbnormalAccount   Attention = "abnormal_account"
	Refused           Attention = "refused"
	Closed            Attention = "closed"
	Mismatch          Attention = "mismatch"
)

// CodeDiffers is the code of a part whose refund at the provider is not what was asked.
const CodeDiffers = "provider_refund_differs"

// Part is the share of a refund that one payment bears. Its methods return the part after something
// was learned; nothing else changes a part.
type Part struct {
	Instruction
	PaymentID string
	Provider  string
	State     PartState
	Attention Attention
	// Reopened tells that the provider took back a success.
	Reopened bool
	// Reference is the provider's id of the refund, once it told one.
	Reference string
	// Code is the last word of the provider, or ours.
	Code string
	// SucceededAt is zero unless State is PartSucceeded or PartPaidManually.
	SucceededAt time.Time
	// Version counts changes, from 1.
	Version int64
	// Unbooked tells that the ledger does not know this version of the part, see store.CatchUp.
	Unbooked bool
}

// Sendable tells whether submitting does something for the part.
func (p Part) Sendable() bool { return p.State == PartReserved || p.State == PartUnknown }

// Asked tells whether the provider may hold a refund of this number whose state can still change. A
// success is among them, because a provider may take it back.
func (p Part) Asked() bool {
	switch p.State {
	case PartUnknown, PartProcessing, PartSucceeded, PartAbnormal, PartClosed:
		return true
	case PartReserved, PartRefused, PartPaidManually, PartVoided:
	}
	return false
}

// Troubled tells whether a person has to decide about the part.
func (p Part) Troubled() bool {
	return p.State == PartRefused || p.State == PartAbnormal || p.State == PartClosed
}

// Matches tells whether the provider's refund is the one that was asked for: number, payment, amount
// and currency.
func (p Part) Matches(r ProviderRefund) bool {
	return r.RefundNumber == p.RefundNumber && r.PaymentReference == p.PaymentReference &&
		r.Amount == p.Amount && r.PaymentTotal == p.PaymentTotal && r.Currency == p.Currency
}

// Told returns the part after the provider's verified answer. A refund that differs from what was
// asked is never a success. A success is taken back only by an explicit abnormal or closed (or by a
// refund that differs); what a person settled stays settled.
func (p Part) Told(r ProviderRefund, now time.Time) Part {
	if p.State == PartVoided || p.State == PartPaidManually {
		return p
	}
	next := p
	if !p.Matches(r) {
		next.State, next.Attention, next.Code = PartAbnormal, Mismatch, CodeDiffers
		return next.reopenedFrom(p)
	}
	next.Reference = r.Reference
	switch r.Status {
	case ProviderSucceeded:
		next.State, next.Attention, next.Code, next.Reopened = PartSucceeded, NoAttention, "SUCCESS", false
		if p.State != PartSucceeded {
			next.SucceededAt = r.SucceededAt
			if next.SucceededAt.IsZero() {
				next.SucceededAt = now
			}
		}
	case ProviderProcessing:
		if p.State != PartSucceeded {
			next.State, next.Attention, next.Code = PartProcessing, NoAttention, "PROCESSING"
		}
	case ProviderAbnormal:
		next.State, next.Attention, next.Code = PartAbnormal, AbnormalAccount, "ABNORMAL"
	case ProviderClosed:
		next.State, next.Attention, next.Code = PartClosed, Closed, "CLOSED"
	}
	return next.reopenedFrom(p)
}

func (p Part) reopenedFrom(before Part) Part {
	if before.State == PartSucceeded && p.State != PartSucceeded {
		p.Reopened, p.SucceededAt = true, time.Time{}
	}
	return p
}

// Sending returns the part with the intention to send it, which is stored before the call: whatever
// dies after that, the next one asks before it sends.
func (p Part) Sending() Part {
	p.State = PartUnknown
	return p
}

// NotThere returns the part after the provider said that it has no refund of this number: what was sent
// did not arrive, and may be sent again under the same number.
func (p Part) NotThere() Part {
	if p.State == PartUnknown {
		p.State = PartReserved
	}
	return p
}

// Failed returns the part after sending it failed.
func (p Part) Failed(e *ProviderError) Part {
	p.Code = e.Code
	switch {
	case e.Outcome != OutcomeNotDone:
		p.State = PartUnknown
	case e.Attention != NoAttention:
		p.State, p.Attention = PartRefused, e.Attention
	default:
		p.State = PartReserved
	}
	return p
}

// RefusedAfterAll returns the part after a refusal that was not certain, when a query then found
// nothing at the provider.
func (p Part) RefusedAfterAll(e *ProviderError) Part {
	p.State, p.Attention, p.Code = PartRefused, e.Attention, e.Code
	return p
}

// Retried returns a refused part as one to be sent again, with the same number.
func (p Part) Retried() Part {
	p.State, p.Attention = PartReserved, NoAttention
	return p
}

// PaidManually returns the part as paid outside by finance.
func (p Part) PaidManually(now time.Time) Part {
	p.State, p.Attention, p.SucceededAt = PartPaidManually, NoAttention, now
	return p
}

// Voided returns the part as given up; its amount goes back to what may be refunded.
func (p Part) Voided() Part {
	p.State, p.Attention = PartVoided, NoAttention
	return p
}
