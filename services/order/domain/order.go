// Package domain holds what an order is and which of its units are being returned: rules and types
// without I/O. Errors are *problem.Error with a stable code that name the field and the way out.
package domain

import (
	"slices"
	"time"

	"aftercare.dev/services/platform/money"
)

// Channel is where an order was placed.
type Channel string

// The channels of the contract.
const (
	ChannelOnline Channel = "online"
	ChannelStore  Channel = "store"
)

// Order is an order as the shop sees it, without personal data. Its JSON form is what the database
// keeps of each version, so that a field may be added but never renamed. Make one with [NewOrder].
type Order struct {
	BuyerID  string  `json:"buyer_id"`
	Currency string  `json:"currency"`
	Channel  Channel `json:"channel"`
	// PlacedAt and every other time is in UTC and exact to the microsecond.
	PlacedAt         time.Time   `json:"placed_at"`
	Lines            []Line      `json:"lines"`
	Discounts        []Discount  `json:"discounts,omitempty"`
	Freight          money.Money `json:"freight"`
	Payments         []Payment   `json:"payments"`
	Deliveries       []Delivery  `json:"deliveries,omitempty"`
	FreightInsurance bool        `json:"freight_insurance,omitempty"`
}

// Line is one position of an order.
type Line struct {
	LineID   string `json:"line_id"`
	SKU      string `json:"sku"`
	Title    string `json:"title,omitempty"`
	Category string `json:"category,omitempty"`
	// Quantity is the number of units, at least one and at most [MaxQuantity].
	Quantity int64 `json:"quantity"`
	// Amount is for all units, before any discount; Discount is that of the line alone.
	Amount   money.Money `json:"amount"`
	Discount money.Money `json:"discount"`
	// Paid is what remains after the line's discount and its share of the order's discounts.
	Paid              money.Money `json:"paid"`
	NoReturnConfirmed bool        `json:"no_return_confirmed,omitempty"`
}

// Discount is a reduction of the whole order.
type Discount struct {
	Code   string      `json:"code"`
	Amount money.Money `json:"amount"`
}

// Payment is money that the buyer really paid.
type Payment struct {
	PaymentID         string      `json:"payment_id"`
	Provider          string      `json:"provider"`
	ProviderReference string      `json:"provider_reference"`
	Amount            money.Money `json:"amount"`
	PaidAt            time.Time   `json:"paid_at"`
}

// PaymentAt is where a payment belongs.
type PaymentAt struct{ MerchantID, OrderID, PaymentID string }

// Delivery is a parcel on its way to the buyer. Without lines it holds the whole order.
type Delivery struct {
	DeliveryID     string         `json:"delivery_id"`
	Carrier        string         `json:"carrier"`
	TrackingNumber string         `json:"tracking_number"`
	ShippedAt      time.Time      `json:"shipped_at"`
	DeliveredAt    *time.Time     `json:"delivered_at,omitempty"`
	Lines          []LineQuantity `json:"lines,omitempty"`
}

// LineQuantity is a number of units of a line.
type LineQuantity struct {
	LineID   string `json:"line_id"`
	Quantity int64  `json:"quantity"`
}

// Contact is the personal data of an order: never in a log, a span, an error or a version.
type Contact struct {
	Name           string `json:"name,omitempty"`
	Phone          string `json:"phone,omitempty"`
	Email          string `json:"email,omitempty"`
	Language       string `json:"language,omitempty"`
	PayerReference string `json:"payer_reference,omitempty"`
	Province       string `json:"province,omitempty"`
	City           string `json:"city,omitempty"`
	District       string `json:"district,omitempty"`
	Street         string `json:"street,omitempty"`
}

// Covers tells whether the delivery has units of the line in it.
func (d Delivery) Covers(lineID string) bool {
	return len(d.Lines) == 0 ||
		slices.ContainsFunc(d.Lines, func(l LineQuantity) bool { return l.LineID == lineID })
}

// Shipping tells how far the units of a line have come: when the last of its parcels was shipped, and
// when the last of them was signed for. Either is nil as long as it has not happened; a line of which
// one parcel is still on its way has not been delivered.
func (o Order) Shipping(lineID string) (shipped, delivered *time.Time) {
	onItsWay := false
	for _, d := range o.Deliveries {
		if !d.Covers(lineID) {
			continue
		}
		shipped = later(shipped, &d.ShippedAt)
		if d.DeliveredAt == nil {
			onItsWay = true
			continue
		}
		delivered = later(delivered, d.DeliveredAt)
	}
	if onItsWay {
		return shipped, nil
	}
	return shipped, delivered
}

// FirstDelivery returns the delivery that was shipped first, and whether anything was shipped at all.
func (o Order) FirstDelivery() (Delivery, bool) {
	if len(o.Deliveries) == 0 {
		return Delivery{}, false
	}
	return slices.MinFunc(o.Deliveries, func(a, b Delivery) int { return a.ShippedAt.Compare(b.ShippedAt) }), true
}

// Paid returns all that was paid: the lines and the freight.
func (o Order) Paid() money.Money {
	paid := o.Freight
	for _, line := range o.Lines {
		paid.Amount += line.Paid.Amount // NewOrder has checked that the sum is in range.
	}
	return paid
}

func later(a, b *time.Time) *time.Time {
	if a == nil || b.After(*a) {
		return b
	}
	return a
}
