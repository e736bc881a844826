package http

import (
	"time"

	"aftercare.dev/services/payment/api"
	"aftercare.dev/services/payment/domain"
	"aftercare.dev/services/platform/money"
)

// view is a refund in the words of the contract.
func view(r domain.Refund) api.Refund {
	of := func(amount int64) money.Money { return money.Money{Amount: amount, Currency: r.Currency} }
	v := api.Refund{
		RefundID: r.RefundID, CaseID: r.CaseID, OrderID: r.OrderID,
		State: api.RefundState(r.State()), Reason: optional(string(r.Attention())),
		Amount: of(r.Amount), Refunded: of(r.Refunded()), Parts: make([]api.RefundPart, len(r.Parts)),
		NextAttemptAt: optionalTime(r.NextAttemptAt), SucceededAt: optionalTime(r.SucceededAt()), Version: r.Changes(),
	}
	for i, p := range r.Parts {
		v.Parts[i] = api.RefundPart{
			RefundNumber: p.RefundNumber, PaymentID: p.PaymentID, Amount: of(p.Amount), State: api.RefundPartState(p.State),
			ProviderReference: optional(p.Reference), Code: optional(p.Code),
		}
	}
	return v
}

func optional(text string) *string {
	if text == "" {
		return nil
	}
	return &text
}

func optionalTime(t time.Time) *time.Time {
	if t.IsZero() {
		return nil
	}
	t = t.UTC()
	return &t
}
