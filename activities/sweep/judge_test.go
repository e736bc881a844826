package sweep

import (
	"testing"
	"time"

	"go.temporal.io/api/enums/v1"

	"aftercare.dev/services/cases/api"
)

var now = time.Date(2026, 11, 22, 8, 0, 0, 0, time.UTC)

const grace = 2 * time.Minute

func ago(d time.Duration) time.Time { return now.Add(-d) }

// standing is an open case that somebody is expected to act on, and its workflow.
func standing() (api.OpenCase, execution) {
	deadline := now.Add(time.Hour)
	c := api.OpenCase{
		MerchantID: "m1", CaseID: "c1", Stage: api.StageInspecting, Version: 7, Expected: true, Deadline: &deadline, UpdatedAt: ago(time.Hour),
	}
	return c, execution{
		id: "case/m1/c1", status: enums.WORKFLOW_EXECUTION_STATUS_RUNNING, started: ago(24 * time.Hour), stage: string(api.StageInspecting),
	}
}

func TestWhatIsWrongWithACaseAndItsWorkflow(t *testing.T) {
	none := api.FindingKind("")
	silent := func(c *api.OpenCase, _ *execution) { c.Expected, c.Deadline = false, nil }
	tests := map[string]struct {
		change func(*api.OpenCase, *execution)
		kind   api.FindingKind
		code   string
	}{
		"all is well": {func(*api.OpenCase, *execution) {}, none, ""},
		"there is no workflow": {func(_ *api.OpenCase, e *execution) {
			*e = execution{id: e.id}
		}, api.CaseWithoutWorkflow, "no_workflow"},
		"there is no workflow yet": {func(c *api.OpenCase, e *execution) {
			*e, c.UpdatedAt = execution{id: e.id}, ago(time.Minute)
		}, none, ""},
		"it was terminated": {func(_ *api.OpenCase, e *execution) {
			e.status, e.closed = enums.WORKFLOW_EXECUTION_STATUS_TERMINATED, ago(time.Hour)
		}, api.WorkflowFailed, "workflow_terminated"},
		"it timed out": {func(_ *api.OpenCase, e *execution) {
			e.status, e.closed = enums.WORKFLOW_EXECUTION_STATUS_TIMED_OUT, ago(time.Hour)
		}, api.WorkflowFailed, "workflow_timed_out"},
		"it ended this moment": {func(_ *api.OpenCase, e *execution) {
			e.status, e.closed = enums.WORKFLOW_EXECUTION_STATUS_COMPLETED, ago(time.Second)
		}, none, ""},
		"its tasks fail, says the server": {func(_ *api.OpenCase, e *execution) {
			e.reported = "WorkflowTaskFailedCauseNonDeterministicError"
		}, api.WorkflowProblem, "WorkflowTaskFailedCauseNonDeterministicError"},
		"its task is tried again and again": {func(_ *api.OpenCase, e *execution) { e.tasks = manyTasks + 1 }, api.WorkflowProblem, "workflow_task_fails"},
		"its task is tried once more":       {func(_ *api.OpenCase, e *execution) { e.tasks = 2 }, none, ""},
		"an activity fails": {func(_ *api.OpenCase, e *execution) {
			e.failing, e.activities = attempts{name: "payment.Submit", failure: "unavailable", count: manyAttempts + 1}, 1
		}, api.ActivityFailing, "payment.Submit:unavailable"},
		"an activity is tried once more": {func(_ *api.OpenCase, e *execution) {
			e.failing, e.activities = attempts{name: "payment.Submit", failure: "unavailable", count: 2}, 1
		}, none, ""},
		"its deadline has passed": {func(c *api.OpenCase, _ *execution) {
			passed := ago(time.Hour)
			c.Deadline = &passed
		}, api.DeadlinePassed, "inspecting"},
		"its deadline passes this moment": {func(c *api.OpenCase, _ *execution) {
			passed := ago(time.Second)
			c.Deadline = &passed
		}, none, ""},
		"its deadline has passed and something is under way": {func(c *api.OpenCase, e *execution) {
			passed := ago(time.Hour)
			c.Deadline, e.activities = &passed, 1
		}, none, ""},
		"the stages differ": {func(_ *api.OpenCase, e *execution) { e.stage = "refunding" }, api.StageDiffers, "inspecting!=refunding"},
		"it moved this moment": {func(c *api.OpenCase, e *execution) {
			e.stage, c.UpdatedAt = "refunding", ago(time.Second)
		}, none, ""},
		"nobody is expected": {silent, api.NoProgress, "inspecting"},
		"nobody is expected, and an operator knows": {func(c *api.OpenCase, e *execution) {
			silent(c, e)
			c.NeedsAttention = true
		}, none, ""},
		"nobody is expected, and a child is under way": {func(c *api.OpenCase, e *execution) {
			silent(c, e)
			e.children = 1
		}, none, ""},
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			c, e := standing()
			test.change(&c, &e)
			found, wrong := compare(c, e, now, grace)
			if wrong != (test.kind != none) || found.Kind != test.kind || found.Code != test.code {
				t.Errorf("found %+v, want %s %s", found, test.kind, test.code)
			}
			if wrong && (found.Since.IsZero() || found.Since.After(now)) {
				t.Errorf("since %v", found.Since)
			}
		})
	}
}

func TestEveryKindOfTheContractIsCounted(t *testing.T) {
	spec, err := api.GetSpec()
	if err != nil {
		t.Fatal(err)
	}
	want := spec.Components.Schemas["FindingKind"].Value.Enum
	counted := map[any]bool{}
	for _, c := range (&sweeping{counts: map[api.FindingKind]int64{}}).report().Counts {
		counted[string(c.Kind)] = true
	}
	for _, kind := range want {
		if !counted[kind] {
			t.Errorf("%v is not counted, so that no metric is zero without it", kind)
		}
	}
	if len(counted) != len(want) {
		t.Errorf("counted %v", counted)
	}
}

func TestTheCauseOfAProblemIsItsCode(t *testing.T) {
	for code, problems := range map[string][]string{
		"":                                 nil,
		"WorkflowTaskFailedCauseUnhandled": {"category=WorkflowTaskFailed", "cause=WorkflowTaskFailedCauseUnhandled"},
		"category=WorkflowTaskTimedOut":    {"category=WorkflowTaskTimedOut"},
	} {
		if got := codeOf(problems); got != code {
			t.Errorf("%v is %s, want %s", problems, got, code)
		}
	}
}
