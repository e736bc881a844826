package setup

import (
	"context"
	"errors"
	"fmt"
	"time"

	"go.temporal.io/api/enums/v1"
	"go.temporal.io/sdk/client"
	"go.temporal.io/sdk/temporal"

	"aftercare.dev/workflows/contract"
)

// Schedules makes the schedules, or brings those that are there up to date. One that an operator has paused stays paused.
func Schedules(ctx context.Context, c client.Client, cfg Config) error {
	for _, options := range []client.ScheduleOptions{sweep(), retention(), reconcile(cfg.Reconcile)} {
		if err := ensureSchedule(ctx, c, options); err != nil {
			return err
		}
	}
	return nil
}

func ensureSchedule(ctx context.Context, c client.Client, options client.ScheduleOptions) error {
	_, err := c.ScheduleClient().Create(ctx, options)
	if err == nil {
		return nil
	}
	if wrong := wrongCron(options, err); wrong != nil {
		return wrong
	}
	if !errors.Is(err, temporal.ErrScheduleAlreadyRunning) {
		return fmt.Errorf("make the schedule %s: %w", options.ID, err)
	}
	err = c.ScheduleClient().GetHandle(ctx, options.ID).Update(ctx, client.ScheduleUpdateOptions{
		DoUpdate: func(in client.ScheduleUpdateInput) (*client.ScheduleUpdate, error) {
			schedule := in.Description.Schedule
			schedule.Spec, schedule.Action = &options.Spec, options.Action
			schedule.Policy.Overlap, schedule.Policy.CatchupWindow = options.Overlap, options.CatchupWindow
			return &client.ScheduleUpdate{Schedule: &schedule}, nil
		},
	})
	if err != nil {
		return fmt.Errorf("bring the schedule %s up to date: %w", options.ID, err)
	}
	return nil
}

// sweep is the schedule of the sweep.
func sweep() client.ScheduleOptions {
	return client.ScheduleOptions{
		ID:      contract.SweepID,
		Spec:    client.ScheduleSpec{Intervals: []client.ScheduleIntervalSpec{{Every: contract.SweepEvery}}},
		Overlap: enums.SCHEDULE_OVERLAP_POLICY_SKIP,
		// A sweep that was missed is as good as the next one.
		CatchupWindow: time.Minute,
		Action: &client.ScheduleWorkflowAction{
			ID: contract.SweepID, Workflow: contract.SweepWorkflow, Args: []any{contract.SweepInput{}}, TaskQueue: contract.CasesQueue,
			StaticSummary: "Sweep: is every case where it should be?",
			StaticDetails: "Compares Temporal with the cases service, both ways, and finds cases that do not go on. It changes nothing.\n\n" +
				"What it found: Current Details, `GET /v1/findings`, and the metric `aftercare_sweep_findings`.\n\n" +
				"To sweep now: Schedules → " + contract.SweepID + " → Trigger. What to do about a finding: docs/runbook.md.",
		},
	}
}
