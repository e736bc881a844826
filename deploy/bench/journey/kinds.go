package journey

import (
	"context"
	"fmt"

	gateway "aftercare.dev/gateway/api"
	cases "aftercare.dev/services/cases/api"
)

// Kind is a way that a case can go.
type Kind struct {
	// Name is what it is counted under.
	Name string
	// Outcome is how it ends.
	Outcome cases.Outcome

	insured bool
	steps   []step
}

// Plain is the case that most are: approved by rule, shipped by the buyer, received and found intact, paid.
func Plain() Kind {
	return Kind{Name: "plain", Outcome: cases.OutcomeRefunded, steps: handedIn(intact)}
}

// Named is the kind of a name.
func Named(name string) (Kind, error) {
	var names []string
	for _, k := range Kinds() {
		if k.Name == name {
			return k, nil
		}
		names = append(names, k.Name)
	}
	return Kind{}, fmt.Errorf("no kind of case is %q, there are %q", name, names)
}

// Kinds are all ways that journeys know, the plain one first. Where the buyer waits for money, that is a refund in full unless
// the name says otherwise.
func Kinds() []Kind {
	return []Kind{
		Plain(),
		{Name: "courier", Outcome: cases.OutcomeRefunded, steps: fetched(intact)},
		// It ends when the insurer has paid, a day of the sandbox after the parcel came.
		{Name: "courier, insured", Outcome: cases.OutcomeRefunded, insured: true, steps: fetched(intact)},
		{Name: "courier, returned", Outcome: cases.OutcomeResolved, steps: []step{
			byRule, does(bookPickup, nil), steer("returned"), reaches(cases.StageInvestigating), does(decideParcel, body{"decision": "close"}),
		}},
		{Name: "judged by an agent", Outcome: cases.OutcomeRefunded, steps: []step{
			photograph, byAgent, look, does(requestInfo, note), reaches(cases.StageWaitingInfo),
			does(provideInfo, note), reaches(cases.StageReviewing), does(approve, nil), ship, receive, inspect, intact,
		}},
		{Name: "rejected", Outcome: cases.OutcomeRejected, steps: []step{
			byAgent, does(reject, refusal), reaches(cases.StageRejected),
			does(answerRejection, note), reaches(cases.StageReviewing), does(reject, refusal),
		}},
		{Name: "withdrawn", Outcome: cases.OutcomeWithdrawn, steps: []step{byRule, does(withdraw, nil)}},
		{Name: "withdrawn on the way", Outcome: cases.OutcomeWithdrawn, steps: []step{
			byRule, ship, does(withdraw, nil), receive, reaches(cases.StageSendingBack), sendBack,
		}},
		{Name: "partly accepted", Outcome: cases.OutcomePartlyRefunded, steps: []step{
			file(cases.ReasonDefective, 2), does(approve, nil), ship, receive, inspect, does(inspectGoods, verdict(1, 1, worn)),
			reaches(cases.StageContesting), does(agree, nil), reaches(cases.StageSendingBack), sendBack,
		}},
		{Name: "accepted for less", Outcome: cases.OutcomePartlyRefunded, steps: handedIn(
			does(inspectGoods, verdict(1, 0, opened)), reaches(cases.StageContesting), does(agree, nil),
		)},
		{Name: "contested in vain", Outcome: cases.OutcomeRejected, steps: handedIn(
			does(inspectGoods, verdict(0, 1, worn)), reaches(cases.StageContesting), does(contest, note),
			does(decideContest, body{"decision": "uphold"}), reaches(cases.StageSendingBack), sendBack,
		)},
		{Name: "contested with success", Outcome: cases.OutcomeRefunded, steps: handedIn(
			does(inspectGoods, verdict(0, 1, worn)), reaches(cases.StageContesting), does(contest, note),
			does(decideContest, body{"decision": "accept"}),
		)},
		{Name: "paid by hand", Outcome: cases.OutcomeRefunded, steps: handedIn(unpaid(
			intact, troubled, does(resolveRefund, body{"resolution": "manual_transfer", "transfer_reference": "BANK-1"}),
		))},
	}
}

var (
	byRule  = file(cases.ReasonSizeColorDislike, 1)
	byAgent = file(cases.ReasonDefective, 1)
	receive = does(receiveParcel, nil)
	inspect = reaches(cases.StageInspecting)
	intact  = does(inspectGoods, verdict(1, 0, nil))
	note    = body{"note": "it was never worn"}
	refusal = body{"reason": "evidence_insufficient", "note": "nothing to see"}
	worn    = body{"condition": gateway.DamagedBuyer, "disposition": gateway.SendBack, "rejection": gateway.InspectedLineRejectionUsed}
	opened  = body{"condition": gateway.OpenedOk, "deduction": cny(900), "rejection": gateway.InspectedLineRejectionNotIntact}
)

// handedIn is a case from its filing to the bench of the warehouse, the parcel brought to a counter, and on.
func handedIn(steps ...step) []step {
	return append([]step{byRule, ship, receive, inspect}, steps...)
}

// fetched is the same with a courier.
func fetched(steps ...step) []step {
	return append([]step{byRule, does(bookPickup, nil), steer("signed"), delivered, receive, inspect}, steps...)
}

// verdict is what the warehouse finds.
func verdict(accepted, rejected int64, more body) body {
	line := body{"line_id": jacket, "accepted_quantity": accepted, "rejected_quantity": rejected, "condition": gateway.Intact}
	for name, value := range more {
		line[name] = value
	}
	return body{"lines": []body{line}}
}

// delivered waits until the case knows that the parcel has come.
func delivered(ctx context.Context, v *visit) error {
	return v.until(ctx, "delivered", func(c cases.Case) bool { return c.Shipment != nil && c.Shipment.State == "delivered" })
}

// troubled waits until the case is for a person.
func troubled(ctx context.Context, v *visit) error {
	return v.until(ctx, "for a person", func(c cases.Case) bool { return c.Attention != nil })
}
