package setup

import (
	"errors"
	"time"

	"go.temporal.io/api/enums/v1"
	"go.temporal.io/api/serviceerror"
	"go.temporal.io/sdk/client"

	"aftercare.dev/services/platform/config"
	"aftercare.dev/workflows/contract"
)

// reconcile is the schedule that compares the providers' bills with the refunds.
func reconcile(cron string) client.ScheduleOptions {
	return client.ScheduleOptions{
		ID:      contract.ReconcileID,
		Spec:    client.ScheduleSpec{CronExpressions: []string{cron}},
		Overlap: enums.SCHEDULE_OVERLAP_POLICY_SKIP,
		// Each run compares the last days, so that one which was missed for long is made good by the next.
		CatchupWindow: 6 * time.Hour,
		Action: &client.ScheduleWorkflowAction{
			ID: contract.ReconcileID, Workflow: contract.ReconcileWorkflow, Args: []any{contract.ReconcileInput{}}, TaskQueue: contract.CasesQueue,
			StaticSummary: "Reconciliation: does the provider say what we say?",
			StaticDetails: "Compares the payment provider's bills of the last three days with the refunds, both ways, and carries what differs to the cases. " +
				"It moves no money, and a day can be compared any number of times.\n\n" +
				"What it found: Current Details, `GET /v1/differences`.\n\n" +
				"To do it now: Schedules → " + contract.ReconcileID + " → Trigger; one day: start a workflow `" + contract.ReconcileWorkflow +
				"` with the input `{\"days\": [\"2026-11-21\"]}`. What to do about a difference: docs/runbook.md.",
		},
	}
}

// wrongCron is the error of a schedule whose cron expression the server does not understand, or nil.
func wrongCron(options client.ScheduleOptions, err error) error {
	var invalid *serviceerror.InvalidArgument
	if !errors.As(err, &invalid) || len(options.Spec.CronExpressions) == 0 {
		return nil
	}
	return &config.Error{
		Variable: "RECONCILE_SCHEDULE",
		Sentence: "RECONCILE_SCHEDULE is no cron expression such as 30 2 * * * (" + invalid.Error() + "); put minute, hour, day, month and weekday",
	}
}
