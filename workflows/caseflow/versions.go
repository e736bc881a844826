package caseflow

import "go.temporal.io/sdk/workflow"

// A change to what a workflow does, and so to what is in its history, is a predicate here. It is false for a case that went
// past the changed place before the change, and keeps it on its way; it can go when no such case is left.

// keepsTypedNotes: since 0.2.0 words that an operator types into the Temporal UI are kept as a note.
func keepsTypedNotes(ctx workflow.Context) bool {
	return workflow.GetVersion(ctx, "keeps-typed-notes", workflow.DefaultVersion, 1) != workflow.DefaultVersion
}
