package caseflow

import (
	"errors"
	"strconv"
	"time"

	"go.temporal.io/sdk/temporal"
	"go.temporal.io/sdk/workflow"

	"aftercare.dev/activities/cases"
	"aftercare.dev/activities/fault"
	"aftercare.dev/services/cases/api"
	"aftercare.dev/services/platform/ids"
	"aftercare.dev/workflows/contract"
)

// healing is how long a step that failed because nobody answered waits before it is tried again by itself.
const healing = time.Hour

// Do runs a step that may fail for good. When it does, the case says so where people look and waits for an operator:
// retry runs the step again, skip returns [ErrSkipped], resolve returns [*EndedError]. A step that failed only because
// nobody answered is also tried again by itself.
func Do[T any](ctx workflow.Context, f *Flow, step func(workflow.Context) (T, error)) (T, error) {
	for {
		out, err := step(ctx)
		if err == nil {
			return out, nil
		}
		// Only the caller's own end is an end: a child that somebody cancelled is a step that failed.
		if ended := ctx.Err(); ended != nil {
			return out, ended
		}
		if err := f.attend(ctx, fault.Code(err), retryable(err)); err != nil {
			return out, err
		}
	}
}

func retryable(err error) bool {
	var timeout *temporal.TimeoutError
	return errors.As(err, &timeout) || fault.Is(err, fault.Unavailable, fault.Misconfigured)
}

// attend returns nil when the step shall be tried again.
func (f *Flow) attend(ctx workflow.Context, reason string, heals bool) error {
	stage := f.State.Stage
	now := workflow.Now(ctx).UTC()
	f.State.Attention = &api.Attention{Reason: reason, Since: now}
	f.Tell(ctx, Entry{Type: "case.needs_attention", By: By("workflow"), Data: map[string]any{"reason": reason}, Staff: true})
	operators := []contract.Role{contract.Operator, contract.Administrator}
	wait := Wait{
		Stage: stage,
		Offers: []Offer{
			{Action: contract.ActionRetry, Actors: operators},
			{Action: contract.ActionSkip, Actors: operators},
			{Action: contract.ActionResolve, Actors: operators},
		},
	}
	if heals {
		wait.Deadline, wait.Consequence = now.Add(healing), consequenceTriedAgain
	}
	wake, err := f.Wait(ctx, wait)
	f.State.Attention = nil
	if err != nil {
		return err
	}
	// Who tries a step again does not answer for its content.
	f.current = nil
	resolved := Entry{Type: "case.attention_resolved", By: By("clock"), Data: map[string]any{"by": consequenceTriedAgain}, Staff: true}
	if wake.Act != nil {
		resolved.By, resolved.NoteID = wake.Act.By().Actor, f.NoteOf(ctx, wake.Act)
		resolved.Data = map[string]any{"by": string(wake.Act.Action())}
	}
	f.Tell(ctx, resolved)
	switch wake.Act.(type) {
	case contract.Skip:
		return ErrSkipped
	case contract.Resolve:
		return &EndedError{By: resolved.By, NoteID: resolved.NoteID}
	default:
		return nil
	}
}

// NoteOf is the id of what the actor said, empty if nothing. Words that an operator typed into the Temporal UI are kept
// in the cases service first, where those of everybody else are; if they are refused there, the action counts without
// them, and they are still in the history.
func (f *Flow) NoteOf(ctx workflow.Context, act contract.Act) string {
	by := act.By()
	typed, ok := act.(interface{ Words() string })
	if !ok || typed.Words() == "" || by.NoteID != "" || !keepsTypedNotes(ctx) {
		return by.NoteID
	}
	ctx, _ = workflow.NewDisconnectedContext(ctx)
	note, err := cases.StoreNote(ctx, cases.Note{
		CaseRef: cases.CaseRef{MerchantID: f.Case.MerchantID, CaseID: f.Case.CaseID},
		Input: api.NoteInput{
			// Of what is said after one version of the case, the same words are the same note.
			IdempotencyKey: ids.Derive("typed", strconv.FormatInt(f.version, 10), typed.Words()),
			Author:         api.Actor{Role: api.Role(by.Actor.Role), ID: by.Actor.ID}, Text: typed.Words(),
		},
	})
	if err != nil {
		workflow.GetLogger(ctx).Error("an operator's note is only in the history", "case_id", f.Case.CaseID, "code", fault.Code(err))
	}
	return note.NoteID
}

// AcceptOperators registers what operators do with a case that cannot go on.
func AcceptOperators(ctx workflow.Context, f *Flow) error {
	return errors.Join(Accept[contract.Retry](ctx, f), Accept[contract.Skip](ctx, f), Accept[contract.Resolve](ctx, f))
}
