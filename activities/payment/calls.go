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
