// Package call runs activities by name for the typed functions of the activity packages, with the few sets of options
// that the house knows. Workflow code does not use it directly.
package call

import (
	"time"

	"go.temporal.io/sdk/temporal"
	"go.temporal.io/sdk/workflow"
)

// forever is longer than any case.
const forever = 100 * 365 * 24 * time.Hour

// Quick runs an activity that takes milliseconds and is safe to repeat, in the worker that runs the workflow: one event
// in the history instead of six. It is repeated until the service answers, so that an outage delays a case and nothing
// more. On a loose [Footing] it is an activity like any other. summary is what the operator reads.
func Quick[T any](ctx workflow.Context, summary, activity string, in any) (T, error) {
	retry := &temporal.RetryPolicy{
		InitialInterval:    200 * time.Millisecond,
		BackoffCoefficient: 2,
		MaximumInterval:    time.Minute,
	}
	if footingOf(ctx).loose {
		return run[T](ctx, activity, in, workflow.ActivityOptions{
			StartToCloseTimeout: 10 * time.Second, Summary: summary, RetryPolicy: retry,
		})
	}
	ctx = workflow.WithLocalActivityOptions(ctx, workflow.LocalActivityOptions{
		StartToCloseTimeout: 10 * time.Second,
		// Without it the SDK takes the time of one attempt for the time of all.
		ScheduleToCloseTimeout: forever,
		Summary:                summary,
		RetryPolicy:            retry,
	})
	var out T
	err := workflow.ExecuteLocalActivity(ctx, activity, in).Get(ctx, &out)
	return out, err
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
