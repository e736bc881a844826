package freightclaim_test

import (
	"context"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"go.temporal.io/sdk/activity"
	"go.temporal.io/sdk/temporal"
	"go.temporal.io/sdk/testsuite"

	"aftercare.dev/activities/fault"
	"aftercare.dev/activities/logistics"
	"aftercare.dev/activities/payment"
	"aftercare.dev/services/logistics/api"
	paymentapi "aftercare.dev/services/payment/api"
	"aftercare.dev/services/platform/money"
	"aftercare.dev/workflows/contract"
	"aftercare.dev/workflows/internal/quiet"
	"aftercare.dev/workflows/worker"
)

// insurer is the logistics service with an insurer behind it.
type insurer struct {
	t     *testing.T
	env   *testsuite.TestWorkflowEnvironment
	start time.Time

	file    func(call int) (api.InsuranceClaimState, error)
	get     func(call int) api.InsuranceClaimState
	filed   []logistics.Claim
	book    func(call int) error
	booked  []payment.Booking
	queries []time.Duration
}

func newInsurer(t *testing.T) *insurer {
	var suite testsuite.WorkflowTestSuite
	suite.SetLogger(quiet.Log{})
	i := &insurer{
		t: t, env: suite.NewTestWorkflowEnvironment(),
		file: func(int) (api.InsuranceClaimState, error) { return api.InsuranceClaimStateFiled, nil },
		get:  func(int) api.InsuranceClaimState { return api.InsuranceClaimStatePaid },
		book: func(int) error { return nil },
	}
	i.env.SetTestTimeout(20 * time.Second)
	i.start = i.env.Now()
	worker.RegisterCases(i.env)
	i.env.RegisterActivityWithOptions(i.File, activity.RegisterOptions{Name: logistics.Prefix + "FileClaim"})
	i.env.RegisterActivityWithOptions(i.Book, activity.RegisterOptions{Name: payment.Prefix + "Book"})
	i.env.RegisterActivityWithOptions(i.Get, activity.RegisterOptions{Name: logistics.Prefix + "GetClaim"})
	return i
}

func (i *insurer) File(_ context.Context, in logistics.Claim) (api.InsuranceClaim, error) {
	i.filed = append(i.filed, in)
	state, err := i.file(len(i.filed))
	return claim(state), err
}

func (i *insurer) Get(context.Context, logistics.Claim) (api.InsuranceClaim, error) {
	i.queries = append(i.queries, i.env.Now().Sub(i.start).Round(time.Minute))
	return claim(i.get(len(i.queries))), nil
}

func (i *insurer) Book(_ context.Context, in payment.Booking) (paymentapi.LedgerBookingState, error) {
	i.booked = append(i.booked, in)
	return paymentapi.LedgerBookingStatePosted, i.book(len(i.booked))
}

func claim(state api.InsuranceClaimState) api.InsuranceClaim {
	payout, reason := money.Money{Amount: 1000, Currency: "CNY"}, "too_far"
	out := api.InsuranceClaim{CaseID: "c1", OrderID: "o1", State: state}
	switch state {
	case api.InsuranceClaimStatePaid:
		out.Payout = &payout
	case api.InsuranceClaimStateRejected:
		out.Reason = &reason
	default:
	}
	return out
}

func (i *insurer) run() contract.FreightClaimResult {
	i.env.ExecuteWorkflow(contract.FreightClaimWorkflow, contract.FreightClaimInput{
		Case: contract.Case{MerchantID: "m1", CaseID: "c1", OrderID: "o1", BuyerID: "b1"}, ShipmentID: "s1",
	})
	require.True(i.t, i.env.IsWorkflowCompleted())
	require.NoError(i.t, i.env.GetWorkflowError())
	var result contract.FreightClaimResult
	require.NoError(i.t, i.env.GetWorkflowResult(&result))
	return result
}

func TestAClaimIsFiledOnceAndPaid(t *testing.T) {
	i := newInsurer(t)
	result := i.run()

	require.Equal(t, contract.FreightClaimResult{State: "paid", Payout: &money.Money{Amount: 1000, Currency: "CNY"}}, result)
	require.Equal(t, []logistics.Claim{{MerchantID: "m1", CaseID: "c1", OrderID: "o1", ShipmentID: "s1"}}, i.filed)
	require.Equal(t, []time.Duration{time.Hour}, i.queries)
}

func TestAPayoutIsBookedOnItsCase(t *testing.T) {
	i := newInsurer(t)
	i.book = func(call int) error {
		if call < 3 {
			return temporal.NewApplicationError("no answer", fault.Unavailable)
		}
		return nil
	}
	i.run()

	require.Len(t, i.booked, 3)
	for _, b := range i.booked {
		require.Equal(t, payment.Booking{MerchantID: "m1", BookingID: "c1:freight", Input: paymentapi.LedgerBookingInput{
			Phase: paymentapi.LedgerBookingInputPhasePost, Kind: paymentapi.LedgerBookingInputKindFreightInsurancePayout, CaseID: "c1",
			Cause: "return_freight", Bearer: paymentapi.Insurer, Amount: money.Money{Amount: 1000, Currency: "CNY"},
		}}, b)
	}
}

func TestARejectedClaimBooksNothing(t *testing.T) {
	i := newInsurer(t)
	i.get = func(int) api.InsuranceClaimState { return api.InsuranceClaimStateRejected }
	i.run()
	require.Empty(t, i.booked)
}

func TestAPayoutThatTheLedgerRefusesIsPaidAllTheSame(t *testing.T) {
	i := newInsurer(t)
	i.book = func(int) error { return temporal.NewNonRetryableApplicationError("x", fault.Conflicting, nil) }
	require.Equal(t, "paid", i.run().State)
}

func TestAClaimThatIsSettledAtOnceIsNotAskedFor(t *testing.T) {
	for _, state := range []api.InsuranceClaimState{api.InsuranceClaimStatePaid, api.InsuranceClaimStateRejected} {
		i := newInsurer(t)
		i.file = func(int) (api.InsuranceClaimState, error) { return state, nil }
		require.Equal(t, string(state), i.run().State)
		require.Empty(t, i.queries)
	}
}

func TestARejectedClaimSaysWhy(t *testing.T) {
	i := newInsurer(t)
	i.get = func(int) api.InsuranceClaimState { return api.InsuranceClaimStateRejected }
	require.Equal(t, contract.FreightClaimResult{State: "rejected", Reason: "too_far"}, i.run())
}

func TestAClaimThatTheServiceRefusesIsRejected(t *testing.T) {
	for _, kind := range []string{fault.Refused, fault.Missing, fault.Conflicting} {
		i := newInsurer(t)
		i.file = func(int) (api.InsuranceClaimState, error) {
			return "", temporal.NewNonRetryableApplicationError("x", kind, nil, fault.Reason{Code: "not_insured"})
		}
		require.Equal(t, contract.FreightClaimResult{State: "rejected", Reason: "not_insured"}, i.run())
	}
}

func TestAnInsurerOutOfReachIsTriedUntilItAnswers(t *testing.T) {
	i := newInsurer(t)
	i.file = func(call int) (api.InsuranceClaimState, error) {
		if call <= 45 {
			return "", temporal.NewApplicationError("no answer", fault.Unavailable)
		}
		return api.InsuranceClaimStateFiled, nil
	}
	require.Equal(t, "paid", i.run().State)
}

func TestAClaimThatTheInsurerHasNotTakenIsFiledAgain(t *testing.T) {
	i := newInsurer(t)
	i.file = func(call int) (api.InsuranceClaimState, error) {
		if call < 3 {
			return api.InsuranceClaimStatePending, nil
		}
		return api.InsuranceClaimStatePaid, nil
	}
	require.Equal(t, "paid", i.run().State)
	require.Len(t, i.filed, 3)
}

func TestTheInsurerIsAskedLessAndLessOften(t *testing.T) {
	i := newInsurer(t)
	i.get = func(call int) api.InsuranceClaimState {
		if call < 8 {
			return api.InsuranceClaimStateFiled
		}
		return api.InsuranceClaimStatePaid
	}
	i.run()

	h := time.Hour
	require.Equal(t, []time.Duration{h, 3 * h, 7 * h, 15 * h, 31 * h, 55 * h, 79 * h, 103 * h}, i.queries)
}

func TestACallOfTheInsurerEndsTheWait(t *testing.T) {
	i := newInsurer(t)
	i.env.RegisterDelayedCallback(func() {
		i.env.SignalWorkflow(contract.InsurerEvent, contract.Event{EventID: "e1", Subject: "c1"})
	}, 10*time.Minute)
	i.run()

	require.Equal(t, []time.Duration{10 * time.Minute}, i.queries)
}

func TestAStateThatNobodyKnowsIsWaitedFor(t *testing.T) {
	i := newInsurer(t)
	i.file = func(int) (api.InsuranceClaimState, error) { return "under_dispute", nil }
	require.Equal(t, "paid", i.run().State)
}

func TestACancelledClaimEnds(t *testing.T) {
	i := newInsurer(t)
	i.get = func(int) api.InsuranceClaimState { return api.InsuranceClaimStateFiled }
	i.env.RegisterDelayedCallback(i.env.CancelWorkflow, 30*time.Minute)
	i.env.ExecuteWorkflow(contract.FreightClaimWorkflow, contract.FreightClaimInput{})

	require.True(t, temporal.IsCanceledError(i.env.GetWorkflowError()))
}
