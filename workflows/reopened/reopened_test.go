package reopened_test

import (
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	casesapi "aftercare.dev/services/cases/api"
	paymentapi "aftercare.dev/services/payment/api"
	"aftercare.dev/workflows/contract"
)

var (
	finance  = contract.Envelope{Actor: contract.Actor{Role: contract.Finance, ID: "f1"}, NoteID: "note_f"}
	operator = contract.Envelope{Actor: contract.Actor{Role: contract.Operator, ID: "op1"}, NoteID: "note_op"}
)

func decide(resolution, reference string) contract.ResolveRefund {
	return contract.ResolveRefund{Envelope: finance, Resolution: resolution, TransferReference: reference}
}

func TestARefundThatCameBackOpensTheCaseAndFinancePaysIt(t *testing.T) {
	t.Run("by hand", func(t *testing.T) {
		w := takenBack(t)
		w.later(time.Hour, func() {
			require.Equal(t, casesapi.StatusOpen, w.state.Status)
			require.Equal(t, casesapi.StageRefunding, w.state.Stage)
			require.Nil(t, w.state.Outcome, "an open case has no outcome")
			require.Equal(t, "refund_returned", w.state.Attention.Reason)
			require.Equal(t, "needs_attention", w.state.Refund.State)
			require.Equal(t, "delivered", w.state.Shipment.State, "what happened before is still there")
			require.Equal(t, "resolve_refund", w.state.NextActions[0].Action)
			require.Equal(t, []string{"finance"}, w.state.NextActions[0].Actors)
			require.True(t, w.start.Add(7*24*time.Hour).Equal(*w.state.NextActions[0].Deadline))
			require.Equal(t, paymentapi.Told, w.differences[0].State, "nobody has to carry it here again")
		})
		refusal := w.act(2*time.Hour, decide(contract.ResolutionManualTransfer, ""))
		w.act(3*time.Hour, decide(contract.ResolutionManualTransfer, "bank-7"))
		w.runs()

		require.Equal(t, "transfer_reference", refusal.Field)
		w.wantTimeline("case.reopened refund.needs_attention refund.resolved refund.succeeded case.closed")
		require.Equal(t, casesapi.OutcomeRefunded, w.outcome())
		require.Equal(t, "paid_manually", w.state.Refund.State)
		require.Zero(t, w.submitted, "the provider is asked for nothing")
		reopened := w.entry("case.reopened")
		require.Equal(t, casesapi.Everyone, *reopened.Audience, "the buyer is told")
		require.Equal(t, int64(closedAt+1), reopened.Number)
		require.Equal(t, "refund_returned", (*reopened.Data)["reason"])
		require.Equal(t, "note_f", *w.entry("refund.resolved").NoteID)
	})
	t.Run("once more at the provider", func(t *testing.T) {
		w := takenBack(t)
		w.act(time.Hour, decide(contract.ResolutionRetry, ""))
		w.runs()

		w.wantTimeline("case.reopened refund.needs_attention refund.resolved refund.succeeded case.closed")
		require.Equal(t, 1, w.submitted)
		require.Equal(t, casesapi.OutcomeRefunded, w.outcome())
	})
	t.Run("not at all", func(t *testing.T) {
		w := takenBack(t)
		w.act(time.Hour, decide(contract.ResolutionVoid, ""))
		w.runs()

		w.wantTimeline("case.reopened refund.needs_attention refund.resolved refund.failed case.closed")
		require.Equal(t, casesapi.OutcomeResolved, w.outcome())
	})
	t.Run("not at all, when it was a part of it", func(t *testing.T) {
		w := takenBack(t)
		w.kept = 500
		w.act(time.Hour, decide(contract.ResolutionVoid, ""))
		w.runs()

		w.wantTimeline("case.reopened refund.needs_attention refund.resolved refund.succeeded refund.failed case.closed")
		require.Equal(t, casesapi.OutcomePartlyRefunded, w.outcome())
		require.Equal(t, cny(500), *w.state.Refund.Refunded)
	})
}

func TestFinanceIsAskedAgainWhenTheRetryFailsToo(t *testing.T) {
	w := takenBack(t)
	w.next = paymentapi.RefundStateNeedsAttention
	w.act(time.Hour, decide(contract.ResolutionRetry, ""))
	w.act(5*time.Hour, decide(contract.ResolutionManualTransfer, "bank-7"))
	w.runs()

	w.wantTimeline("case.reopened refund.needs_attention refund.resolved refund.needs_attention refund.resolved refund.succeeded case.closed")
	require.Equal(t, "abnormal_account", (*w.entries[3].Data)["reason"])
}

func TestFencesGoOnWhereTheWorkflowBeforeHasLeftThem(t *testing.T) {
	w := takenBack(t)
	w.act(time.Hour, decide(contract.ResolutionVoid, ""))
	w.runs()

	require.Greater(t, w.fences[0], int64(51_200), "beyond the longest history that a server lets a workflow have")
	require.IsNonDecreasing(t, w.fences)
}

func TestAFalseAlarmLeavesNoTrace(t *testing.T) {
	for name, change := range map[string]func(*world){
		"nothing differs": func(*world) {},
		"the success came again before anybody looked": func(w *world) {
			w.comeBack("d1")
			w.becomes(paymentapi.RefundStateSucceeded)
		},
		"the case never was": func(w *world) { w.comeBack("d1"); w.version = 0 },
		"the case is open":   func(w *world) { w.comeBack("d1"); w.state.Status = casesapi.StatusOpen },
	} {
		t.Run(name, func(t *testing.T) {
			w := newWorld(t)
			change(w)
			require.NoError(t, w.run())
			require.Empty(t, w.entries)
			require.Equal(t, 1, w.looks)
		})
	}
}

func TestASuccessThatCameAgainIsADifferenceNoMore(t *testing.T) {
	w := takenBack(t)
	w.becomes(paymentapi.RefundStateSucceeded)
	require.NoError(t, w.run())
	require.Empty(t, w.unresolved())
}

func TestASuccessThatComesAgainWhileFinanceThinksClosesTheCase(t *testing.T) {
	w := takenBack(t)
	w.later(time.Hour, func() { w.becomes(paymentapi.RefundStateSucceeded) })
	w.env.RegisterDelayedCallback(func() { w.news("again") }, time.Hour+time.Minute)
	w.runs()

	w.wantTimeline("case.reopened refund.needs_attention refund.succeeded case.closed")
	require.Equal(t, casesapi.OutcomeRefunded, w.outcome())
}

func TestNewsThatChangesNothingIsNotToldTwice(t *testing.T) {
	w := takenBack(t)
	for i, id := range []string{"n1", "n1", "n2"} {
		w.env.RegisterDelayedCallback(func() { w.news(id) }, time.Duration(i+1)*time.Hour)
	}
	w.act(6*time.Hour, decide(contract.ResolutionManualTransfer, "bank-7"))
	w.runs()

	w.wantTimeline("case.reopened refund.needs_attention refund.resolved refund.succeeded case.closed")
}

func TestARefundMadeOutsideIsForFinanceToExplain(t *testing.T) {
	w := outside(t)
	w.later(time.Hour, func() {
		require.Equal(t, "refunded_outside", w.state.Attention.Reason)
		require.Equal(t, "resolve_difference", w.state.NextActions[len(w.state.NextActions)-1].Action)
		w.set("d2", paymentapi.Resolved)
	})
	w.env.RegisterDelayedCallback(func() { w.news("resolved") }, time.Hour+time.Minute)
	w.runs()

	w.wantTimeline("case.reopened case.attention_resolved case.closed")
	require.Equal(t, casesapi.OutcomeRefunded, w.outcome())
	require.Equal(t, cny(300), (*w.entry("case.reopened").Data)["amount"])
	require.Less(t, w.entry("case.closed").At.Sub(w.start), 2*time.Hour)
}

func TestADifferenceThatWasResolvedInSilenceIsFoundByTheNextDay(t *testing.T) {
	w := outside(t)
	w.later(time.Hour, func() { w.set("d2", paymentapi.Resolved) })
	w.runs()

	require.Equal(t, 24*time.Hour, w.entry("case.closed").At.Sub(w.start).Round(time.Minute))
}

func TestAnOperatorCanCloseACaseThatNobodyExplains(t *testing.T) {
	w := outside(t)
	w.act(10*24*time.Hour, contract.Resolve{Envelope: operator})
	w.runs()

	w.wantTimeline("case.reopened refund.late case.closed")
	require.Equal(t, casesapi.OutcomeResolved, w.outcome())
	require.Equal(t, "op1", w.entry("case.closed").Actor.ID)
	require.Equal(t, 7*24*time.Hour, w.entry("refund.late").At.Sub(w.start).Round(time.Minute), "the operators are told when the law's time is over")
}

func TestFinanceThatTakesTooLongIsToldToTheOperatorsOnce(t *testing.T) {
	w := takenBack(t)
	w.act(20*24*time.Hour, decide(contract.ResolutionManualTransfer, "bank-7"))
	w.runs()

	w.wantTimeline("case.reopened refund.needs_attention refund.late refund.resolved refund.succeeded case.closed")
}

func TestTwoThingsThatAreWrongAreDealtWithOneAfterTheOther(t *testing.T) {
	w := outside(t)
	w.comeBack("d1")
	w.act(time.Hour, decide(contract.ResolutionManualTransfer, "bank-7"))
	w.later(2*time.Hour, func() {
		require.Equal(t, "refunded_outside", w.state.Attention.Reason)
		w.set("d2", paymentapi.Resolved)
	})
	w.env.RegisterDelayedCallback(func() { w.news("resolved") }, 2*time.Hour+time.Minute)
	w.runs()

	w.wantTimeline("case.reopened " + "case.reopened refund.needs_attention refund.resolved refund.succeeded case.attention_resolved case.closed")
}

func TestWhatGoesWrongMeanwhileIsToldAndDealtWithToo(t *testing.T) {
	w := takenBack(t)
	w.later(time.Hour, func() {
		w.differences = append(w.differences, paymentapi.Difference{
			DifferenceID: "d3", Kind: paymentapi.AmountDiffers, State: paymentapi.Open, CaseID: "case_1", RefundID: "case_1-r1", Amount: cny(2000),
		})
	})
	w.act(2*time.Hour, decide(contract.ResolutionManualTransfer, "bank-7"))
	w.later(3*time.Hour, func() {
		require.Equal(t, "refund_differs", w.state.Attention.Reason)
		w.set("d3", paymentapi.Resolved)
	})
	w.runs()

	w.wantTimeline("case.reopened refund.needs_attention refund.resolved refund.succeeded refund.differs case.attention_resolved case.closed")
	require.Equal(t, casesapi.Everyone, *w.entry("refund.differs").Audience)
}

func TestACaseCanBeReopenedTwice(t *testing.T) {
	first := takenBack(t)
	first.act(time.Hour, decide(contract.ResolutionRetry, ""))
	first.runs()

	second := newWorld(t)
	second.state, second.version = first.state, first.version
	second.comeBack("d9")
	second.act(time.Hour, decide(contract.ResolutionManualTransfer, "bank-7"))
	second.runs()

	require.Equal(t, first.version+1, second.entries[0].Number)
	require.Greater(t, second.fences[0], first.fences[len(first.fences)-1], "the second workflow overtakes the first")
	require.Equal(t, casesapi.OutcomeRefunded, second.outcome())
}

func TestNewsAtTheLastMomentIsLookedAtByANewWorkflow(t *testing.T) {
	w := takenBack(t)
	w.act(time.Hour, decide(contract.ResolutionVoid, ""))
	w.onClose = func() { w.news("late") }
	require.True(t, continues(w.run()), "it goes on as another workflow")
	require.Equal(t, casesapi.StatusClosed, w.state.Status)
}

func TestActionsThatDoNotFitAReopenedCaseAreRefusedWithWhatIsPossible(t *testing.T) {
	w := takenBack(t)
	approve := w.act(time.Hour, contract.Approve{Envelope: operator})
	withdraw := w.act(time.Hour, contract.Withdraw{Envelope: operator})
	w.act(2*time.Hour, decide(contract.ResolutionVoid, ""))
	w.runs()

	for _, refusal := range []*contract.Refusal{approve, withdraw} {
		require.Equal(t, contract.RefusedNotAllowed, refusal.Code)
		require.Equal(t, []contract.Action{contract.ActionResolveRefund}, refusal.Allowed)
	}
}

func TestAnOperatorWhoCancelsTheWorkflowClosesTheCase(t *testing.T) {
	w := outside(t)
	w.env.RegisterDelayedCallback(w.env.CancelWorkflow, time.Hour)
	require.NoError(t, w.run())

	w.wantTimeline("case.reopened case.closed")
	require.Equal(t, casesapi.OutcomeResolved, w.outcome())
}

func TestAReopenedCaseThatCannotLookAgainIsForAnOperator(t *testing.T) {
	w := takenBack(t)
	w.blind = 1
	w.act(time.Hour, decide(contract.ResolutionManualTransfer, "bank-7"))
	w.act(2*time.Hour, contract.Retry{Envelope: operator})
	w.runs()

	w.wantTimeline("case.reopened refund.needs_attention refund.resolved refund.succeeded case.needs_attention case.attention_resolved case.closed")
	require.Equal(t, casesapi.OutcomeRefunded, w.outcome())
}
