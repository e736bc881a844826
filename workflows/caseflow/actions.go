package caseflow

import (
	"errors"
	"fmt"

	"go.temporal.io/sdk/temporal"
	"go.temporal.io/sdk/workflow"

	"aftercare.dev/activities/call"
	"aftercare.dev/activities/fault"
	"aftercare.dev/services/cases/api"
	"aftercare.dev/workflows/contract"
)

// Accept lets people take the action A by an update of its name. A validator refuses what the case does not offer at
// that moment; a refusal leaves nothing in the history. Of actions that arrive together one wins, the others are refused.
func Accept[A contract.Act](ctx workflow.Context, f *Flow) error {
	var action A
	name := string(action.Action())
	handle := func(ctx workflow.Context, act A) (contract.Acted, error) { return f.take(ctx, act) }
	err := workflow.SetUpdateHandlerWithOptions(ctx, name, handle, workflow.UpdateHandlerOptions{
		Validator: func(act A) error {
			// Only here: a validator does not run again when the history is replayed, and may be stricter than the last one.
			if typed, ok := any(act).(interface{ Unfit() *contract.Refusal }); ok {
				if refusal := typed.Unfit(); refusal != nil {
					return f.refusal(*refusal)
				}
			}
			return f.refuse(act)
		},
	})
	if err != nil {
		return fmt.Errorf("accept %s: %w", name, err)
	}
	return nil
}

// AcceptAll registers every action that a person can take on a case, so that one which does not fit is refused with what is
// possible instead.
func AcceptAll(ctx workflow.Context, f *Flow) error {
	return errors.Join(
		Accept[contract.Approve](ctx, f),
		Accept[contract.Reject](ctx, f),
		Accept[contract.RequestInfo](ctx, f),
		Accept[contract.ProvideInfo](ctx, f),
		Accept[contract.AnswerRejection](ctx, f),
		Accept[contract.Withdraw](ctx, f),
		Accept[contract.BookPickup](ctx, f),
		Accept[contract.ReschedulePickup](ctx, f),
		Accept[contract.CancelPickup](ctx, f),
		Accept[contract.Ship](ctx, f),
		Accept[contract.Receive](ctx, f),
		Accept[contract.Inspect](ctx, f),
		Accept[contract.Agree](ctx, f),
		Accept[contract.Contest](ctx, f),
		Accept[contract.DecideContest](ctx, f),
		Accept[contract.DecideParcel](ctx, f),
		Accept[contract.SendBack](ctx, f),
		Accept[contract.ResolveRefund](ctx, f),
		AcceptOperators(ctx, f),
	)
}

// refuse is nil when the case offers the action now.
func (f *Flow) refuse(act contract.Act) error {
	by := act.By()
	if by.Version != 0 && by.Version != f.version {
		return f.refusal(contract.Refusal{
			Code: contract.RefusedVersion, Field: "version",
			Detail: fmt.Sprintf("the case is at version %d, not %d; read it again", f.version, by.Version),
		})
	}
	if act.Action() == contract.ActionWithdraw {
		if f.withdrawable && f.withdrawal == nil && f.taken == nil {
			return nil
		}
		return f.notAllowed(act.Action())
	}
	if f.taken != nil || f.withdrawal != nil && !f.settlingWithdrawal() {
		return f.notAllowed(act.Action())
	}
	if refusal := f.unfit(act, f.offers); refusal != nil {
		return f.refusal(*refusal)
	}
	return nil
}

// unfit is nil when the action is among what is offered, with a content that fits the case.
func (f *Flow) unfit(act contract.Act, offers []Offer) *contract.Refusal {
	for _, offer := range offers {
		if offer.Action != act.Action() {
			continue
		}
		if offer.Check == nil {
			return nil
		}
		refusal := offer.Check(act)
		if refusal != nil {
			refusal.Code = contract.RefusedInvalid
		}
		return refusal
	}
	refusal := f.notNow(act.Action())
	return &refusal
}

// settlingWithdrawal tells that the flow has taken notice of the withdrawal and makes offers of its own again.
func (f *Flow) settlingWithdrawal() bool { return !f.withdrawable }

func (f *Flow) notAllowed(action contract.Action) error {
	return f.refusal(f.notNow(action))
}

func (f *Flow) notNow(action contract.Action) contract.Refusal {
	return contract.Refusal{
		Code:   contract.RefusedNotAllowed,
		Detail: fmt.Sprintf("%s is not possible now, the case is %s", action, f.State.Stage),
	}
}

func (f *Flow) refusal(r contract.Refusal) error {
	r.Stage, r.Version, r.Allowed = string(f.State.Stage), f.version, f.allowed()
	// In the Temporal UI the message is all that can be read.
	message := r.Detail
	if len(r.Allowed) > 0 {
		message = fmt.Sprintf("%s; possible now: %v", r.Detail, r.Allowed)
	}
	return temporal.NewApplicationErrorWithOptions(message, contract.ErrorActionRefused, temporal.ApplicationErrorOptions{
		NonRetryable: true, Category: temporal.ApplicationErrorCategoryBenign, Details: []any{r},
	})
}

func (f *Flow) allowed() []contract.Action {
	allowed := []contract.Action{}
	if f.taken == nil {
		for _, offer := range f.offers {
			allowed = append(allowed, offer.Action)
		}
	}
	if f.withdrawable && f.withdrawal == nil {
		allowed = append(allowed, contract.ActionWithdraw)
	}
	return allowed
}

// take hands the action to the main coroutine and answers when the case stands still again, or has ended.
func (f *Flow) take(ctx workflow.Context, act contract.Act) (contract.Acted, error) {
	// Validators of several updates may run before the first handler does.
	if err := f.refuse(act); err != nil {
		return contract.Acted{}, err
	}
	t := &turn{act: act}
	if withdraw, ok := act.(contract.Withdraw); ok {
		f.withdrawal, f.leaving = &withdraw, t
		f.stop()
	} else {
		f.taken = t
	}
	f.offers = nil
	// Who acted is answered also when an operator cancels the workflow meanwhile.
	ctx, _ = workflow.NewDisconnectedContext(ctx)
	if err := workflow.Await(ctx, func() bool { return t.answered }); err != nil {
		return contract.Acted{}, err
	}
	if t.refused != nil {
		return contract.Acted{}, f.refusal(*t.refused)
	}
	return t.acted, nil
}

// acted is the answer to an action that was taken: where the case stands.
func (f *Flow) acted() contract.Acted {
	return contract.Acted{Version: f.version, Stage: string(f.State.Stage)}
}

// Decline answers the action under way with an error: a service found that its content does not do, and the case stays
// where it was. False means that nobody waits for the answer: no action is under way, or whoever took it was answered
// when the case stood still in between.
func (f *Flow) Decline(reason fault.Reason) bool {
	if f.current == nil {
		return false
	}
	refusal := contract.Refusal{Code: reason.Code, Detail: "not possible with this content: " + reason.Code}
	if len(reason.Fields) > 0 {
		refusal.Field = reason.Fields[0]
	}
	f.current.refused = &refusal
	return true
}

// takeNotes puts notes on the timeline at any time, without touching what the case is doing.
func (f *Flow) takeNotes(ctx workflow.Context) error {
	handle := func(ctx workflow.Context, note contract.AddNote) (contract.Acted, error) {
		entry := Entry{Type: "case.note_added", By: note.Actor, NoteID: note.NoteID, Staff: note.Internal}
		var footing call.Footing
		footing.Loosen()
		ctx, _ = workflow.NewDisconnectedContext(call.On(ctx, &footing))
		if err := f.store(ctx, []api.EntryInput{entry.input(workflow.Now(ctx))}, &f.recorded); err != nil {
			return contract.Acted{}, err
		}
		return f.acted(), nil
	}
	err := workflow.SetUpdateHandlerWithOptions(ctx, string(contract.ActionAddNote), handle, workflow.UpdateHandlerOptions{
		Validator: func(contract.AddNote) error {
			if f.finished || f.version == 0 {
				return f.notAllowed(contract.ActionAddNote)
			}
			return nil
		},
	})
	if err != nil {
		return fmt.Errorf("accept %s: %w", contract.ActionAddNote, err)
	}
	return nil
}
