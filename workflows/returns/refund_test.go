package returns_test

import (
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	paymentapi "aftercare.dev/services/payment/api"
	"aftercare.dev/workflows/contract"
)

// accepted is a world in which the refund begins at hour 31.
func accepted(t *testing.T) *world {
	w := delivered(t)
	w.at(31*time.Hour, acceptAll())
	return w
}

func resolve(resolution, reference string) contract.ResolveRefund {
	return contract.ResolveRefund{Envelope: noted(finance, "note_f"), Resolution: resolution, TransferReference: reference}
}

func TestARefundSucceeds(t *testing.T) {
	w := accepted(t)
	w.run()

	require.Equal(t, 31*time.Hour+time.Minute, w.when("refund.succeeded", 1), "the provider is asked after a minute")
	require.Equal(t, "succeeded", w.state.Refund.State)
	require.Equal(t, cny(2000), w.state.Refund.Amount)
	require.Equal(t, cny(2000), *w.state.Refund.Refunded)
	require.Equal(t, "case_1-r1", w.refund.RefundID)
	require.Equal(t, 1, w.payouts)
	for _, step := range w.steps {
		if step.Stage == "refunding" {
			require.Equal(t, []string{"provider_pays by payment_provider until 2026-11-10T14:00:00Z else operator_told"}, summary(step.NextActions))
		}
	}
}

func TestARefundThatTheProviderDidNotPayIsForFinance(t *testing.T) {
	begin := func(t *testing.T) *world {
		w := accepted(t)
		w.pays, w.reason = paymentapi.RefundStateNeedsAttention, "insufficient_funds"
		return w
	}
	t.Run("retry", func(t *testing.T) {
		w := begin(t)
		w.at(40*time.Hour, resolve(contract.ResolutionRetry, "")).expect("refunding")
		w.run()

		require.Equal(t, "refund_insufficient_funds", w.attention(0))
		require.Equal(t, "refunded", w.outcome())
		require.Equal(t, 2, w.calls["Submit"])
		require.Equal(t, 1, w.payouts)
		require.Equal(t, "f1", w.resolved[0].ActorID)
		require.Equal(t, "note_f", *w.entry("refund.resolved").NoteID)
	})
	t.Run("manual transfer", func(t *testing.T) {
		w := begin(t)
		missing := w.at(39*time.Hour, resolve(contract.ResolutionManualTransfer, ""))
		w.at(40*time.Hour, resolve(contract.ResolutionManualTransfer, "bank-7")).expect("refunding")
		w.run()

		require.Equal(t, "transfer_reference", missing.no(contract.RefusedInvalid).Field)
		require.Equal(t, "refunded", w.outcome())
		require.Equal(t, "paid_manually", w.state.Refund.State)
		require.Equal(t, "bank-7", *w.resolved[0].TransferReference)
		require.Equal(t, 1, w.calls["Submit"])
	})
	t.Run("void", func(t *testing.T) {
		w := begin(t)
		w.at(40*time.Hour, resolve(contract.ResolutionVoid, ""))
		w.run()

		require.Equal(t, "resolved", w.outcome())
		require.True(t, w.has("refund.failed"))
		require.False(t, w.has("refund.succeeded"))
		require.Equal(t, cny(0), *w.state.Refund.Refunded)
		require.Zero(t, w.payouts)
	})
	t.Run("void, when one of the order's payments was paid back", func(t *testing.T) {
		w := begin(t)
		w.paidBefore = 1200
		w.at(40*time.Hour, resolve(contract.ResolutionVoid, ""))
		w.run()

		require.Equal(t, "partly_refunded", w.outcome())
		require.Equal(t, cny(2000), w.state.Refund.Amount)
		require.Equal(t, cny(1200), *w.state.Refund.Refunded)
		require.Equal(t, cny(1200), (*w.entry("refund.succeeded").Data)["amount"])
		require.Equal(t, cny(800), (*w.entry("refund.failed").Data)["amount"])
	})
	t.Run("again and again", func(t *testing.T) {
		w := begin(t)
		w.fails["Resolve"] = func(int) error { w.pays = paymentapi.RefundStateNeedsAttention; return nil }
		for h := range 3 {
			w.at(time.Duration(40+10*h)*time.Hour, resolve(contract.ResolutionRetry, ""))
		}
		w.at(80*time.Hour, resolve(contract.ResolutionManualTransfer, "bank-7"))
		w.run()

		require.Equal(t, "refunded", w.outcome())
	})
}

func TestAClosedRefundIsForFinanceToo(t *testing.T) {
	w := accepted(t)
	w.pays = paymentapi.RefundStateClosed
	w.at(40*time.Hour, resolve(contract.ResolutionManualTransfer, "bank-7"))
	w.run()

	require.Equal(t, "refund_closed", w.attention(0))
	require.Equal(t, "refunded", w.outcome())
}

func TestFinanceIsToldThatARefundWasSettledInAnotherWay(t *testing.T) {
	w := accepted(t)
	w.pays, w.reason = paymentapi.RefundStateNeedsAttention, "abnormal_account"
	w.env.RegisterDelayedCallback(func() {
		w.mu.Lock()
		defer w.mu.Unlock()
		w.becomes(paymentapi.RefundStateSucceeded)
	}, 39*time.Hour)
	w.fails["Resolve"] = always(conflicting("refund_not_resolvable"))
	w.at(40*time.Hour, resolve(contract.ResolutionManualTransfer, "bank-7")).refuse("refund_not_resolvable")
	w.run()

	require.Equal(t, "refunded", w.outcome())
	require.Equal(t, 1, w.payouts)
	require.Zero(t, w.count("refund.resolved"))
}

func TestAProviderOutOfReachIsTriedAgainByItself(t *testing.T) {
	w := accepted(t)
	w.fails["Submit"] = first(patience, unavailable())
	w.run()

	require.Equal(t, "unavailable", w.attention(0))
	require.Equal(t, "tried_again", (*w.entry("case.attention_resolved").Data)["by"])
	require.Less(t, w.closedAt(), 33*time.Hour)
	require.Equal(t, "refunded", w.outcome())
	require.Equal(t, 1, w.payouts)
}

func TestAProviderOutOfReachCanBeTriedAgainByAnOperator(t *testing.T) {
	w := accepted(t)
	w.fails["Submit"] = first(patience, unavailable())
	w.at(31*time.Hour+45*time.Minute, contract.Retry{Envelope: noted(operator, "note_op")}).expect("refunding")
	w.run()

	require.Equal(t, "op1", w.entry("case.attention_resolved").Actor.ID)
	require.Less(t, w.closedAt(), 32*time.Hour)
	require.Equal(t, 1, w.payouts)
}

func TestARefundThatIsNotCoveredByWhatWasPaidIsForAnOperator(t *testing.T) {
	w := accepted(t)
	w.fails["ReserveRefund"] = always(refused("refund_exceeds_paid"))
	w.at(40*time.Hour, contract.Skip{Envelope: operator})
	w.run()

	require.Equal(t, "refund_exceeds_paid", w.attention(0))
	require.Equal(t, "resolved", w.outcome())
	require.Zero(t, w.payouts)
}

func TestAnOperatorCanEndACaseWhoseRefundIsStuck(t *testing.T) {
	w := accepted(t)
	w.fails["Submit"] = always(refused("provider_unknown"))
	w.at(40*time.Hour, contract.Resolve{Envelope: noted(operator, "note_op")})
	w.run()

	require.Equal(t, "resolved", w.outcome())
	require.Equal(t, 40*time.Hour, w.closedAt())
}

func TestARefundThatTakesTooLongIsSaidSoAndAwaitedOn(t *testing.T) {
	w := accepted(t)
	w.pays = paymentapi.RefundStateProcessing
	w.env.RegisterDelayedCallback(func() { w.pays = paymentapi.RefundStateSucceeded }, 300*time.Hour)
	w.run()

	require.Equal(t, 30*time.Hour+7*24*time.Hour, w.when("refund.late", 1), "seven days after the goods arrived")
	require.Equal(t, 1, w.count("refund.late"))
	require.Equal(t, "refund_late", w.attention(0))
	require.Equal(t, "refunded", w.outcome())
	require.Equal(t, 1, w.calls["Submit"])
}

func TestARefundWorkflowThatSomebodyCancelsIsForAnOperator(t *testing.T) {
	w := accepted(t)
	w.pays = paymentapi.RefundStateProcessing
	w.env.RegisterDelayedCallback(func() {
		w.env.CancelWorkflowByID("refund/m1/case_1-r1", "")
		w.pays = paymentapi.RefundStateSucceeded
	}, 40*time.Hour)
	w.at(50*time.Hour, contract.Retry{Envelope: operator}).expect("refunding")
	w.run()

	require.True(t, w.has("case.needs_attention"), "the case does not end in silence")
	require.Equal(t, "refunded", w.outcome())
	require.Equal(t, 1, w.payouts)
}

func TestUnitsAndAmountsThatCannotBeSettledAreForAnOperator(t *testing.T) {
	t.Run("units, mended", func(t *testing.T) {
		w := accepted(t)
		w.fails["Settle"] = first(1, conflicting("reservation_settled"))
		w.at(40*time.Hour, contract.Retry{Envelope: operator})
		w.run()

		require.Equal(t, "refunded", w.outcome())
	})
	t.Run("units, skipped", func(t *testing.T) {
		w := accepted(t)
		w.settled = true // the operator saw to it
		w.fails["Settle"] = always(conflicting("reservation_settled"))
		w.at(40*time.Hour, contract.Skip{Envelope: operator})
		w.run()

		require.Equal(t, "resolved", w.outcome())
		require.Zero(t, w.payouts, "what cannot be booked is not paid")
	})
	t.Run("amounts, skipped", func(t *testing.T) {
		w := accepted(t)
		w.fails["Amounts"] = always(refused("invalid_settlement"))
		w.at(40*time.Hour, contract.Skip{Envelope: operator})
		w.run()

		require.Equal(t, "resolved", w.outcome())
		require.Zero(t, w.payouts)
	})
}

func TestAnOutageWhileMoneyMovesDelaysTheCaseAndNothingMore(t *testing.T) {
	w := accepted(t)
	for _, service := range []string{"Settle", "Amounts", "ReserveRefund", "Submit", "Query"} {
		w.fails[service] = first(3, unavailable())
	}
	w.run()

	require.Zero(t, w.count("case.needs_attention"))
	require.Equal(t, "refunded", w.outcome())
	require.Equal(t, 1, w.payouts)
}

func TestTheProvidersReportEndsTheWaitForIt(t *testing.T) {
	w := accepted(t)
	w.env.RegisterDelayedCallback(func() {
		err := w.env.SignalWorkflowByID("refund/m1/case_1-r1", contract.PaymentEvent, contract.Event{EventID: "e1", Subject: "case_1-r1"})
		require.NoError(t, err)
	}, 31*time.Hour+5*time.Second)
	w.run()

	require.Less(t, w.entry("refund.succeeded").At.Sub(w.start), 31*time.Hour+10*time.Second)
}
