package e2e

import (
	"testing"

	"github.com/stretchr/testify/require"

	cases "aftercare.dev/services/cases/api"
)

func TestALostParcelIsForAPersonWhoPaysTheBuyer(t *testing.T) {
	t.Parallel()
	s := newShop(t, shared)
	o := s.sell("b1", once, uninsured)
	c := s.file(application(o))
	parcel := selfShip()
	s.h.rule(t, map[string]any{
		"system": "carrier", "operation": "poll", "match": map[string]any{"tracking": parcel["tracking_number"]}, "effect": "outcome", "outcome": "no_record",
	})
	does(s.storefront, c.CaseID, "ship", parcel)
	s.troubled(c.CaseID, "parcel_lost")
	does(s.agent, c.CaseID, "decide-parcel", map[string]any{"decision": "refund"})
	s.ends(c.CaseID, cases.OutcomeRefunded)
	s.paid(o, worth, 1)
}

func TestARefusedParcelIsSentAgain(t *testing.T) {
	t.Parallel()
	s := newShop(t, shared)
	o := s.sell("b1", once, uninsured)
	c := s.onItsWay(o)
	s.h.steer(t, *c.Shipment.TrackingNumber, "refused")
	// Soon the carrier sends it back; a busy machine sees that first.
	s.troubled(c.CaseID, "parcel_refused", "parcel_returned")
	does(s.agent, c.CaseID, "decide-parcel", map[string]any{"decision": "ship_again"})
	s.reaches(c.CaseID, cases.StageWaitingShipment)
	s.handIn(c.CaseID)
	does(s.warehouse, c.CaseID, "inspect", intact())
	s.ends(c.CaseID, cases.OutcomeRefunded)
	s.paid(o, worth, 1)
}

func TestAReturnedParcelCanBeTheEnd(t *testing.T) {
	t.Parallel()
	s := newShop(t, shared)
	o := s.sell("b1", once, uninsured)
	c := s.onItsWay(o)
	s.h.steer(t, *c.Shipment.TrackingNumber, "returned")
	s.troubled(c.CaseID, "parcel_returned")
	does(s.agent, c.CaseID, "decide-parcel", map[string]any{"decision": "close"})
	s.ends(c.CaseID, cases.OutcomeResolved)
	s.unpaid(o)
}

func TestAParcelWithOtherGoodsIsForAPerson(t *testing.T) {
	t.Parallel()
	s := newShop(t, shared)
	o := s.sell("b1", once, uninsured)
	c := s.onItsWay(o)
	does(s.warehouse, c.CaseID, "receive", map[string]any{"contents": "mixed_up"})
	s.troubled(c.CaseID, "parcel_mixed_up")
	does(s.agent, c.CaseID, "decide-parcel", map[string]any{"decision": "close"})
	s.ends(c.CaseID, cases.OutcomeResolved)
	s.unpaid(o)
}

func TestWhatIsRejectedAtInspectionCanBeContestedAndGoesBack(t *testing.T) {
	t.Parallel()
	s := newShop(t, shared)
	o := s.sell("b1", once, uninsured)
	c := s.file(application(o))
	s.handIn(c.CaseID)
	does(s.warehouse, c.CaseID, "inspect", worn())
	s.reaches(c.CaseID, cases.StageContesting)
	does(s.buyer("b1"), c.CaseID, "contest", map[string]any{"note": "it was never worn"})
	does(s.agent, c.CaseID, "decide-contest", map[string]any{"decision": "uphold"})
	s.reaches(c.CaseID, cases.StageSendingBack)
	does(s.warehouse, c.CaseID, "send-back", selfShip())
	s.ends(c.CaseID, cases.OutcomeRejected)
	s.unpaid(o)
	require.Subset(t, types(s.timeline(c.CaseID)), []string{"goods.contested", "goods.contest_decided", "goods.sent_back", "goods.returned_to_buyer"})
}

func TestADeductionIsTakenFromTheRefund(t *testing.T) {
	t.Parallel()
	s := newShop(t, shared)
	o := s.sell("b1", once, uninsured)
	c := s.file(application(o))
	s.handIn(c.CaseID)
	does(s.warehouse, c.CaseID, "inspect", map[string]any{"lines": []map[string]any{{
		"line_id": jacket, "accepted_quantity": 1, "rejected_quantity": 0, "condition": "opened_ok",
		"deduction": cny(900), "rejection": "not_intact",
	}}})
	does(s.buyer("b1"), c.CaseID, "agree", nil)
	s.ends(c.CaseID, cases.OutcomePartlyRefunded)
	s.paid(o, worth-900, 1)
}

func TestABuyerWithdrawsBeforeThePickupAndTheCourierIsCalledOff(t *testing.T) {
	t.Parallel()
	s := newShop(t, shared)
	o := s.sell("b1", once, uninsured)
	c := s.file(application(o))
	does(s.buyer("b1"), c.CaseID, "withdraw", nil)
	s.ends(c.CaseID, cases.OutcomeWithdrawn)
	s.unpaid(o)
}

func TestABuyerWithdrawsWhatIsOnItsWayAndGetsItBack(t *testing.T) {
	t.Parallel()
	s := newShop(t, shared)
	o := s.sell("b1", once, uninsured)
	c := s.onItsWay(o)
	does(s.buyer("b1"), c.CaseID, "withdraw", nil)
	s.h.steer(t, *c.Shipment.TrackingNumber, "signed")
	s.reaches(c.CaseID, cases.StageSendingBack)
	does(s.warehouse, c.CaseID, "send-back", selfShip())
	s.ends(c.CaseID, cases.OutcomeWithdrawn)
	s.unpaid(o)
}

func TestARejectionIsAnsweredOnceAndReviewedAgain(t *testing.T) {
	t.Parallel()
	s := newShop(t, shared)
	o := s.sell("b1", once, uninsured)
	buyer := s.buyer("b1")
	c := s.file(judged(o))
	require.Equal(t, cases.StageReviewing, c.Stage)
	does(s.agent, c.CaseID, "request-info", map[string]any{"note": "a photo, please"})
	refused := act(s.agent, c.CaseID, "approve", nil).is(409, "action_not_allowed")
	require.Contains(t, refused.Meta["allowed"], "provide_info")
	does(buyer, c.CaseID, "provide-info", map[string]any{"note": "there is none"})
	does(s.agent, c.CaseID, "reject", map[string]any{"reason": "evidence_insufficient", "note": "nothing to see"})
	s.reaches(c.CaseID, cases.StageRejected)
	does(buyer, c.CaseID, "answer-rejection", map[string]any{"note": "now there is"})
	does(s.agent, c.CaseID, "approve", nil)
	s.handIn(c.CaseID)
	does(s.warehouse, c.CaseID, "inspect", intact())
	s.ends(c.CaseID, cases.OutcomeRefunded)
	s.paid(o, worth, 1)
}

func TestAnActionThatIsNotPossibleIsAnsweredWithThoseThatAre(t *testing.T) {
	t.Parallel()
	s := newShop(t, shared)
	c := s.file(application(s.sell("b1", once, uninsured)))
	refused := act(s.warehouse, c.CaseID, "inspect", intact()).is(409, "action_not_allowed")
	allowed := refused.Meta["allowed"]
	for _, action := range []string{"book_pickup", "ship", "receive", "withdraw"} {
		require.Contains(t, allowed, action)
	}
	does(s.storefront, c.CaseID, "ship", selfShip())
	act(s.storefront, c.CaseID, "withdraw", map[string]any{"version": c.Version}).is(409, "version_conflict")
}

// onItsWay is a case whose parcel travels: its courier had it.
func (s *shop) onItsWay(orderID string) cases.Case {
	s.t.Helper()
	c := s.file(application(orderID))
	does(s.storefront, c.CaseID, "ship", selfShip())
	return s.until(c.CaseID, "with a tracking number", func(c cases.Case) bool {
		return c.Stage == cases.StageInTransit && c.Shipment != nil && c.Shipment.TrackingNumber != nil
	})
}

// troubled waits until a case is for a person, for one of these reasons.
func (s *shop) troubled(id string, reasons ...string) {
	s.t.Helper()
	c := s.until(id, "for a person", func(c cases.Case) bool { return c.Attention != nil })
	require.Contains(s.t, reasons, c.Attention.Reason)
	listed := into[cases.CasePage](s.operator.get("/v1/cases?needs_attention=true")).Items
	require.Len(s.t, listed, 1)
	require.Equal(s.t, id, listed[0].CaseID)
}

// unpaid fails the test if money moved for an order or units are not free again.
func (s *shop) unpaid(orderID string) {
	s.t.Helper()
	s.paid(orderID, 0, 0)
	for _, l := range s.order(orderID).Lines {
		require.Zero(s.t, l.ReservedQuantity)
		require.Zero(s.t, l.ReturnedQuantity)
	}
}
