package payment

import (
	"time"

	"go.temporal.io/sdk/workflow"

	"aftercare.dev/activities/call"
	"aftercare.dev/services/payment/api"
)

// patience is how long the payment provider may be out of reach before a person is told. The refund number is kept, so
// that nothing is lost by waiting and nothing is paid twice by trying again.
const patience = 30 * time.Minute

// Reserve guards the amount against what was paid and mints the refund numbers. Beyond what was paid: fault.Refused.
func Reserve(ctx workflow.Context, in Refund) (api.Refund, error) {
	return call.Quick[api.Refund](ctx, "Reserve the refund", Prefix+"Reserve", in)
}

// Submit sends the refund to the provider. It never pays twice, however often it is repeated.
func Submit(ctx workflow.Context, in RefundRef) (api.Refund, error) {
	return call.Outside[api.Refund](ctx, "Send the refund to the provider", Prefix+"Submit", patience, in)
}

// Query asks the provider how the refund stands.
func Query(ctx workflow.Context, in RefundRef) (api.Refund, error) {
	return call.Quick[api.Refund](ctx, "Ask the provider about the refund", Prefix+"Query", in)
}

// Resolve carries out what finance decided about a refund that needs attention.
func Resolve(ctx workflow.Context, in Resolution) (api.Refund, error) {
	return call.Outside[api.Refund](ctx, "Carry out finance's decision", Prefix+"Resolve", patience, in)
}

// late is for how long the bill of a day is awaited: it should be there in the morning.
const late = 3 * time.Hour

// Reconcile compares the provider's bill of a day with the refunds, both ways, once or any number of times.
func Reconcile(ctx workflow.Context, in Day) (api.Reconciliation, error) {
	return call.Slow[api.Reconciliation](ctx, "Compare the bill of "+in.Provider+" of "+in.Date, Prefix+"Reconcile", late, in)
}

// OpenDifferences lists differences that have a case and that nobody was told of, up to a number. It does not wait for a
// service that is down: who asks will ask again.
func OpenDifferences(ctx workflow.Context, limit int) ([]Pending, error) {
	return call.Outside[[]Pending](ctx, "What differs, and nobody knows?", Prefix+"OpenDifferences", time.Minute, limit)
}

// Look tells how the money of a case stands. What it tells is in the history before anything follows from it.
func Look(ctx workflow.Context, in CaseRef) (Standing, error) {
	return call.Seen[Standing](ctx, "Look how the money of the case stands", Prefix+"Standing", in)
}

// MarkTold keeps that the case has taken notice of a difference with the provider.
func MarkTold(ctx workflow.Context, in ToldDifference) error {
	_, err := call.Quick[any](ctx, "The case knows of the difference", Prefix+"MarkTold", in)
	return err
}

// ResolveDifference keeps that a difference is dealt with. One that was resolved before: fault.Conflicting.
func ResolveDifference(ctx workflow.Context, in ResolvedDifference) error {
	_, err := call.Quick[any](ctx, "The difference is dealt with", Prefix+"ResolveDifference", in)
	return err
}

// Book writes money that is not a refund into the ledger, once for its booking id. Other content under the same id:
// fault.Conflicting.
func Book(ctx workflow.Context, in Booking) (api.LedgerBookingState, error) {
	return call.Quick[api.LedgerBookingState](ctx, "Book it in the ledger", Prefix+"Book", in)
}
