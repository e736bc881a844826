// Package personal drops people's data: of one buyer, who asked for it, and of everybody when its time is over.
package personal

import (
	"fmt"
	"time"

	"go.temporal.io/sdk/workflow"

	"aftercare.dev/activities/fault"
	"aftercare.dev/activities/personal"
	"aftercare.dev/workflows/contract"
)

// again is when an erasure that could not go on is tried again: a case was opened at the last moment, or a service stays
// out of reach.
const again = time.Hour

// Erased counts what an erasure dropped.
type Erased struct {
	Cases    int64 `json:"cases"`
	Photos   int64 `json:"photos"`
	Orders   int64 `json:"orders"`
	Messages int64 `json:"messages"`
}

// EraseBuyer forgets a buyer: what they wrote and sent in cases, the contacts of their orders, the addresses of their
// parcels, their messages. Orders, cases, refunds and ledger stay, with the buyer's id. Every step can be repeated; one
// that fails is tried again every hour, so that an erasure that was accepted is carried out.
func EraseBuyer(ctx workflow.Context, in contract.BuyerRef) (Erased, error) {
	buyer := personal.Buyer{MerchantID: in.MerchantID, BuyerID: in.BuyerID}
	var erased Erased
	steps := []struct {
		what string
		run  func() error
	}{
		// Cases come first: here it shows if one is open after all.
		{"texts and photos of cases", func() error {
			done, err := personal.ForgetCases(ctx, buyer)
			erased.Cases, erased.Photos = done.Rows, done.Photos
			return err
		}},
		{"contacts of orders and parcels", func() error {
			done, err := personal.ForgetOrders(ctx, buyer)
			erased.Orders = done.Rows
			return err
		}},
		{"messages", func() error {
			done, err := personal.ForgetMessages(ctx, buyer)
			erased.Messages = done.Rows
			return err
		}},
		{"the note that it is done", func() error { return personal.Finish(ctx, buyer) }},
	}
	for _, step := range steps {
		if err := untilDone(ctx, step.what, step.run); err != nil {
			return erased, err
		}
	}
	workflow.SetCurrentDetails(ctx, "The buyer is forgotten. Orders, cases and money stay, with the buyer's id.")
	return erased, nil
}

// untilDone repeats a step until it succeeds; only a cancellation ends it before.
func untilDone(ctx workflow.Context, what string, run func() error) error {
	for {
		workflow.SetCurrentDetails(ctx, "Dropping: "+what+".")
		err := run()
		if err == nil || ctx.Err() != nil {
			return err
		}
		workflow.SetCurrentDetails(ctx, fmt.Sprintf("Not dropped yet: %s (`%s`). It is tried again every hour.", what, fault.Code(err)))
		if err := workflow.NewTimerWithOptions(ctx, again, workflow.TimerOptions{Summary: "Try again: " + what}).Get(ctx, nil); err != nil {
			return err
		}
	}
}
