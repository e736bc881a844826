package caseflow

import (
	"context"
	"fmt"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"go.temporal.io/sdk/activity"
	"go.temporal.io/sdk/temporal"
	"go.temporal.io/sdk/testsuite"
	"go.temporal.io/sdk/workflow"

	"aftercare.dev/activities/cases"
	"aftercare.dev/activities/fault"
	"aftercare.dev/services/cases/api"
	"aftercare.dev/workflows/contract"
	"aftercare.dev/workflows/internal/quiet"
)

// bench runs a case that a test writes, with the cases service as it should be. It may look inside the flow.
type bench struct {
	t     *testing.T
	env   *testsuite.TestWorkflowEnvironment
	start time.Time

	mu    sync.Mutex
	steps []api.Step
	slow  time.Duration
	// closed is set when an attempt that is lost has closed the case: only case.reopened opens it.
	closed bool
}

func newBench(t *testing.T) *bench {
	var suite testsuite.WorkflowTestSuite
	suite.SetLogger(quiet.Log{})
	b := &bench{t: t, env: suite.NewTestWorkflowEnvironment()}
	b.env.SetTestTimeout(20 * time.Second)
	b.start = b.env.Now()
	b.env.RegisterActivityWithOptions(b.record, activity.RegisterOptions{Name: cases.Prefix + "Record"})
	return b
}

func (b *bench) record(_ context.Context, in cases.Step) (api.StepResult, error) {
	time.Sleep(b.slow)
	b.mu.Lock()
	defer b.mu.Unlock()
	if b.closed && in.Step.State.Status == api.StatusOpen {
		if in.Step.Entries[0].Type != "case.reopened" {
			return api.StepResult{}, temporal.NewNonRetryableApplicationError("case_closed", fault.Conflicting, nil, fault.Reason{Code: "case_closed", Status: 409})
		}
		b.closed = false
	}
	b.steps = append(b.steps, in.Step)
	return api.StepResult{Version: in.Step.Entries[len(in.Step.Entries)-1].Number}, nil
}

// run runs body as a case that was opened; the flow takes approvals, rejections and withdrawals.
func (b *bench) run(body func(workflow.Context, *Flow) error) {
	b.t.Helper()
	b.env.RegisterWorkflowWithOptions(func(ctx workflow.Context) error {
		f, err := New(ctx, contract.Case{MerchantID: "m1", CaseID: "c1"}, contract.CarrierEvent)
		if err != nil {
			return err
		}
		for _, accept := range []error{
			Accept[contract.Approve](ctx, f), Accept[contract.Reject](ctx, f), Accept[contract.Withdraw](ctx, f), AcceptOperators(ctx, f),
		} {
			if accept != nil {
				return accept
			}
		}
		f.Tell(ctx, Entry{Type: "case.opened", By: By("test")})
		if err := body(ctx, f); err != nil {
			return err
		}
		return f.Close(ctx, api.OutcomeResolved, By("test"))
	}, workflow.RegisterOptions{Name: "Bench"})
	b.env.ExecuteWorkflow("Bench")
	require.True(b.t, b.env.IsWorkflowCompleted())
	require.NoError(b.t, b.env.GetWorkflowError())
}

func (b *bench) since() time.Duration { return b.env.Now().Sub(b.start).Round(time.Second) }

func (b *bench) signal(d time.Duration, id string) {
	b.env.RegisterDelayedCallback(func() {
		b.env.SignalWorkflow(contract.CarrierEvent, contract.Event{EventID: id, Subject: "s1"})
	}, d)
}

func asking(actions ...contract.Action) Wait {
	w := Wait{Stage: api.StageReviewing}
	for _, action := range actions {
		w.Offers = append(w.Offers, Offer{Action: action, Actors: []contract.Role{contract.Agent}})
	}
	return w
}

func TestOfActionsInOneTaskOneWins(t *testing.T) {
	b := newBench(t)
	won, lost := 0, 0
	b.run(func(ctx workflow.Context, f *Flow) error {
		// Both handlers begin before the main coroutine looks, as when two updates come with one task.
		for _, act := range []contract.Act{contract.Approve{}, contract.Reject{}} {
			workflow.Go(ctx, func(ctx workflow.Context) {
				_ = workflow.Await(ctx, func() bool { return f.waiting })
				if _, err := f.take(ctx, act); err != nil {
					lost++
				} else {
					won++
				}
			})
		}
		wake, err := f.Wait(ctx, asking(contract.ActionApprove, contract.ActionReject))
		require.IsType(t, contract.Approve{}, wake.Act)
		return err
	})

	require.Equal(t, 1, won)
	require.Equal(t, 1, lost)
}

func TestACaseThatALostAttemptHasClosedIsOpenedAgainByWhatThatDidNotKnow(t *testing.T) {
	b := newBench(t)
	b.closed = true
	b.run(func(ctx workflow.Context, f *Flow) error {
		if err := f.Pass(ctx, Wait{Stage: api.StageRefunding, Expects: []Expectation{{Action: "provider_pays", Actor: "payment_provider"}}}); err != nil {
			return err
		}
		require.Equal(t, int64(2), f.Version())
		return nil
	})

	var told []string
	for _, step := range b.steps {
		for _, entry := range step.Entries {
			told = append(told, fmt.Sprint(entry.Number, " ", entry.Type))
		}
	}
	require.Equal(t, []string{"1 case.reopened", "2 case.opened", "3 case.closed"}, told)
	require.Equal(t, "late_news", (*b.steps[0].Entries[0].Data)["reason"])
	require.Equal(t, api.StatusOpen, b.steps[0].State.Status)
}

func TestAnActionAndAWithdrawalInOneTaskHaveOneWinner(t *testing.T) {
	tests := map[string][]contract.Act{
		"the withdrawal": {contract.Withdraw{}, contract.Approve{}},
		"the action":     {contract.Approve{}, contract.Withdraw{}},
	}
	for winner, acts := range tests {
		t.Run(winner, func(t *testing.T) {
			b := newBench(t)
			var errs []error
			b.run(func(ctx workflow.Context, f *Flow) error {
				path := f.Withdrawable(ctx)
				for _, act := range acts {
					workflow.Go(ctx, func(ctx workflow.Context) {
						_ = workflow.Await(ctx, func() bool { return f.waiting })
						_, err := f.take(ctx, act)
						errs = append(errs, err)
					})
				}
				wake, err := f.Wait(path, asking(contract.ActionApprove))
				require.Equal(t, winner == "the action", wake.Act != nil)
				require.Equal(t, winner == "the withdrawal", err != nil)
				require.Equal(t, winner == "the withdrawal", f.Withdrawal() != nil)
				return nil
			})

			require.Len(t, errs, 2)
			require.Error(t, errs[0], "who lost is answered first")
			require.NoError(t, errs[1])
		})
	}
}

func TestAWaitEndsForOneReason(t *testing.T) {
	tests := map[string]struct {
		wait  func(now time.Time) Wait
		wake  Wake
		after time.Duration
	}{
		"deadline":                     {func(now time.Time) Wait { return Wait{Deadline: now.Add(time.Hour)} }, Wake{Late: true}, time.Hour},
		"alarm":                        {func(now time.Time) Wait { return Wait{Alarm: now.Add(time.Hour)} }, Wake{Alarm: true}, time.Hour},
		"alarm before":                 {func(now time.Time) Wait { return Wait{Alarm: now.Add(time.Hour), Deadline: now.Add(2 * time.Hour)} }, Wake{Alarm: true}, time.Hour},
		"alarm after":                  {func(now time.Time) Wait { return Wait{Alarm: now.Add(3 * time.Hour), Deadline: now.Add(2 * time.Hour)} }, Wake{Late: true}, 2 * time.Hour},
		"both at once":                 {func(now time.Time) Wait { return Wait{Alarm: now.Add(time.Hour), Deadline: now.Add(time.Hour)} }, Wake{Late: true}, time.Hour},
		"a deadline gone by":           {func(now time.Time) Wait { return Wait{Deadline: now.Add(-time.Hour)} }, Wake{Late: true}, 0},
		"event":                        {func(now time.Time) Wait { return Wait{Events: true, Deadline: now.Add(time.Hour)} }, Wake{Event: true}, 30 * time.Minute},
		"an event that does not count": {func(now time.Time) Wait { return Wait{Deadline: now.Add(time.Hour)} }, Wake{Late: true}, time.Hour},
		"condition": {func(now time.Time) Wait {
			return Wait{Until: func() bool { return true }, Deadline: now.Add(time.Hour)}
		}, Wake{Done: true}, 0},
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			b := newBench(t)
			b.signal(30*time.Minute, "e1")
			b.run(func(ctx workflow.Context, f *Flow) error {
				w := test.wait(workflow.Now(ctx))
				w.Stage = api.StageReviewing
				wake, err := f.Wait(ctx, w)
				require.Equal(t, test.wake, wake)
				require.Equal(t, test.after, b.since())
				return err
			})
		})
	}
}

func TestAnEventBetweenTwoWaitsIsNotLost(t *testing.T) {
	b := newBench(t)
	b.signal(time.Minute, "e1")
	b.signal(2*time.Minute, "e1")
	b.run(func(ctx workflow.Context, f *Flow) error {
		if err := workflow.Sleep(ctx, time.Hour); err != nil {
			return err
		}
		w := Wait{Stage: api.StageInTransit, Events: true, Deadline: workflow.Now(ctx).Add(time.Hour)}
		wake, err := f.Wait(ctx, w)
		require.Equal(t, Wake{Event: true}, wake)
		wake, again := f.Wait(ctx, w)
		require.Equal(t, Wake{Late: true}, wake, "a repeated event wakes once")
		require.NoError(t, again)
		return err
	})
}

func TestWaitsUnderOneDeadlineShareATimer(t *testing.T) {
	b := newBench(t)
	timers := 0
	b.env.SetOnTimerScheduledListener(func(string, time.Duration) { timers++ })
	for i := range 5 {
		b.signal(time.Duration(i+1)*time.Minute, string(rune('a'+i)))
	}
	before := 0
	b.run(func(ctx workflow.Context, f *Flow) error {
		before = timers
		w := Wait{Stage: api.StageInTransit, Events: true, Deadline: workflow.Now(ctx).Add(time.Hour)}
		for {
			if wake, err := f.Wait(ctx, w); err != nil || wake.Late {
				return err
			}
		}
	})

	require.Equal(t, 1, timers-before)
	require.Equal(t, time.Hour, b.since())
}

func TestACancelledContextDoesNotStand(t *testing.T) {
	b := newBench(t)
	b.run(func(ctx workflow.Context, f *Flow) error {
		if _, err := f.Wait(ctx, Wait{Stage: api.StageReviewing, Deadline: workflow.Now(ctx).Add(time.Hour)}); err != nil {
			return err
		}
		ctx, cancel := workflow.WithCancel(ctx)
		cancel()
		f.Tell(ctx, Entry{Type: "case.approved", By: By("test")})
		_, err := f.Wait(ctx, Wait{Stage: api.StageWaitingShipment, Expects: []Expectation{{Action: "buyer_ships", Actor: "buyer"}}})
		require.Error(t, err)
		require.Len(t, b.steps, 1)
		return nil
	})

	require.Len(t, b.steps, 2)
	require.Equal(t, "case.approved", b.steps[1].Entries[0].Type, "what was told comes with the next step")
	require.Equal(t, api.StageClosed, b.steps[1].State.Stage)
}

func TestAnEventThatComesWithAWithdrawalDoesNotLeadOn(t *testing.T) {
	b := newBench(t)
	b.run(func(ctx workflow.Context, f *Flow) error {
		path := f.Withdrawable(ctx)
		workflow.Go(ctx, func(ctx workflow.Context) {
			_ = workflow.Await(ctx, func() bool { return f.waiting })
			f.woken = true
			_, _ = f.take(ctx, contract.Withdraw{})
		})
		wake, err := f.Wait(path, Wait{Stage: api.StageInTransit, Events: true, Deadline: workflow.Now(ctx).Add(time.Hour)})
		require.Equal(t, Wake{}, wake)
		require.Error(t, err)
		require.False(t, f.MoneyMoves(), "the withdrawal came first")
		require.NotNil(t, f.Withdrawal())
		return nil
	})
}

func TestAnActionThatComesWithACancellationIsRefused(t *testing.T) {
	b := newBench(t)
	var refused error
	b.run(func(ctx workflow.Context, f *Flow) error {
		path, cancel := workflow.WithCancel(ctx)
		workflow.Go(ctx, func(ctx workflow.Context) {
			_ = workflow.Await(ctx, func() bool { return f.waiting })
			cancel()
			_, refused = f.take(ctx, contract.Approve{})
		})
		_, err := f.Wait(path, asking(contract.ActionApprove))
		require.Error(t, err)
		wake, err := f.Wait(ctx, Wait{Stage: api.StageReviewing, Deadline: workflow.Now(ctx).Add(time.Hour)})
		require.Equal(t, Wake{Late: true}, wake, "nobody else picks it up")
		return err
	})

	require.Error(t, refused)
}

func TestAWithdrawalAfterMoneyMovesIsRefused(t *testing.T) {
	b := newBench(t)
	b.run(func(ctx workflow.Context, f *Flow) error {
		path := f.Withdrawable(ctx)
		require.NoError(t, f.refuse(contract.Withdraw{}))
		require.True(t, f.MoneyMoves())
		require.Error(t, f.refuse(contract.Withdraw{}))
		require.NoError(t, path.Err())
		return nil
	})
}

func TestACaseCannotStandWhereNobodyIsExpectedAndNoClockRuns(t *testing.T) {
	for name, wait := range map[string]Wait{
		"nothing": {}, "a signal": {Events: true}, "a child": {Until: func() bool { return false }}, "a signal and a child": {Events: true, Until: func() bool { return false }},
	} {
		t.Run(name, func(t *testing.T) {
			b := newBench(t)
			wait.Stage = api.StageInspecting
			b.env.RegisterWorkflowWithOptions(func(ctx workflow.Context) error {
				f, err := New(ctx, contract.Case{MerchantID: "m1", CaseID: "c1"}, contract.CarrierEvent)
				if err != nil {
					return err
				}
				f.Tell(ctx, Entry{Type: "case.opened", By: By("test")})
				_, err = f.Wait(ctx, wait)
				return err
			}, workflow.RegisterOptions{Name: "Silent"})
			b.env.ExecuteWorkflow("Silent")
			require.ErrorContains(t, b.env.GetWorkflowError(), "cannot stand in inspecting")
			require.Empty(t, b.steps)
		})
	}
}
