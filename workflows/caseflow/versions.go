package caseflow

import "go.temporal.io/sdk/workflow"

// A change to what a workflow does, and so to what is in its history, is a predicate here. It is false for a case that went
// past the changed place before the change, and keeps it on its way; it can go when no such case is left.

// mindsMoney: since 0.2.0 a case hears that something may be wrong with money that was paid.
func mindsMoney(ctx workflow.Context) bool {
	return workflow.GetVersion(ctx, "minds-money", workflow.DefaultVersion, 1) != workflow.DefaultVersion
}

// TellsNothingDue tells whether a refund of nothing is on the timeline: since 0.2.0. Before, the case went on without a step,
// and its record stayed where it was until the next one.
func TellsNothingDue(ctx workflow.Context) bool {
	return workflow.GetVersion(ctx, "tells-nothing-due", workflow.DefaultVersion, 1) != workflow.DefaultVersion
}

// keepsTypedNotes: since 0.2.0 words that an operator types into the Temporal UI are kept as a note.
func keepsTypedNotes(ctx workflow.Context) bool {
	return workflow.GetVersion(ctx, "keeps-typed-notes", workflow.DefaultVersion, 1) != workflow.DefaultVersion
}

// BooksPayouts tells whether the insurer's payout is booked in the ledger: since 0.2.0.
func BooksPayouts(ctx workflow.Context) bool {
	return workflow.GetVersion(ctx, "books-payouts", workflow.DefaultVersion, 1) != workflow.DefaultVersion
}
