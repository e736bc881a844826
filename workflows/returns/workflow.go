// Package returns is case type C1, return and refund 退货退款: review, the goods come back, the warehouse inspects them,
// the money is paid, the return freight is settled, the case is closed.
package returns

import (
	"errors"
	"fmt"
	"time"

	"go.temporal.io/sdk/temporal"
	"go.temporal.io/sdk/workflow"

	"aftercare.dev/activities/cases"
	"aftercare.dev/activities/fault"
	"aftercare.dev/activities/order"
	"aftercare.dev/services/cases/api"
	orderapi "aftercare.dev/services/order/api"
	"aftercare.dev/workflows/caseflow"
	"aftercare.dev/workflows/contract"
	"aftercare.dev/workflows/repay"
)

// Return runs one case from its filing to its end.
func Return(ctx workflow.Context, in contract.ReturnInput) error {
	r, err := setup(ctx, in)
	if err != nil {
		return err
	}
	return r.run(ctx)
}

// returning is a return on its way.
type returning struct {
	in      contract.ReturnInput
	flow    *caseflow.Flow
	verdict cases.Verdict
	lines   []line
	parcel  parcel
	claim   workflow.ChildWorkflowFuture
	// repayment is the refund, once its leg has begun.
	repayment *repay.Refund

	// refused is set when the case could not be opened.
	refused error
	// unitsHeld is true from the reservation until the units are returned or released.
	unitsHeld bool
	// arrived is when the goods reached the warehouse, received is set once it says so, empty if nothing was in the parcel.
	arrived         time.Time
	received, empty bool
	// withdrawn is set while a withdrawal is carried out.
	withdrawn bool
	// settled is true once the refund leg is over.
	settled bool
	// givenUp is how the case ends when finance gave the refund up; else empty.
	givenUp api.Outcome
}

func setup(ctx workflow.Context, in contract.ReturnInput) (*returning, error) {
	flow, err := caseflow.New(ctx, in.Case, contract.CarrierEvent)
	if err != nil {
		return nil, err
	}
	r := &returning{in: in, flow: flow}
	for _, l := range in.Lines {
		r.lines = append(r.lines, line{id: l.LineID, quantity: l.Quantity})
	}
	r.showLines()
	flow.Mind(ctx, contract.MoneyEvent, r.mindMoney)
	return r, errors.Join(
		workflow.SetUpdateHandlerWithOptions(ctx, contract.OpenUpdate, r.answerOpen, workflow.UpdateHandlerOptions{}),
		caseflow.AcceptAll(ctx, flow),
	)
}

// run is the whole return. A withdrawal cancels the walk wherever it is and takes the goods the way back instead.
func (r *returning) run(ctx workflow.Context) error {
	ctx = r.flow.Grounded(ctx)
	if !r.open(ctx) {
		return caseflow.Settle(ctx)
	}
	outcome, err := r.walk(r.flow.Withdrawable(ctx))
	by := caseflow.By("workflow")
	if withdrawal := r.flow.Withdrawal(); withdrawal != nil {
		by = withdrawal.Actor
		outcome, err = r.withdraw(ctx, withdrawal)
	}
	var ended *caseflow.EndedError
	switch {
	case errors.As(err, &ended):
		outcome, by = api.OutcomeResolved, ended.By
	case temporal.IsCanceledError(err):
		// An operator cancelled the workflow in the Temporal UI.
		outcome, by = api.OutcomeResolved, contract.Actor{Role: contract.Operator, ID: "temporal"}
	case err != nil:
		// A defect of this program. The task fails, and the case goes on when the defect is mended.
		panic(fmt.Errorf("no leg of the case expects this: %w", err))
	}
	if err := r.close(ctx, outcome, by); err != nil {
		return err
	}
	return r.flow.End(ctx)
}

// walk goes leg by leg until one ends the case.
func (r *returning) walk(ctx workflow.Context) (api.Outcome, error) {
	legs := []func(workflow.Context) (api.Outcome, error){
		r.review, r.getBack, r.refund, r.sendRejectedBack, r.settleFreight,
	}
	for _, leg := range legs {
		if outcome, err := leg(ctx); err != nil || outcome != "" {
			return outcome, err
		}
	}
	return r.outcome(), nil
}

// open judges the application and sets the units aside. If that cannot be, there is no case: nothing was recorded, and
// whoever filed is told why.
func (r *returning) open(ctx workflow.Context) bool {
	verdict, err := cases.Judge(ctx, cases.Filed{CaseRef: r.ref(), Verdict: verdictOf(r.in.Judgement)})
	if err != nil {
		r.refused = notOpened(err)
		return false
	}
	r.verdict = verdict
	r.unitsHeld = true
	if _, err := order.Reserve(ctx, r.units(r.in.Lines)); err != nil {
		r.refused = notOpened(err)
		if !fault.Is(err, fault.Refused, fault.Missing, fault.Conflicting) {
			r.unreserve(ctx)
		}
		return false
	}
	r.flow.Tell(ctx, caseflow.Entry{
		Type: "case.opened", By: r.in.Applicant, Rules: verdict.Rules,
		Data: map[string]any{
			"reason": r.in.Reason, "lines": r.in.Lines, "decision": verdict.Decision, "amount": verdict.Refund.Total,
		},
	})
	return true
}

// answerOpen handles the update that came with the start.
func (r *returning) answerOpen(ctx workflow.Context) (contract.Opened, error) {
	if err := workflow.Await(ctx, func() bool { return r.refused != nil || r.flow.Standing() }); err != nil {
		return contract.Opened{}, err
	}
	if r.refused != nil {
		return contract.Opened{}, r.refused
	}
	return contract.Opened{
		CaseID: r.in.CaseID, Version: r.flow.Version(),
		Stage: string(r.flow.State.Stage), Decision: string(r.verdict.Decision),
	}, nil
}

func notOpened(err error) error {
	reason := fault.ReasonOf(err)
	refusal := contract.Refusal{Code: fault.Code(err), Detail: "the case could not be opened: " + fault.Code(err)}
	if len(reason.Fields) > 0 {
		refusal.Field = reason.Fields[0]
	}
	return temporal.NewApplicationErrorWithOptions(refusal.Detail, contract.ErrorNotOpened, temporal.ApplicationErrorOptions{
		NonRetryable: true, Category: temporal.ApplicationErrorCategoryBenign, Details: []any{refusal},
	})
}

// unreserve undoes a reservation that may have been made although no answer came, as when an operator cancels the
// workflow.
func (r *returning) unreserve(ctx workflow.Context) {
	ctx, _ = workflow.NewDisconnectedContext(ctx)
	if _, err := order.Settle(ctx, r.units(nil)); err != nil {
		workflow.GetLogger(ctx).Error("units may stay reserved", "case_id", r.in.CaseID, "code", fault.Code(err))
	}
}

// close gives back what the case still holds and records its end. It is not interrupted by a cancellation. What cannot
// be given back is put before an operator; whatever they choose then, the case ends.
func (r *returning) close(ctx workflow.Context, outcome api.Outcome, by contract.Actor) error {
	ctx, _ = workflow.NewDisconnectedContext(ctx)
	err := r.callOff(ctx, contract.Envelope{Actor: by})
	if r.unitsHeld {
		_, released := caseflow.Do(ctx, r.flow, func(ctx workflow.Context) (orderapi.Reservation, error) {
			reservation, err := order.Settle(ctx, r.units(nil))
			if fault.Is(err, fault.Conflicting) {
				// A refund that did not come to its end has booked them as returned.
				return reservation, nil
			}
			return reservation, err
		})
		err = errors.Join(err, released)
	}
	var ended *caseflow.EndedError
	if errors.As(err, &ended) {
		outcome, by = api.OutcomeResolved, ended.By
	}
	return r.flow.Close(ctx, outcome, by)
}

func (r *returning) ref() cases.CaseRef {
	return cases.CaseRef{MerchantID: r.in.MerchantID, CaseID: r.in.CaseID}
}

func (r *returning) units(lines []contract.LineQuantity) order.Units {
	units := order.Units{MerchantID: r.in.MerchantID, OrderID: r.in.OrderID, CaseID: r.in.CaseID}
	for _, l := range lines {
		units.Lines = append(units.Lines, orderapi.LineQuantity{LineID: l.LineID, Quantity: l.Quantity})
	}
	return units
}

// after is the moment so many seconds from now.
func after(ctx workflow.Context, seconds int64) time.Time {
	return workflow.Now(ctx).Add(time.Duration(seconds) * time.Second)
}

// offer is an action for a role; administrators may do what anybody may.
func offer(action contract.Action, role contract.Role) caseflow.Offer {
	return caseflow.Offer{Action: action, Actors: []contract.Role{role}}
}
