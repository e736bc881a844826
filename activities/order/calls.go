package order

import (
	"go.temporal.io/sdk/workflow"

	"aftercare.dev/activities/call"
	"aftercare.dev/services/order/api"
)

// Reserve sets units aside for a case, all or none, and answers with the state only. Units that another case holds:
// fault.Conflicting.
func Reserve(ctx workflow.Context, in Units) (api.Reservation, error) {
	return call.Quick[api.Reservation](ctx, "Reserve the units", Prefix+"Reserve", in)
}

// Settle ends the reservation of a case: the lines in it are returned for good, the rest is free again. Without lines
// everything is released.
func Settle(ctx workflow.Context, in Units) (api.Reservation, error) {
	summary := "Book the returned units"
	if len(in.Lines) == 0 {
		summary = "Release the units"
	}
	return call.Quick[api.Reservation](ctx, summary, Prefix+"Settle", in)
}
