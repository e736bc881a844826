package repay

import (
	"cmp"
	"errors"
	"slices"
	"time"

	"go.temporal.io/sdk/workflow"

	"aftercare.dev/activities/fault"
	"aftercare.dev/activities/payment"
	"aftercare.dev/services/cases/api"
	paymentapi "aftercare.dev/services/payment/api"
	"aftercare.dev/workflows/caseflow"
	"aftercare.dev/workflows/contract"
)

// again is how soon the case looks again by itself whether finance has dealt with a difference.
const again = 24 * time.Hour

// Trouble is what is not right with money of a case that was paid.
type Trouble struct {
	Case contract.Case
	// differences are those that nobody has dealt with, refunds those whose success the provider took back.
	differences []payment.Difference
	refunds     []paymentapi.Refund
}

// Look asks what is not right. A success that was taken back and has come again meanwhile is none any more.
func Look(ctx workflow.Context, c contract.Case) (Trouble, error) {
	t := Trouble{Case: c}
	standing, err := payment.Look(ctx, payment.CaseRef{MerchantID: c.MerchantID, CaseID: c.CaseID})
	if err != nil {
		return t, err
	}
	for _, d := range standing.Differences {
		i := slices.IndexFunc(standing.Refunds, func(r paymentapi.Refund) bool { return r.RefundID == d.RefundID })
		if d.Kind == paymentapi.Returned && i >= 0 {
			refund := standing.Refunds[i]
			if isSettled(refund.State) {
				if err := t.resolve(ctx, d, contract.Envelope{Actor: caseflow.By("workflow")}); err != nil {
					return t, err
				}
				continue
			}
			if !slices.ContainsFunc(t.refunds, func(r paymentapi.Refund) bool { return r.RefundID == refund.RefundID }) {
				t.refunds = append(t.refunds, refund)
			}
		}
		t.differences = append(t.differences, d)
	}
	return t, nil
}

func isSettled(state paymentapi.RefundState) bool {
	switch state {
	case paymentapi.RefundStateSucceeded, paymentapi.RefundStatePaidManually, paymentapi.RefundStateVoided:
		return true
	default:
		return false
	}
}

// None tells that all is well.
func (t Trouble) None() bool { return len(t.differences) == 0 }

// News is the trouble as far as the case has not taken notice of it before.
func (t Trouble) News() Trouble {
	news := Trouble{Case: t.Case}
	for _, d := range t.differences {
		if !d.Told {
			news.differences = append(news.differences, d)
		}
	}
	return news
}

// Entries say what is wrong, one for each difference, as entries of a type.
func (t Trouble) Entries(kind string) []caseflow.Entry {
	entries := make([]caseflow.Entry, 0, len(t.differences))
	for _, d := range t.differences {
		data := map[string]any{"reason": reason(d), "difference_id": d.DifferenceID, "amount": d.Amount}
		if d.RefundID != "" {
			data["refund_id"] = d.RefundID
		}
		entries = append(entries, caseflow.Entry{Type: kind, By: caseflow.By("payment_provider"), Data: data})
	}
	return entries
}

// reason is the code of a difference, for people.
func reason(d payment.Difference) string {
	switch d.Kind {
	case paymentapi.Returned:
		return "refund_returned"
	case paymentapi.UnknownRefund:
		return "refunded_outside"
	default:
		return "refund_differs"
	}
}

// TakeNotice keeps that the case knows, so that nobody has to carry it here again.
func (t Trouble) TakeNotice(ctx workflow.Context) error {
	for _, d := range t.differences {
		if d.Told {
			continue
		}
		if err := payment.MarkTold(ctx, payment.ToldDifference{DifferenceID: d.DifferenceID, CaseID: t.Case.CaseID}); err != nil {
			return err
		}
	}
	return nil
}

// Mend puts what is wrong before finance, one after the other: a refund that came back is paid again, by hand, or given
// up; everything else somebody has to look into and resolve. It returns how the case ends if a refund was given up, else nothing. Its error is that of
// a person who ended the case, or of a cancelled workflow.
func (t Trouble) Mend(ctx workflow.Context, flow *caseflow.Flow, by time.Time) (givenUp api.Outcome, err error) {
	// Money that moves is not stopped half-way by a cancelled workflow.
	moving, _ := workflow.NewDisconnectedContext(ctx)
	for _, refund := range t.refunds {
		r := Refund{Flow: flow, DecideBy: by, Intent: contract.RefundInput{
			Case: t.Case, RefundID: refund.RefundID, Currency: refund.Amount.Currency, Known: true, By: by,
		}}
		r.Show(string(refund.State), refund.Amount)
		if err := r.Ask(ctx, "returned"); err != nil {
			return givenUp, err
		}
		if err := r.Run(moving); err != nil {
			return givenUp, err
		}
		givenUp = cmp.Or(r.GivenUp, givenUp)
		if err := t.resolveOf(moving, refund); err != nil {
			return givenUp, err
		}
	}
	for _, d := range t.differences {
		if t.cameBack(d) {
			continue
		}
		if err := t.explain(ctx, flow, d, by); err != nil {
			return givenUp, err
		}
	}
	return givenUp, nil
}

// resolveOf keeps that a refund which came back is settled.
func (t Trouble) resolveOf(ctx workflow.Context, refund paymentapi.Refund) error {
	for _, d := range t.differences {
		if d.Kind != paymentapi.Returned || d.RefundID != refund.RefundID {
			continue
		}
		if err := t.resolve(ctx, d, contract.Envelope{Actor: caseflow.By("workflow")}); err != nil {
			return err
		}
	}
	return nil
}

// cameBack tells that the difference is one of a refund that came back, which finance decides about.
func (t Trouble) cameBack(d payment.Difference) bool {
	return d.Kind == paymentapi.Returned &&
		slices.ContainsFunc(t.refunds, func(r paymentapi.Refund) bool { return r.RefundID == d.RefundID })
}

// explain waits until somebody has looked into a difference and said so where differences are listed.
func (t Trouble) explain(ctx workflow.Context, flow *caseflow.Flow, d payment.Difference, by time.Time) error {
	flow.State.Attention = &api.Attention{Reason: reason(d), Since: workflow.Now(ctx).UTC()}
	defer func() { flow.State.Attention = nil }()
	wait := caseflow.Wait{
		Stage:   api.StageRefunding,
		Expects: []caseflow.Expectation{{Action: "resolve_difference", Actor: string(contract.Finance)}},
		Offers: []caseflow.Offer{
			{Action: contract.ActionResolve, Actors: []contract.Role{contract.Operator, contract.Administrator}},
		},
		Events: true,
	}
	if workflow.Now(ctx).Before(by) {
		wait.Deadline, wait.Consequence = by, consequenceTold
	}
	for {
		wait.Alarm = workflow.Now(ctx).Add(again)
		wake, err := flow.Wait(ctx, wait)
		switch {
		case err != nil:
			return err
		case wake.Act != nil:
			act := contract.Envelope{Actor: wake.Act.By().Actor, NoteID: flow.NoteOf(ctx, wake.Act)}
			if err := t.resolve(ctx, d, act); err != nil {
				return err
			}
			return &caseflow.EndedError{By: act.Actor, NoteID: act.NoteID}
		case wake.Late:
			flow.Tell(ctx, caseflow.Entry{
				Type: "refund.late", By: caseflow.By("clock"), Data: map[string]any{"difference_id": d.DifferenceID}, Staff: true,
			})
			wait.Deadline, wait.Consequence = time.Time{}, ""
		}
		now, err := Look(ctx, t.Case)
		if ended := ctx.Err(); ended != nil {
			return ended
		}
		// What cannot be looked at is as wrong as before.
		if err == nil && !now.has(d) {
			flow.Tell(ctx, caseflow.Entry{
				Type: "case.attention_resolved", By: caseflow.By("workflow"), Staff: true,
				Data: map[string]any{"by": "resolve_difference", "difference_id": d.DifferenceID},
			})
			return nil
		}
	}
}

func (t Trouble) has(d payment.Difference) bool {
	return slices.ContainsFunc(t.differences, func(other payment.Difference) bool { return other.DifferenceID == d.DifferenceID })
}

// resolve keeps that a difference is dealt with.
func (t Trouble) resolve(ctx workflow.Context, d payment.Difference, by contract.Envelope) error {
	input := paymentapi.ResolveDifferenceInput{ActorID: by.Actor.ID}
	if by.NoteID != "" {
		input.NoteID = &by.NoteID
	}
	err := payment.ResolveDifference(ctx, payment.ResolvedDifference{MerchantID: t.Case.MerchantID, DifferenceID: d.DifferenceID, Input: input})
	if fault.Is(err, fault.Conflicting) {
		// Somebody was faster.
		return nil
	}
	return err
}

// Ended tells whether a person ended the case by hand, and who.
func Ended(err error) (*caseflow.EndedError, bool) {
	var ended *caseflow.EndedError
	return ended, errors.As(err, &ended)
}
