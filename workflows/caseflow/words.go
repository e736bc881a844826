package caseflow

import (
	"strings"

	"aftercare.dev/services/cases/api"
	"aftercare.dev/workflows/contract"
)

// words says in plain English what a code means; one that is not listed is readable as it is.
func words(code string) string {
	if text, ok := sayings[code]; ok {
		return text
	}
	return strings.ReplaceAll(code, "_", " ")
}

// sayings are stages, what people and others do, and what happens at a deadline.
var sayings = map[string]string{
	string(api.StageReviewing):       "review",
	string(api.StageWaitingInfo):     "waiting for the buyer's answer",
	string(api.StageRejected):        "rejected, the buyer may answer once",
	string(api.StageWaitingShipment): "waiting for the buyer to send the goods",
	string(api.StageWaitingPickup):   "waiting for the courier",
	string(api.StageInTransit):       "parcel on its way",
	string(api.StageInvestigating):   "parcel under investigation",
	string(api.StageInspecting):      "inspection at the warehouse",
	string(api.StageContesting):      "the buyer may contest the inspection",
	string(api.StageRefunding):       "refund",
	string(api.StageSendingBack):     "goods go back to the buyer",
	string(api.StageSettlingFreight): "waiting for the freight insurer",

	string(contract.ActionRequestInfo):      "ask the buyer for more",
	string(contract.ActionProvideInfo):      "answer the question",
	string(contract.ActionAnswerRejection):  "answer the rejection",
	string(contract.ActionBookPickup):       "book a courier",
	string(contract.ActionReschedulePickup): "move the courier",
	string(contract.ActionCancelPickup):     "call the courier off",
	string(contract.ActionShip):             "send the parcel",
	string(contract.ActionReceive):          "take the parcel in",
	string(contract.ActionInspect):          "inspect the goods",
	string(contract.ActionAgree):            "agree to the inspection",
	string(contract.ActionContest):          "contest the inspection",
	string(contract.ActionDecideContest):    "decide the contest",
	string(contract.ActionDecideParcel):     "decide about the parcel",
	string(contract.ActionSendBack):         "send the goods back",
	string(contract.ActionResolveRefund):    "decide about the refund",
	string(contract.ActionRetry):            "retry: try the step again",
	string(contract.ActionSkip):             "skip: go on without the step",
	string(contract.ActionResolve):          "resolve: end the case by hand",

	"carrier_picks_up": "pick the parcel up",
	"carrier_delivers": "deliver the parcel",
	"provider_pays":    "pay the refund",
	"insurer_pays":     "pay the freight",

	"resolve_difference": "find out what differs, and say so",

	consequenceTriedAgain:    "the step is tried again by itself",
	"closed":                 "the case closes",
	"accepted_by_silence":    "everything is accepted",
	"agreed_by_silence":      "silence agrees",
	"approved_automatically": "the case is approved",
	"rejected_automatically": "the case is rejected",
	"reviewed_without":       "the review goes on without it",
	"refunded_automatically": "the buyer is paid",
	"person_looks":           "a person looks after the parcel",
	"courier_booked":         "a courier is booked",
	"operator_told":          "an operator is told",
}

// consequenceTriedAgain is what happens to a step that failed for want of an answer.
const consequenceTriedAgain = "tried_again"

// pressed is what operators can send from the Temporal UI, and what it does.
var pressed = map[contract.Action]string{
	contract.ActionRetry:   "tries the step again, once the cause is mended",
	contract.ActionSkip:    "goes on without the step, once somebody has seen to it",
	contract.ActionResolve: "ends the case by hand; nothing more happens by itself",
}

// explain says what the reason for attention means, for somebody who has never seen it. A step that heals is tried again by
// itself.
func explain(reason string, heals bool) string {
	if text, ok := explanations[reason]; ok {
		return text
	}
	switch {
	case heals:
		return explanations["unavailable"]
	case strings.HasPrefix(reason, "refund_"):
		return "The payment provider did not pay the refund. Finance decides: `resolve_refund`."
	case strings.HasPrefix(reason, "parcel_"):
		return "The parcel did not arrive as it should. An agent decides: `decide_parcel`."
	case strings.HasPrefix(reason, "send_back_"):
		return "The goods did not get back to the buyer. Find them, then `retry`."
	}
	return "A service refused the step with this code and would refuse it again. Mend what the code says, then `retry`."
}

var explanations = map[string]string{
	"unavailable":   "A service or provider has not answered for a long time. The step is tried again every hour; `retry` tries it now.",
	"misconfigured": misconfigured,
	// What the logistics service says of a carrier or insurer.
	"provider_misconfigured": misconfigured,
	"unexpected":             "A step failed in a way that nobody has thought of, most likely a defect of Aftercare. The history has the error; deploy the correction, then `retry`.",
	"refund_late":            "The money should be with the buyer by now and is not. The refund is still awaited; ask the payment provider.",
	"refund_returned": "The provider paid the refund and took it back: the buyer's account did not take the money. Finance decides: `resolve_refund`; " +
		"mostly `manual_transfer`.",
	"refunded_outside": "The provider paid a refund on this order that nobody here asked for. Finance finds out why, and says so at " +
		"`POST /v1/differences/…/resolve`; `resolve` closes the case without.",
	"refund_differs": "What the provider says about a refund is not what is recorded here. Finance finds out why, and says so at " +
		"`POST /v1/differences/…/resolve`; `resolve` closes the case without.",
	"insurance_late": "The insurer has not paid the return freight in time. It is still awaited; `skip` closes the case without.",
}

const misconfigured = "A service or provider does not let us in: a credential is wrong or has run out. Mend it; the step is tried again " +
	"every hour, `retry` tries it now."
