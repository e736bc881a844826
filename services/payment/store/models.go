package store

import (
	"time"

	"aftercare.dev/services/payment/domain"
	"aftercare.dev/services/platform/database"
)

type paidOrder struct {
	MerchantID   string `gorm:"primaryKey"`
	OrderID      string `gorm:"primaryKey"`
	Currency     string
	OrderVersion int64
	Changes      int64
}

type paidLine struct {
	MerchantID string `gorm:"primaryKey"`
	OrderID    string `gorm:"primaryKey"`
	LineID     string `gorm:"primaryKey"`
	Paid       int64
	Refunded   int64
}

type paidPayment struct {
	MerchantID        string `gorm:"primaryKey"`
	OrderID           string `gorm:"primaryKey"`
	PaymentID         string `gorm:"primaryKey"`
	Provider          string
	ProviderReference string
	Paid              int64
	Refunded          int64
	NextAttemptAt     database.Time
	BusyUntil         database.Time
	BusyToken         string
	// Outside is what the provider paid out of it without a refund of ours, filled in by paymentsOf.
	Outside int64 `gorm:"-"`
}

// left is what may still be refunded, zero at least.
func (p paidPayment) left() int64 { return max(0, p.Paid-p.Refunded-p.Outside) }

// freeAt is when it is worth trying to take the payment's slot. One that is busy is free again as soon as
// its call is over, which nearly always takes less than a second; its lease is for calls that died.
func (p *paidPayment) freeAt(now time.Time) time.Time {
	if p == nil {
		return time.Time{}
	}
	if !p.BusyUntil.After(now) {
		return p.NextAttemptAt.Time
	}
	soon := now.Add(busyPause)
	if p.NextAttemptAt.After(soon) {
		soon = p.NextAttemptAt.Time
	}
	if p.BusyUntil.Before(soon) && p.NextAttemptAt.Before(p.BusyUntil.Time) {
		return p.BusyUntil.Time
	}
	return soon
}

// busyPause is how long to leave a payment alone that another refund is calling for.
const busyPause = 250 * time.Millisecond

type refundRow struct {
	MerchantID        string `gorm:"primaryKey"`
	RefundID          string `gorm:"primaryKey"`
	CaseID            string
	OrderID           string
	Currency          string
	Amount            int64
	Reason            string
	RequestHash       string
	State             string
	Resolution        string
	ResolvedBy        string
	TransferReference string
	ResolvedAt        database.NullTime
	CreatedAt         database.Time
	UpdatedAt         database.Time
	Version           int64
}

func (refundRow) TableName() string { return "refunds" }

type refundLine struct {
	MerchantID string `gorm:"primaryKey"`
	RefundID   string `gorm:"primaryKey"`
	LineID     string `gorm:"primaryKey"`
	Amount     int64
	Released   int64
}

type partRow struct {
	RefundNumber      string `gorm:"primaryKey"`
	MerchantID        string
	RefundID          string
	OrderID           string
	PaymentID         string
	Provider          string
	PaymentReference  string
	PaymentTotal      int64
	Amount            int64
	State             string
	Attention         string
	Reopened          bool
	ProviderReference string
	Code              string
	SucceededAt       database.NullTime
	Version           int64
	// Booked is the version that the ledger knows.
	Booked int64
	// Unbooked is computed: it is not.
	Unbooked bool `gorm:"->"`
}

func (partRow) TableName() string { return "refund_parts" }

// partOfRefund is how parts are read: each with its refund, and with the payment that it goes back to.
type partOfRefund struct {
	Part   partRow   `gorm:"embedded"`
	Refund refundRow `gorm:"foreignKey:MerchantID,RefundID;references:MerchantID,RefundID"`
	// Payment is nil if it was not asked for.
	Payment *paidPayment `gorm:"foreignKey:MerchantID,OrderID,PaymentID;references:MerchantID,OrderID,PaymentID"`
}

func (partOfRefund) TableName() string { return "refund_parts" }

type attemptRow struct {
	AttemptID    string `gorm:"primaryKey"`
	MerchantID   string
	RefundNumber string
	At           database.Time
	Op           string
	Outcome      string
	Code         string
}

func (attemptRow) TableName() string { return "refund_attempts" }

// refund is without parts.
func (r refundRow) refund() domain.Refund {
	return domain.Refund{
		MerchantID: r.MerchantID, RefundID: r.RefundID, CaseID: r.CaseID, OrderID: r.OrderID,
		Currency: r.Currency, Amount: r.Amount, Reason: r.Reason, RequestHash: r.RequestHash, Version: r.Version,
		Resolution: domain.Resolution{
			Kind: domain.ResolutionKind(r.Resolution), ActorID: r.ResolvedBy, TransferReference: r.TransferReference,
		},
	}
}

func (p partRow) part(currency, reason string) domain.Part {
	return domain.Part{
		Instruction: domain.Instruction{
			RefundNumber: p.RefundNumber, PaymentReference: p.PaymentReference, Amount: p.Amount,
			PaymentTotal: p.PaymentTotal, Currency: currency, Reason: reason,
		},
		PaymentID: p.PaymentID, Provider: p.Provider, State: domain.PartState(p.State),
		Attention: domain.Attention(p.Attention), Reopened: p.Reopened, Reference: p.ProviderReference,
		Code: p.Code, SucceededAt: p.SucceededAt.Time, Version: p.Version, Unbooked: p.Unbooked,
	}
}
