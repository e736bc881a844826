package returns_test

import (
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"aftercare.dev/activities/logistics"
	logisticsapi "aftercare.dev/services/logistics/api"
	"aftercare.dev/workflows/contract"
)

const (
	shipTime = 7 * 24 * time.Hour
	slotFrom = "2026-11-03T09:00:00Z"
	slotTo   = "2026-11-03T11:00:00Z"
)

func TestACourierIsBookedAsTheBuyerWishes(t *testing.T) {
	w := newWorld(t)
	w.at(time.Hour, contract.BookPickup{
		Envelope: buyer, Slot: &contract.Slot{Start: slotFrom, End: slotTo}, ContactID: "contact_1", WeightGrams: 800,
	}).expect("waiting_pickup")
	w.at(2*time.Hour, received())
	w.run()

	request := w.requests["case_1-s1"]
	require.Equal(t, logisticsapi.ToWarehouse, request.Direction)
	require.Equal(t, logisticsapi.ShipmentMethodPickup, request.Method)
	require.Equal(t, "2026-11-03 09:00:00 +0000 UTC", request.Pickup.Slot.Start.String())
	require.Equal(t, "contact_1", *request.Pickup.ContactID)
	require.Equal(t, 800, *request.Pickup.WeightGrams)
}

func TestAfterACarriersRefusalTheBuyerChoosesAgain(t *testing.T) {
	w := newWorld(t)
	reason := "carrier_out_of_area"
	w.booking = func(in logistics.Shipment) (logisticsapi.Shipment, error) {
		if in.ShipmentID != "case_1-s1" {
			return logisticsapi.Shipment{}, nil
		}
		failed := newShipment(in)
		failed.State, failed.Reason = logisticsapi.ShipmentStatePickupFailed, &reason
		return failed, nil
	}
	w.at(time.Hour, contract.BookPickup{Envelope: buyer}).expect("waiting_shipment")
	w.at(2*time.Hour, contract.Ship{Envelope: buyer, Carrier: "sf", TrackingNumber: "SF1"}).expect("in_transit")
	w.at(3*time.Hour, received())
	w.run()

	require.Equal(t, reason, (*w.entry("shipment.pickup_failed").Data)["reason"])
	require.Equal(t, "case_1-s2", (*w.entry("shipment.sent").Data)["shipment_id"])
}

func TestARefusalByTheCarrierDoesNotMoveTheDeadline(t *testing.T) {
	w := newWorld(t)
	w.booking = func(in logistics.Shipment) (logisticsapi.Shipment, error) {
		failed := newShipment(in)
		failed.State = logisticsapi.ShipmentStatePickupFailed
		return failed, nil
	}
	w.at(24*time.Hour, contract.BookPickup{Envelope: buyer})
	w.run()

	require.Equal(t, "expired", w.outcome())
	require.Equal(t, shipTime, w.closedAt())
}

func TestACarrierThatCancelsGivesTheBuyerTheWholeTimeAgain(t *testing.T) {
	for _, state := range []logisticsapi.ShipmentState{
		logisticsapi.ShipmentStateCancelled, logisticsapi.ShipmentStatePickupFailed,
	} {
		t.Run(string(state), func(t *testing.T) {
			w := booked(t)
			w.carrier(20*time.Hour, state)
			w.run()

			require.Equal(t, "expired", w.outcome())
			require.Equal(t, 20*time.Hour+shipTime, w.closedAt())
		})
	}
}

func TestACourierCanBeMovedToAnotherTime(t *testing.T) {
	w := booked(t)
	w.at(2*time.Hour, contract.ReschedulePickup{Envelope: buyer, Slot: contract.Slot{Start: slotFrom, End: slotTo}}).expect("waiting_pickup")
	w.at(3*time.Hour, received())
	w.run()

	require.Equal(t, "2026-11-03 11:00:00 +0000 UTC", w.shipments["case_1-s1"].Slot.End.String())
	require.Equal(t, slotFrom, (*w.entry("shipment.pickup_rescheduled").Data)["start"])
}

func TestACourierThatCannotBeMovedAnyMoreIsAnsweredAndNothingChanges(t *testing.T) {
	w := booked(t)
	w.fails["Reschedule"] = always(conflicting("too_late"))
	moved := w.at(2*time.Hour, contract.ReschedulePickup{Envelope: buyer, Slot: contract.Slot{Start: slotFrom, End: slotTo}})
	w.at(3*time.Hour, received())
	w.run()

	refusal := moved.no("too_late")
	require.Equal(t, int64(3), refusal.Version)
	require.Equal(t, "waiting_pickup", refusal.Stage)
	require.Contains(t, refusal.Allowed, contract.ActionReschedulePickup, "the answer says what is possible")
	w.wantTimeline(`case.opened case.approved shipment.pickup_booked goods.received
		goods.accepted_by_silence refund.submitted refund.succeeded case.closed`)
}

func TestABuyerWhoCancelsThePickupChoosesAgain(t *testing.T) {
	w := booked(t)
	w.at(20*time.Hour, contract.CancelPickup{Envelope: noted(buyer, "note_1")}).expect("waiting_shipment")
	w.at(21*time.Hour, contract.BookPickup{Envelope: buyer}).expect("waiting_pickup")
	w.at(22*time.Hour, received())
	w.run()

	require.Equal(t, []string{"case_1-s1"}, w.cancelled)
	cancelled := w.entry("shipment.pickup_cancelled")
	require.Equal(t, "b1", cancelled.Actor.ID)
	require.Equal(t, "note_1", *cancelled.NoteID)
}

func TestACourierWhoHasTheGoodsCannotBeCalledOff(t *testing.T) {
	w := booked(t)
	w.silently(2*time.Hour, logisticsapi.ShipmentStatePickedUp)
	cancel := w.at(3*time.Hour, contract.CancelPickup{Envelope: buyer})
	w.at(4*time.Hour, contract.CancelPickup{Envelope: buyer}).refuse(contract.RefusedNotAllowed)
	w.carrier(30*time.Hour, logisticsapi.ShipmentStateDelivered)
	w.run()

	require.Equal(t, "in_transit", cancel.no("too_late").Stage)
	require.Equal(t, 3*time.Hour, w.when("shipment.picked_up", 1), "what the answer brought is told")
	require.Equal(t, "refunded", w.outcome())
}

func TestADeliveryThatACancellationBringsToLightIsActedUpon(t *testing.T) {
	w := booked(t)
	w.silently(2*time.Hour, logisticsapi.ShipmentStateDelivered)
	w.at(3*time.Hour, contract.CancelPickup{Envelope: buyer})
	w.at(4*time.Hour, acceptAll()).expect("refunding")
	w.run()

	require.Equal(t, 3*time.Hour, w.when("shipment.delivered", 1))
}

func TestABuyerSendsTheGoodsByHimself(t *testing.T) {
	w := newWorld(t)
	w.at(time.Hour, contract.Ship{Envelope: buyer, Carrier: "sf", TrackingNumber: "SF1"}).expect("in_transit")
	w.at(2*time.Hour, contract.CancelPickup{Envelope: buyer}).refuse(contract.RefusedNotAllowed)
	w.carrier(30*time.Hour, logisticsapi.ShipmentStateDelivered)
	w.at(31*time.Hour, acceptAll()).expect("refunding")
	w.run()

	sent := *w.entry("shipment.sent").Data
	require.Equal(t, "sf", sent["carrier"])
	require.Equal(t, "SF1", sent["tracking_number"])
	require.Empty(t, w.cancelled)
}

func TestANumberThatDoesNotDoIsAnsweredAndTheBuyerTriesAgain(t *testing.T) {
	tests := map[string]struct {
		err   error
		code  string
		field string
	}{
		"it is in use":       {conflicting("tracking_in_use"), "tracking_in_use", ""},
		"it is not a number": {refused("validation_failed", "parcel.tracking_number"), "validation_failed", "parcel.tracking_number"},
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			w := newWorld(t)
			w.fails["CreateShipment"] = first(1, test.err)
			wrong := w.at(time.Hour, contract.Ship{Envelope: buyer, Carrier: "sf", TrackingNumber: "SF1"})
			w.at(2*time.Hour, contract.Ship{Envelope: buyer, Carrier: "sf", TrackingNumber: "SF2"}).expect("in_transit")
			w.at(3*time.Hour, received())
			w.run()

			refusal := wrong.no(test.code)
			require.Equal(t, test.field, refusal.Field)
			require.Equal(t, "waiting_shipment", refusal.Stage)
			require.Contains(t, refusal.Allowed, contract.ActionShip)
			require.Equal(t, 1, w.count("shipment.sent"))
		})
	}
}

func TestABuyerWhoSendsNothingIsRemindedOnceEachAndThenTheCaseCloses(t *testing.T) {
	w := newWorld(t)
	w.run()

	require.Len(t, w.entries, 5)
	require.Equal(t, 2, w.count("case.reminded"))
	require.Equal(t, shipTime-72*time.Hour, w.when("case.reminded", 1))
	require.Equal(t, shipTime-24*time.Hour, w.when("case.reminded", 2))
	require.Equal(t, shipTime, w.closedAt())
	require.Equal(t, "expired", w.outcome())
	require.True(t, w.settled)
}

func TestARefusedNumberDoesNotRemindAgain(t *testing.T) {
	w := newWorld(t)
	w.fails["CreateShipment"] = always(conflicting("tracking_in_use"))
	for h := range 6 {
		w.at(shipTime-72*time.Hour+time.Duration(h)*12*time.Hour, contract.Ship{Envelope: buyer, Carrier: "sf", TrackingNumber: "SF1"})
	}
	w.run()

	require.Equal(t, 2, w.count("case.reminded"))
	require.Equal(t, shipTime, w.closedAt())
}

func TestGoodsThatTheBuyerCarriesToTheWarehouseNeedNoParcel(t *testing.T) {
	w := newWorld(t)
	w.verdict.Insured = true
	w.at(5*time.Hour, received()).expect("inspecting")
	w.at(6*time.Hour, acceptAll()).expect("refunding")
	w.run()

	require.Equal(t, "refunded", w.outcome())
	require.Empty(t, w.filed, "nobody paid freight")
}

func TestAParcelThatACancelledCourierDidNotBringCostsTheInsurerNothing(t *testing.T) {
	w := booked(t)
	w.verdict.Insured = true
	w.at(2*time.Hour, contract.CancelPickup{Envelope: buyer})
	w.at(5*time.Hour, received()).expect("inspecting")
	w.run()

	require.Empty(t, w.filed)
}

func TestAParcelThatNobodyPickedUpCostsTheInsurerNothing(t *testing.T) {
	w := newWorld(t)
	w.verdict.Insured = true
	w.booking = func(in logistics.Shipment) (logisticsapi.Shipment, error) {
		failed := newShipment(in)
		failed.State = logisticsapi.ShipmentStatePickupFailed
		return failed, nil
	}
	w.at(time.Hour, contract.BookPickup{Envelope: buyer}).expect("waiting_shipment")
	w.at(5*time.Hour, received()).expect("inspecting")
	w.run()

	require.Empty(t, w.filed)
}
