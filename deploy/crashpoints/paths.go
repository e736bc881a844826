package crashpoints

import (
	cases "aftercare.dev/services/cases/api"
)

// path is a way that a case can go.
type path struct {
	name     string
	insured  bool
	steps    []step
	outcomes []cases.Outcome
	// accepted is how many units are paid for if the case ends with a refund, and deducted what is taken from that.
	accepted, deducted int64
}

var (
	refunded  = []cases.Outcome{cases.OutcomeRefunded}
	rejected  = []cases.Outcome{cases.OutcomeRejected}
	withdrawn = []cases.Outcome{cases.OutcomeWithdrawn}
	resolved  = []cases.Outcome{cases.OutcomeResolved}
)

// verdict is what the warehouse finds.
func verdict(accepted, rejected int64, more map[string]any) map[string]any {
	line := map[string]any{"line_id": item, "accepted_quantity": accepted, "rejected_quantity": rejected, "condition": "intact"}
	for name, value := range more {
		line[name] = value
	}
	return map[string]any{"lines": []map[string]any{line}}
}

var (
	intact = does("warehouse", "inspect", verdict(1, 0, nil))
	worn   = does("warehouse", "inspect", verdict(0, 1, map[string]any{
		"condition": "damaged_buyer", "disposition": "send_back", "rejection": "used",
	}))
	opened = does("warehouse", "inspect", verdict(1, 0, map[string]any{
		"condition": "opened_ok", "deduction": cny(900), "rejection": "not_intact",
	}))
	receive = does("warehouse", "receive", nil)
	byRule  = file(cases.ReasonSizeColorDislike)
	byAgent = file(cases.ReasonDefective)
	inspect = reaches(cases.StageInspecting)
	// returned has the carrier send the parcel back.
	returned = rule("carrier", "poll", "outcome", map[string]any{"outcome": "returned"})
)

// handedIn is a case from its filing to the bench of the warehouse.
func handedIn(steps ...step) []step {
	return append([]step{byRule, ship, receive, inspect}, steps...)
}

// paths are the ways that matter: together they pass every crash point that the product has.
func paths() []path {
	note := map[string]any{"note": "it was never worn"}
	const all = -1
	return []path{
		{name: "plain", accepted: 1, outcomes: refunded, steps: handedIn(intact)},
		{name: "picked up and insured", insured: true, accepted: 1, outcomes: refunded, steps: []step{
			byRule, does("storefront", "book-pickup", nil), shipment("delivered"), receive, inspect, intact,
		}},
		{name: "judged with a photo", accepted: 1, outcomes: refunded, steps: []step{
			photograph, byAgent, look, does("agent", "request-info", note), reaches(cases.StageWaitingInfo),
			does("storefront", "provide-info", note), reaches(cases.StageReviewing),
			does("agent", "notes", map[string]any{"note": "a regular", "internal": true}),
			does("agent", "approve", nil), reaches(cases.StageWaitingShipment), ship, receive, inspect, intact,
		}},
		{name: "rejected", outcomes: rejected, steps: []step{
			byAgent, does("agent", "reject", map[string]any{"reason": "evidence_insufficient", "note": "nothing to see"}),
			reaches(cases.StageRejected), does("storefront", "answer-rejection", note), reaches(cases.StageReviewing),
			does("agent", "reject", map[string]any{"reason": "evidence_insufficient", "note": "still nothing to see"}),
		}},
		{name: "withdrawn, the pickup called off", outcomes: withdrawn, steps: []step{
			byRule, does("storefront", "book-pickup", nil), does("storefront", "withdraw", nil), reaches(cases.StageClosed, cases.StageSendingBack),
			when(cases.StageSendingBack, sendBack),
		}},
		{name: "withdrawn on the way", outcomes: withdrawn, steps: []step{
			// While a process is down the parcel may arrive.
			byRule, ship, reaches(cases.StageInTransit, cases.StageInspecting), does("storefront", "withdraw", nil), steer("signed"),
			reaches(cases.StageSendingBack), sendBack,
		}},
		{name: "closed by the provider and paid by hand", accepted: 1, outcomes: refunded, steps: handedIn(
			rule("payment", "refund", "outcome", map[string]any{"outcome": "CLOSED"}), intact, troubled,
			does("finance", "resolve-refund", map[string]any{"resolution": "manual_transfer", "transfer_reference": "BANK-1"}),
		)},
		{name: "no money, tried again", accepted: 1, outcomes: refunded, steps: handedIn(
			rule("payment", "refund", "outcome", map[string]any{"outcome": "NOT_ENOUGH"}),
			// In this fast world the news would be there before anybody waits for it; then the product asks after a minute.
			rule("payment", "callback", "delay", map[string]any{"ms": 2000, "times": all}), intact,
			unlessPaid(does("finance", "resolve-refund", map[string]any{"resolution": "retry"})),
		)},
		{name: "contested in vain", outcomes: rejected, steps: handedIn(
			worn, reaches(cases.StageContesting), does("storefront", "contest", note),
			does("agent", "decide-contest", map[string]any{"decision": "uphold"}), reaches(cases.StageSendingBack), sendBack,
		)},
		{name: "accepted for less", accepted: 1, deducted: 900, outcomes: []cases.Outcome{cases.OutcomePartlyRefunded}, steps: handedIn(
			opened, reaches(cases.StageContesting), does("storefront", "agree", nil),
		)},
		{name: "returned by the carrier", outcomes: resolved, steps: []step{
			byRule, returned, ship, troubled, does("agent", "decide-parcel", map[string]any{"decision": "close"}),
		}},
		{name: "refused to a batch", outcomes: resolved, steps: []step{
			byRule, returned, ship, troubled, batch("retry"), does("agent", "decide-parcel", map[string]any{"decision": "close"}),
		}},
		{name: "an answer of the provider that is lost", accepted: 1, outcomes: refunded, steps: handedIn(
			rule("payment", "refund", "lose_answer", map[string]any{"times": 2}), intact,
		)},
		{name: "news of the payment repeated and forged", accepted: 1, outcomes: refunded, steps: handedIn(
			rule("payment", "callback", "duplicate_callback", map[string]any{"times": all, "n": 2}),
			rule("payment", "callback", "forge_callback", map[string]any{"times": all}), intact,
		)},
		{name: "news of the carrier repeated, reordered and forged", accepted: 1, outcomes: refunded, steps: []step{
			byRule, rule("carrier", "callback", "duplicate_callback", map[string]any{"times": all, "n": 2}),
			rule("carrier", "callback", "reorder_callbacks", map[string]any{"times": all}),
			rule("carrier", "callback", "forge_callback", map[string]any{"times": all}),
			does("storefront", "book-pickup", nil), shipment("delivered"), receive, inspect, intact,
		}},
		{name: "a carrier who tells nothing", accepted: 1, outcomes: refunded, steps: []step{
			byRule, rule("carrier", "callback", "drop_callbacks", map[string]any{"times": all}),
			does("storefront", "book-pickup", nil), receive, inspect, intact,
		}},
	}
}
