package returns_test

import (
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	logisticsapi "aftercare.dev/services/logistics/api"
	"aftercare.dev/workflows/contract"
)

const transitTime = 10 * 24 * time.Hour

func TestADeliveredParcelIsInspected(t *testing.T) {
	w := delivered(t)
	w.at(31*time.Hour, acceptAll()).expect("refunding")
	w.run()

	w.wantTimeline(`case.opened case.approved shipment.pickup_booked shipment.picked_up shipment.delivered
		goods.inspected refund.submitted refund.succeeded case.closed`)
}

func TestTheWarehouseMayHaveTheGoodsBeforeTheCarrierSaysAnything(t *testing.T) {
	w := booked(t)
	w.at(2*time.Hour, received()).expect("inspecting")
	w.carrier(3*time.Hour, logisticsapi.ShipmentStatePickedUp)
	w.carrier(4*time.Hour, logisticsapi.ShipmentStateDelivered)
	w.at(5*time.Hour, acceptAll()).expect("refunding")
	w.run()

	w.wantTimeline(`case.opened case.approved shipment.pickup_booked goods.received goods.inspected
		refund.submitted refund.succeeded case.closed`)
	require.Empty(t, w.cancelled)
}

func TestLostReportsAreMadeUpForByAsking(t *testing.T) {
	w := booked(t)
	w.silently(2*time.Hour, logisticsapi.ShipmentStateInTransit)
	w.silently(20*time.Hour, logisticsapi.ShipmentStateDelivered)
	w.run()

	require.Equal(t, 7*time.Hour, w.when("shipment.picked_up", 1), "after six hours of silence")
	require.LessOrEqual(t, w.when("shipment.delivered", 1), 44*time.Hour, "within a day")
	require.Equal(t, "refunded", w.outcome())
}

func TestASilentParcelIsAskedForLessAndLessOften(t *testing.T) {
	w := booked(t)
	w.at(transitTime+time.Hour+time.Minute, decide(contract.ParcelClose))
	w.run()

	require.LessOrEqual(t, w.calls["GetShipment"], 11, "after 6, 12 hours and then once a day")
}

func TestReportsThatComeTwiceOrInDisorderChangeNothingTwice(t *testing.T) {
	w := booked(t)
	w.env.RegisterDelayedCallback(func() {
		id := w.knows(logisticsapi.ShipmentStateInTransit)
		for range 3 {
			w.wake(id, "picked_up")
			w.wake(id, "accepted")
			w.wake(id, "picked_up")
		}
	}, 3*time.Hour)
	w.carrier(30*time.Hour, logisticsapi.ShipmentStateDelivered)
	w.env.RegisterDelayedCallback(func() {
		w.wake("case_1-s1", "picked_up")
		w.wake("case_1-s1", "late_news")
		w.wake("case_of_another-s1", "whatever")
	}, 31*time.Hour)
	w.at(32*time.Hour, acceptAll())
	w.run()

	w.wantTimeline(`case.opened case.approved shipment.pickup_booked shipment.picked_up shipment.delivered
		goods.inspected refund.submitted refund.succeeded case.closed`)
	require.LessOrEqual(t, w.calls["GetShipment"], 6, "a repeated report asks nobody")
}

func TestAForgedReportMovesNothing(t *testing.T) {
	w := booked(t)
	w.env.RegisterDelayedCallback(func() { w.wake("case_1-s1", "delivered") }, 2*time.Hour)
	w.at(3*time.Hour, contract.CancelPickup{Envelope: buyer}).expect("waiting_shipment")
	w.run()

	require.Zero(t, w.count("shipment.delivered"), "the service knows nothing of it")
}

func TestAParcelThatNeverArrivesIsLookedInto(t *testing.T) {
	w := booked(t)
	w.carrier(3*time.Hour, logisticsapi.ShipmentStatePickedUp)
	w.at(transitTime+2*time.Hour, decide(contract.ParcelRefund)).expect("refunding")
	w.run()

	require.Equal(t, transitTime+time.Hour, w.when("shipment.delayed", 1))
	require.Equal(t, "parcel_delayed", w.attention(0))
}

// attention is the reason of the n-th distinct need for attention, from 0.
func (w *world) attention(n int) string {
	var reasons []string
	last := ""
	for _, s := range w.steps {
		reason := ""
		if s.Attention != nil {
			reason = s.Attention.Reason
		}
		if reason != last && reason != "" {
			reasons = append(reasons, reason)
		}
		last = reason
	}
	if n >= len(reasons) {
		return ""
	}
	return reasons[n]
}

// troubled are the ways in which a parcel does not come as it should, with what leads there.
func troubled() map[string]func(*world) {
	report := func(state logisticsapi.ShipmentState) func(*world) {
		return func(w *world) {
			w.carrier(3*time.Hour, logisticsapi.ShipmentStatePickedUp)
			w.carrier(10*time.Hour, state)
		}
	}
	contents := func(c string) func(*world) {
		return func(w *world) {
			w.carrier(3*time.Hour, logisticsapi.ShipmentStatePickedUp)
			w.at(10*time.Hour, contract.Receive{Envelope: warehouse, Contents: c}).expect("investigating")
		}
	}
	return map[string]func(*world){
		"lost":     report(logisticsapi.ShipmentStateLost),
		"refused":  report(logisticsapi.ShipmentStateRefused),
		"returned": report(logisticsapi.ShipmentStateReturned),
		"mixed_up": contents(contract.ContentsMixedUp),
		"empty":    contents(contract.ContentsEmpty),
	}
}

func TestAPersonDecidesAboutAParcelInTrouble(t *testing.T) {
	for reason, trouble := range troubled() {
		t.Run(reason, func(t *testing.T) {
			t.Run("refund", func(t *testing.T) {
				w := booked(t)
				trouble(w)
				w.at(12*time.Hour, decide(contract.ParcelRefund)).expect("refunding")
				w.run()

				require.Equal(t, "parcel_"+reason, w.attention(0))
				require.Equal(t, "refunded", w.outcome())
				require.Equal(t, "refund", (*w.entry("case.attention_resolved").Data)["by"])
			})
			t.Run("close", func(t *testing.T) {
				w := booked(t)
				trouble(w)
				w.at(12*time.Hour, decide(contract.ParcelClose)).expect("closed")
				w.run()

				require.Equal(t, "resolved", w.outcome())
				require.Zero(t, w.payouts)
			})
			t.Run("ship again", func(t *testing.T) {
				w := booked(t)
				w.verdict.Insured = true
				trouble(w)
				w.at(12*time.Hour, decide(contract.ParcelShipAgain)).expect("waiting_shipment")
				w.at(100*time.Hour, contract.Ship{Envelope: buyer, Carrier: "sf", TrackingNumber: "SF2"}).expect("in_transit")
				w.at(101*time.Hour, received()).expect("inspecting")
				w.at(140*time.Hour, acceptAll()).expect("refunding")
				w.run()

				require.Equal(t, "refunded", w.outcome())
				require.Zero(t, w.count("goods.accepted_by_silence"), "the warehouse has its whole time again")
				require.Len(t, w.filed, 1)
				require.Equal(t, "case_1-s2", w.filed[0].ShipmentID)
			})
		})
	}
}

func TestAPersonMayDecideToWaitOnForAParcel(t *testing.T) {
	for _, reason := range []string{"lost", "refused", "returned"} {
		t.Run(reason, func(t *testing.T) {
			w := booked(t)
			troubled()[reason](w)
			w.at(12*time.Hour, decide(contract.ParcelWait)).expect("in_transit")
			w.at(13*time.Hour, contract.CancelPickup{Envelope: buyer}).refuse(contract.RefusedNotAllowed)
			w.at(12*time.Hour+transitTime+time.Minute, decide(contract.ParcelClose)).expect("closed")
			w.run()

			require.Equal(t, 12*time.Hour+transitTime, w.when("shipment.delayed", 1))
			require.Equal(t, 1, w.count("shipment."+reason), "it is not asked for again")
		})
	}
}

func TestNobodyWaitsForAParcelThatIsThere(t *testing.T) {
	for _, reason := range []string{"mixed_up", "empty"} {
		t.Run(reason, func(t *testing.T) {
			w := booked(t)
			troubled()[reason](w)
			wait := w.at(12*time.Hour, decide(contract.ParcelWait))
			w.carrier(13*time.Hour, logisticsapi.ShipmentStateDelivered)
			w.at(14*time.Hour, decide(contract.ParcelClose)).expect("closed")
			w.run()

			require.Equal(t, "decision", wait.no(contract.RefusedInvalid).Field)
		})
	}
}

func TestAMixedUpParcelMayTurnOutToBeTheRightOne(t *testing.T) {
	w := booked(t)
	w.verdict.Insured = true
	troubled()["mixed_up"](w)
	w.at(12*time.Hour, received()).expect("inspecting")
	w.at(13*time.Hour, acceptAll()).expect("refunding")
	w.run()

	require.Equal(t, "refunded", w.outcome())
	require.Len(t, w.filed, 1)
}

func TestSilenceAboutAParcelThatOurCourierLostPaysTheBuyer(t *testing.T) {
	w := booked(t)
	troubled()["lost"](w)
	w.run()

	require.Equal(t, (10+48)*time.Hour, w.when("refund.submitted", 1))
	require.Equal(t, "refunded_automatically", (*w.entry("case.attention_resolved").Data)["by"])
	require.Equal(t, "refunded", w.outcome())
}

func TestSilenceAboutAParcelThatTheBuyerSentDecidesNothing(t *testing.T) {
	w := newWorld(t)
	w.at(time.Hour, contract.Ship{Envelope: buyer, Carrier: "sf", TrackingNumber: "SF1"})
	w.carrier(10*time.Hour, logisticsapi.ShipmentStateLost)
	w.at(600*time.Hour, decide(contract.ParcelClose)).expect("closed")
	w.run()

	require.Equal(t, "resolved", w.outcome())
}

func TestALostParcelThatTurnsUpEndsTheQuestion(t *testing.T) {
	t.Run("at the warehouse, says the carrier", func(t *testing.T) {
		w := booked(t)
		troubled()["lost"](w)
		w.carrier(20*time.Hour, logisticsapi.ShipmentStateDelivered)
		w.at(21*time.Hour, acceptAll()).expect("refunding")
		w.run()
	})
	t.Run("at the warehouse, says the carrier when asked", func(t *testing.T) {
		w := booked(t)
		troubled()["lost"](w)
		w.silently(20*time.Hour, logisticsapi.ShipmentStateDelivered)
		w.run()

		require.Less(t, w.when("shipment.delivered", 1), 58*time.Hour)
		require.True(t, w.has("goods.accepted_by_silence"))
	})
	t.Run("at the warehouse, says the warehouse", func(t *testing.T) {
		w := booked(t)
		troubled()["lost"](w)
		w.at(20*time.Hour, received()).expect("inspecting")
		w.run()
	})
	t.Run("on its way", func(t *testing.T) {
		w := booked(t)
		troubled()["lost"](w)
		w.env.RegisterDelayedCallback(func() { w.wake(w.knows(logisticsapi.ShipmentStateInTransit), "found") }, 20*time.Hour)
		w.at(21*time.Hour, decide(contract.ParcelRefund)).refuse(contract.RefusedNotAllowed)
		w.carrier(22*time.Hour, logisticsapi.ShipmentStateDelivered)
		w.run()

		require.Equal(t, "parcel_found", (*w.entry("case.attention_resolved").Data)["by"])
		require.Equal(t, 1, w.payouts)
	})
}

func TestACourierWhoIsLateForThePickupIsCalledOffBeforeTheBuyerSendsAgain(t *testing.T) {
	w := booked(t)
	w.at(transitTime+2*time.Hour, decide(contract.ParcelShipAgain)).expect("waiting_shipment")
	w.at(transitTime+3*time.Hour, received())
	w.run()

	require.Equal(t, []string{"case_1-s1"}, w.cancelled)
}

func TestALateCourierWhoTurnsOutToHaveTheGoodsIsWaitedFor(t *testing.T) {
	w := booked(t)
	w.silently(transitTime+2*time.Hour, logisticsapi.ShipmentStatePickedUp)
	w.at(transitTime+2*time.Hour+time.Minute, decide(contract.ParcelShipAgain)).expect("in_transit")
	w.carrier(transitTime+30*time.Hour, logisticsapi.ShipmentStateDelivered)
	w.run()

	require.Equal(t, "refunded", w.outcome())
}

func TestACarriersProblemIsToldAndTheParcelIsWaitedFor(t *testing.T) {
	w := booked(t)
	w.carrier(3*time.Hour, logisticsapi.ShipmentStatePickedUp)
	w.carrier(10*time.Hour, logisticsapi.ShipmentStateException)
	w.carrier(30*time.Hour, logisticsapi.ShipmentStateDelivered)
	w.run()

	require.Equal(t, 10*time.Hour, w.when("shipment.delayed", 1))
	require.Equal(t, 30*time.Hour, w.when("shipment.delivered", 1))
}

func TestAParcelThatWasDeliveredBeforeItWasNamedIsInspectedAtOnce(t *testing.T) {
	w := newWorld(t)
	w.at(time.Hour, contract.Ship{Envelope: buyer, Carrier: "sf", TrackingNumber: "SF1"}).expect("inspecting")
	w.booking = deliveredAlready
	w.run()

	require.Equal(t, time.Hour, w.when("shipment.delivered", 1))
}
