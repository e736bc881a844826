package cases

import (
	"strings"

	"go.temporal.io/sdk/workflow"

	"aftercare.dev/activities/call"
	"aftercare.dev/services/cases/api"
)

// Judge judges the application of a case and pins the policy version, once for all, unless that was done.
func Judge(ctx workflow.Context, in Filed) (Verdict, error) {
	return call.Quick[Verdict](ctx, "Judge by the policy", Prefix+"Judge", in)
}

// Record stores a step of the case: timeline, state and announcements in one transaction, once.
func Record(ctx workflow.Context, in Step) (api.StepResult, error) {
	told := make([]string, len(in.Step.Entries))
	for i, entry := range in.Step.Entries {
		told[i] = entry.Type
	}
	return call.Quick[api.StepResult](ctx, "Record: "+strings.Join(told, ", "), Prefix+"Record", in)
}

// StoreNote keeps what an operator typed, so that the timeline can show it.
func StoreNote(ctx workflow.Context, in Note) (api.NoteRef, error) {
	return call.Quick[api.NoteRef](ctx, "Keep the operator's note", Prefix+"StoreNote", in)
}

// Settle computes the exact refund for what the warehouse accepted.
func Settle(ctx workflow.Context, in Inspection) (api.Settlement, error) {
	return call.Quick[api.Settlement](ctx, "Compute the refund", Prefix+"Settle", in)
}

// Look reads the case as it is recorded. What it tells is in the history before anything follows from it.
func Look(ctx workflow.Context, in CaseRef) (Standing, error) {
	return call.Seen[Standing](ctx, "Read the case as it is recorded", Prefix+"Standing", in)
}
