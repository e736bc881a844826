package chaos

import (
	"math/rand/v2"

	gateway "aftercare.dev/gateway/api"
	cases "aftercare.dev/services/cases/api"
)

// path is the way of one case, as far as people decide it.
type path struct {
	// Name is what it is counted under.
	Name string
	// Reason is what it is filed for; a person judges all but the one that the policy approves.
	Reason cases.Reason
	// Review is what the agent does: reject once, reject for good, ask for more, or approve.
	Review review
	// Withdraws is the stage in which the buyer withdraws, empty if never.
	Withdraws cases.Stage
	// Pickup has a courier come; else the buyer brings the parcel to a counter.
	Pickup bool
	// Parcel is what becomes of a parcel by the carrier's will, and Decision what the agent says to that.
	Parcel   string
	Decision string
	// MixedUp has the warehouse find other goods.
	MixedUp bool
	// Verdict is what the warehouse finds, and Contest how the buyer takes it.
	Verdict verdict
	Contest contest
	// Outcome is how the provider ends the refund, and Resolution what finance does then.
	Outcome    string
	Resolution string
	// Afterwards is what the provider does with the money when the case has closed. Resolution is about that then.
	Afterwards aftermath
	// Insured has the freight of the return insured, which is so by chance otherwise.
	Insured bool
	// Silent has nobody do anything once it is filed, and Alone leaves it open to the end.
	Silent, Alone bool
	// Faults are what the outside world does wrong on the way.
	Faults []fault
}

type review int

const (
	approve review = iota
	askFirst
	rejectOnce
	rejectForGood
)

type verdict int

const (
	intact verdict = iota
	worn
	partly
	deducted
)

type contest int

const (
	agrees contest = iota
	contestsInVain
	contestsWithSuccess
	saysNothing
)

// fault is a rule for the sandbox; what it is matched by is known when the case is.
type fault struct {
	System, Operation, Effect, Outcome, Code string
	Status, Times, N, MS                     int
}

// slow tells whether the house notices after a minute at the earliest, when it asks by itself.
func (f fault) slow() bool {
	return f.Effect == "drop_callbacks" || f.Effect == "lose_request" || f.Effect == "fail"
}

// byRule is the reason that the policy approves by itself, and byPerson one that an agent judges.
const (
	byRule   = cases.ReasonSizeColorDislike
	byPerson = cases.ReasonDefective
)

// paths are those that people and systems take, each as often as it is written here.
var paths = []path{
	{Name: "brought to a counter", Reason: byRule},
	{Name: "brought to a counter", Reason: byPerson},
	{Name: "picked up", Reason: byRule, Pickup: true},
	{Name: "picked up", Reason: byPerson, Pickup: true},
	{Name: "asked for more", Reason: byPerson, Review: askFirst},
	{Name: "rejected once", Reason: byPerson, Review: rejectOnce, Pickup: true},
	{Name: "rejected for good", Reason: byPerson, Review: rejectForGood},
	{Name: "withdrawn from review", Reason: byPerson, Withdraws: cases.StageReviewing},
	{Name: "withdrawn before shipment", Reason: byRule, Withdraws: cases.StageWaitingShipment},
	{Name: "withdrawn before pickup", Reason: byRule, Pickup: true, Withdraws: cases.StageWaitingPickup},
	{Name: "withdrawn on the way", Reason: byRule, Withdraws: cases.StageInTransit},
	{Name: "withdrawn at inspection", Reason: byRule, Pickup: true, Withdraws: cases.StageInspecting},
	{Name: "withdrawn against the refund", Reason: byRule, Withdraws: cases.StageRefunding},
	{Name: "found worn, agreed", Reason: byRule, Verdict: worn, Contest: agrees},
	{Name: "found worn, contested in vain", Reason: byRule, Verdict: worn, Contest: contestsInVain},
	{Name: "found worn, contested with success", Reason: byRule, Verdict: worn, Contest: contestsWithSuccess},
	{Name: "accepted in part", Reason: byRule, Verdict: partly, Contest: agrees},
	{Name: "accepted in part, contested", Reason: byPerson, Verdict: partly, Contest: contestsWithSuccess},
	{Name: "accepted for less", Reason: byRule, Verdict: deducted, Contest: agrees},
	{Name: "accepted for less, contested in vain", Reason: byRule, Verdict: deducted, Contest: contestsInVain},
	{Name: "lost by the carrier", Reason: byRule, Parcel: "lost", Decision: "refund"},
	{Name: "lost by the courier", Reason: byRule, Pickup: true, Parcel: "lost", Decision: "refund"},
	{Name: "returned by the carrier", Reason: byRule, Parcel: "returned", Decision: "close"},
	{Name: "returned and sent again", Reason: byRule, Parcel: "returned", Decision: "ship_again"},
	{Name: "other goods", Reason: byRule, MixedUp: true, Decision: "close"},
	{Name: "abnormal refund by hand", Reason: byRule, Outcome: "ABNORMAL", Resolution: "manual_transfer"},
	{Name: "closed refund by hand", Reason: byRule, Outcome: "CLOSED", Resolution: "manual_transfer"},
	{Name: "closed refund given up", Reason: byRule, Outcome: "CLOSED", Resolution: "void"},
	{Name: "no money, tried again", Reason: byRule, Outcome: "NOT_ENOUGH", Resolution: "retry"},
	{Name: "too many refunds at once", Reason: byRule, Outcome: "FREQUENCY_LIMITED"},
	{Name: "returned by the bank, by hand", Reason: byRule, Afterwards: takenBack, Resolution: "manual_transfer"},
	{Name: "returned by the bank, tried again", Reason: byRule, Afterwards: takenBack, Resolution: "retry"},
	{Name: "returned by the bank, given up", Reason: byRule, Afterwards: takenBack, Resolution: "void"},
	{Name: "refunded outside as well", Reason: byRule, Afterwards: refundedOutside},
	{Name: "insured, brought to a counter", Reason: byRule, Insured: true},
	{Name: "insured, picked up", Reason: byRule, Pickup: true, Insured: true},
	{Name: "insured, refused by the insurer", Reason: byRule, Insured: true, Faults: []fault{refusedClaim}},
	{Name: "left to the clock of the review", Reason: byPerson, Silent: true},
	{Name: "left to the clock of the buyer", Reason: byRule, Silent: true},
	{Name: "left alone", Reason: byPerson, Alone: true},
}

// troubles are what the outside world does wrong to cases that would go straight. Those whose system is the carrier are
// for parcels that a courier picks up.
var troubles = []fault{
	{System: "payment", Operation: "refund", Effect: "lose_answer"},
	{System: "payment", Operation: "refund", Effect: "lose_answer", Times: 3},
	{System: "payment", Operation: "refund", Effect: "lose_request"},
	{System: "payment", Operation: "refund", Effect: "delay", MS: 2500},
	{System: "payment", Operation: "refund", Effect: "fail", Status: 500, Code: "SYSTEM_ERROR"},
	{System: "payment", Operation: "query", Effect: "lose_answer", Times: 2},
	{System: "payment", Operation: "callback", Effect: "drop_callbacks", Times: -1},
	{System: "payment", Operation: "callback", Effect: "duplicate_callback", N: 5, Times: -1},
	{System: "payment", Operation: "callback", Effect: "reorder_callbacks", Times: -1},
	{System: "payment", Operation: "callback", Effect: "forge_callback", Times: -1},
	{System: "payment", Operation: "callback", Effect: "delay", MS: 4000, Times: -1},
	{System: "carrier", Operation: "bOrder", Effect: "lose_answer", Times: 2},
	{System: "carrier", Operation: "bOrder", Effect: "lose_request"},
	{System: "carrier", Operation: "bOrder", Effect: "delay", MS: 2500},
	{System: "carrier", Operation: "callback", Effect: "drop_callbacks", Times: -1},
	{System: "carrier", Operation: "callback", Effect: "duplicate_callback", N: 4, Times: -1},
	{System: "carrier", Operation: "callback", Effect: "reorder_callbacks", Times: -1},
	{System: "carrier", Operation: "callback", Effect: "forge_callback", Times: -1},
}

// refusedClaim is the insurer who pays nothing.
var refusedClaim = fault{System: "insurer", Operation: "claim", Effect: "outcome", Outcome: "rejected"}

// insurerTroubles are what the insurer does wrong to orders that are insured.
var insurerTroubles = []fault{
	{System: "insurer", Operation: "createorder", Effect: "lose_answer", Times: 2},
	{System: "insurer", Operation: "createorder", Effect: "fail", Status: 503},
	{System: "insurer", Operation: "claim", Effect: "lose_answer", Times: 2},
	{System: "insurer", Operation: "claim", Effect: "lose_request"},
	{System: "insurer", Operation: "claim", Effect: "fail", Code: "-1"},
	{System: "insurer", Operation: "claim", Effect: "delay", MS: 2500},
	{System: "insurer", Operation: "getorderlist", Effect: "lose_answer", Times: 2},
	{System: "insurer", Operation: "callback", Effect: "drop_callbacks", Times: -1},
	{System: "insurer", Operation: "callback", Effect: "duplicate_callback", N: 4, Times: -1},
	{System: "insurer", Operation: "callback", Effect: "reorder_callbacks", Times: -1},
	{System: "insurer", Operation: "callback", Effect: "forge_callback", Times: -1},
	{System: "insurer", Operation: "callback", Effect: "delay", MS: 4000, Times: -1},
}

// inspectedLine is the verdict of a path on a line of a case.
func (p path) inspectedLine(l cases.LineState) (line map[string]any, accepted, deduction int64) {
	accepted = l.Quantity
	line = map[string]any{"line_id": l.LineID, "condition": gateway.Intact}
	switch p.Verdict {
	case intact:
	case worn:
		accepted = 0
	case partly:
		accepted = l.Quantity / 2
	case deducted:
		deduction = lessFor
		line["condition"], line["rejection"] = gateway.OpenedOk, gateway.InspectedLineRejectionNotIntact
		line["deduction"] = cny(deduction)
	}
	if accepted < l.Quantity {
		line["condition"], line["disposition"], line["rejection"] = gateway.DamagedBuyer, gateway.SendBack, gateway.InspectedLineRejectionUsed
	}
	line["accepted_quantity"], line["rejected_quantity"] = accepted, l.Quantity-accepted
	return line, accepted, deduction
}

// lessFor is what is deducted for a line that was used, in minor units.
const lessFor = 900

// pick takes one by chance.
func pick[T any](random *rand.Rand, from []T) T { return from[random.IntN(len(from))] }
