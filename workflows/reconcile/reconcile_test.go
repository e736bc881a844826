package reconcile

import (
	"context"
	"errors"
	"testing"
	"time"

	"github.com/stretchr/testify/mock"
	"github.com/stretchr/testify/require"
	"go.temporal.io/sdk/activity"
	"go.temporal.io/sdk/temporal"
	"go.temporal.io/sdk/testsuite"
	"go.temporal.io/sdk/workflow"

	"aftercare.dev/activities/cases"
	"aftercare.dev/activities/fault"
	"aftercare.dev/activities/payment"
	"aftercare.dev/services/cases/api"
	paymentapi "aftercare.dev/services/payment/api"
	"aftercare.dev/workflows/contract"
	"aftercare.dev/workflows/internal/quiet"
)

// world is the payment service with its differences, and the cases that they are about.
type world struct {
	env *testsuite.TestWorkflowEnvironment
	// compared are the days that were asked for; fails are those that cannot be compared.
	compared []string
	fails    map[string]error
	pending  []payment.Pending
	// cases are recorded, running are those with a workflow.
	cases   map[string]api.Status
	running map[string]bool

	woken, begun []string
}

func newWorld(pending ...string) *world {
	var suite testsuite.WorkflowTestSuite
	suite.SetLogger(quiet.Log{})
	w := &world{
		env: suite.NewTestWorkflowEnvironment(), fails: map[string]error{}, cases: map[string]api.Status{}, running: map[string]bool{},
	}
	for _, id := range pending {
		w.pending = append(w.pending, payment.Pending{MerchantID: "m1", CaseID: id, OrderID: "o1", DifferenceID: "d-" + id})
	}
	w.env.SetStartTime(time.Date(2026, 11, 22, 18, 30, 0, 0, time.UTC)) // in China it is the 23rd
	for name, fn := range map[string]any{
		payment.Prefix + "Reconcile": func(_ context.Context, day payment.Day) (paymentapi.Reconciliation, error) {
			w.compared = append(w.compared, day.Provider+" "+day.Date)
			return paymentapi.Reconciliation{InBill: 2, Found: 1}, w.fails[day.Date]
		},
		payment.Prefix + "OpenDifferences": func(context.Context, int) ([]payment.Pending, error) { return w.pending, nil },
		cases.Prefix + "Standing": func(_ context.Context, ref cases.CaseRef) (cases.Standing, error) {
			status, ok := w.cases[ref.CaseID]
			if !ok {
				return cases.Standing{}, temporal.NewNonRetryableApplicationError("case_not_found", fault.Missing, nil)
			}
			return cases.Standing{Version: 9, OrderID: "o1", BuyerID: "b1", State: api.CaseState{Status: status}}, nil
		},
	} {
		w.env.RegisterActivityWithOptions(fn, activity.RegisterOptions{Name: name})
	}
	w.env.RegisterWorkflowWithOptions(func(_ workflow.Context, in contract.ReopenedInput) error {
		w.begun = append(w.begun, in.CaseID+" of "+in.BuyerID)
		return nil
	}, workflow.RegisterOptions{Name: contract.ReopenedWorkflow})
	w.env.OnSignalExternalWorkflow(mock.Anything, mock.Anything, "", contract.MoneyEvent, mock.Anything).Return(
		func(_, id, _, _ string, _ any) error {
			if !w.running[id] {
				return errors.New("unknown external workflow execution")
			}
			w.woken = append(w.woken, id)
			return nil
		}).Maybe()
	return w
}

func (w *world) run(t *testing.T, in contract.ReconcileInput) (Report, error) {
	w.env.ExecuteWorkflow(Reconcile, in)
	require.True(t, w.env.IsWorkflowCompleted())
	var report Report
	err := w.env.GetWorkflowError()
	var failure *temporal.ApplicationError
	if errors.As(err, &failure) {
		require.NoError(t, failure.Details(&report))
		return report, err
	}
	require.NoError(t, w.env.GetWorkflowResult(&report))
	return report, err
}

func TestTheLastDaysAreComparedAsTheProviderCountsThem(t *testing.T) {
	w := newWorld()
	report, err := w.run(t, contract.ReconcileInput{})
	require.NoError(t, err)
	require.Equal(t, []string{"wechatpay 2026-11-20", "wechatpay 2026-11-21", "wechatpay 2026-11-22"}, w.compared)
	require.Equal(t, Compared{Provider: "wechatpay", Day: "2026-11-20", InBill: 2, Found: 1}, report.Compared[0])
	require.Contains(t, details(report), "| wechatpay | 2026-11-20 | 2 | 1 |")
}

func TestAnOperatorCanCompareOneDay(t *testing.T) {
	w := newWorld()
	_, err := w.run(t, contract.ReconcileInput{Days: []string{"2026-11-01"}})
	require.NoError(t, err)
	require.Equal(t, []string{"wechatpay 2026-11-01"}, w.compared)
}

func TestADayThatCannotBeComparedKeepsNoOtherFromItAndIsSeen(t *testing.T) {
	w := newWorld("closed")
	w.cases["closed"] = api.StatusClosed
	w.fails["2026-11-20"] = temporal.NewNonRetryableApplicationError("no", fault.Refused, nil, fault.Reason{Code: "bill_differs", Status: 422})
	report, err := w.run(t, contract.ReconcileInput{})

	require.ErrorContains(t, err, "wechatpay of 2026-11-20: bill_differs")
	require.Equal(t, "bill_differs", report.Compared[0].Problem)
	require.Len(t, w.compared, 3)
	require.Equal(t, 1, report.Carried, "what is known is carried nevertheless")
}

func TestABillThatIsNotThereYetIsAwaited(t *testing.T) {
	w := newWorld()
	asked := 0
	w.env.OnActivity(payment.Prefix+"Reconcile", mock.Anything, mock.Anything).Return(
		func(context.Context, payment.Day) (paymentapi.Reconciliation, error) {
			if asked++; asked == 1 {
				return paymentapi.Reconciliation{}, temporal.NewApplicationError("bill_not_ready", fault.Unavailable)
			}
			return paymentapi.Reconciliation{}, nil
		})
	_, err := w.run(t, contract.ReconcileInput{Days: []string{"2026-11-22"}})
	require.NoError(t, err)
	require.Equal(t, 2, asked)
}

func TestADifferenceIsCarriedToItsCase(t *testing.T) {
	w := newWorld("running", "closed", "open", "never")
	w.running["case/m1/running"] = true
	w.cases["closed"], w.cases["open"] = api.StatusClosed, api.StatusOpen
	report, err := w.run(t, contract.ReconcileInput{})

	require.Equal(t, []string{"case/m1/running"}, w.woken, "a case that runs is woken")
	require.Equal(t, []string{"closed of b1"}, w.begun, "a closed one is gone on with")
	require.Equal(t, 2, report.Carried)
	require.ErrorContains(t, err, "d-open: its case is open and has no workflow", "what was terminated is not buried under another workflow")
	require.ErrorContains(t, err, "d-never: its case was never opened")
}
