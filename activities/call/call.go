// Package call runs activities by name for the typed functions of the activity packages, with the few sets of options
// that the house knows. Workflow code does not use it directly.
package call

import (
	"errors"
	"time"

	"go.temporal.io/sdk/temporal"
	"go.temporal.io/sdk/workflow"
)

// outOfSight is how often a local activity may fail, over half a minute, before it becomes an activity of its own: only
// those can be seen in the Temporal UI, with their attempts and their last error, and can be reset there.
const outOfSight = 8

// forever is longer than any case.
const forever = 100 * 365 * 24 * time.Hour

// Quick runs an activity that takes milliseconds and is safe to repeat, in the worker that runs the workflow: one event
// in the history instead of six. It is repeated until the service answers, so that an outage delays a case and nothing
// more. On a loose [Footing], and once it has failed for a while, it is an activity like any other. summary is what the
// operator reads.
func Quick[T any](ctx workflow.Context, summary, activity string, in any) (T, error) {
	visible := untilAnswered(summary)
	if footingOf(ctx).loose {
		return run[T](ctx, activity, in, visible)
	}
	unseen := *visible.RetryPolicy
	unseen.MaximumAttempts = outOfSight
	local := workflow.WithLocalActivityOptions(ctx, workflow.LocalActivityOptions{
		StartToCloseTimeout: 10 * time.Second,
		// Without it the SDK takes the time of one attempt for the time of all.
		ScheduleToCloseTimeout: forever,
		Summary:                summary,
		RetryPolicy:            &unseen,
	})
	var out T
	err := workflow.ExecuteLocalActivity(local, activity, in).Get(ctx, &out)
	if mayHeal(err) {
		return run[T](ctx, activity, in, visible)
	}
	return out, err
}

// Seen runs an activity like [Quick], but always as one of its own: its answer is in the history before anything follows
// from it, so that a task which runs again cannot see another one.
func Seen[T any](ctx workflow.Context, summary, activity string, in any) (T, error) {
	return run[T](ctx, activity, in, untilAnswered(summary))
}

// untilAnswered are the options of an activity that is repeated until the service answers.
func untilAnswered(summary string) workflow.ActivityOptions {
	return workflow.ActivityOptions{
		StartToCloseTimeout: 10 * time.Second, Summary: summary,
		RetryPolicy: &temporal.RetryPolicy{
			InitialInterval:    200 * time.Millisecond,
			BackoffCoefficient: 2,
			MaximumInterval:    time.Minute,
		},
	}
}

// mayHeal tells that trying again is not useless, as after a refusal.
func mayHeal(err error) bool {
	var failure *temporal.ApplicationError
	if errors.As(err, &failure) {
		return !failure.NonRetryable()
	}
	return err != nil && !temporal.IsCanceledError(err)
}

// Long runs an activity that works for minutes and says while it does that it is alive. It is tried three times.
func Long[T any](ctx workflow.Context, summary, activity string, in any) (T, error) {
	return run[T](ctx, activity, in, workflow.ActivityOptions{
		StartToCloseTimeout: time.Hour,
		HeartbeatTimeout:    time.Minute,
		Summary:             summary,
		RetryPolicy:         &temporal.RetryPolicy{InitialInterval: 10 * time.Second, BackoffCoefficient: 2, MaximumAttempts: 3},
	})
}

// Slow runs an activity that works for minutes, says while it does that it is alive, and may have to be tried again for
// hours, such as when what it needs is made once a day.
func Slow[T any](ctx workflow.Context, summary, activity string, patience time.Duration, in any) (T, error) {
	return run[T](ctx, activity, in, workflow.ActivityOptions{
		StartToCloseTimeout:    10 * time.Minute,
		ScheduleToCloseTimeout: patience,
		HeartbeatTimeout:       time.Minute,
		Summary:                summary,
		RetryPolicy:            &temporal.RetryPolicy{InitialInterval: time.Minute, BackoffCoefficient: 2, MaximumInterval: 15 * time.Minute},
	})
}

// Outside runs an activity behind which a provider is asked to do something: seconds per attempt, visible in the
// Temporal UI, repeated for patience. After that the error goes to the workflow, which tells a person.
func Outside[T any](ctx workflow.Context, summary, activity string, patience time.Duration, in any) (T, error) {
	return run[T](ctx, activity, in, workflow.ActivityOptions{
		StartToCloseTimeout:    15 * time.Second,
		ScheduleToCloseTimeout: patience,
		Summary:                summary,
		RetryPolicy: &temporal.RetryPolicy{
			InitialInterval:    time.Second,
			BackoffCoefficient: 2,
			MaximumInterval:    time.Minute,
		},
	})
}

func run[T any](ctx workflow.Context, activity string, in any, options workflow.ActivityOptions) (T, error) {
	var out T
	err := workflow.ExecuteActivity(workflow.WithActivityOptions(ctx, options), activity, in).Get(ctx, &out)
	if !temporal.IsCanceledError(err) {
		footingOf(ctx).Firm()
	}
	return out, err
}
