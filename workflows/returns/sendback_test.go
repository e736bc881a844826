package returns_test

import (
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"aftercare.dev/activities/logistics"
	logisticsapi "aftercare.dev/services/logistics/api"
	"aftercare.dev/workflows/contract"
)

// rejected is a world in which all goods are to be sent back from hour 32 on.
func rejected(t *testing.T) *world {
	w := delivered(t)
	w.at(31*time.Hour, rejectAll())
	w.at(32*time.Hour, contract.Agree{Envelope: buyer}).expect("sending_back")
	return w
}

func TestACourierIsBookedIfTheWarehouseSendsNothingBack(t *testing.T) {
	w := rejected(t)
	w.carrier(90*time.Hour, logisticsapi.ShipmentStateDelivered)
	w.run()

	require.Equal(t, 80*time.Hour, w.when("goods.sent_back", 1))
	require.Equal(t, logisticsapi.ToBuyer, w.requests["case_1-s2"].Direction)
	require.Equal(t, logisticsapi.ShipmentMethodPickup, w.requests["case_1-s2"].Method)
}

func TestTheWarehouseMayHaveACourierCome(t *testing.T) {
	w := rejected(t)
	w.at(40*time.Hour, contract.SendBack{Envelope: warehouse}).expect("sending_back")
	w.carrier(50*time.Hour, logisticsapi.ShipmentStatePickedUp)
	w.carrier(60*time.Hour, logisticsapi.ShipmentStateDelivered)
	w.run()

	require.Equal(t, 60*time.Hour, w.closedAt())
}

func TestGoodsThatComeBackToTheWarehouseAreSentAgain(t *testing.T) {
	for _, state := range []logisticsapi.ShipmentState{
		logisticsapi.ShipmentStateReturned, logisticsapi.ShipmentStatePickupFailed, logisticsapi.ShipmentStateCancelled,
	} {
		t.Run(string(state), func(t *testing.T) {
			w := rejected(t)
			w.at(40*time.Hour, contract.SendBack{Envelope: warehouse})
			w.carrier(50*time.Hour, state)
			w.at(60*time.Hour, contract.SendBack{Envelope: warehouse, Carrier: "yto", TrackingNumber: "YT1"}).expect("sending_back")
			w.carrier(70*time.Hour, logisticsapi.ShipmentStateDelivered)
			w.run()

			require.Equal(t, 2, w.count("goods.sent_back"))
			require.Equal(t, 70*time.Hour, w.closedAt())
		})
	}
}

func TestGoodsThatAreLostOnTheWayBackAreForAnOperator(t *testing.T) {
	for _, state := range []logisticsapi.ShipmentState{logisticsapi.ShipmentStateLost, logisticsapi.ShipmentStateRefused} {
		begin := func(t *testing.T) *world {
			w := rejected(t)
			w.at(40*time.Hour, contract.SendBack{Envelope: warehouse})
			w.carrier(45*time.Hour, logisticsapi.ShipmentStatePickedUp)
			w.carrier(50*time.Hour, state)
			return w
		}
		t.Run(string(state)+" skip", func(t *testing.T) {
			w := begin(t)
			w.at(200*time.Hour, contract.Skip{Envelope: operator}).expect("closed")
			w.run()

			require.Equal(t, "rejected", w.outcome())
			require.Equal(t, "send_back_"+string(state), w.attention(0))
		})
		t.Run(string(state)+" resolve", func(t *testing.T) {
			w := begin(t)
			w.at(200*time.Hour, contract.Resolve{Envelope: operator}).expect("closed")
			w.run()

			require.Equal(t, "resolved", w.outcome())
		})
		t.Run(string(state)+" retry", func(t *testing.T) {
			w := begin(t)
			w.at(200*time.Hour, contract.Retry{Envelope: operator}).expect("sending_back")
			w.at(201*time.Hour, contract.SendBack{Envelope: warehouse, Carrier: "yto", TrackingNumber: "YT1"})
			w.carrier(210*time.Hour, logisticsapi.ShipmentStateDelivered)
			w.run()

			require.Equal(t, 210*time.Hour, w.closedAt())
		})
	}
}

func TestAParcelThatDoesNotReachTheBuyerIsForAnOperator(t *testing.T) {
	w := rejected(t)
	w.at(40*time.Hour, contract.SendBack{Envelope: warehouse, Carrier: "yto", TrackingNumber: "YT1"})
	w.at(40*time.Hour+transitTime+time.Hour, contract.Retry{Envelope: operator}).expect("sending_back")
	w.silently(40*time.Hour+transitTime+50*time.Hour, logisticsapi.ShipmentStateDelivered)
	w.run()

	require.Equal(t, "send_back_delayed", w.attention(0))
	require.Equal(t, 40*time.Hour+transitTime, w.when("case.needs_attention", 1))
	require.Equal(t, "rejected", w.outcome())
}

func TestLostReportsOfTheWayBackAreMadeUpForByAsking(t *testing.T) {
	w := rejected(t)
	w.at(40*time.Hour, contract.SendBack{Envelope: warehouse, Carrier: "yto", TrackingNumber: "YT1"})
	w.silently(44*time.Hour, logisticsapi.ShipmentStateDelivered)
	w.run()

	require.Equal(t, 46*time.Hour, w.closedAt())
}

func TestANumberThatTheWarehouseGotWrongIsAnsweredAndTheClockRunsOn(t *testing.T) {
	w := rejected(t)
	w.fails["CreateShipment"] = func(call int) error {
		if call == 2 {
			return conflicting("tracking_in_use")
		}
		return nil
	}
	w.at(40*time.Hour, contract.SendBack{Envelope: warehouse, Carrier: "yto", TrackingNumber: "YT1"}).refuse("tracking_in_use")
	w.carrier(90*time.Hour, logisticsapi.ShipmentStateDelivered)
	w.run()

	require.Equal(t, 80*time.Hour, w.when("goods.sent_back", 1), "48 hours after the agreement, not after the mistake")
}

func TestACourierWhomNobodyCanBookIsForAnOperator(t *testing.T) {
	tests := map[string]func(*world){
		"the service declines": func(w *world) {
			w.fails["CreateShipment"] = func(call int) error {
				if call == 2 {
					return refused("contact_incomplete")
				}
				return nil
			}
		},
		"the carrier refuses": func(w *world) {
			w.booking = func(in logistics.Shipment) (logisticsapi.Shipment, error) {
				if in.ShipmentID != "case_1-s2" {
					return logisticsapi.Shipment{}, nil
				}
				failed := newShipment(in)
				failed.State = logisticsapi.ShipmentStatePickupFailed
				return failed, nil
			}
		},
	}
	for name, prepare := range tests {
		t.Run(name, func(t *testing.T) {
			w := rejected(t)
			prepare(w)
			w.at(81*time.Hour, contract.Retry{Envelope: operator}).expect("sending_back")
			w.at(90*time.Hour, contract.SendBack{Envelope: warehouse, Carrier: "yto", TrackingNumber: "YT1"}).expect("sending_back")
			w.carrier(91*time.Hour, logisticsapi.ShipmentStateDelivered)
			w.run()

			require.Equal(t, 80*time.Hour, w.when("case.needs_attention", 1))
			require.Equal(t, "send_back_not_booked", w.attention(0))
			require.Equal(t, 1, w.count("shipment.pickup_failed"))
		})
	}
}
