// Package caseflow is what every case type shares: a record that readers and operators can trust, waits with an actor,
// a deadline and a consequence, actions of people with one winner, withdrawal until money moves, and steps that say so
// when they cannot go on.
//
// A [Flow] belongs to one workflow. Its main coroutine calls everything here; update and signal handlers only hand over.
package caseflow

import (
	"fmt"
	"time"

	"go.temporal.io/sdk/temporal"
	"go.temporal.io/sdk/workflow"

	"aftercare.dev/activities/call"
	"aftercare.dev/services/cases/api"
	"aftercare.dev/workflows/contract"
)

// Flow is a case on its way.
type Flow struct {
	// Case is what the flow is about.
	Case contract.Case
	// State is what readers see after the next step. Legs change it and call [Flow.Wait] or [Flow.Record].
	State api.CaseState

	version int64
	told    []api.EntryInput
	// walked are the stages that the case has been in, the last since a time, for the checklist.
	walked []api.Stage
	since  time.Time
	// recorded is the state as of the last step.
	recorded  api.CaseState
	recording workflow.Mutex
	published attributes

	turns
	offers []Offer
	// stood is set once the case stood still, waiting is set while it does.
	stood, waiting, finished bool

	seen    map[string]bool
	signals workflow.ReceiveChannel
	woken   bool

	// base is what the fences of this workflow begin after.
	base int64
	// disturbed is set when a signal of [Flow.Mind] came; heed is what is done then, minding is set meanwhile.
	disturbed, minding bool
	heed               func(workflow.Context) error

	timer timer

	// footing is loose from an action until it is in the history.
	footing call.Footing

	withdrawable bool
	withdrawal   *contract.Withdraw
	stop         workflow.CancelFunc
}

// New prepares a flow: it answers the operators' query, takes notes at any time, and listens to signals of the name
// given. The caller registers the actions of its case type with [Accept] before it blocks for the first time.
func New(ctx workflow.Context, c contract.Case, signal string) (*Flow, error) {
	f := &Flow{
		Case:      c,
		State:     api.CaseState{Status: api.StatusOpen, Stage: api.StageReviewing, NextActions: []api.NextAction{}},
		recording: workflow.NewMutex(ctx),
		seen:      map[string]bool{},
	}
	status := func() (Status, error) { return f.status(), nil }
	if err := workflow.SetQueryHandlerWithOptions(ctx, contract.StatusQuery, status, workflow.QueryHandlerOptions{
		Description: "The case as its workflow sees it",
	}); err != nil {
		return nil, fmt.Errorf("answer %s: %w", contract.StatusQuery, err)
	}
	if err := f.takeNotes(ctx); err != nil {
		return nil, err
	}
	f.signals = f.listen(ctx, signal, func(workflow.Context) { f.woken = true })
	return f, nil
}

// runBits leave room for the history of one workflow in a fence: the server ends it at some ten thousand events.
const runBits = 20

// Resume takes a case up at the version and in the state in which a workflow before this one has left it. Its caller tells
// why and waits, without anything else in between: the first step of this workflow opens the case again.
func (f *Flow) Resume(version int64, state api.CaseState) {
	f.version, f.State, f.recorded = version, state, state
	f.State.Status, f.State.Outcome = api.StatusOpen, nil
	// A history begins anew with each workflow, but a fence never falls over the life of a case.
	f.base = version << runBits
}

// Mind has heed called wherever the case stands still, once a signal of the name has come. What heed does is part of the
// case: it may tell, and wait for somebody, where the events that end a wait are signals of that name; the case then
// stands again where it stood. A signal that no wait has heeded is left to [Flow.End].
func (f *Flow) Mind(ctx workflow.Context, signal string, heed func(workflow.Context) error) {
	f.heed = heed
	f.listen(ctx, signal, func(ctx workflow.Context) { f.disturbed = f.disturbed || mindsMoney(ctx) })
}

// Heeded takes in the signals that have come so far: what they tell of is looked at now.
func (f *Flow) Heeded() {
	var event contract.Event
	for f.signals.ReceiveAsync(&event) {
		f.seen[event.EventID] = true
	}
	f.woken = false
}

// End ends the workflow of a closed case. If there was news about its money at the last moment, the error that it returns
// has a workflow of type [contract.ReopenedWorkflow] look at it.
func (f *Flow) End(ctx workflow.Context) error {
	if err := Settle(ctx); err != nil {
		return err
	}
	if late := f.disturbed || f.heed == nil && (f.woken || f.signals.Len() > 0); !late {
		return nil
	}
	return workflow.NewContinueAsNewError(ctx, contract.ReopenedWorkflow, contract.ReopenedInput{Case: f.Case})
}

// Status is the answer to the operators' query.
type Status struct {
	Version     int64            `json:"version"`
	Stage       api.Stage        `json:"stage"`
	Attention   *api.Attention   `json:"attention,omitempty"`
	NextActions []api.NextAction `json:"next_actions"`
	// Waiting is true while the case stands still, false while a step is under way.
	Waiting bool `json:"waiting"`
	// Clock is when the open timer fires, if there is one.
	Clock *time.Time `json:"clock,omitempty"`
}

func (f *Flow) status() Status {
	s := Status{
		Version: f.version, Stage: f.State.Stage, Attention: f.State.Attention, NextActions: f.State.NextActions,
		Waiting: f.waiting,
	}
	if !f.timer.at.IsZero() {
		at := f.timer.at
		s.Clock = &at
	}
	return s
}

// Grounded returns a context for the legs of the case: what follows from an action of a person is done only when the
// action cannot get lost any more.
func (f *Flow) Grounded(ctx workflow.Context) workflow.Context { return call.On(ctx, &f.footing) }

// Firm says that the action that led here is in the history: something of the case that was begun on its account has come
// back, such as the start of a child.
func (f *Flow) Firm() { f.footing.Firm() }

// Standing tells that the case is recorded and waits for the first time, or is over.
func (f *Flow) Standing() bool { return f.stood || f.finished }

// Version is the number of the last timeline entry.
func (f *Flow) Version() int64 { return f.version }

// Close records the end of the case, lets every handler answer and makes later actions impossible.
func (f *Flow) Close(ctx workflow.Context, outcome api.Outcome, by contract.Actor) error {
	f.State.Stage, f.State.Status, f.State.Outcome = api.StageClosed, api.StatusClosed, &outcome
	f.walk(f.State.Stage, workflow.Now(ctx))
	f.State.NextActions, f.State.Attention = []api.NextAction{}, nil
	// A clock that still runs ends with the workflow; to stop it would be an event more.
	f.offers, f.withdrawable, f.timer = nil, false, timer{}
	f.Tell(ctx, Entry{Type: "case.closed", By: by, Data: map[string]any{"outcome": outcome}})
	if err := f.Record(ctx); err != nil {
		return err
	}
	f.finished = true
	f.turnAwayNow()
	f.answer(f.acted())
	return Settle(ctx)
}

// Settle lets the handlers of updates answer before a workflow ends.
func Settle(ctx workflow.Context) error {
	ctx, _ = workflow.NewDisconnectedContext(ctx)
	return workflow.Await(ctx, func() bool { return workflow.AllHandlersFinished(ctx) })
}

// Withdrawable lets the buyer withdraw from now on: ctx of the legs that follow is cancelled when it happens. The
// caller then looks at [Flow.Withdrawal].
func (f *Flow) Withdrawable(ctx workflow.Context) workflow.Context {
	path, cancel := workflow.WithCancel(ctx)
	f.stop, f.withdrawable = cancel, true
	return path
}

// MoneyMoves ends the time in which the buyer can withdraw. It tells whether that is so: a withdrawal that came first
// has won.
func (f *Flow) MoneyMoves() bool {
	if f.withdrawal != nil {
		return false
	}
	f.withdrawable = false
	return true
}

// Withdrawal ends the time in which the buyer can withdraw and returns the withdrawal, or nil. With it the way of the
// case is another: offers count again.
func (f *Flow) Withdrawal() *contract.Withdraw {
	f.withdrawable = false
	f.leave()
	if f.withdrawal != nil {
		f.footing.Loosen()
	}
	return f.withdrawal
}

// By is the system as an actor, for what happens by rule or by clock.
func By(id string) contract.Actor { return contract.Actor{Role: contract.System, ID: id} }

// listen takes signals in, once each, and tells of them.
func (f *Flow) listen(ctx workflow.Context, signal string, tell func(workflow.Context)) workflow.ReceiveChannel {
	channel := workflow.GetSignalChannel(ctx, signal)
	workflow.Go(ctx, func(ctx workflow.Context) {
		for {
			var event contract.Event
			if !channel.Receive(ctx, &event) {
				return
			}
			if f.seen[event.EventID] {
				continue
			}
			f.seen[event.EventID] = true
			tell(ctx)
		}
	})
	return channel
}

// EndedError is the error of a leg in which a person ended the case by hand.
type EndedError struct {
	By     contract.Actor
	NoteID string
}

// Error implements error.
func (e *EndedError) Error() string { return "ended by hand" }

// ErrSkipped is the error of a step that an operator skipped. The leg goes on as if it had nothing to show.
var ErrSkipped = temporal.NewApplicationError("skipped by an operator", "skipped")
