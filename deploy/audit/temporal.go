package audit

import (
	"context"
	"fmt"
	"slices"
	"strings"
	"time"

	"go.temporal.io/api/enums/v1"
	"go.temporal.io/api/workflowservice/v1"
	"go.temporal.io/sdk/client"

	"aftercare.dev/activities/sweep"
	"aftercare.dev/services/platform/ids"
	"aftercare.dev/workflows/contract"
)

// run is the newest run of a workflow.
type run struct {
	kind    string
	status  enums.WorkflowExecutionStatus
	started time.Time
}

func (a *auditor) readWorkflows(ctx context.Context) error {
	a.runs = map[string]run{}
	var page []byte
	for {
		listed, err := a.temporal.ListWorkflow(ctx, &workflowservice.ListWorkflowExecutionsRequest{NextPageToken: page, PageSize: 1000})
		if err != nil {
			return err
		}
		for _, w := range listed.GetExecutions() {
			name := w.GetExecution().GetWorkflowId()
			r := run{kind: w.GetType().GetName(), status: w.GetStatus(), started: w.GetStartTime().AsTime()}
			if known, again := a.runs[name]; !again || r.started.After(known.started) {
				a.runs[name] = r
			}
		}
		if page = listed.GetNextPageToken(); len(page) == 0 {
			return nil
		}
	}
}

// checkWorkflows holds Temporal against the records, both ways.
func (a *auditor) checkWorkflows() {
	for key, c := range a.cases {
		r, there := a.runs[contract.CaseWorkflowID(key.merchant, key.id)]
		running := r.status == enums.WORKFLOW_EXECUTION_STATUS_RUNNING
		switch {
		case !there:
			a.find(Lost, "workflow", key, "no workflow has this case")
		case c.status == "open" && !running:
			a.find(Lost, "workflow", key, "the case is open, its workflow is %s", r.status)
		case c.status == "closed" && running:
			a.find(Wrong, "workflow", key, "the case is closed, its workflow runs")
		}
	}
	for name, r := range a.runs {
		if strings.HasPrefix(name, contract.SweepID) || r.status == enums.WORKFLOW_EXECUTION_STATUS_COMPLETED {
			continue
		}
		if r.status != enums.WORKFLOW_EXECUTION_STATUS_RUNNING {
			if slices.Contains(contract.CaseWorkflows, r.kind) || slices.Contains(contract.ChildWorkflows, r.kind) {
				a.find(Lost, "workflow", name, "it ended %s", r.status)
			}
			continue
		}
		a.checkRunning(name, r)
	}
}

// checkRunning finds workflows that nobody waits for.
func (a *auditor) checkRunning(name string, r run) {
	parts := strings.Split(name, "/")
	switch {
	case len(parts) != 3:
	case slices.Contains(contract.CaseWorkflows, r.kind):
		if a.cases[id{parts[1], parts[2]}] == nil {
			a.find(Stuck, "workflow", name, "it runs, and there is no case")
		}
	case r.kind == contract.RefundWorkflow:
		refund := a.refunds[id{parts[1], parts[2]}]
		if refund != nil && (refund.state == succeeded || refund.state == paidManually || refund.state == voided) {
			a.find(Stuck, "workflow", name, "it runs, and the refund is %s", refund.state)
		}
	case r.kind == contract.FreightClaimWorkflow:
		c, known := a.claims[id{parts[1], parts[2]}]
		if known && (c.state == claimPaid || c.state == "rejected") {
			a.find(Stuck, "workflow", name, "it runs, and the claim is %s", c.state)
		}
	}
}

// sweep has the house look for itself, with hardly any grace: what it finds is as wrong as what is found here.
func (a *auditor) sweep(ctx context.Context) error {
	ctx, stop := context.WithTimeout(ctx, 2*time.Minute)
	defer stop()
	started, err := a.temporal.ExecuteWorkflow(ctx, client.StartWorkflowOptions{
		ID: ids.New(contract.SweepID), TaskQueue: contract.CasesQueue, WorkflowExecutionTimeout: 2 * time.Minute,
	}, contract.SweepWorkflow, contract.SweepInput{GraceSeconds: 1})
	if err != nil {
		return err
	}
	var report sweep.Report
	if err := started.Get(ctx, &report); err != nil {
		return fmt.Errorf("the sweep that was asked for failed: %w", err)
	}
	for _, f := range report.Examples {
		a.find(Stuck, "sweep", f.WorkflowID, "%s, %s, since %s", f.Kind, f.Code, f.Since.Format(time.RFC3339))
	}
	if more := report.Total() - int64(len(report.Examples)); more > 0 {
		a.find(Stuck, "sweep", "", "%d findings more", more)
	}
	return nil
}
