package replay

import (
	"context"
	"fmt"
	"io"
	"path/filepath"

	"aftercare.dev/deploy/client"
)

// Options are what a replay is asked for.
type Options struct {
	// Data is the export.
	Data string
	// Limit stops after so many matched credit-note lines; 0 replays everything.
	Limit int
	// AtOnce is how many cases are driven side by side.
	AtOnce int
	// URL is the gateway, Keys sign the tokens for it.
	URL  string
	Keys client.Signer
	// Dir gets the list of rejected rows; Journal is the payment provider's, empty where it is not at hand.
	Dir, Journal string
	// Out hears of the progress. Terminal redraws the progress bar in place.
	Out      io.Writer
	Terminal bool
}

// merchant is the tenant of replays, apart from those that people try things on.
const merchant = "online-retail"

// Run replays an export. The report is complete also when an error is returned with it.
func Run(ctx context.Context, o Options) (Report, error) {
	plan, err := o.plan()
	if err != nil {
		return Report{}, err
	}
	shop, err := o.shop()
	if err != nil {
		return Report{}, err
	}
	report := Report{
		Orders: len(plan.Orders), RejectedRows: len(plan.Rejected), Unmatched: len(plan.Unmatched), ExpectedMinor: plan.Expected,
	}
	if err := client.Persist(ctx, patience, func() error { return shop.Prepare(ctx) }); err != nil {
		return report, err
	}
	orders := newBar(o.Out, o.Terminal, "orders", len(plan.Orders))
	if err := shop.Load(ctx, plan.Orders, orders.add); err != nil {
		return report, fmt.Errorf("load the orders: %w", err)
	}
	returns := newBar(o.Out, o.Terminal, "returns", len(plan.Returns))
	err = shop.Drive(ctx, plan.Returns, o.AtOnce, func(r Result) {
		report.ReturnsFiled++
		if r.Closed {
			report.ReturnsClosed++
		}
		report.RefundedMinor += r.Refunded
		returns.add(1)
	})
	report.DifferenceMinor = report.RefundedMinor - report.ExpectedMinor
	o.compare(report)
	if err == nil && (report.DifferenceMinor != 0 || report.ReturnsClosed != len(plan.Returns)) {
		err = fmt.Errorf("the money differs by %d minor units, %d of %d returns are closed",
			report.DifferenceMinor, report.ReturnsClosed, len(plan.Returns))
	}
	return report, err
}

func (o Options) plan() (*Plan, error) {
	export, err := Open(o.Data)
	if err != nil {
		return nil, err
	}
	plan, err := Read(export, o.Limit)
	if closed := export.Close(); err == nil {
		err = closed
	}
	if err != nil {
		return nil, err
	}
	path := filepath.Join(o.Dir, "replay-rejected.csv")
	if err := plan.WriteRows(path); err != nil {
		return nil, err
	}
	fmt.Fprintf(o.Out, "%s: %d orders, %d credits matched, %d not covered, %d rows that no system could take\n",
		filepath.Base(o.Data), len(plan.Orders), plan.Credits, len(plan.Unmatched), len(plan.Rejected))
	for _, reason := range plan.Reasons() {
		fmt.Fprintln(o.Out, reason)
	}
	fmt.Fprintf(o.Out, "each of them with its line: %s\n", path)
	return plan, nil
}

func (o Options) shop() (shop Shop, err error) {
	door := client.Door{URL: o.URL, Keys: o.Keys}
	shop.Merchant = merchant
	if shop.Staff, err = door.Hire(merchant); err != nil {
		return shop, err
	}
	shop.Administrator, err = door.As(merchant, "administrator", "replay")
	return shop, err
}

// compare says what the payment provider's own journal adds up to, where it is at hand.
func (o Options) compare(report Report) {
	if o.Journal == "" {
		return
	}
	sum, refunds, ok, err := Journaled(o.Journal, currency)
	if err != nil || !ok {
		fmt.Fprintf(o.Out, "the payment provider's journal %s cannot be read\n", o.Journal)
		return
	}
	fmt.Fprintf(o.Out, "the payment provider's journal says %d minor units in %d refunds, the cases say %d\n", sum, refunds, report.RefundedMinor)
}
