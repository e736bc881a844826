package returns_test

import (
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	logisticsapi "aftercare.dev/services/logistics/api"
	"aftercare.dev/workflows/contract"
)

// stuckBooking is a world in which a booking needs an operator from a little after hour 1 until hour 2.
func stuckBooking(t *testing.T) *world {
	w := newWorld(t)
	w.fails["CreateShipment"] = first(patience, unavailable())
	w.at(time.Hour, contract.BookPickup{Envelope: buyer}).expect("waiting_shipment")
	return w
}

func TestAStepThatNobodyAnswersIsSaidSoAndHealsByItself(t *testing.T) {
	w := stuckBooking(t)
	w.at(10*time.Hour, received())
	w.run()

	require.Equal(t, "unavailable", w.attention(0))
	require.Equal(t, "staff", string(*w.entry("case.needs_attention").Audience))
	require.Equal(t, 2*time.Hour+4*time.Minute, w.when("shipment.pickup_booked", 1))
	for _, s := range w.steps {
		if s.Attention != nil {
			require.Equal(t, []string{
				"retry by operator,administrator until 2026-11-02T10:04:03Z else tried_again",
				"skip by operator,administrator until 2026-11-02T10:04:03Z else tried_again",
				"resolve by operator,administrator until 2026-11-02T10:04:03Z else tried_again",
				"withdraw by buyer",
			}, summary(s.NextActions))
		}
	}
}

func TestAnOperatorTriesAStuckStepAgain(t *testing.T) {
	w := stuckBooking(t)
	w.at(time.Hour+30*time.Minute, contract.Retry{Envelope: noted(operator, "note_op")}).expect("waiting_pickup")
	w.at(10*time.Hour, received())
	w.run()

	resolved := w.entry("case.attention_resolved")
	require.Equal(t, "op1", resolved.Actor.ID)
	require.Equal(t, "note_op", *resolved.NoteID)
	require.Equal(t, "retry", (*resolved.Data)["by"])
	require.Equal(t, 1*time.Hour+30*time.Minute, w.when("shipment.pickup_booked", 1))
}

func TestAnOperatorSkipsAStuckStepAndTheBuyerChoosesAgain(t *testing.T) {
	w := stuckBooking(t)
	w.at(time.Hour+30*time.Minute, contract.Skip{Envelope: operator}).expect("waiting_shipment")
	w.at(3*time.Hour, contract.Ship{Envelope: buyer, Carrier: "sf", TrackingNumber: "SF1"}).expect("in_transit")
	w.at(10*time.Hour, received())
	w.run()

	require.Equal(t, []string{"case_1-s1"}, w.cancelled, "the booking may have been made")
	require.Equal(t, "refunded", w.outcome())
}

func TestAnOperatorEndsAStuckCase(t *testing.T) {
	w := stuckBooking(t)
	w.at(time.Hour+30*time.Minute, contract.Resolve{Envelope: noted(operator, "note_op")}).expect("closed")
	w.run()

	require.Equal(t, "resolved", w.outcome())
	require.Equal(t, "op1", w.entry("case.closed").Actor.ID)
	require.Equal(t, []string{"case_1-s1"}, w.cancelled)
	require.True(t, w.settled)
}

func TestAContentThatIsDeclinedAfterARetryIsOnTheTimeline(t *testing.T) {
	w := newWorld(t)
	w.fails["CreateShipment"] = func(call int) error {
		if call <= patience {
			return unavailable()
		}
		return refused("slot_not_offered", "pickup.slot")
	}
	book := w.at(time.Hour, contract.BookPickup{Envelope: buyer})
	retry := w.at(time.Hour+30*time.Minute, contract.Retry{Envelope: operator})
	next := w.at(3*time.Hour, contract.ReschedulePickup{Envelope: buyer})
	w.at(4*time.Hour, withdraw).expect("closed")
	w.run()

	book.ok("waiting_shipment")
	retry.ok("waiting_shipment")
	next.no(contract.RefusedNotAllowed)
	require.Equal(t, "slot_not_offered", (*w.entry("shipment.pickup_failed").Data)["reason"], "the buyer's request was answered before")
}

func TestAParcelThatCannotBeAskedForIsForAnOperator(t *testing.T) {
	for _, action := range []string{"skip", "retry"} {
		t.Run(action, func(t *testing.T) {
			w := booked(t)
			w.fails["GetShipment"] = first(1, conflicting("shipment_not_found"))
			w.carrier(2*time.Hour, logisticsapi.ShipmentStatePickedUp)
			if action == "skip" {
				w.at(3*time.Hour, contract.Skip{Envelope: operator}).expect("waiting_pickup")
			} else {
				w.at(3*time.Hour, contract.Retry{Envelope: operator}).expect("in_transit")
			}
			w.at(20*time.Hour, received()).expect("inspecting")
			w.run()

			require.Equal(t, "shipment_not_found", w.attention(0))
		})
	}
}

func TestACourierWhoCannotBeMovedBecauseNobodyAnswersIsForAnOperator(t *testing.T) {
	w := booked(t)
	w.fails["Reschedule"] = first(patience, unavailable())
	w.at(2*time.Hour, contract.ReschedulePickup{Envelope: buyer, Slot: contract.Slot{Start: slotFrom, End: slotTo}})
	w.at(2*time.Hour+30*time.Minute, contract.Skip{Envelope: operator}).expect("waiting_pickup")
	w.at(20*time.Hour, received())
	w.run()

	require.Zero(t, w.count("shipment.pickup_rescheduled"))
}

func TestACaseEndsEvenIfItsUnitsCannotBeReleased(t *testing.T) {
	for _, action := range []contract.Act{contract.Skip{Envelope: operator}, contract.Resolve{Envelope: operator}} {
		t.Run(string(action.Action()), func(t *testing.T) {
			w := newWorld(t)
			w.settled = true // the operator saw to it
			w.fails["Settle"] = always(refused("unknown_line"))
			w.at(time.Hour, withdraw)
			w.at(2*time.Hour, action).expect("closed")
			w.run()

			require.Equal(t, "unknown_line", w.attention(0))
		})
	}
}

func TestACancelledWorkflowGivesEverythingBack(t *testing.T) {
	tests := map[string]func(*world){
		"under review":   func(w *world) { w.verdict.Decision = "review" },
		"rejected":       func(w *world) { w.verdict.Decision = "reject" },
		"about to send":  func(*world) {},
		"courier booked": func(w *world) { w.at(time.Hour, contract.BookPickup{Envelope: buyer}) },
		"in transit": func(w *world) {
			w.at(time.Hour, contract.BookPickup{Envelope: buyer})
			w.carrier(2*time.Hour, logisticsapi.ShipmentStatePickedUp)
		},
		"lost": func(w *world) {
			w.at(time.Hour, contract.BookPickup{Envelope: buyer})
			w.carrier(2*time.Hour, logisticsapi.ShipmentStateLost)
		},
		"inspecting": func(w *world) { w.at(time.Hour, received()) },
		"contesting": func(w *world) { w.at(time.Hour, received()); w.at(2*time.Hour, rejectOne()) },
		"sending back after a withdrawal": func(w *world) {
			w.at(time.Hour, received())
			w.at(2*time.Hour, withdraw)
		},
		"stuck": func(w *world) {
			w.fails["CreateShipment"] = always(refused("x"))
			w.fails["CreateShipment"] = first(patience, unavailable())
			w.at(4*time.Hour+30*time.Minute, contract.BookPickup{Envelope: buyer})
		},
	}
	for name, prepare := range tests {
		t.Run(name, func(t *testing.T) {
			w := newWorld(t)
			prepare(w)
			w.cancel(5 * time.Hour)
			w.run()

			require.Equal(t, "resolved", w.outcome())
			require.Equal(t, 5*time.Hour, w.closedAt())
			require.Equal(t, "temporal", w.entry("case.closed").Actor.ID)
			require.Zero(t, w.payouts)
			if name == "courier booked" || name == "stuck" {
				require.Equal(t, []string{"case_1-s1"}, w.cancelled)
			}
		})
	}
}

func TestACancelledWorkflowDoesNotStopMoneyHalfWay(t *testing.T) {
	w := accepted(t)
	w.fails["Submit"] = first(3, unavailable())
	w.cancel(31*time.Hour + 2*time.Second)
	w.run()

	require.Equal(t, 1, w.payouts)
	require.Equal(t, "refunded", w.outcome())
}

func TestAnOutageOfTheRecordsDelaysTheCaseAndLosesNothing(t *testing.T) {
	w := delivered(t)
	w.fails["Record"] = func(call int) error {
		if call%3 != 0 {
			return unavailable()
		}
		return nil
	}
	w.at(31*time.Hour, received())
	w.at(32*time.Hour, acceptAll())
	w.run()

	w.wantTimeline(`case.opened case.approved shipment.pickup_booked shipment.picked_up shipment.delivered goods.received
		goods.inspected refund.submitted refund.succeeded case.closed`)
}
