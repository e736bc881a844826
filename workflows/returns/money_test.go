package returns_test

import (
	"context"
	"slices"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"go.temporal.io/sdk/workflow"

	"aftercare.dev/activities/payment"
	casesapi "aftercare.dev/services/cases/api"
	paymentapi "aftercare.dev/services/payment/api"
	"aftercare.dev/workflows/contract"
)

func (w *world) look(context.Context, payment.CaseRef) (payment.Standing, error) {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.looks++
	if err := w.called("Look"); err != nil {
		return payment.Standing{}, err
	}
	s := payment.Standing{Differences: slices.Clone(w.differences)}
	if w.refund != nil {
		s.Refunds = []paymentapi.Refund{*w.refund}
	}
	return s, nil
}

func (w *world) markTold(_ context.Context, in payment.ToldDifference) error {
	w.mu.Lock()
	defer w.mu.Unlock()
	for i := range w.differences {
		w.differences[i].Told = w.differences[i].Told || w.differences[i].DifferenceID == in.DifferenceID
	}
	return nil
}

func (w *world) resolveDifference(_ context.Context, in payment.ResolvedDifference) error {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.explained(in.DifferenceID)
	return nil
}

// explained ends a difference. The caller holds the lock.
func (w *world) explained(id string) {
	w.differences = slices.DeleteFunc(w.differences, func(d payment.Difference) bool { return d.DifferenceID == id })
}

// news tells the case to look at its money; change is what has become of that before.
func (w *world) news(d time.Duration, id string, change func()) {
	w.env.RegisterDelayedCallback(func() {
		w.mu.Lock()
		change()
		w.mu.Unlock()
		w.env.SignalWorkflow(contract.MoneyEvent, contract.Event{EventID: id, Subject: id})
	}, d)
}

// takenBack is the provider taking the success of the refund back.
func (w *world) takenBack() {
	reason := "abnormal_account"
	w.becomes(paymentapi.RefundStateNeedsAttention)
	w.refund.Refunded, w.refund.Reason, w.payouts = cny(0), &reason, w.payouts-1
	w.differences = append(w.differences, payment.Difference{
		DifferenceID: "d1", Kind: paymentapi.Returned, RefundID: w.refund.RefundID, Amount: w.refund.Amount,
	})
}

// madeOutside is the provider paying what nobody here has asked for.
func (w *world) madeOutside() {
	w.differences = append(w.differences, payment.Difference{DifferenceID: "d2", Kind: paymentapi.UnknownRefund, Amount: cny(300)})
}

// waitingForInsurer is a world in which the refund is paid at hour 32 and the insurer pays at hour 52.
func waitingForInsurer(t *testing.T) *world {
	w := insured(t)
	w.claimState = "filed"
	w.env.RegisterDelayedCallback(func() {
		w.mu.Lock()
		defer w.mu.Unlock()
		w.claimState = "paid"
	}, 52*time.Hour)
	return w
}

func TestARefundThatComesBackWhileTheCaseRunsIsForFinanceAtOnce(t *testing.T) {
	w := waitingForInsurer(t)
	w.news(35*time.Hour, "n1", w.takenBack)
	w.news(35*time.Hour, "n2", func() {})
	w.at(40*time.Hour, resolve(contract.ResolutionManualTransfer, "bank-7")).expect("refunding")
	w.run()

	require.Equal(t, 35*time.Hour, w.when("refund.differs", 1))
	require.Equal(t, casesapi.Everyone, *w.entry("refund.differs").Audience, "the buyer is told")
	require.Equal(t, 1, w.count("refund.differs"), "two events at once are one piece of news")
	require.Equal(t, "refund_returned", w.attention(0))
	require.Equal(t, 40*time.Hour, w.when("refund.succeeded", 2))
	require.Equal(t, "paid_manually", w.state.Refund.State)
	require.Empty(t, w.differences)
	require.True(t, w.has("insurance.paid"), "what the case waited for before is awaited on")
	require.Equal(t, "refunded", w.outcome())
}

func TestTheInsurersClockRunsOnWhileFinanceThinks(t *testing.T) {
	w := insured(t)
	w.claimState = "filed"
	w.news(35*time.Hour, "n1", w.takenBack)
	w.at(80*time.Hour, resolve(contract.ResolutionManualTransfer, "bank-7"))
	w.at(90*time.Hour, contract.Skip{Envelope: noted(operator, "note_op")})
	w.run()

	require.Equal(t, 80*time.Hour, w.when("insurance.late", 1), "told when the case stands there again")
	require.Equal(t, "refunded", w.outcome())
}

func TestARefundThatIsGivenUpAfterItCameBackLeavesTheCaseResolved(t *testing.T) {
	w := waitingForInsurer(t)
	w.news(35*time.Hour, "n1", w.takenBack)
	w.at(40*time.Hour, resolve(contract.ResolutionVoid, ""))
	w.run()

	require.Equal(t, "resolved", w.outcome())
	require.True(t, w.has("insurance.paid"))
}

func TestMoneyPaidOutsideAfterTheRefundIsExplainedBeforeTheCaseGoesOn(t *testing.T) {
	w := waitingForInsurer(t)
	w.news(35*time.Hour, "n1", w.madeOutside)
	w.news(40*time.Hour, "n2", func() { w.explained("d2") })
	w.run()

	require.Equal(t, "refunded_outside", w.attention(0))
	require.Equal(t, 40*time.Hour, w.when("case.attention_resolved", 1))
	require.Equal(t, "refunded", w.outcome())
}

func TestMoneyPaidOutsideBeforeTheRefundIsToldAndHoldsNothingUp(t *testing.T) {
	w := accepted(t)
	w.news(2*time.Hour, "n1", w.madeOutside)
	w.run()

	require.Equal(t, 2*time.Hour, w.when("refund.differs", 1))
	require.Equal(t, "refunded_outside", (*w.entry("refund.differs").Data)["reason"])
	require.Equal(t, "refunded", w.outcome())
	require.True(t, w.differences[0].Told)
}

func TestAFalseAlarmAboutMoneyIsNotSeen(t *testing.T) {
	w, calm := accepted(t), accepted(t)
	for i := range 3 {
		w.news(time.Duration(2+10*i)*time.Hour, "n1", func() {})
	}
	w.run()
	calm.run()

	require.Equal(t, 1, w.looks, "an event that is repeated is one")
	require.Equal(t, calm.types(), w.types())
	require.Equal(t, calm.closedAt(), w.closedAt())
}

func TestNewsAboutMoneyThatComesWithTheEndIsLookedAtByAnotherWorkflow(t *testing.T) {
	w := accepted(t)
	told := false
	w.fails["Record"] = func(int) error {
		if w.settled && w.refund != nil && w.refund.State == paymentapi.RefundStateSucceeded && !told {
			told = true
			w.env.SignalWorkflow(contract.MoneyEvent, contract.Event{EventID: "n1", Subject: "d1"})
		}
		return nil
	}
	w.env.ExecuteWorkflow(contract.ReturnWorkflow, w.in)

	require.True(t, told)
	var again *workflow.ContinueAsNewError
	require.ErrorAs(t, w.env.GetWorkflowError(), &again)
	require.Equal(t, contract.ReopenedWorkflow, again.WorkflowType.Name)
	require.Equal(t, casesapi.StatusClosed, w.state.Status)
}

func TestACaseThatDidNotMindItsMoneyWhenTheNewsCameGoesOnAsBefore(t *testing.T) {
	w := waitingForInsurer(t)
	w.env.OnGetVersion("minds-money", workflow.DefaultVersion, workflow.Version(1)).Return(workflow.DefaultVersion)
	w.news(35*time.Hour, "n1", w.takenBack)
	w.env.ExecuteWorkflow(contract.ReturnWorkflow, w.in)

	require.NoError(t, w.env.GetWorkflowError())
	require.Zero(t, w.looks)
	require.False(t, w.differences[0].Told, "it stays open, so that the sweep carries it to the case when that is closed")
}

func TestNewsThatCannotBeLookedAtHoldsNothingUp(t *testing.T) {
	w := waitingForInsurer(t)
	w.fails["Look"] = always(refused("no_such_merchant"))
	w.news(35*time.Hour, "n1", w.madeOutside)
	w.run()

	require.False(t, w.has("refund.differs case.needs_attention"))
	require.False(t, w.differences[0].Told, "the sweep brings it again")
}
