// Package refund pays for what was accepted of a case: it books the units as returned, computes what they are worth, and
// moves the money until the refund is settled or needs a person. Its workflow is short, pinned to the version that started
// it, and may run again under the same id: each of its steps is known to the service that did it and is not done twice.
package refund

import (
	"strings"
	"time"

	"go.temporal.io/sdk/workflow"

	"aftercare.dev/activities/cases"
	"aftercare.dev/activities/order"
	"aftercare.dev/activities/payment"
	casesapi "aftercare.dev/services/cases/api"
	orderapi "aftercare.dev/services/order/api"
	"aftercare.dev/services/payment/api"
	"aftercare.dev/workflows/contract"
)

// The provider is asked after a minute, as WeChat Pay advises, then ever less often: a bank card takes days.
const (
	firstQuery = time.Minute
	lastQuery  = 2 * time.Hour
	// The least time between two sendings of what the provider has not taken: refunds of one payment go one after the
	// other, so that the first times are short, and it never runs hot.
	firstSubmit = 200 * time.Millisecond
	lastSubmit  = time.Minute
)

// Refund runs one refund. Its error says that the units could not be booked, the amount could not be reserved, or the
// provider could not be reached; the result says what became of the refund, or how it stands when the time for it is over.
func Refund(ctx workflow.Context, in contract.RefundInput) (contract.RefundResult, error) {
	m := setup(ctx, in)
	result, err := m.run(ctx)
	m.drain()
	return result, err
}

type moving struct {
	in     contract.RefundInput
	events workflow.ReceiveChannel
	seen   map[string]bool
	// resend is the least time to the next sending; zero before the first, and after an answer that is not "reserved".
	resend time.Duration
}

func setup(ctx workflow.Context, in contract.RefundInput) *moving {
	return &moving{in: in, events: workflow.GetSignalChannel(ctx, contract.PaymentEvent), seen: map[string]bool{}}
}

func (m *moving) run(ctx workflow.Context) (contract.RefundResult, error) {
	refund, err := m.begin(ctx)
	if err == nil && refund.Amount.Amount == 0 {
		return contract.RefundResult{State: contract.RefundNothing, Amount: refund.Amount, Refunded: refund.Amount}, nil
	}
	pause := firstQuery
	for err == nil {
		workflow.SetCurrentDetails(ctx, m.details(refund, pause))
		switch refund.State {
		case api.RefundStateReserved:
			refund, err = m.submit(ctx, refund)
		case api.RefundStateProcessing:
			refund, err = m.ask(ctx, refund, pause)
			pause = min(2*pause, lastQuery)
		default:
			return result(refund), nil
		}
		if err == nil && m.late(ctx) && !final(refund.State) {
			return result(refund), nil
		}
	}
	return contract.RefundResult{}, err
}

// submit sends the refund to the provider, not before the service says.
func (m *moving) submit(ctx workflow.Context, refund api.Refund) (api.Refund, error) {
	wait := time.Duration(0)
	if refund.NextAttemptAt != nil {
		wait = refund.NextAttemptAt.Sub(workflow.Now(ctx))
	}
	wait = max(wait, m.resend)
	if wait > 0 {
		if err := m.wait(ctx, wait, "The provider asks to wait"); err != nil {
			return refund, err
		}
	}
	m.resend = min(max(2*m.resend, firstSubmit), lastSubmit)
	return payment.Submit(ctx, m.ref())
}

// ask asks the provider after a while, or when it calls.
func (m *moving) ask(ctx workflow.Context, refund api.Refund, pause time.Duration) (api.Refund, error) {
	m.resend = 0
	if err := m.wait(ctx, pause, "Ask the provider if it does not call"); err != nil {
		return refund, err
	}
	return payment.Query(ctx, m.ref())
}

// details tell operators how the refund stands and what comes next, in Markdown.
func (m *moving) details(refund api.Refund, pause time.Duration) string {
	lines := []string{"Refund `" + m.in.RefundID + "`: **" + strings.ReplaceAll(string(refund.State), "_", " ") + "**", ""}
	switch refund.State {
	case api.RefundStateReserved:
		lines = append(lines, "The provider does not have it yet. It is sent again and again, a minute apart at most, always with the same number.")
	case api.RefundStateProcessing:
		lines = append(lines, "The provider has it. It calls when the money is there; if it does not, it is asked after "+pause.String()+".")
	default:
		lines = append(lines, "The case goes on with it: workflow `"+m.in.WorkflowID()+"`.")
	}
	if !m.in.By.IsZero() {
		lines = append(lines, "", "By "+m.in.By.UTC().Format("2006-01-02 15:04 UTC")+" it must be settled; else an operator is told.")
	}
	return strings.Join(append(lines, "", "What the provider said: `GET /v1/refunds?case_id="+m.in.CaseID+"`."), "\n")
}

// drain takes in what the provider said of a refund that has ended: nobody waits for it any more.
func (m *moving) drain() {
	for m.events.ReceiveAsync(nil) {
	}
}

func (m *moving) late(ctx workflow.Context) bool {
	return !m.in.By.IsZero() && !workflow.Now(ctx).Before(m.in.By)
}

func final(state api.RefundState) bool {
	return state != api.RefundStateReserved && state != api.RefundStateProcessing
}

// wait ends after d, or earlier when the provider calls or the time is over.
func (m *moving) wait(ctx workflow.Context, d time.Duration, summary string) error {
	if !m.in.By.IsZero() && !m.late(ctx) {
		d = min(d, m.in.By.Sub(workflow.Now(ctx)))
	}
	ctx, cancel := workflow.WithCancel(ctx)
	defer cancel()
	var err error
	called := false
	selector := workflow.NewSelector(ctx)
	selector.AddFuture(workflow.NewTimerWithOptions(ctx, max(d, 50*time.Millisecond), workflow.TimerOptions{Summary: summary}),
		func(f workflow.Future) {
			called = true
			err = f.Get(ctx, nil)
		})
	selector.AddReceive(m.events, func(c workflow.ReceiveChannel, _ bool) {
		var event contract.Event
		c.Receive(ctx, &event)
		called = !m.seen[event.EventID]
		m.seen[event.EventID] = true
	})
	for !called && err == nil {
		selector.Select(ctx)
	}
	return err
}

func (m *moving) ref() payment.RefundRef {
	return payment.RefundRef{MerchantID: m.in.MerchantID, RefundID: m.in.RefundID}
}

// begin has the money reserved, if that was not done before.
func (m *moving) begin(ctx workflow.Context) (api.Refund, error) {
	if m.in.Known {
		return payment.Query(ctx, m.ref())
	}
	return m.reserve(ctx)
}

// reserve books the units as returned for good and reserves the money for them, to the exact amount.
func (m *moving) reserve(ctx workflow.Context) (api.Refund, error) {
	reservation, err := order.Settle(ctx, m.returned())
	if err != nil {
		return api.Refund{}, err
	}
	settlement, err := cases.Settle(ctx, m.inspection(reservation.CompletesOrder != nil && *reservation.CompletesOrder))
	if err != nil || settlement.Total.Amount == 0 {
		return api.Refund{Amount: settlement.Total}, err
	}
	input := api.RefundInput{
		CaseID: m.in.CaseID, OrderID: m.in.OrderID, Currency: m.in.Currency, Reason: m.in.Reason, Lines: []api.LineAmount{},
	}
	if settlement.Freight.Amount > 0 {
		input.Freight = &settlement.Freight
	}
	for _, l := range settlement.Lines {
		if l.Amount.Amount > 0 {
			input.Lines = append(input.Lines, api.LineAmount{LineID: l.LineID, Amount: l.Amount})
		}
	}
	return payment.Reserve(ctx, payment.Refund{MerchantID: m.in.MerchantID, RefundID: m.in.RefundID, Input: input})
}

func (m *moving) returned() order.Units {
	units := order.Units{MerchantID: m.in.MerchantID, OrderID: m.in.OrderID, CaseID: m.in.CaseID}
	for _, l := range m.in.Lines {
		if l.Accepted > 0 {
			units.Lines = append(units.Lines, orderapi.LineQuantity{LineID: l.LineID, Quantity: l.Accepted})
		}
	}
	return units
}

func (m *moving) inspection(completesOrder bool) cases.Inspection {
	return Inspection(cases.CaseRef{MerchantID: m.in.MerchantID, CaseID: m.in.CaseID}, m.in.Lines, completesOrder)
}

// Inspection asks for the worth of accepted lines. Without the last units of the order its freight is not in it.
func Inspection(ref cases.CaseRef, lines []contract.AcceptedLine, completesOrder bool) cases.Inspection {
	input := casesapi.SettlementInput{CompletesOrder: completesOrder, Lines: []casesapi.AcceptedLine{}}
	for _, l := range lines {
		input.Lines = append(input.Lines, casesapi.AcceptedLine{
			LineID: l.LineID, AcceptedQuantity: l.Accepted, Deduction: l.Deduction,
		})
	}
	return cases.Inspection{CaseRef: ref, Input: input}
}

func result(refund api.Refund) contract.RefundResult {
	out := contract.RefundResult{State: string(refund.State), Amount: refund.Amount, Refunded: refund.Refunded}
	if refund.Reason != nil {
		out.Reason = *refund.Reason
	}
	return out
}
