package refunds

import (
	"context"

	"aftercare.dev/services/payment/domain"
)

// Event says which case should look at its refund, and nothing more.
type Event struct {
	// ID is the same for every message with the same news.
	ID         string
	MerchantID string
	CaseID     string
	RefundID   string
}

// Notified takes an authentic notification and returns the events that it causes; none if the refund
// is not one of ours, such as one made by hand on the provider's pages. It changes no state: whoever is
// woken asks, and the answer counts. So a notification that names another amount wakes like any other,
// and the query finds the difference.
func (d *Desk) Notified(ctx context.Context, n domain.Notification) ([]Event, error) {
	refund, part, found, err := d.store.ByNumber(ctx, n.RefundNumber)
	if err != nil {
		return nil, err
	}
	if !found || part.Provider != n.Provider {
		d.log.WarnContext(ctx, "notification of a refund that is not ours", "provider", n.Provider)
		return nil, nil
	}
	code := string(n.Status)
	if n.Amount != part.Amount || n.PaymentTotal != part.PaymentTotal || n.PaymentReference != part.PaymentReference {
		code = domain.CodeDiffers
		d.log.WarnContext(ctx, "notification differs from the refund",
			"merchant_id", refund.MerchantID, "refund_id", refund.RefundID, "refund_number", part.RefundNumber)
	}
	if err := d.store.RecordNotification(ctx, refund, part, n.ID, code); err != nil {
		return nil, err
	}
	return []Event{{
		ID:         part.RefundNumber + ":" + string(n.Status),
		MerchantID: refund.MerchantID,
		CaseID:     refund.CaseID,
		RefundID:   refund.RefundID,
	}}, nil
}
