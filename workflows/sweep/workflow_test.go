package sweep

import (
	"context"
	"errors"
	"testing"
	"time"

	"github.com/stretchr/testify/mock"
	"github.com/stretchr/testify/require"
	"go.temporal.io/sdk/activity"
	"go.temporal.io/sdk/testsuite"

	"aftercare.dev/activities/payment"
	"aftercare.dev/activities/sweep"
	"aftercare.dev/services/cases/api"
	"aftercare.dev/workflows/contract"
	"aftercare.dev/workflows/internal/quiet"
)

func run(compare func(context.Context, sweep.Input) (sweep.Report, error), in contract.SweepInput) (env *testsuite.TestWorkflowEnvironment, woken int) {
	var suite testsuite.WorkflowTestSuite
	suite.SetLogger(quiet.Log{})
	env = suite.NewTestWorkflowEnvironment()
	env.RegisterActivityWithOptions(compare, activity.RegisterOptions{Name: sweep.Prefix + "Compare"})
	env.RegisterActivityWithOptions(func(context.Context, int) ([]payment.Pending, error) {
		return []payment.Pending{{MerchantID: "m1", CaseID: "c1", DifferenceID: "d1"}}, nil
	}, activity.RegisterOptions{Name: payment.Prefix + "OpenDifferences"})
	env.OnSignalExternalWorkflow(mock.Anything, "case/m1/c1", "", contract.MoneyEvent, contract.Event{EventID: "d1", Subject: "d1"}).Return(
		func(string, string, string, string, any) error { woken++; return nil }).Maybe()
	env.ExecuteWorkflow(Sweep, in)
	return env, woken
}

func TestASweepLooksAtWhatTheContractNamesAndTellsWhatItFound(t *testing.T) {
	var asked sweep.Input
	report := sweep.Report{
		Cases: 3, Workflows: 4, Counts: []sweep.Count{{Kind: api.WorkflowProblem, Found: 1}, {Kind: api.NoProgress}},
		Examples: []sweep.Finding{{
			Kind: api.WorkflowProblem, WorkflowID: "case/m1/c1", Code: "a_cause", Since: time.Date(2026, 11, 22, 8, 0, 0, 0, time.UTC),
		}},
	}
	env, woken := run(func(_ context.Context, in sweep.Input) (sweep.Report, error) {
		asked = in
		return report, nil
	}, contract.SweepInput{})
	require.NoError(t, env.GetWorkflowError())
	var result sweep.Report
	require.NoError(t, env.GetWorkflowResult(&result))
	require.Equal(t, 1, woken, "what differs is carried to its case")
	require.Equal(t, report, result)
	require.Equal(t, sweep.Input{
		CaseTypes: []string{"Return", "Reopened"}, CasePrefix: "case", ChildTypes: []string{"Refund", "FreightClaim"}, StageAttribute: "CaseStage", Grace: 2 * time.Minute,
	}, asked)
	require.Equal(t, "3 open cases and 4 running workflows: **1 findings**\n\n| Finding | how many |\n|---|---|\n| workflow problem | 1 |\n\n"+
		"- `case/m1/c1`: workflow problem, `a_cause`, since 2026-11-22T08:00:00Z\n\n"+
		"All of them: `GET /v1/findings`. What to do: docs/runbook.md, AftercareSweepFindings.", details(report))
}

func TestAnOperatorCanSweepWithLessGrace(t *testing.T) {
	var asked sweep.Input
	run(func(_ context.Context, in sweep.Input) (sweep.Report, error) {
		asked = in
		return sweep.Report{}, nil
	}, contract.SweepInput{GraceSeconds: 5})
	require.Equal(t, 5*time.Second, asked.Grace)
}

func TestASweepThatCannotLookFailsAfterThreeAttempts(t *testing.T) {
	attempts := 0
	env, woken := run(func(context.Context, sweep.Input) (sweep.Report, error) {
		attempts++
		return sweep.Report{}, errors.New("no cases service")
	}, contract.SweepInput{})
	require.Error(t, env.GetWorkflowError())
	require.Equal(t, 3, attempts)
	require.Zero(t, woken)
}
