package domain

import "cmp"

// refundOwing: a refund costs the merchant, and the buyer is owed it until it arrives.
var refundOwing = Leg{Debit: MerchantExpense, Credit: BuyerPayable}

func paying(via string) Leg { return Leg{Debit: BuyerPayable, Credit: Clearing(via)} }

// Goal is where the part belongs in the ledger.
func (p Part) Goal() Goal {
	switch p.State {
	case PartSucceeded:
		return Goal{Position: Settled, Paying: paying(p.Provider)}
	case PartPaidManually:
		return Goal{Position: Settled, Paying: paying(ViaManual)}
	case PartVoided:
		return Goal{Position: Dropped}
	case PartReserved, PartUnknown, PartProcessing, PartRefused, PartAbnormal, PartClosed:
	}
	if p.Reopened {
		return Goal{Position: Owed}
	}
	return Goal{Position: Held}
}

// Matter is what the ledger says of a part of the refund.
func (r Refund) Matter(p Part) Matter {
	return Matter{
		MerchantID: r.MerchantID, Subject: p.RefundNumber, Kind: KindRefund, CaseID: r.CaseID,
		Cause: cmp.Or(r.Reason, "unspecified"), Bearer: BearerMerchant, Currency: r.Currency, Amount: p.Amount, Owing: refundOwing,
	}
}

// OutsideRefund is money that a provider gave back without a refund of ours, found in its bill.
type OutsideRefund struct {
	MerchantID string
	// RefundNumber is the provider's merchant-side number, or its own id where there is none; at most 64 characters.
	RefundNumber string
	// CaseID is empty if the order has no case.
	CaseID   string
	Provider string
	Currency string
	// Amount in minor units.
	Amount int64
}

// Matter is what the ledger says of it.
func (o OutsideRefund) Matter() Matter {
	return Matter{
		MerchantID: o.MerchantID, Subject: o.RefundNumber, Kind: KindRefundOutside, CaseID: o.CaseID,
		Cause: string(KindRefundOutside), Bearer: BearerMerchant, Currency: o.Currency, Amount: o.Amount, Owing: refundOwing,
	}
}

// Goal is where it belongs: the money has moved.
func (o OutsideRefund) Goal() Goal { return Goal{Position: Settled, Paying: paying(o.Provider)} }
