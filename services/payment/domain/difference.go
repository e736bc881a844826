package domain

import (
	"errors"
	"time"
)

// Reasons why a day has no bill to compare with.
var (
	ErrBillNotReady = errors.New("the bill is not ready yet")
	ErrNoBill       = errors.New("the provider gives no bill of that day")
)

// DifferenceKind is what we and a provider do not agree about; the contract's DifferenceKind.
type DifferenceKind string

// Kinds of differences.
const (
	// MissingAtProvider is a success of ours that the provider does not have.
	MissingAtProvider DifferenceKind = "missing_at_provider"
	// UnknownRefund was paid by the provider without our asking.
	UnknownRefund DifferenceKind = "unknown_refund"
	AmountDiffers DifferenceKind = "amount_differs"
	// StateDiffers is money that the provider paid for a refund that was given up or paid by hand.
	StateDiffers DifferenceKind = "state_differs"
	// Returned is a success that the provider took back.
	Returned DifferenceKind = "returned"
)

// DifferenceState is who has heard of a difference.
type DifferenceState string

// States of a difference, in the order in which they come.
const (
	DifferenceOpen     DifferenceState = "open"
	DifferenceTold     DifferenceState = "told"
	DifferenceResolved DifferenceState = "resolved"
)

// Difference is something that we and a provider do not agree about.
type Difference struct {
	DifferenceID string
	Kind         DifferenceKind
	State        DifferenceState
	Provider     string
	// BillDate is the day of the bill that told, as 2006-01-02; empty if it was not a bill.
	BillDate string
	// MerchantID, OrderID and PaymentID are empty if no order has the payment.
	MerchantID string
	OrderID    string
	PaymentID  string
	// CaseID is empty if there is none to look at.
	CaseID string
	// RefundID is empty for a refund that is not ours.
	RefundID string
	// RefundNumber is the number that the provider names, ours or not.
	RefundNumber string
	// Occurrence tells apart what may happen more than once to one number.
	Occurrence       string
	Reference        string
	PaymentReference string
	Currency         string
	// Amount is what we asked for and ProviderAmount what the provider says it paid, in minor units.
	Amount         int64
	ProviderAmount int64
	// Overpaid is what was paid beyond what could still be refunded of the payment when the difference was found.
	Overpaid   int64
	CreatedAt  time.Time
	ToldAt     time.Time
	ResolvedAt time.Time
	ResolvedBy string
	NoteID     string
}

// DifferenceOf returns an open difference about a refund of ours; held is what the provider says of it, zero if nothing.
func DifferenceOf(kind DifferenceKind, refund Refund, part Part, held ProviderRefund) Difference {
	d := Difference{
		Kind: kind, State: DifferenceOpen, Provider: part.Provider,
		MerchantID: refund.MerchantID, OrderID: refund.OrderID, PaymentID: part.PaymentID, CaseID: refund.CaseID,
		RefundID: refund.RefundID, RefundNumber: part.RefundNumber, Reference: part.Reference,
		PaymentReference: part.PaymentReference, Currency: part.Currency, Amount: part.Amount,
	}
	if held.Status == ProviderSucceeded {
		d.ProviderAmount = held.Amount
	}
	if held.Reference != "" {
		d.Reference = held.Reference
	}
	return d
}

// PaymentAt is a payment with the order that it belongs to.
type PaymentAt struct {
	MerchantID string
	OrderID    string
	PaymentID  string
}

// Reconciliation is one day of a provider's bill as the last comparison left it.
type Reconciliation struct {
	Provider string
	BillDate string
	Runs     int64
	// InBill counts the refunds in the bill, Ours those of ours that succeeded on that day.
	InBill, Ours int64
	// Found counts the differences of that day, in whatever state.
	Found int64
	At    time.Time
}
