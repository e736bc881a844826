package chaos

import (
	"context"
	"fmt"
	"net/http"
	"time"

	cases "aftercare.dev/services/cases/api"
	"aftercare.dev/services/platform/problem"
)

// advance does what the case waits for, if it is for people to do; false means that it is not, or that it has to be read
// again. Every key is derived from the case and the number of the action, so that a repetition is no second action.
func (t *trip) advance(ctx context.Context, c cases.Case) (bool, error) {
	switch {
	case t.path.Alone:
		t.expected.Open = true
		return false, errLeft
	case t.path.Silent:
		return false, nil
	case c.Stage == t.path.Withdraws && !t.withdrawn && t.acted["withdraw"] == 0 && t.readyToLeave(c):
		did, err := t.do(ctx, "storefront", "withdraw", nil)
		t.withdrawn = did
		if err == nil && !did {
			t.path.Withdraws = "" // the money was faster
		}
		return did, err
	case waitsFor(c, "retry"):
		return t.do(ctx, "operator", "retry", nil)
	}
	switch c.Stage {
	case cases.StageReviewing:
		return t.judge(ctx)
	case cases.StageWaitingInfo:
		return t.do(ctx, "storefront", "provide-info", map[string]any{"note": "there is no photo"})
	case cases.StageRejected:
		return t.do(ctx, "storefront", "answer-rejection", map[string]any{"note": "it was never worn"})
	case cases.StageWaitingShipment:
		return t.send(ctx)
	case cases.StageWaitingPickup, cases.StageInTransit, cases.StageInspecting:
		return t.take(ctx, c)
	case cases.StageInvestigating:
		return t.decideParcel(ctx)
	case cases.StageContesting:
		return t.argue(ctx, c)
	case cases.StageRefunding:
		return t.settle(ctx, c)
	case cases.StageSendingBack:
		if !waitsFor(c, "send_back") {
			return false, nil
		}
		return t.do(ctx, "warehouse", "send-back", t.parcel("yunda", "B"))
	case cases.StageSettlingFreight:
		if waitsFor(c, "skip") {
			return t.do(ctx, "operator", "skip", map[string]any{"note": "the insurer is silent"})
		}
	default:
	}
	return false, nil
}

// readyToLeave tells whether the buyer has waited for what they withdraw against.
func (t *trip) readyToLeave(c cases.Case) bool {
	return c.Stage != cases.StageInspecting || waitsFor(c, "inspect")
}

// parcel is a parcel that somebody brings to a counter.
func (t *trip) parcel(carrier, prefix string) map[string]any {
	return map[string]any{"carrier": carrier, "tracking_number": fmt.Sprintf("%s%s%d", prefix, t.tracking, t.acted["ship"]+t.acted["send-back"])}
}

// judge is the agent's review.
func (t *trip) judge(ctx context.Context) (bool, error) {
	rejected := t.acted["reject"]
	switch {
	case t.path.Review == askFirst && t.acted["request-info"] == 0:
		return t.do(ctx, "agent", "request-info", map[string]any{"note": "a photo, please"})
	case t.path.Review == rejectOnce && rejected == 0, t.path.Review == rejectForGood && rejected < 2:
		did, err := t.do(ctx, "agent", "reject", map[string]any{"reason": "evidence_insufficient", "note": "nothing to see"})
		t.finallyRejected = did && rejected == 1
		return did, err
	default:
		return t.do(ctx, "agent", "approve", nil)
	}
}

// send has the goods leave the buyer.
func (t *trip) send(ctx context.Context) (bool, error) {
	if t.path.Pickup && t.acted["book-pickup"] < 3 {
		return t.do(ctx, "storefront", "book-pickup", nil)
	}
	body := t.parcel("yuantong", "R")
	if t.path.Parcel != "" && t.acted["ship"] == 0 && !t.path.Pickup {
		// What becomes of it is arranged when its number is known.
		rule := fault{System: "carrier", Operation: "poll", Effect: "outcome", Outcome: t.path.Parcel}
		match := map[string]string{"tracking": body["tracking_number"].(string)}
		if err := t.arrange(ctx, []fault{rule}, []map[string]string{match}); err != nil {
			return false, err
		}
	}
	return t.do(ctx, "storefront", "ship", body)
}

// take has the warehouse take the goods in and inspect them. While they are on the way it does so only if the carrier is
// long silent: its news may be lost.
func (t *trip) take(ctx context.Context, c cases.Case) (bool, error) {
	onTheWay := c.Stage != cases.StageInspecting
	if onTheWay && (!waitsFor(c, "receive") || time.Since(t.since) < overdue) && !t.path.MixedUp {
		return false, nil
	}
	if onTheWay || t.path.MixedUp && t.acted["receive"] == 0 {
		body := map[string]any{}
		if t.path.MixedUp {
			body["contents"] = "mixed_up"
		}
		return t.do(ctx, "warehouse", "receive", body)
	}
	if !waitsFor(c, "inspect") {
		return false, nil
	}
	accepted, deducted := map[string]int64{}, int64(0)
	found := []map[string]any{}
	for _, l := range c.Lines {
		line, n, less := t.path.inspectedLine(l)
		found, accepted[l.LineID], deducted = append(found, line), n, deducted+less
	}
	did, err := t.do(ctx, "warehouse", "inspect", map[string]any{"lines": found})
	if did {
		t.accepted, t.expected.Deducted = accepted, deducted
	}
	return did, err
}

// decideParcel is the agent's word about a parcel that did not come.
func (t *trip) decideParcel(ctx context.Context) (bool, error) {
	decision := t.path.Decision
	if decision == "" {
		decision = "refund"
	}
	did, err := t.do(ctx, "agent", "decide-parcel", map[string]any{"decision": decision})
	if did {
		t.given, t.paidAnyway = decision == "close", decision == "refund"
	}
	return did, err
}

// argue is what the buyer and the agent say to the verdict of the warehouse.
func (t *trip) argue(ctx context.Context, c cases.Case) (bool, error) {
	if waitsFor(c, "decide_contest") {
		decision := "uphold"
		if t.path.Contest == contestsWithSuccess {
			decision = "accept"
		}
		did, err := t.do(ctx, "agent", "decide-contest", map[string]any{"decision": decision})
		if did && decision == "accept" {
			t.accepted, t.expected.Deducted = nil, 0
		}
		return did, err
	}
	if t.path.Contest == agrees {
		return t.do(ctx, "storefront", "agree", nil)
	}
	return t.do(ctx, "storefront", "contest", map[string]any{"note": "it was never worn"})
}

// settle is finance's word about a refund that the provider did not pay.
func (t *trip) settle(ctx context.Context, c cases.Case) (bool, error) {
	if waitsFor(c, "resolve_difference") {
		return false, t.explain(ctx)
	}
	if !waitsFor(c, "resolve_refund") {
		return false, nil
	}
	resolution := t.path.Resolution
	if t.path.Afterwards != none && (!t.reopened || t.acted["resolve-refund"] > 0) {
		resolution = "" // it is about what the bank returned; a bank that does not pay again is not asked a third time
	}
	switch {
	case resolution != "":
	case c.Attention != nil && c.Attention.Reason == "refund_insufficient_funds":
		resolution = "retry"
	default:
		// What befell the order's payment was meant for another case. The provider does not pay under this number any more.
		resolution = "manual_transfer"
	}
	body := map[string]any{"resolution": resolution}
	if resolution == "manual_transfer" {
		body["transfer_reference"] = "BANK-" + t.tracking
	}
	did, err := t.do(ctx, "finance", "resolve-refund", body)
	if p, ok := problem.As(err); ok && p.Status == http.StatusUnprocessableEntity {
		return false, fmt.Errorf("finance cannot say %s: %w", resolution, err)
	}
	t.voided = t.voided || did && resolution == "void"
	return did, err
}
