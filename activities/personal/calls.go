package personal

import (
	"time"

	"go.temporal.io/sdk/workflow"

	"aftercare.dev/activities/call"
)

// patience is how long a service may be out of reach before the workflow says so and tries again by itself.
const patience = 6 * time.Hour

// ForgetCases drops texts and photos of the buyer's cases; fault.Conflicting while a case is open.
func ForgetCases(ctx workflow.Context, in Buyer) (Dropped, error) {
	return call.Slow[Dropped](ctx, "Drop the texts and photos of the buyer's cases", Prefix+"ForgetCases", patience, in)
}

// ForgetOrders drops the contacts of the buyer's orders and what their parcels have of people.
func ForgetOrders(ctx workflow.Context, in Buyer) (Dropped, error) {
	return call.Slow[Dropped](ctx, "Drop the contacts of the buyer's orders and parcels", Prefix+"ForgetOrders", patience, in)
}

// ForgetMessages drops the buyer's messages.
func ForgetMessages(ctx workflow.Context, in Buyer) (Dropped, error) {
	return call.Slow[Dropped](ctx, "Drop the buyer's messages", Prefix+"ForgetMessages", patience, in)
}

// Finish notes that the buyer is forgotten everywhere.
func Finish(ctx workflow.Context, in Buyer) error {
	_, err := call.Slow[any](ctx, "Note that the buyer is forgotten", Prefix+"Finish", patience, in)
	return err
}

// Retain drops what is older than the service's settings allow.
func Retain(ctx workflow.Context, in Service) (Dropped, error) {
	return call.Slow[Dropped](ctx, "Drop what is too old at "+string(in), Prefix+"Retain", patience, in)
}
