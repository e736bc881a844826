package refund_test

import (
	"context"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"go.temporal.io/sdk/activity"
	"go.temporal.io/sdk/temporal"
	"go.temporal.io/sdk/testsuite"

	"aftercare.dev/activities/cases"
	"aftercare.dev/activities/fault"
	"aftercare.dev/activities/order"
	"aftercare.dev/activities/payment"
	casesapi "aftercare.dev/services/cases/api"
	orderapi "aftercare.dev/services/order/api"
	"aftercare.dev/services/payment/api"
	"aftercare.dev/services/platform/money"
	"aftercare.dev/workflows/contract"
	"aftercare.dev/workflows/internal/quiet"
	"aftercare.dev/workflows/worker"
)

// provider is the payment service with a provider behind it, which answers each call from a script.
type provider struct {
	t     *testing.T
	env   *testsuite.TestWorkflowEnvironment
	start time.Time

	state    api.RefundState
	book     func() error
	booked   []orderapi.LineQuantity
	reserve  func() error
	submit   func(call int) (api.RefundState, *time.Time, error)
	query    func(call int) (api.RefundState, error)
	asked    api.RefundInput
	reserved int
	submits  []time.Duration
	queries  []time.Duration
}

func cny(amount int64) money.Money { return money.Money{Amount: amount, Currency: "CNY"} }

func newProvider(t *testing.T) *provider {
	var suite testsuite.WorkflowTestSuite
	suite.SetLogger(quiet.Log{})
	p := &provider{
		t: t, env: suite.NewTestWorkflowEnvironment(), state: api.RefundStateReserved,
		book:    func() error { return nil },
		reserve: func() error { return nil },
		submit:  func(int) (api.RefundState, *time.Time, error) { return api.RefundStateProcessing, nil, nil },
		query:   func(int) (api.RefundState, error) { return api.RefundStateSucceeded, nil },
	}
	p.env.SetTestTimeout(20 * time.Second)
	p.start = p.env.Now()
	worker.RegisterMoney(p.env)
	for name, fn := range map[string]any{
		payment.Prefix + "Reserve": p.Reserve, payment.Prefix + "Submit": p.Submit, payment.Prefix + "Query": p.Query,
		order.Prefix + "Settle": p.Book, cases.Prefix + "Settle": p.Worth,
	} {
		p.env.RegisterActivityWithOptions(fn, activity.RegisterOptions{Name: name})
	}
	return p
}

// Book is the order service: with these units the whole order is back.
func (p *provider) Book(_ context.Context, in order.Units) (orderapi.Reservation, error) {
	p.booked = in.Lines
	completes := true
	return orderapi.Reservation{CaseID: in.CaseID, State: "settled", Lines: []orderapi.ReservedLine{}, CompletesOrder: &completes}, p.book()
}

// Worth is the cases service: a unit costs 7.50, the freight of the order 5.
func (p *provider) Worth(_ context.Context, in cases.Inspection) (casesapi.Settlement, error) {
	out := casesapi.Settlement{Freight: cny(0), Lines: []casesapi.SettledLine{}}
	var total int64
	for _, l := range in.Input.Lines {
		amount := 750 * l.AcceptedQuantity
		if l.Deduction != nil {
			amount -= l.Deduction.Amount
		}
		out.Lines = append(out.Lines, casesapi.SettledLine{LineID: l.LineID, Quantity: l.AcceptedQuantity, Amount: cny(amount)})
		total += amount
	}
	if in.Input.CompletesOrder && total > 0 {
		out.Freight = cny(500)
	}
	out.Total = cny(total + out.Freight.Amount)
	return out, nil
}

func (p *provider) Reserve(_ context.Context, in payment.Refund) (api.Refund, error) {
	p.reserved++
	p.asked = in.Input
	return p.refund(nil), p.reserve()
}

func (p *provider) Submit(context.Context, payment.RefundRef) (api.Refund, error) {
	p.submits = append(p.submits, p.env.Now().Sub(p.start))
	state, next, err := p.submit(len(p.submits))
	if err == nil {
		p.state = state
	}
	return p.refund(next), err
}

func (p *provider) Query(context.Context, payment.RefundRef) (api.Refund, error) {
	p.queries = append(p.queries, p.env.Now().Sub(p.start).Round(time.Second))
	state, err := p.query(len(p.queries))
	if err == nil {
		p.state = state
	}
	return p.refund(nil), err
}

func (p *provider) refund(next *time.Time) api.Refund {
	reason := "because"
	refund := api.Refund{RefundID: "r1", State: p.state, Amount: cny(2000), Refunded: cny(0), Parts: []api.RefundPart{}, NextAttemptAt: next}
	switch p.state {
	case api.RefundStateSucceeded:
		refund.Refunded = cny(2000)
	case api.RefundStateNeedsAttention:
		refund.Reason = &reason
	default:
	}
	return refund
}

func input() contract.RefundInput {
	return contract.RefundInput{
		Case:     contract.Case{MerchantID: "m1", CaseID: "c1", OrderID: "o1", BuyerID: "b1"},
		RefundID: "r1", Currency: "CNY", Reason: "used",
		Lines: []contract.AcceptedLine{{LineID: "l1", Accepted: 2}, {LineID: "l2"}},
	}
}

// run runs the workflow to its end.
func (p *provider) run(in contract.RefundInput) (contract.RefundResult, error) {
	p.env.ExecuteWorkflow(contract.RefundWorkflow, in)
	require.True(p.t, p.env.IsWorkflowCompleted())
	if err := p.env.GetWorkflowError(); err != nil {
		return contract.RefundResult{}, err
	}
	var result contract.RefundResult
	require.NoError(p.t, p.env.GetWorkflowResult(&result))
	return result, nil
}

func (p *provider) calls(d time.Duration, event string) {
	p.env.RegisterDelayedCallback(func() {
		p.env.SignalWorkflow(contract.PaymentEvent, contract.Event{EventID: event, Subject: "r1"})
	}, d)
}

func TestARefundIsReservedSentAndAskedFor(t *testing.T) {
	p := newProvider(t)
	result, err := p.run(input())

	require.NoError(t, err)
	require.Equal(t, contract.RefundResult{State: "succeeded", Amount: cny(2000), Refunded: cny(2000)}, result)
	require.Equal(t, []time.Duration{time.Minute}, p.queries)
	require.Len(t, p.submits, 1)
	require.Equal(t, "o1", p.asked.OrderID)
	require.Equal(t, cny(1500), p.asked.Lines[0].Amount)
	require.Equal(t, cny(500), *p.asked.Freight)
	require.Equal(t, []orderapi.LineQuantity{{LineID: "l1", Quantity: 2}}, p.booked)
}

func TestUnitsThatAreWorthNothingAreBookedAndNothingIsPaid(t *testing.T) {
	p := newProvider(t)
	in, all := input(), cny(1500)
	in.Lines[0].Deduction = &all
	result, err := p.run(in)

	require.NoError(t, err)
	require.Equal(t, contract.RefundResult{State: contract.RefundNothing, Amount: cny(0), Refunded: cny(0)}, result)
	require.Len(t, p.booked, 1)
	require.Zero(t, p.reserved)
}

func TestUnitsThatCannotBeBookedAreNotPaid(t *testing.T) {
	p := newProvider(t)
	p.book = func() error {
		return temporal.NewNonRetryableApplicationError("reservation_settled", fault.Conflicting, nil, fault.Reason{Code: "reservation_settled"})
	}
	_, err := p.run(input())

	require.Equal(t, "reservation_settled", fault.Code(err))
	require.Zero(t, p.reserved)
}

func TestEachEndOfARefundIsAResult(t *testing.T) {
	for _, state := range []api.RefundState{
		api.RefundStateNeedsAttention, api.RefundStateClosed, api.RefundStateVoided, api.RefundStatePaidManually, api.RefundStateSucceeded,
	} {
		t.Run(string(state), func(t *testing.T) {
			p := newProvider(t)
			p.query = func(int) (api.RefundState, error) { return state, nil }
			result, err := p.run(input())

			require.NoError(t, err)
			require.Equal(t, string(state), result.State)
		})
		t.Run(string(state)+" already", func(t *testing.T) {
			p := newProvider(t)
			p.state = state
			result, err := p.run(input())

			require.NoError(t, err)
			require.Equal(t, string(state), result.State)
			require.Empty(t, p.submits, "a refund that has ended is not sent again")
		})
	}
}

func TestARefundUnderWayIsNotSentAgain(t *testing.T) {
	p := newProvider(t)
	p.state = api.RefundStateProcessing
	_, err := p.run(input())

	require.NoError(t, err)
	require.Empty(t, p.submits)
}

func TestTheProviderIsAskedLessAndLessOften(t *testing.T) {
	p := newProvider(t)
	p.query = func(call int) (api.RefundState, error) {
		if call < 10 {
			return api.RefundStateProcessing, nil
		}
		return api.RefundStateSucceeded, nil
	}
	_, err := p.run(input())

	require.NoError(t, err)
	m := time.Minute
	require.Equal(t, []time.Duration{m, 3 * m, 7 * m, 15 * m, 31 * m, 63 * m, 127 * m, 247 * m, 367 * m, 487 * m}, p.queries)
}

func TestACallOfTheProviderEndsTheWaitOnce(t *testing.T) {
	p := newProvider(t)
	p.query = func(call int) (api.RefundState, error) {
		if call < 3 {
			return api.RefundStateProcessing, nil
		}
		return api.RefundStateSucceeded, nil
	}
	p.calls(10*time.Second, "e1")
	p.calls(20*time.Second, "e1")
	p.calls(30*time.Second, "e1")
	p.calls(40*time.Second, "e2")
	_, err := p.run(input())

	require.NoError(t, err)
	require.Equal(t, []time.Duration{10 * time.Second, 40 * time.Second, 280 * time.Second}, p.queries)
}

func TestTheProvidersPaceIsKept(t *testing.T) {
	p := newProvider(t)
	p.submit = func(call int) (api.RefundState, *time.Time, error) {
		if call < 3 {
			next := p.env.Now().Add(5 * time.Minute)
			return api.RefundStateReserved, &next, nil
		}
		return api.RefundStateProcessing, nil, nil
	}
	_, err := p.run(input())

	require.NoError(t, err)
	require.Equal(t, []time.Duration{0, 5 * time.Minute, 10 * time.Minute}, p.submits)
}

func TestAServiceThatNamesNoTimeIsNotAskedWithoutAPause(t *testing.T) {
	p := newProvider(t)
	p.submit = func(call int) (api.RefundState, *time.Time, error) {
		if call < 12 {
			return api.RefundStateReserved, nil, nil
		}
		return api.RefundStateProcessing, nil, nil
	}
	_, err := p.run(input())

	require.NoError(t, err)
	pause := 200 * time.Millisecond
	for i, at := range p.submits[1:] {
		require.Equal(t, pause, (at - p.submits[i]).Round(time.Millisecond), "pause %d", i+1)
		pause = min(2*pause, time.Minute)
	}
}

func TestAnOutageIsWaitedFor(t *testing.T) {
	p := newProvider(t)
	p.submit = func(call int) (api.RefundState, *time.Time, error) {
		if call < 5 {
			return "", nil, temporal.NewApplicationError("no answer", fault.Unavailable)
		}
		return api.RefundStateProcessing, nil, nil
	}
	result, err := p.run(input())

	require.NoError(t, err)
	require.Equal(t, "succeeded", result.State)
}

func TestWhatCannotBeReservedIsAnError(t *testing.T) {
	p := newProvider(t)
	p.reserve = func() error {
		return temporal.NewNonRetryableApplicationError("refund_exceeds_paid", fault.Refused, nil, fault.Reason{Code: "refund_exceeds_paid"})
	}
	_, err := p.run(input())

	require.Equal(t, "refund_exceeds_paid", fault.Code(err))
	require.Empty(t, p.submits)
}

func TestARefundThatIsNotSettledInTimeIsGivenBackAsItStands(t *testing.T) {
	t.Run("processing", func(t *testing.T) {
		p := newProvider(t)
		p.query = func(int) (api.RefundState, error) { return api.RefundStateProcessing, nil }
		in := input()
		in.By = p.start.Add(100 * time.Hour)
		result, err := p.run(in)

		require.NoError(t, err)
		require.Equal(t, "processing", result.State)
		require.Equal(t, 100*time.Hour, p.env.Now().Sub(p.start).Round(time.Minute))
	})
	t.Run("over before it began", func(t *testing.T) {
		p := newProvider(t)
		in := input()
		in.By = p.start.Add(-time.Hour)
		result, err := p.run(in)

		require.NoError(t, err)
		require.Equal(t, "processing", result.State)
		require.Len(t, p.submits, 1, "it is sent all the same")
	})
	t.Run("in time", func(t *testing.T) {
		p := newProvider(t)
		in := input()
		in.By = p.start.Add(time.Hour)
		result, err := p.run(in)

		require.NoError(t, err)
		require.Equal(t, "succeeded", result.State)
	})
}

func TestACancelledWaitEnds(t *testing.T) {
	p := newProvider(t)
	p.query = func(int) (api.RefundState, error) { return api.RefundStateProcessing, nil }
	p.env.RegisterDelayedCallback(p.env.CancelWorkflow, time.Hour)
	_, err := p.run(input())

	require.True(t, temporal.IsCanceledError(err))
}
