package e2e

import (
	"testing"

	"github.com/stretchr/testify/require"

	cases "aftercare.dev/services/cases/api"
)

func TestABookingWhoseAnswerIsLostIsMadeOnce(t *testing.T) {
	t.Parallel()
	for name, effect := range map[string]string{"after the work": "lose_answer", "before the work": "lose_request"} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			s := newShop(t, shared)
			o := s.sell("b1", once, uninsured)
			c := s.file(application(o))
			s.h.rule(t, map[string]any{
				"system": "carrier", "operation": "bOrder", "match": map[string]any{"remark": c.CaseID + "-s1"}, "effect": effect, "times": 2,
			})
			act(s.storefront, c.CaseID, "book-pickup", nil).fine()
			s.until(c.CaseID, "delivered", func(c cases.Case) bool { return c.Shipment != nil && c.Shipment.State == "delivered" })
			s.receive(c.CaseID)
			does(s.warehouse, c.CaseID, "inspect", intact())
			s.ends(c.CaseID, cases.OutcomeRefunded)
			s.paid(o, worth, 1)
			require.Len(t, s.bookings(c.CaseID), 1, "couriers at the carrier")
		})
	}
}

// bookings are the couriers that the carrier was asked for, by their task.
func (s *shop) bookings(caseID string) map[string]bool {
	s.t.Helper()
	tasks := map[string]bool{}
	for _, line := range s.h.journal(s.t, "carrier", `"remark":"`+caseID) {
		var o struct {
			TaskID string `json:"task_id"`
		}
		decode(s.t, line, &o)
		tasks[o.TaskID] = true
	}
	return tasks
}

func TestACarrierWhoTellsNothingDoesNotKeepTheWarehouseFromReceiving(t *testing.T) {
	t.Parallel()
	s := newShop(t, shared)
	o := s.sell("b1", once, uninsured)
	c := s.file(application(o))
	s.h.rule(t, map[string]any{
		"system": "carrier", "operation": "callback", "match": map[string]any{"remark": c.CaseID + "-s1"}, "effect": "drop_callbacks", "times": -1,
	})
	does(s.storefront, c.CaseID, "book-pickup", nil)
	does(s.warehouse, c.CaseID, "receive", nil)
	does(s.warehouse, c.CaseID, "inspect", intact())
	s.ends(c.CaseID, cases.OutcomeRefunded)
	s.paid(o, worth, 1)
}

func TestRepeatedAndForgedNewsOfTheCarrierChangeNothing(t *testing.T) {
	t.Parallel()
	for _, effect := range []string{"duplicate_callback", "forge_callback", "reorder_callbacks"} {
		t.Run(effect, func(t *testing.T) {
			t.Parallel()
			s := newShop(t, shared)
			o := s.sell("b1", once, uninsured)
			c := s.file(application(o))
			s.h.rule(t, map[string]any{
				"system": "carrier", "operation": "callback", "match": map[string]any{"remark": c.CaseID + "-s1"}, "effect": effect, "times": -1, "n": 3,
			})
			does(s.storefront, c.CaseID, "book-pickup", nil)
			s.until(c.CaseID, "delivered", func(c cases.Case) bool { return c.Shipment != nil && c.Shipment.State == "delivered" })
			s.receive(c.CaseID)
			does(s.warehouse, c.CaseID, "inspect", intact())
			s.ends(c.CaseID, cases.OutcomeRefunded)
			s.paid(o, worth, 1)
			told := map[string]int{}
			for _, kind := range types(s.timeline(c.CaseID)) {
				told[kind]++
			}
			require.Equal(t, 1, told["shipment.picked_up"])
			require.Equal(t, 1, told["shipment.delivered"])
		})
	}
}

func TestTheRefundDoesNotWaitForAnInsurerWhoIsSilentOrSaysNo(t *testing.T) {
	t.Parallel()
	for name, test := range map[string]struct {
		rule map[string]any
		// ends tells whether the case ends while the test watches; else the insurer is asked after an hour.
		ends bool
	}{
		"the claim is refused":   {map[string]any{"operation": "claim", "effect": "outcome", "outcome": "rejected"}, true},
		"the claim is lost":      {map[string]any{"operation": "claim", "effect": "lose_answer"}, false},
		"the events are dropped": {map[string]any{"operation": "callback", "effect": "drop_callbacks", "times": -1}, false},
		"the events are forged":  {map[string]any{"operation": "callback", "effect": "forge_callback", "times": -1}, true},
		"the events come often":  {map[string]any{"operation": "callback", "effect": "duplicate_callback", "n": 4, "times": -1}, true},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			s := newShop(t, shared)
			o := s.sell("b1", once)
			c := s.onItsWay(o)
			rule := map[string]any{"system": "insurer", "match": map[string]any{"tracking": *c.Shipment.TrackingNumber}}
			for k, v := range test.rule {
				rule[k] = v
			}
			s.h.rule(t, rule)
			s.until(c.CaseID, "delivered", func(c cases.Case) bool { return c.Shipment.State == "delivered" })
			s.receive(c.CaseID)
			does(s.warehouse, c.CaseID, "inspect", intact())
			s.until(c.CaseID, "refunded", func(c cases.Case) bool { return c.Refund != nil && c.Refund.State == "succeeded" })
			if test.ends {
				s.ends(c.CaseID, cases.OutcomeRefunded)
			}
			s.paid(o, worth, 1)
			require.LessOrEqual(t, len(s.claims(o)), 1, "claims at the insurer")
		})
	}
}

// claims are the numbers of the claims that the insurer has of an order.
func (s *shop) claims(orderID string) map[string]bool {
	s.t.Helper()
	numbers := map[string]bool{}
	for _, line := range s.h.journal(s.t, "insurer", s.order(orderID).Deliveries[0].TrackingNumber) {
		var p struct {
			ReportNo string `json:"report_no"`
		}
		decode(s.t, line, &p)
		if p.ReportNo != "" {
			numbers[p.ReportNo] = true
		}
	}
	return numbers
}
