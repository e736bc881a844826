package domain

import (
	"fmt"
	"slices"
	"time"

	"aftercare.dev/services/platform/money"
)

// Limits of the contract.
const (
	MaxLines      = 2000
	MaxDiscounts  = 100
	MaxPayments   = 20
	MaxDeliveries = 200
	MaxQuantity   = 10_000_000
)

// NewOrder checks what a shop tells about an order and works out what was paid for each line. The
// result is in normal form (defaults filled in, times in UTC to the microsecond), so that the same
// content has the same [Hash] however it was written. The draft is not changed.
//
// Errors are 422 problems that name the first field at fault: a currency other than the order's, an
// amount below zero or out of range, an id used twice, a discount above what it reduces, payments
// that do not add up, a delivery of what was not bought.
func NewOrder(draft Order) (Order, error) {
	order := draft.normal()
	for _, check := range []func() error{
		order.checkHead, order.checkLines, order.spreadDiscounts, order.checkPayments, order.checkDeliveries,
	} {
		if err := check(); err != nil {
			return Order{}, err
		}
	}
	return order, nil
}

// normal returns a copy with the defaults of the contract and all times in one form.
func (o Order) normal() Order {
	none := money.Money{Currency: o.Currency}
	if o.Channel == "" {
		o.Channel = ChannelOnline
	}
	if o.Freight == (money.Money{}) {
		o.Freight = none
	}
	o.PlacedAt = instant(o.PlacedAt)
	o.Lines = slices.Clone(o.Lines)
	for i := range o.Lines {
		if o.Lines[i].Discount == (money.Money{}) {
			o.Lines[i].Discount = none
		}
		o.Lines[i].Paid = none
	}
	o.Payments = slices.Clone(o.Payments)
	for i := range o.Payments {
		o.Payments[i].PaidAt = instant(o.Payments[i].PaidAt)
	}
	o.Deliveries = slices.Clone(o.Deliveries)
	for i := range o.Deliveries {
		o.Deliveries[i].ShippedAt = instant(o.Deliveries[i].ShippedAt)
		if at := o.Deliveries[i].DeliveredAt; at != nil {
			delivered := instant(*at)
			o.Deliveries[i].DeliveredAt = &delivered
		}
	}
	return o
}

// instant is the form in which times are kept: the database counts microseconds.
func instant(t time.Time) time.Time { return t.UTC().Truncate(time.Microsecond) }

func (o *Order) checkHead() error {
	if err := money.ValidateCurrency(o.Currency); err != nil {
		return invalid("currency", "An ISO 4217 code such as CNY is needed.")
	}
	if o.Channel != ChannelOnline && o.Channel != ChannelStore {
		return invalid("channel", "Either online or store.")
	}
	if o.PlacedAt.IsZero() {
		return invalid("placed_at", "The time of the purchase is needed.")
	}
	return o.checkAmount("freight", o.Freight)
}

func (o *Order) checkLines() error {
	if err := size("lines", len(o.Lines), 1, MaxLines); err != nil {
		return err
	}
	seen := make(map[string]bool, len(o.Lines))
	for i, line := range o.Lines {
		field := fmt.Sprintf("lines[%d]", i)
		if seen[line.LineID] {
			return invalid(field+".line_id", "The same line_id occurs twice; give each line its own.")
		}
		seen[line.LineID] = true
		if line.Quantity < 1 || line.Quantity > MaxQuantity {
			return invalid(field+".quantity", fmt.Sprintf("Between 1 and %d units.", MaxQuantity))
		}
		if err := o.checkAmount(field+".amount", line.Amount); err != nil {
			return err
		}
		if err := o.checkAmount(field+".discount", line.Discount); err != nil {
			return err
		}
		if line.Discount.Amount > line.Amount.Amount {
			return invalid(field+".discount", fmt.Sprintf(
				"The discount of %d is more than the line's amount of %d.", line.Discount.Amount, line.Amount.Amount,
			))
		}
	}
	return nil
}

// spreadDiscounts takes the discounts of the whole order off the lines, in proportion to their amounts
// after line discounts, and fixes what was paid for each. A line's share is never above that amount,
// because the discounts together are not above all of them.
func (o *Order) spreadDiscounts() error {
	if err := size("discounts", len(o.Discounts), 0, MaxDiscounts); err != nil {
		return err
	}
	weights := make([]int64, len(o.Lines))
	var reducible, reduction total
	for i, line := range o.Lines {
		weights[i] = line.Amount.Amount - line.Discount.Amount
		reducible.add(weights[i])
	}
	if !reducible.inRange() {
		return invalid("lines", "The lines together are worth more than an order can be.")
	}
	for i, discount := range o.Discounts {
		field := fmt.Sprintf("discounts[%d].amount", i)
		if err := o.checkAmount(field, discount.Amount); err != nil {
			return err
		}
		reduction.add(discount.Amount.Amount)
		if reduction > reducible {
			return invalid(field, fmt.Sprintf(
				"The discounts add up to %d or more, but the lines are worth %d only.", reduction, reducible,
			))
		}
	}
	for i, share := range money.Allocate(int64(reduction), weights) {
		o.Lines[i].Paid.Amount = weights[i] - share
	}
	return nil
}

func (o *Order) checkPayments() error {
	if err := size("payments", len(o.Payments), 1, MaxPayments); err != nil {
		return err
	}
	seen := make(map[string]bool, len(o.Payments))
	var paid, due total
	for i, payment := range o.Payments {
		field := fmt.Sprintf("payments[%d]", i)
		if seen[payment.PaymentID] {
			return invalid(field+".payment_id", "The same payment_id occurs twice; give each payment its own.")
		}
		seen[payment.PaymentID] = true
		if payment.PaidAt.IsZero() {
			return invalid(field+".paid_at", "The time of the payment is needed.")
		}
		if err := o.checkAmount(field+".amount", payment.Amount); err != nil {
			return err
		}
		paid.add(payment.Amount.Amount)
	}
	due.add(o.Freight.Amount)
	for _, line := range o.Lines {
		due.add(line.Paid.Amount)
	}
	if !due.inRange() {
		return invalid("freight", "Lines and freight together are worth more than an order can be.")
	}
	if paid != due {
		return fault(CodePaymentsDoNotAddUp, "payments", fmt.Sprintf(
			"The payments add up to %d, but the lines less the discounts plus freight are %d %s. "+
				"List every payment, and every discount.", paid, due, o.Currency,
		))
	}
	return nil
}

func (o *Order) checkDeliveries() error {
	if err := size("deliveries", len(o.Deliveries), 0, MaxDeliveries); err != nil {
		return err
	}
	left := make(map[string]int64, len(o.Lines))
	for _, line := range o.Lines {
		left[line.LineID] = line.Quantity
	}
	seen := make(map[string]bool, len(o.Deliveries))
	for i, delivery := range o.Deliveries {
		field := fmt.Sprintf("deliveries[%d]", i)
		if seen[delivery.DeliveryID] {
			return invalid(field+".delivery_id", "The same delivery_id occurs twice; give each delivery its own.")
		}
		seen[delivery.DeliveryID] = true
		if delivery.ShippedAt.IsZero() {
			return invalid(field+".shipped_at", "The time when it was shipped is needed.")
		}
		if delivery.DeliveredAt != nil && delivery.DeliveredAt.Before(delivery.ShippedAt) {
			return invalid(field+".delivered_at", "Nothing is delivered before it is shipped.")
		}
		if err := takeDelivered(field, delivery.Lines, left); err != nil {
			return err
		}
	}
	return nil
}

// takeDelivered takes what a delivery names off what is left of each line.
func takeDelivered(delivery string, lines []LineQuantity, left map[string]int64) error {
	for i, line := range lines {
		field := fmt.Sprintf("%s.lines[%d]", delivery, i)
		remaining, known := left[line.LineID]
		if !known {
			return fault(CodeUnknownLine, field+".line_id", "The order has no such line.")
		}
		if line.Quantity < 1 || line.Quantity > remaining {
			return invalid(field+".quantity", fmt.Sprintf(
				"At least 1 and at most %d: the deliveries together cannot hold more units than were bought.", remaining,
			))
		}
		left[line.LineID] = remaining - line.Quantity
	}
	return nil
}

// checkAmount holds an amount to the currency of the order and to zero or more.
func (o *Order) checkAmount(field string, amount money.Money) error {
	if amount.Currency != o.Currency {
		return fault(CodeCurrencyMismatch, field+".currency", fmt.Sprintf(
			"The order is in %s; an order has one currency.", o.Currency,
		))
	}
	if amount.IsNegative() || amount.Validate() != nil {
		return invalid(field+".amount", fmt.Sprintf("Between 0 and %d minor units.", money.Max))
	}
	return nil
}

func size(field string, n, least, most int) error {
	if n < least || n > most {
		return invalid(field, fmt.Sprintf("Between %d and %d entries.", least, most))
	}
	return nil
}

// total is a sum of amounts that were checked one by one. The largest list has MaxLines of them, and
// 2000 times money.Max is still far from overflowing.
type total int64

func (t *total) add(amount int64) { *t += total(amount) }

func (t *total) inRange() bool { return int64(*t) <= money.Max }
