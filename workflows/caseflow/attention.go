package caseflow

import (
	"errors"
	"time"

	"go.temporal.io/sdk/temporal"
	"go.temporal.io/sdk/workflow"

	"aftercare.dev/activities/fault"
	"aftercare.dev/services/cases/api"
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
		wait.Deadline, wait.Consequence = now.Add(healing), "tried_again"
	}
	wake, err := f.Wait(ctx, wait)
	f.State.Attention = nil
	if err != nil {
		return err
	}
	// Who tries a step again does not answer for its content.
	f.current = nil
	resolved := Entry{Type: "case.attention_resolved", By: By("clock"), Data: map[string]any{"by": "tried_again"}, Staff: true}
	if wake.Act != nil {
		resolved.By, resolved.NoteID = wake.Act.By().Actor, wake.Act.By().NoteID
		resolved.Data = map[string]any{"by": string(wake.Act.Action())}
	}
	f.Tell(ctx, resolved)
	switch act := wake.Act.(type) {
	case contract.Skip:
		return ErrSkipped
	case contract.Resolve:
		return &EndedError{By: act.Actor, NoteID: act.NoteID}
	default:
		return nil
	}
}

// AcceptOperators registers what operators do with a case that cannot go on.
func AcceptOperators(ctx workflow.Context, f *Flow) error {
	return errors.Join(Accept[contract.Retry](ctx, f), Accept[contract.Skip](ctx, f), Accept[contract.Resolve](ctx, f))
}
