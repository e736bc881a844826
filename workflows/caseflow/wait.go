package caseflow

import (
	"fmt"
	"time"

	"go.temporal.io/sdk/workflow"

	"aftercare.dev/services/cases/api"
	"aftercare.dev/workflows/contract"
)

// Offer is an action that somebody can take now.
type Offer struct {
	Action contract.Action
	Actors []contract.Role
	// Check refuses content that does not fit the case, or returns nil. It changes nothing.
	Check func(contract.Act) *contract.Refusal
}

// Expectation is what an outside system is expected to do.
type Expectation struct {
	// Action is a code such as carrier_picks_up.
	Action string
	Actor  string
}

// Wait is a place where a case stands still: who can end it, until when, and what happens otherwise.
type Wait struct {
	Stage   api.Stage
	Offers  []Offer
	Expects []Expectation
	// Deadline ends the wait; zero means that only an action or event does.
	Deadline time.Time
	// Consequence is what happens at the deadline, as a code.
	Consequence string
	// Alarm wakes the flow before the deadline, for a reminder or to ask a provider that should have called. Zero: none.
	Alarm time.Time
	// Events makes a signal end the wait.
	Events bool
	// Until, if set, ends the wait when it becomes true.
	Until func() bool
}

// silent tells that nothing which anybody sees would end the wait. What the house waits for inside, as for a signal or a
// child, may never come: a person, a provider or a clock has to stand behind it.
func (w Wait) silent() bool {
	return len(w.Offers) == 0 && len(w.Expects) == 0 && w.Deadline.IsZero() && w.Alarm.IsZero()
}

// Wake is why a wait ended: exactly one of its fields is set.
type Wake struct {
	Act   contract.Act
	Event bool
	Done  bool
	Alarm bool
	Late  bool

	// disturbed is seen by the flow alone.
	disturbed bool
}

// Pass records the step that led here and answers the action that did, without waiting: the case goes on by itself.
func (f *Flow) Pass(ctx workflow.Context, w Wait) error {
	f.timer.stop()
	f.turnAwayNow()
	return f.stand(ctx, w)
}

// stand records where the case stands, and answers whoever brought it here.
func (f *Flow) stand(ctx workflow.Context, w Wait) error {
	f.State.Stage = w.Stage
	f.walk(w.Stage, workflow.Now(ctx))
	f.State.NextActions = f.nextActions(w)
	f.offers = w.Offers
	if err := f.Record(ctx); err != nil {
		return err
	}
	f.stood = true
	f.answer(f.acted())
	return nil
}

// Wait records the step that led here and waits. It returns an error only when ctx is cancelled, by a withdrawal or by
// an operator who cancels the workflow; then the case does not stand here, and nothing is recorded if it was so before.
func (f *Flow) Wait(ctx workflow.Context, w Wait) (Wake, error) {
	for {
		wake, err := f.stay(ctx, w)
		if err != nil || !wake.disturbed {
			return wake, err
		}
		f.disturbed, f.minding = false, true
		err = f.heed(ctx)
		f.minding = false
		if err != nil {
			return Wake{}, err
		}
	}
}

// stay is one stay at the place of the wait.
func (f *Flow) stay(ctx workflow.Context, w Wait) (Wake, error) {
	if w.silent() {
		panic(fmt.Errorf("a case cannot stand in %s: nobody is expected, and no clock runs", w.Stage))
	}
	if err := ctx.Err(); err != nil {
		return Wake{}, err
	}
	if err := f.stand(ctx, w); err != nil {
		return Wake{}, err
	}
	f.timer.set(ctx, earliest(w.Alarm, w.Deadline), timerSummary(w))
	if f.taken != nil {
		// It came while the step was recorded, or together with what ended the wait before.
		if refusal := f.unfit(f.taken.act, w.Offers); refusal != nil {
			f.turnAway(*refusal)
		}
	}
	done := func() bool { return w.Until != nil && w.Until() }
	f.waiting = true
	err := workflow.Await(ctx, func() bool {
		return f.disturbed && !f.minding || f.taken != nil || w.Events && f.event() || done() || f.timer.fired()
	})
	f.waiting = false
	f.offers = nil
	if err == nil {
		err = ctx.Err()
	}
	if err != nil {
		f.turnAwayNow()
		return Wake{}, err
	}
	if f.disturbed && !f.minding {
		f.offers = w.Offers
		return Wake{disturbed: true}, nil
	}
	wake := f.wake(ctx, w, done())
	if wake.Event || wake.Alarm {
		// The case only looks around now. Who acts meanwhile is heard when it stands again.
		f.offers = w.Offers
	}
	return wake, nil
}

// event tells that there is news for a wait.
func (f *Flow) event() bool {
	if f.minding {
		return f.disturbed
	}
	return f.woken
}

// heard says that a wait has ended with the news.
func (f *Flow) heard() {
	if f.minding {
		f.disturbed = false
		return
	}
	f.woken = false
}

// wake says what ended the wait. What is in the history comes before an action, which may not be: should the task run
// again, it decides as it did the first time.
func (f *Flow) wake(ctx workflow.Context, w Wait, done bool) Wake {
	switch {
	case w.Events && f.event():
		f.heard()
		return Wake{Event: true}
	case done:
		return Wake{Done: true}
	case f.timer.fired():
		set := f.timer.at
		f.timer = timer{}
		if !w.late(set) && !w.late(workflow.Now(ctx)) {
			return Wake{Alarm: true}
		}
		f.turnAwayNow()
		return Wake{Late: true}
	default:
		f.footing.Loosen()
		return Wake{Act: f.pick()}
	}
}

// turnAwayNow refuses what was taken: it is too late for it.
func (f *Flow) turnAwayNow() {
	if f.taken != nil {
		f.turnAway(f.notNow(f.taken.act.Action()))
	}
}

// late tells whether the deadline is over at a time.
func (w Wait) late(at time.Time) bool { return !w.Deadline.IsZero() && !at.Before(w.Deadline) }

func (f *Flow) nextActions(w Wait) []api.NextAction {
	next := make([]api.NextAction, 0, len(w.Offers)+len(w.Expects)+1)
	for _, offer := range w.Offers {
		actors := make([]string, 0, len(offer.Actors))
		for _, role := range offer.Actors {
			actors = append(actors, string(role))
		}
		next = append(next, w.dated(api.NextAction{Action: string(offer.Action), Actors: actors}))
	}
	for _, e := range w.Expects {
		next = append(next, w.dated(api.NextAction{Action: e.Action, Actors: []string{e.Actor}}))
	}
	if f.withdrawable {
		next = append(next, api.NextAction{Action: string(contract.ActionWithdraw), Actors: []string{string(contract.Buyer)}})
	}
	return next
}

func (w Wait) dated(next api.NextAction) api.NextAction {
	if w.Deadline.IsZero() {
		return next
	}
	deadline := w.Deadline.UTC()
	next.Deadline = &deadline
	if w.Consequence != "" {
		next.Consequence = &w.Consequence
	}
	return next
}

func timerSummary(w Wait) string {
	if !w.Alarm.IsZero() && w.Alarm.Before(w.Deadline) || w.Consequence == "" {
		return words(string(w.Stage)) + "; then the case looks again"
	}
	return words(string(w.Stage)) + "; then " + words(w.Consequence)
}

func earliest(times ...time.Time) time.Time {
	var first time.Time
	for _, t := range times {
		if !t.IsZero() && (first.IsZero() || t.Before(first)) {
			first = t
		}
	}
	return first
}

// timer is the one clock of a flow. A wait for the same moment goes on with the timer that runs, so that moving between
// waits under one deadline costs no events.
type timer struct {
	at     time.Time
	future workflow.Future
	cancel workflow.CancelFunc
}

func (t *timer) set(ctx workflow.Context, at time.Time, summary string) {
	if t.future != nil && t.at.Equal(at) {
		return
	}
	t.stop()
	if at.IsZero() {
		return
	}
	// A withdrawal cancels the context of the leg, not the clock: the next wait may go on with it.
	ctx, cancel := workflow.NewDisconnectedContext(ctx)
	wait := max(at.Sub(workflow.Now(ctx)), time.Millisecond)
	t.at, t.cancel = at, cancel
	t.future = workflow.NewTimerWithOptions(ctx, wait, workflow.TimerOptions{Summary: summary})
}

func (t *timer) fired() bool { return t.future != nil && t.future.IsReady() }

func (t *timer) stop() {
	if t.cancel != nil && !t.future.IsReady() {
		t.cancel()
	}
	*t = timer{}
}
