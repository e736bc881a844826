package domain

import (
	"time"

	"aftercare.dev/services/platform/money"
)

// Record is an order as it is stored: the newest version and the units that cases hold.
type Record struct {
	MerchantID string
	OrderID    string
	Version    int64
	Order      Order
	// Held has the units in cases by line id; a line that no case has touched is not in it.
	Held map[string]Held
}

// Held is the units of a line that are not free.
type Held struct {
	// Reserved units are in open cases; Returned ones were returned for good.
	Reserved []Range
	Returned []Range
}

// Free returns the units of the line that no case holds, lowest first.
func (r Record) Free(line Line) []Range {
	held := r.Held[line.LineID]
	all := make([]Range, 0, len(held.Reserved)+len(held.Returned))
	return Free(line.Quantity, append(append(all, held.Reserved...), held.Returned...))
}

// Shipped is what an insurer needs to know of an order whose return freight is to be insured, as soon
// as the goods are on their way.
type Shipped struct {
	MerchantID string `json:"merchant_id"`
	OrderID    string `json:"order_id"`
	// PaymentReference, PaidAt and Paid are of the first payment, by which the insurer knows the order.
	PaymentReference string      `json:"payment_reference"`
	PaidAt           time.Time   `json:"paid_at"`
	Paid             money.Money `json:"paid"`
	Carrier          string      `json:"carrier"`
	TrackingNumber   string      `json:"tracking_number"`
	ShippedAt        time.Time   `json:"shipped_at"`
}

// Shipped returns the announcement that the order is to be insured, and whether there is anything to
// announce: only an order with freight insurance of which something was shipped.
func (o Order) Shipped(merchantID, orderID string) (Shipped, bool) {
	delivery, shipped := o.FirstDelivery()
	if !shipped || !o.FreightInsurance {
		return Shipped{}, false
	}
	payment := o.Payments[0]
	return Shipped{
		MerchantID: merchantID, OrderID: orderID,
		PaymentReference: payment.ProviderReference, PaidAt: payment.PaidAt, Paid: payment.Amount,
		Carrier: delivery.Carrier, TrackingNumber: delivery.TrackingNumber, ShippedAt: delivery.ShippedAt,
	}, true
}
