package returns_test

import (
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	logisticsapi "aftercare.dev/services/logistics/api"
	"aftercare.dev/workflows/contract"
)

// paidAt is when the provider is first asked in the worlds below.
const paidAt = 32*time.Hour + time.Minute

// insured is a world in which the refund is paid at hour 32 and the insurer is asked from hour 31 on.
func insured(t *testing.T) *world {
	w := delivered(t)
	w.verdict.Insured = true
	w.at(31*time.Hour, received())
	w.at(32*time.Hour, acceptAll())
	return w
}

func TestTheInsurerPaysTheReturnFreight(t *testing.T) {
	w := insured(t)
	w.run()

	require.Equal(t, paidAt, w.when("insurance.paid", 1), "the case does not wait for what is there")
	require.Equal(t, "paid", w.state.Insurance.State)
	require.Equal(t, cny(1000), *w.state.Insurance.Payout)
	require.Len(t, w.filed, 1)
	require.Equal(t, "case_1-s1", w.filed[0].ShipmentID)
}

func TestTheInsurerRefuses(t *testing.T) {
	w := insured(t)
	w.claimState = logisticsapi.InsuranceClaimStateRejected
	w.run()

	require.Equal(t, "rejected", w.state.Insurance.State)
	require.Equal(t, "refunded", w.outcome())
}

func TestNothingIsClaimedWithoutAPolicy(t *testing.T) {
	w := insured(t)
	w.verdict.Insured = false
	w.run()

	require.Zero(t, w.calls["FileClaim"])
	require.Nil(t, w.state.Insurance)
}

func TestTheFreightIsClaimedOnce(t *testing.T) {
	w := booked(t)
	w.verdict.Insured = true
	w.at(2*time.Hour, received())
	w.at(3*time.Hour, received()).refuse(contract.RefusedNotAllowed)
	w.carrier(4*time.Hour, logisticsapi.ShipmentStateDelivered)
	w.run()

	require.True(t, w.has("goods.accepted_by_silence"))
	require.Equal(t, 1, w.count("insurance.claimed"))
	require.Equal(t, 1, w.calls["FileClaim"])
}

func TestAnInsurerWhoIsLateIsSaidSo(t *testing.T) {
	t.Run("and pays in the end", func(t *testing.T) {
		w := insured(t)
		w.claimState = logisticsapi.InsuranceClaimStateFiled
		w.env.RegisterDelayedCallback(func() { w.claimState = logisticsapi.InsuranceClaimStatePaid }, 100*time.Hour)
		w.run()

		require.Equal(t, paidAt, w.when("refund.succeeded", 1), "the refund does not wait")
		require.Equal(t, 54*time.Hour, w.when("insurance.late", 1), "24 hours after the goods arrived")
		require.Equal(t, "insurance_late", w.attention(0))
		require.Greater(t, w.when("insurance.paid", 1), 100*time.Hour)
		require.Equal(t, "refunded", w.outcome())
	})
	t.Run("and is not waited for any more", func(t *testing.T) {
		w := insured(t)
		w.claimState = logisticsapi.InsuranceClaimStateFiled
		early := w.at(50*time.Hour, contract.Skip{Envelope: operator})
		w.at(60*time.Hour, contract.Skip{Envelope: noted(operator, "note_op")}).expect("closed")
		w.run()

		early.no(contract.RefusedNotAllowed)
		require.Equal(t, 60*time.Hour, w.closedAt())
		require.Equal(t, "claimed", w.state.Insurance.State)
		require.Equal(t, "refunded", w.outcome())
	})
}

func TestAnInsurerOutOfReachDoesNotHoldTheRefundUp(t *testing.T) {
	w := insured(t)
	w.fails["FileClaim"] = always(unavailable())
	w.at(80*time.Hour, contract.Skip{Envelope: operator}).expect("closed")
	w.run()

	require.Equal(t, paidAt, w.when("refund.succeeded", 1))
	require.True(t, w.has("insurance.late"))
}

func TestAClaimThatSomebodyCancelsDoesNotHoldTheCaseUp(t *testing.T) {
	w := insured(t)
	w.claimState = logisticsapi.InsuranceClaimStateFiled
	w.env.RegisterDelayedCallback(func() { w.env.CancelWorkflowByID("freight-claim/m1/case_1", "") }, 40*time.Hour)
	w.run()

	require.Equal(t, "claim_failed", (*w.entry("insurance.rejected").Data)["reason"])
	require.Equal(t, 40*time.Hour, w.closedAt())
}
