package caseflow

import (
	"fmt"
	"time"

	"go.temporal.io/sdk/temporal"
	"go.temporal.io/sdk/workflow"

	"aftercare.dev/activities/cases"
	"aftercare.dev/activities/fault"
	"aftercare.dev/services/cases/api"
	"aftercare.dev/workflows/contract"
)

// Entry is something that happened, as the timeline tells it.
type Entry struct {
	// Type is the name on the timeline and of the announced event, such as case.approved.
	Type string
	By   contract.Actor
	// NoteID are the actor's words.
	NoteID string
	// Rules are the ids of the rules that decided.
	Rules []string
	// Data are ids, codes and amounts; never words of a person.
	Data map[string]any
	// Staff hides the entry from the buyer.
	Staff bool
}

// Tell puts an entry on the timeline with the next step. Entries of one step are stored together or not at all.
func (f *Flow) Tell(ctx workflow.Context, e Entry) {
	f.told = append(f.told, e.input(workflow.Now(ctx)))
}

func (e Entry) input(at time.Time) api.EntryInput {
	in := api.EntryInput{
		Type: e.Type, At: at.UTC(),
		Actor: api.Actor{Role: api.Role(e.By.Role), ID: e.By.ID},
	}
	if e.NoteID != "" {
		in.NoteID = &e.NoteID
	}
	if len(e.Rules) > 0 {
		in.Rules = &e.Rules
	}
	if len(e.Data) > 0 {
		in.Data = &e.Data
	}
	audience := api.Everyone
	if e.Staff {
		audience = api.Staff
	}
	in.Audience = &audience
	return in
}

// Record stores what was told and the state, if there is anything told, and brings the search attributes up to date.
// It is not interrupted by a withdrawal and is repeated until the cases service answers. A refusal by the service is a
// defect of this program; the workflow task fails and the case goes on when the defect is mended.
func (f *Flow) Record(ctx workflow.Context) error {
	ctx, _ = workflow.NewDisconnectedContext(ctx)
	if len(f.told) > 0 {
		told := f.told
		f.told = nil
		if err := f.store(ctx, told, &f.State); err != nil {
			return err
		}
	}
	return f.publish(ctx)
}

const (
	// codeCaseClosed is how the cases service refuses a step that would open a closed case without saying so.
	codeCaseClosed = "case_closed"
	// reasonLateNews is why a case was opened again that was only just closed.
	reasonLateNews = "late_news"
)

// store records entries together with the state. The pointer is read when it is the entries' turn: who waits for another
// step to be recorded does not bring an older state back.
func (f *Flow) store(ctx workflow.Context, entries []api.EntryInput, state *api.CaseState) error {
	if err := f.recording.Lock(ctx); err != nil {
		return err
	}
	defer f.recording.Unlock()
	for i := range entries {
		entries[i].Number = f.version + int64(i) + 1
	}
	f.recorded = *state
	// A task that fails after its step was recorded runs again, and may go another way for what it has learned since:
	// its history is longer then.
	fence := f.base + int64(workflow.GetInfo(ctx).GetCurrentHistoryLength())
	step := cases.Step{
		CaseRef: cases.CaseRef{MerchantID: f.Case.MerchantID, CaseID: f.Case.CaseID},
		Step:    api.Step{Entries: entries, State: f.recorded, Fence: &fence},
	}
	result, err := cases.Record(ctx, step)
	if fault.Code(err) == codeCaseClosed {
		// An attempt of this task that got lost had closed the case, and knew less than this one. Readers have seen the end.
		reopened := Entry{Type: "case.reopened", By: By("workflow"), Data: map[string]any{"reason": reasonLateNews}}.input(workflow.Now(ctx))
		reopened.Number = entries[0].Number
		for i := range entries {
			entries[i].Number++
		}
		step.Step.Entries = append([]api.EntryInput{reopened}, entries...)
		result, err = cases.Record(ctx, step)
	}
	if err != nil {
		panic(fmt.Errorf("record step %d of the case: %w", entries[0].Number, err))
	}
	f.version = result.Version
	return nil
}

// attributes are the search attributes that change, as last published.
type attributes struct {
	stage     api.Stage
	attention string
	deadline  time.Time
	refund    string
	amount    int64
}

func (f *Flow) attributes() attributes {
	a := attributes{stage: f.State.Stage, deadline: f.deadline()}
	if f.State.Attention != nil {
		a.attention = f.State.Attention.Reason
	}
	if f.State.Refund != nil {
		a.refund, a.amount = f.State.Refund.State, f.State.Refund.Amount.Amount
	}
	return a
}

// deadline is the earliest deadline among what is expected, or zero.
func (f *Flow) deadline() time.Time {
	var first time.Time
	for _, next := range f.State.NextActions {
		if next.Deadline != nil && (first.IsZero() || next.Deadline.Before(first)) {
			first = *next.Deadline
		}
	}
	return first
}

// publish upserts the search attributes that changed, in one event, and the details that operators see.
func (f *Flow) publish(ctx workflow.Context) error {
	workflow.SetCurrentDetails(ctx, f.details())
	now, last := f.attributes(), f.published
	if now == last {
		return nil
	}
	var updates []temporal.SearchAttributeUpdate
	if now.stage != last.stage {
		updates = append(updates, contract.AttributeStage.ValueSet(string(now.stage)))
	}
	if !now.deadline.Equal(last.deadline) {
		if now.deadline.IsZero() {
			updates = append(updates, contract.AttributeDeadline.ValueUnset())
		} else {
			updates = append(updates, contract.AttributeDeadline.ValueSet(now.deadline))
		}
	}
	if first := last.stage == ""; first || now.attention != last.attention {
		updates = append(updates, contract.AttributeNeeds.ValueSet(now.attention != ""))
		switch {
		case now.attention != "":
			updates = append(updates, contract.AttributeAttention.ValueSet(now.attention))
		case !first:
			updates = append(updates, contract.AttributeAttention.ValueUnset())
		}
	}
	if now.refund != last.refund {
		updates = append(updates, contract.AttributeRefund.ValueSet(now.refund))
	}
	if now.amount != last.amount {
		updates = append(updates, contract.AttributeAmount.ValueSet(now.amount))
	}
	f.published = now
	if err := workflow.UpsertTypedSearchAttributes(ctx, updates...); err != nil {
		return fmt.Errorf("update search attributes: %w", err)
	}
	return nil
}
