package e2e

import (
	"slices"
	"testing"

	"github.com/stretchr/testify/require"

	cases "aftercare.dev/services/cases/api"
)

// slowly leaves the time to kill a process while a courier is on the way: a pickup takes three seconds.
const slowly = "2500"

func TestAKilledProcessLosesNoCaseAndPaysNothingTwice(t *testing.T) {
	t.Parallel()
	p := newPlace(t, slowly)
	kill := p.run()
	s := newShop(t, p.house)
	at := s.everywhere()
	kill()
	kill = p.run()
	s.staffed()
	// Once more, right after it came up: what was taken up again must survive as well.
	does(s.agent, at[cases.StageReviewing].CaseID, "approve", nil)
	does(s.warehouse, at[cases.StageInspecting].CaseID, "inspect", intact())
	kill()
	p.run()
	s.staffed()

	for stage, c := range at {
		s.finish(c.CaseID)
		ended := s.ends(c.CaseID, cases.OutcomeRefunded)
		s.paid(c.OrderID, worth, 1)
		require.Equal(t, int64(1), s.order(c.OrderID).Lines[0].ReturnedQuantity, "killed in stage %s", stage)
		told := map[string]int{}
		for _, kind := range types(s.timeline(ended.CaseID)) {
			told[kind]++
		}
		for _, once := range []string{"case.opened", "case.approved", "refund.submitted", "refund.succeeded", "case.closed"} {
			require.Equal(t, 1, told[once], "%s of the case in stage %s", once, stage)
		}
	}
	require.Empty(t, into[cases.CasePage](s.storefront.get("/v1/cases?status=open")).Items)
	p.house.keepsSecrets(t)
}

// everywhere has a case in every stage on the way to the money.
func (s *shop) everywhere() map[cases.Stage]cases.Case {
	s.t.Helper()
	at := map[cases.Stage]cases.Case{
		cases.StageReviewing:       s.file(judged(s.sell("b1", once))),
		cases.StageWaitingShipment: s.file(application(s.sell("b2", once))),
		cases.StageInTransit:       s.file(application(s.sell("b3", once))),
		cases.StageInspecting:      s.file(application(s.sell("b4", once, uninsured))),
		cases.StageSettlingFreight: s.file(application(s.sell("b5", once))),
		cases.StageRefunding:       s.file(application(s.sell("b6", once, uninsured))),
		cases.StageWaitingPickup:   s.file(application(s.sell("b7", once))),
	}
	does(s.storefront, at[cases.StageInTransit].CaseID, "ship", selfShip())
	does(s.storefront, at[cases.StageSettlingFreight].CaseID, "ship", selfShip())
	insured := s.until(at[cases.StageSettlingFreight].CaseID, "with a parcel", func(c cases.Case) bool { return c.Shipment != nil })
	s.h.steer(s.t, *insured.Shipment.TrackingNumber, "signed")
	s.until(insured.CaseID, "delivered", func(c cases.Case) bool { return c.Shipment.State == "delivered" })
	s.receive(insured.CaseID)
	does(s.warehouse, insured.CaseID, "inspect", intact())
	s.handIn(at[cases.StageInspecting].CaseID)
	s.handIn(at[cases.StageRefunding].CaseID)
	s.reaches(insured.CaseID, cases.StageSettlingFreight)
	does(s.warehouse, at[cases.StageRefunding].CaseID, "inspect", intact())
	does(s.storefront, at[cases.StageWaitingPickup].CaseID, "book-pickup", nil)
	return at
}

// finish does whatever a case waits for, to its end.
func (s *shop) finish(id string) {
	s.t.Helper()
	s.until(id, "closed", func(c cases.Case) bool {
		s.further(c)
		return c.Stage == cases.StageClosed
	})
}

// finishAll takes all these cases to their ends, side by side.
func (s *shop) finishAll(ids []string) {
	s.t.Helper()
	open := slices.Clone(ids)
	eventually(s.t, "all cases closed", func() bool {
		open = slices.DeleteFunc(open, func(id string) bool {
			c := s.read(id)
			s.further(c)
			return c.Stage == cases.StageClosed
		})
		return len(open) == 0
	})
}

// further does what a case waits for.
func (s *shop) further(c cases.Case) {
	s.t.Helper()
	switch c.Stage {
	case cases.StageReviewing:
		act(s.agent, c.CaseID, "approve", nil)
	case cases.StageWaitingShipment:
		act(s.storefront, c.CaseID, "ship", selfShip())
	case cases.StageInTransit:
		if c.Shipment.TrackingNumber != nil {
			s.h.control(s.t).post("/parcels/"+*c.Shipment.TrackingNumber, map[string]any{"state": "signed"})
		}
	case cases.StageInspecting:
		act(s.warehouse, c.CaseID, "inspect", intact())
	case cases.StageWaitingInfo:
		act(s.storefront, c.CaseID, "provide-info", map[string]any{"note": "there is no photo"})
	case cases.StageRejected:
		act(s.storefront, c.CaseID, "answer-rejection", map[string]any{"note": "it was never worn"})
	case cases.StageContesting:
		act(s.storefront, c.CaseID, "contest", map[string]any{"note": "it was never worn"})
		act(s.agent, c.CaseID, "decide-contest", map[string]any{"decision": "accept"})
	case cases.StageInvestigating:
		act(s.agent, c.CaseID, "decide-parcel", map[string]any{"decision": "refund"})
	case cases.StageSendingBack:
		act(s.warehouse, c.CaseID, "send-back", selfShip())
	default:
	}
}
