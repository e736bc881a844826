// Package reconcile compares what a provider says it refunded on a day with what we know of, both ways, and writes down what
// does not agree. It pays nothing and gives nothing up: a person decides, or the case that the difference is carried to.
package reconcile

import (
	"context"
	"errors"
	"log/slog"
	"maps"
	"slices"
	"time"

	"aftercare.dev/services/payment/domain"
	"aftercare.dev/services/payment/refunds"
	"aftercare.dev/services/payment/store"
	"aftercare.dev/services/platform/problem"
)

// Biller is a provider that gives a bill of each day.
type Biller interface {
	// Day returns when a day, given as 2006-01-02, begins and ends as the provider counts days.
	Day(billDate string) (from, to time.Time, err error)
	// Bill returns the refunds of a day. The error wraps [domain.ErrBillNotReady] or
	// [domain.ErrNoBill] if there is no bill.
	Bill(ctx context.Context, billDate string) ([]domain.ProviderRefund, error)
}

// Orders tells which order a payment belongs to, and what was paid for it.
type Orders interface {
	refunds.Orders
	// PaymentByReference finds a payment by the provider's name for it; found is false if no order has it.
	PaymentByReference(ctx context.Context, provider, reference string) (at domain.PaymentAt, found bool, err error)
}

// Clerk compares. It is safe for concurrent use; two that compare one day at once find everything once.
type Clerk struct {
	store  *store.Store
	desk   *refunds.Desk
	orders Orders
	bills  map[string]Biller
	log    *slog.Logger
}

// New returns a clerk; bills are by the provider's name in orders.
func New(s *store.Store, desk *refunds.Desk, orders Orders, bills map[string]Biller, log *slog.Logger) *Clerk {
	return &Clerk{store: s, desk: desk, orders: orders, bills: bills, log: log}
}

// Run compares one day. Whatever seems not to agree is asked about at the provider first, and what it says then is stored like
// any other answer. A provider that does not answer ends the run with a 503 problem; what was found until then stays, and the
// next run does not look at it again.
func (c *Clerk) Run(ctx context.Context, provider, billDate string) (domain.Reconciliation, error) {
	biller, known := c.bills[provider]
	if !known {
		return domain.Reconciliation{}, problem.NotFound("provider_unknown", "no account is configured for a provider of this name")
	}
	from, to, err := biller.Day(billDate)
	if err != nil {
		return domain.Reconciliation{}, problem.Invalid("bill_date", "must be a day such as 2026-11-22")
	}
	bill, err := biller.Bill(ctx, billDate)
	if err != nil {
		return domain.Reconciliation{}, noBill(err)
	}
	ours, err := c.store.Succeeded(ctx, provider, from, to)
	if err != nil {
		return domain.Reconciliation{}, err
	}
	day := day{Clerk: c, provider: provider, billDate: billDate, from: from, to: to}
	if day.disputed, err = c.store.Disputed(ctx, provider, billDate); err != nil {
		return domain.Reconciliation{}, err
	}
	if err := day.compare(ctx, bill, ours); err != nil {
		return domain.Reconciliation{}, err
	}
	return c.store.SaveReconciliation(ctx, domain.Reconciliation{
		Provider: provider, BillDate: billDate, InBill: int64(len(bill)), Ours: int64(len(ours)),
	})
}

func noBill(err error) error {
	switch {
	case errors.Is(err, domain.ErrBillNotReady):
		return problem.Unavailable("bill_not_ready", "the provider has not made the bill of this day yet; try again after 10:00 of the next day there").WithCause(err)
	case errors.Is(err, domain.ErrNoBill):
		return problem.Unprocessable("bill_date_out_of_range", "the provider gives no bill of this day").WithCause(err)
	}
	return problem.Unavailable("provider_silent", "the provider's bill could not be had; try again later").WithCause(err)
}

// day is one comparison.
type day struct {
	*Clerk
	provider, billDate string
	from, to           time.Time
	// disputed are the numbers about which a difference of this day is on record.
	disputed map[string]bool
}

func (d day) compare(ctx context.Context, bill []domain.ProviderRefund, ours map[string]store.Numbered) error {
	lines := make(map[string]domain.ProviderRefund, len(bill))
	for _, line := range bill {
		lines[line.RefundNumber] = line
	}
	numbers := slices.Sorted(maps.Keys(lines))
	known, err := d.store.ByNumbers(ctx, d.provider, numbers)
	if err != nil {
		return err
	}
	for _, number := range numbers {
		line := lines[number]
		if d.disputed[number] || line.Status != domain.ProviderSucceeded {
			continue
		}
		if mine, isOurs := known[number]; isOurs {
			err = d.check(ctx, mine, line)
		} else {
			err = d.unknown(ctx, line)
		}
		if err != nil {
			return err
		}
	}
	for _, number := range slices.Sorted(maps.Keys(ours)) {
		if line, listed := lines[number]; d.disputed[number] || listed && line.Status == domain.ProviderSucceeded {
			continue
		}
		if err := d.missing(ctx, ours[number]); err != nil {
			return err
		}
	}
	return nil
}

// check compares a refund of ours with its line in the bill, which says that the provider paid.
func (d day) check(ctx context.Context, mine store.Numbered, line domain.ProviderRefund) error {
	if mine.Part.State == domain.PartSucceeded && mine.Part.Amount == line.Amount && mine.Part.PaymentReference == line.PaymentReference {
		return nil
	}
	held, err := d.desk.Confirm(ctx, mine.Refund, mine.Part)
	if err != nil {
		return err
	}
	if held.Reference != "" && held.Status != domain.ProviderSucceeded {
		return nil // the bill is older than the answer: what was paid is taken back, or will be told by a later bill
	}
	refund, part, _, err := d.store.ByNumber(ctx, line.RefundNumber)
	if err != nil {
		return err
	}
	mine = store.Numbered{Refund: refund, Part: part}
	switch {
	case part.State == domain.PartVoided, part.State == domain.PartPaidManually:
		return d.uncounted(ctx, domain.StateDiffers, mine, line, line.Amount)
	case part.Amount != line.Amount, part.PaymentReference != line.PaymentReference:
		return d.uncounted(ctx, domain.AmountDiffers, mine, line, line.Amount-part.Amount)
	case part.State == domain.PartSucceeded:
		return nil
	}
	return d.add(ctx, domain.DifferenceOf(domain.StateDiffers, refund, part, line))
}

// uncounted records a difference in which the provider paid more, by amount, than our refunds count. If it is not more, the
// difference is recorded alone.
func (d day) uncounted(ctx context.Context, kind domain.DifferenceKind, mine store.Numbered, line domain.ProviderRefund, amount int64) error {
	difference := domain.DifferenceOf(kind, mine.Refund, mine.Part, line)
	if amount <= 0 {
		return d.add(ctx, difference)
	}
	difference.BillDate, difference.Occurrence = d.billDate, line.Reference
	d.note(ctx, difference)
	return d.store.RecordOutside(ctx, difference, amount, domain.Order{})
}

// unknown takes note of a refund that is not ours. The bill is believed unless the provider says by now that the money did not
// go out.
func (d day) unknown(ctx context.Context, line domain.ProviderRefund) error {
	held, err := d.desk.Look(ctx, d.provider, line.RefundNumber)
	if err != nil {
		return err
	}
	if held.Reference != "" && held.Status != domain.ProviderSucceeded {
		return nil
	}
	difference := domain.Difference{
		Kind: domain.UnknownRefund, Provider: d.provider, RefundNumber: line.RefundNumber, Reference: line.Reference,
		PaymentReference: line.PaymentReference, Currency: line.Currency, ProviderAmount: line.Amount,
	}
	at, order, found, err := d.owner(ctx, line.PaymentReference)
	if err != nil {
		return err
	}
	if !found || line.Amount == 0 {
		return d.add(ctx, difference)
	}
	difference.MerchantID, difference.OrderID, difference.PaymentID = at.MerchantID, at.OrderID, at.PaymentID
	difference.BillDate, difference.Occurrence = d.billDate, line.Reference
	d.note(ctx, difference)
	return d.store.RecordOutside(ctx, difference, line.Amount, order)
}

// owner finds the order that a payment belongs to. What was paid is read from the order service only if nothing of the order
// was refunded before.
func (d day) owner(ctx context.Context, reference string) (domain.PaymentAt, domain.Order, bool, error) {
	at, found, err := d.store.PaymentByReference(ctx, d.provider, reference)
	if err != nil || found {
		return at, domain.Order{}, found, err
	}
	if at, found, err = d.orders.PaymentByReference(ctx, d.provider, reference); err != nil || !found {
		return at, domain.Order{}, false, err
	}
	order, err := d.orders.Order(ctx, at.MerchantID, at.OrderID)
	return at, order, err == nil, err
}

// missing asks about a success of ours that the bill does not have. If the provider says that it was on another day, there is
// nothing to tell; if it says that there was none, what it takes back is recorded by that answer.
func (d day) missing(ctx context.Context, mine store.Numbered) error {
	held, err := d.desk.Confirm(ctx, mine.Refund, mine.Part)
	if err != nil {
		return err
	}
	switch {
	case held.Reference == "":
	case held.Status != domain.ProviderSucceeded, !mine.Part.Matches(held):
		return nil // told by the answer
	case !held.SucceededAt.IsZero() && (held.SucceededAt.Before(d.from) || !held.SucceededAt.Before(d.to)):
		return nil
	}
	return d.add(ctx, domain.DifferenceOf(domain.MissingAtProvider, mine.Refund, mine.Part, held))
}

func (d day) add(ctx context.Context, difference domain.Difference) error {
	difference.BillDate, difference.Occurrence = d.billDate, d.billDate
	d.note(ctx, difference)
	return d.store.AddDifference(ctx, difference)
}

// note tells operators. Ids and kinds only.
func (d day) note(ctx context.Context, difference domain.Difference) {
	d.log.WarnContext(ctx, "the provider's bill differs", "provider", d.provider, "bill_date", d.billDate,
		"kind", string(difference.Kind), "merchant_id", difference.MerchantID, "order_id", difference.OrderID,
		"refund_number", difference.RefundNumber)
}
