package returns_test

import (
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"aftercare.dev/activities/logistics"
	logisticsapi "aftercare.dev/services/logistics/api"
	paymentapi "aftercare.dev/services/payment/api"
	"aftercare.dev/workflows/contract"
)

var withdraw = contract.Withdraw{Envelope: noted(buyer, "note_bye")}

func TestABuyerWithdrawsBeforeAnythingWasSent(t *testing.T) {
	tests := map[string]func(*world){
		"under review": func(w *world) { w.verdict.Decision = "review" },
		"asked for information": func(w *world) {
			w.verdict.Decision = "review"
			w.at(time.Hour, contract.RequestInfo{Envelope: agent})
		},
		"rejected":         func(w *world) { w.verdict.Decision = "reject" },
		"about to send":    func(*world) {},
		"after a reminder": func(w *world) { w.verdict.Clocks.ShipReminderSeconds = []int64{hours(7*24 - 1)} },
	}
	for name, prepare := range tests {
		t.Run(name, func(t *testing.T) {
			w := newWorld(t)
			prepare(w)
			w.at(5*time.Hour, withdraw).expect("closed")
			w.run()

			require.Equal(t, "withdrawn", w.outcome())
			require.Equal(t, 5*time.Hour, w.closedAt())
			require.Equal(t, "note_bye", *w.entry("case.withdrawn").NoteID)
			require.Equal(t, "b1", w.entry("case.closed").Actor.ID)
			require.Empty(t, w.cancelled)
		})
	}
}

func TestAWithdrawalCallsTheCourierOff(t *testing.T) {
	w := booked(t)
	w.carrier(2*time.Hour, logisticsapi.ShipmentStateAccepted)
	w.at(5*time.Hour, withdraw).expect("closed")
	w.run()

	w.wantTimeline(`case.opened case.approved shipment.pickup_booked shipment.courier_assigned case.withdrawn
		shipment.pickup_cancelled case.closed`)
	require.Equal(t, []string{"case_1-s1"}, w.cancelled)
}

func TestAWithdrawalOvertakesABookingUnderWay(t *testing.T) {
	for name, arrives := range map[string]bool{"which succeeds all the same": true, "which comes too late": false} {
		t.Run(name, func(t *testing.T) {
			w := newWorld(t)
			answered := make(chan struct{})
			w.booking = func(in logistics.Shipment) (logisticsapi.Shipment, error) {
				if arrives {
					shipment := newShipment(in)
					w.mu.Lock()
					w.shipments[in.ShipmentID] = &shipment
					w.mu.Unlock()
				}
				<-answered
				return logisticsapi.Shipment{}, nil
			}
			book := w.at(time.Hour, contract.BookPickup{Envelope: buyer})
			w.at(time.Hour+20*time.Millisecond, withdraw).expect("closed")
			w.env.RegisterDelayedCallback(func() { close(answered) }, time.Hour+60*time.Millisecond)
			w.run()

			require.Equal(t, "withdrawn", w.outcome())
			require.Equal(t, []string{"case_1-s1"}, w.cancelled, "whatever becomes of the booking, it is called off")
			require.Equal(t, logisticsapi.ShipmentStateCancelled, w.shipments["case_1-s1"].State)
			require.True(t, book.done, "who booked gets an answer")
		})
	}
}

func TestWithdrawnGoodsThatAreOnTheirWayAreSentBack(t *testing.T) {
	tests := map[string]func(*world){
		"picked up": func(w *world) {
			w.at(time.Hour, contract.BookPickup{Envelope: buyer})
			w.carrier(2*time.Hour, logisticsapi.ShipmentStatePickedUp)
		},
		"picked up, unheard of": func(w *world) {
			w.at(time.Hour, contract.BookPickup{Envelope: buyer})
			w.silently(2*time.Hour, logisticsapi.ShipmentStatePickedUp)
		},
		"sent by the buyer, not yet scanned": func(w *world) {
			w.at(time.Hour, contract.Ship{Envelope: buyer, Carrier: "sf", TrackingNumber: "SF1"})
		},
	}
	for name, prepare := range tests {
		t.Run(name, func(t *testing.T) {
			w := newWorld(t)
			w.verdict.Insured = true
			prepare(w)
			w.at(5*time.Hour, withdraw).expect("in_transit")
			w.at(6*time.Hour, withdraw).refuse(contract.RefusedNotAllowed)
			w.carrier(20*time.Hour, logisticsapi.ShipmentStateDelivered)
			w.at(30*time.Hour, contract.SendBack{Envelope: warehouse, Carrier: "yto", TrackingNumber: "YT1"}).expect("sending_back")
			w.carrier(50*time.Hour, logisticsapi.ShipmentStateDelivered)
			w.run()

			require.Equal(t, "withdrawn", w.outcome())
			require.True(t, w.has("goods.returned_to_buyer"))
			require.Empty(t, w.filed, "a return that is none is no case for the insurer")
		})
	}
}

func TestWithdrawnGoodsThatTheWarehouseHasAreSentBack(t *testing.T) {
	tests := map[string]func(*world){
		"delivered": func(*world) {},
		"received":  func(w *world) { w.at(31*time.Hour, received()) },
		"contesting": func(w *world) {
			w.at(31*time.Hour, rejectOne())
		},
		"contested": func(w *world) {
			w.at(31*time.Hour, rejectOne())
			w.at(32*time.Hour, contract.Contest{Envelope: buyer})
		},
		"mixed up": func(w *world) {
			w.at(31*time.Hour, contract.Receive{Envelope: warehouse, Contents: contract.ContentsMixedUp})
		},
	}
	for name, prepare := range tests {
		t.Run(name, func(t *testing.T) {
			w := delivered(t)
			w.home = true
			prepare(w)
			w.at(40*time.Hour, withdraw).expect("sending_back")
			w.run()

			require.Equal(t, "withdrawn", w.outcome())
			require.Equal(t, 88*time.Hour, w.when("goods.sent_back", 1))
		})
	}
}

func TestTheWarehouseReceivesGoodsThatWereWithdrawn(t *testing.T) {
	for contents, stage := range map[string]string{
		contract.ContentsAsAnnounced: "sending_back", contract.ContentsMixedUp: "sending_back", contract.ContentsEmpty: "investigating",
	} {
		t.Run(contents, func(t *testing.T) {
			w := booked(t)
			w.home, w.verdict.Insured = true, true
			w.carrier(2*time.Hour, logisticsapi.ShipmentStatePickedUp)
			w.at(5*time.Hour, withdraw)
			w.at(20*time.Hour, contract.Receive{Envelope: warehouse, Contents: contents}).expect(stage)
			if contents == contract.ContentsEmpty {
				w.at(30*time.Hour, decide(contract.ParcelClose)).expect("closed")
			}
			w.run()

			require.Equal(t, "withdrawn", w.outcome())
			require.Empty(t, w.filed)
		})
	}
}

func TestAnEmptyParcelIsNotSentBack(t *testing.T) {
	w := delivered(t)
	w.at(31*time.Hour, contract.Receive{Envelope: warehouse, Contents: contract.ContentsEmpty})
	w.at(40*time.Hour, withdraw).expect("closed")
	w.run()

	require.Equal(t, "withdrawn", w.outcome())
}

func TestWithdrawnGoodsThatComeBackByThemselvesEndTheCase(t *testing.T) {
	for _, state := range []logisticsapi.ShipmentState{
		logisticsapi.ShipmentStateReturned, logisticsapi.ShipmentStateCancelled, logisticsapi.ShipmentStatePickupFailed,
	} {
		t.Run(string(state), func(t *testing.T) {
			w := booked(t)
			w.carrier(2*time.Hour, logisticsapi.ShipmentStatePickedUp)
			w.at(5*time.Hour, withdraw).expect("in_transit")
			w.carrier(20*time.Hour, state)
			w.run()

			require.Equal(t, "withdrawn", w.outcome())
			require.Equal(t, 20*time.Hour, w.closedAt())
		})
	}
}

func TestABuyerWhoWithdrewIsPaidForGoodsThatWeLost(t *testing.T) {
	tests := map[string]func(*world){
		"after the withdrawal": func(w *world) {
			w.at(5*time.Hour, withdraw)
			w.carrier(20*time.Hour, logisticsapi.ShipmentStateLost)
		},
		"before the withdrawal": func(w *world) {
			w.carrier(4*time.Hour, logisticsapi.ShipmentStateLost)
			w.at(20*time.Hour, withdraw).expect("investigating")
		},
	}
	for name, prepare := range tests {
		t.Run(name, func(t *testing.T) {
			w := booked(t)
			w.carrier(2*time.Hour, logisticsapi.ShipmentStatePickedUp)
			prepare(w)
			w.run()

			require.Equal(t, "refunded", w.outcome())
			require.Equal(t, 68*time.Hour, w.when("refund.submitted", 1), "48 hours after the question")
			require.Equal(t, 1, w.payouts)
		})
	}
}

func TestAPersonDecidesAboutWithdrawnGoodsInTrouble(t *testing.T) {
	for decision, outcome := range map[string]string{
		contract.ParcelRefund: "refunded", contract.ParcelShipAgain: "withdrawn", contract.ParcelClose: "withdrawn",
	} {
		t.Run(decision, func(t *testing.T) {
			w := booked(t)
			w.carrier(2*time.Hour, logisticsapi.ShipmentStatePickedUp)
			w.at(5*time.Hour, withdraw)
			w.carrier(20*time.Hour, logisticsapi.ShipmentStateRefused)
			w.at(30*time.Hour, decide(decision))
			w.run()

			require.Equal(t, outcome, w.outcome())
		})
	}
}

func TestNobodyWithdrawsOnceMoneyMoves(t *testing.T) {
	w := accepted(t)
	w.pays = paymentapi.RefundStateProcessing
	w.env.RegisterDelayedCallback(func() { w.pays = paymentapi.RefundStateSucceeded }, 50*time.Hour)
	late := w.at(40*time.Hour, withdraw)
	w.run()

	refusal := late.no(contract.RefusedNotAllowed)
	require.NotContains(t, refusal.Allowed, contract.ActionWithdraw)
	require.Equal(t, "refunded", w.outcome())
}

func TestAWithdrawalEndsWhatAnOperatorShouldMend(t *testing.T) {
	w := newWorld(t)
	w.fails["CreateShipment"] = always(refused("order_gone"))
	w.fails["CreateShipment"] = first(patience, unavailable())
	w.at(time.Hour, contract.BookPickup{Envelope: buyer}).expect("waiting_shipment")
	w.at(time.Hour+30*time.Minute, withdraw).expect("closed")
	w.run()

	require.True(t, w.has("case.needs_attention"))
	require.Equal(t, []string{"case_1-s1"}, w.cancelled, "a booking may have been made")
	require.Nil(t, w.state.Attention)
}

func TestACourierWhoCannotBeCalledOffIsForAnOperator(t *testing.T) {
	begin := func(t *testing.T) *world {
		w := booked(t)
		w.fails["CancelShipment"] = first(patience, unavailable())
		w.at(5*time.Hour, withdraw)
		return w
	}
	t.Run("tried again by itself", func(t *testing.T) {
		w := begin(t)
		w.run()

		require.Equal(t, "withdrawn", w.outcome())
		require.Equal(t, []string{"case_1-s1"}, w.cancelled)
	})
	t.Run("retry", func(t *testing.T) {
		w := begin(t)
		w.at(5*time.Hour+30*time.Minute, contract.Retry{Envelope: operator}).expect("closed")
		w.run()

		require.Equal(t, "withdrawn", w.outcome())
	})
	t.Run("skip", func(t *testing.T) {
		w := begin(t)
		w.quiet = true
		w.at(5*time.Hour+30*time.Minute, contract.Skip{Envelope: operator}).expect("closed")
		w.run()

		require.Equal(t, "withdrawn", w.outcome())
		require.Equal(t, 1, w.count("case.needs_attention"), "it is asked once")
	})
	t.Run("resolve", func(t *testing.T) {
		w := begin(t)
		w.at(5*time.Hour+30*time.Minute, contract.Resolve{Envelope: operator}).expect("closed")
		w.run()

		require.Equal(t, "resolved", w.outcome())
		require.Equal(t, []string{"case_1-s1"}, w.cancelled, "the end tries once more")
	})
}
