package setup

import (
	"time"

	"go.temporal.io/api/enums/v1"
	"go.temporal.io/sdk/client"

	"aftercare.dev/workflows/contract"
)

// retention is the schedule that drops people's data whose time is over, in the night of China.
func retention() client.ScheduleOptions {
	return client.ScheduleOptions{
		ID: contract.RetentionID,
		Spec: client.ScheduleSpec{
			Calendars: []client.ScheduleCalendarSpec{{
				Hour: []client.ScheduleRange{{Start: 3}}, Minute: []client.ScheduleRange{{Start: 30}},
			}},
			TimeZoneName: "Asia/Shanghai",
		},
		Overlap: enums.SCHEDULE_OVERLAP_POLICY_SKIP,
		// What was missed is done by the next run.
		CatchupWindow: time.Hour,
		Action: &client.ScheduleWorkflowAction{
			ID: contract.RetentionID, Workflow: contract.RetentionWorkflow, TaskQueue: contract.CasesQueue,
			StaticSummary: "Drop people's data whose time is over",
			StaticDetails: "Asks each service to drop what is older than its RETENTION_…_DAYS settings allow. Open cases keep everything.\n\n" +
				"To run it now: Schedules → " + contract.RetentionID + " → Trigger. What is dropped when: docs/privacy.md.",
		},
	}
}
