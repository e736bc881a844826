// Package call runs activities by name for the typed functions of the activity packages, with the few sets of options
// that the house knows. Workflow code does not use it directly.
package call

import (
	"time"

	"go.temporal.io/sdk/temporal"
	"go.temporal.io/sdk/workflow"
)

// Quick runs an activity that takes milliseconds and is safe to repeat, in the worker that runs the workflow: one event
// in the history instead of six. It is repeated until the service answers, so that an outage delays a case and nothing
// more. summary is what the operator reads.
func Quick[T any](ctx workflow.Context, summary, activity string, in any) (T, error) {
	ctx = workflow.WithLocalActivityOptions(ctx, workflow.LocalActivityOptions{
		StartToCloseTimeout: 10 * time.Second,
		Summary:             summary,
		RetryPolicy: &temporal.RetryPolicy{
			InitialInterval:    200 * time.Millisecond,
			BackoffCoefficient: 2,
			MaximumInterval:    time.Minute,
		},
	})
	var out T
	err := workflow.ExecuteLocalActivity(ctx, activity, in).Get(ctx, &out)
	return out, err
}

// Outside runs an activity behind which a provider is asked to do something: seconds per attempt, visible in the
// Temporal UI, repeated for patience. After that the error goes to the workflow, which tells a person.
func Outside[T any](ctx workflow.Context, summary, activity string, patience time.Duration, in any) (T, error) {
	ctx = workflow.WithActivityOptions(ctx, workflow.ActivityOptions{
		StartToCloseTimeout:    15 * time.Second,
		ScheduleToCloseTimeout: patience,
		Summary:                summary,
		RetryPolicy: &temporal.RetryPolicy{
			InitialInterval:    time.Second,
			BackoffCoefficient: 2,
			MaximumInterval:    time.Minute,
		},
	})
	var out T
	err := workflow.ExecuteActivity(ctx, activity, in).Get(ctx, &out)
	return out, err
}
