package cases

import (
	"go.temporal.io/sdk/workflow"

	"aftercare.dev/activities/call"
	"aftercare.dev/services/cases/api"
)

// Judge judges the application of a case and pins the policy version, once for all.
func Judge(ctx workflow.Context, in CaseRef) (Verdict, error) {
	return call.Quick[Verdict](ctx, "Judge by the policy", Prefix+"Judge", in)
}

// Record stores a step of the case: timeline, state and announcements in one transaction, once.
func Record(ctx workflow.Context, in Step) (api.StepResult, error) {
	return call.Quick[api.StepResult](ctx, "Record the step", Prefix+"Record", in)
}

// Settle computes the exact refund for what the warehouse accepted.
func Settle(ctx workflow.Context, in Inspection) (api.Settlement, error) {
	return call.Quick[api.Settlement](ctx, "Compute the refund", Prefix+"Settle", in)
}
