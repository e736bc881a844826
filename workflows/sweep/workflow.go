// Package sweep looks after all cases from time to time: no case may sit where nobody is expected, no clock runs and
// nothing is under way, and what Temporal runs must be what the cases service has recorded. It mends nothing; it tells.
package sweep

import (
	"fmt"
	"strings"
	"time"

	"go.temporal.io/sdk/workflow"

	"aftercare.dev/activities/sweep"
	"aftercare.dev/services/cases/api"
	"aftercare.dev/workflows/contract"
	"aftercare.dev/workflows/reconcile"
)

// grace is how long something must have been wrong.
const grace = 2 * time.Minute

// Sweep runs one sweep. Its result counts what was found; the findings are in the cases service.
func Sweep(ctx workflow.Context, in contract.SweepInput) (sweep.Report, error) {
	input := sweep.Input{
		CaseTypes: contract.CaseWorkflows, CasePrefix: contract.CasePrefix, ChildTypes: contract.ChildWorkflows,
		StageAttribute: contract.AttributeStage.GetName(), Grace: grace,
	}
	if in.GraceSeconds > 0 {
		input.Grace = time.Duration(in.GraceSeconds) * time.Second
	}
	workflow.SetCurrentDetails(ctx, "The sweep is under way.")
	report, err := sweep.Compare(ctx, input)
	if err != nil {
		workflow.SetCurrentDetails(ctx, "The sweep has failed; the next one begins anew. The failed activity has the reason.")
		return report, err
	}
	workflow.SetCurrentDetails(ctx, details(report))
	// After the comparison: a sweep that an older worker has begun goes on with it.
	if _, err := reconcile.Carry(ctx); err != nil {
		workflow.GetLogger(ctx).Warn("differences were not carried to their cases", "error", err)
	}
	return report, nil
}

// details are the findings for operators, in Markdown.
func details(r sweep.Report) string {
	lines := []string{fmt.Sprintf("%d open cases and %d running workflows: **%d findings**", r.Cases, r.Workflows, r.Total())}
	if r.Total() == 0 {
		return lines[0]
	}
	lines = append(lines, "", "| Finding | how many |", "|---|---|")
	for _, c := range r.Counts {
		if c.Found > 0 {
			lines = append(lines, fmt.Sprintf("| %s | %d |", words(c.Kind), c.Found))
		}
	}
	lines = append(lines, "")
	for _, f := range r.Examples {
		lines = append(lines, fmt.Sprintf("- `%s`: %s, `%s`, since %s", f.WorkflowID, words(f.Kind), f.Code, f.Since.UTC().Format(time.RFC3339)))
	}
	lines = append(lines, "", "All of them: `GET /v1/findings`. What to do: docs/runbook.md, AftercareSweepFindings.")
	return strings.Join(lines, "\n")
}

func words(kind api.FindingKind) string { return strings.ReplaceAll(string(kind), "_", " ") }
