package sweep

import (
	"strings"
	"time"

	"go.temporal.io/api/enums/v1"

	"aftercare.dev/services/cases/api"
)

// kinds are all kinds of findings, the most telling first: of several that a workflow has, the first is reported.
var kinds = []api.FindingKind{
	api.WorkflowProblem, api.ActivityFailing, api.CaseWithoutWorkflow, api.WorkflowFailed, api.WorkflowWithoutCase,
	api.ClosedCaseWithRunningWorkflow, api.MoneyWithoutCase, api.DeadlinePassed, api.StageDiffers, api.NoProgress,
}

const (
	// manyAttempts is after how many attempts an activity is reported: about half a minute with most of them.
	manyAttempts = 5
	// manyTasks is after how many attempts at one workflow task the workflow is reported. The server's own report,
	// TemporalReportedProblems, mostly comes first.
	manyTasks = 5
)

// execution is a workflow as Temporal describes it.
type execution struct {
	id string
	// status is unspecified if there is no such workflow.
	status          enums.WorkflowExecutionStatus
	started, closed time.Time
	// parent is the id of the workflow that started it, if one did.
	parent string
	stage  string
	// reported is what the server reported of its workflow tasks.
	reported string
	// tasks is how often the workflow task was tried that is under way, since a time.
	tasks      int32
	tasksSince time.Time
	// failing is the activity that was tried most often, of those that are under way.
	failing    attempts
	activities int
	children   int
}

func (e execution) running() bool { return e.status == enums.WORKFLOW_EXECUTION_STATUS_RUNNING }

// attempts are those at one activity.
type attempts struct {
	name, failure string
	count         int32
	since         time.Time
}

// problem is what is wrong with a running workflow, whatever its case is like.
func problem(e execution, now time.Time) (Finding, bool) {
	switch {
	case e.reported != "":
		return Finding{Kind: api.WorkflowProblem, Code: e.reported, Since: earlier(e.tasksSince, now)}, true
	case e.tasks > manyTasks:
		return Finding{Kind: api.WorkflowProblem, Code: "workflow_task_fails", Since: earlier(e.tasksSince, now)}, true
	case e.failing.count > manyAttempts:
		return Finding{Kind: api.ActivityFailing, Code: e.failing.name + ":" + e.failing.failure, Since: earlier(e.failing.since, now)}, true
	}
	return Finding{}, false
}

// compare tells what is wrong with an open case and its workflow, if anything is.
func compare(c api.OpenCase, e execution, now time.Time, grace time.Duration) (Finding, bool) {
	settled := now.Sub(c.UpdatedAt) >= grace
	switch {
	case e.running():
		if found, ok := problem(e, now); ok {
			return found, true
		}
	case !settled || now.Sub(e.closed) < grace:
		return Finding{}, false
	case e.status == enums.WORKFLOW_EXECUTION_STATUS_UNSPECIFIED:
		return Finding{Kind: api.CaseWithoutWorkflow, Code: "no_workflow", Since: c.UpdatedAt}, true
	default:
		return Finding{Kind: api.WorkflowFailed, Code: "workflow_" + ended(e.status), Since: e.closed}, true
	}
	switch {
	case c.Deadline != nil && now.Sub(*c.Deadline) >= grace && settled && e.activities == 0:
		return Finding{Kind: api.DeadlinePassed, Code: string(c.Stage), Since: *c.Deadline}, true
	case settled && e.stage != string(c.Stage):
		return Finding{Kind: api.StageDiffers, Code: string(c.Stage) + "!=" + e.stage, Since: c.UpdatedAt}, true
	case settled && !c.NeedsAttention && !c.Expected && c.Deadline == nil && e.activities == 0 && e.children == 0:
		return Finding{Kind: api.NoProgress, Code: string(c.Stage), Since: c.UpdatedAt}, true
	}
	return Finding{}, false
}

// ended is how a workflow ended, as a code.
func ended(status enums.WorkflowExecutionStatus) string {
	switch status {
	case enums.WORKFLOW_EXECUTION_STATUS_TIMED_OUT:
		return "timed_out"
	default:
		return strings.ToLower(status.String())
	}
}

func earlier(t, now time.Time) time.Time {
	if t.IsZero() || t.After(now) {
		return now
	}
	return t
}
