package returns

import (
	"errors"
	"fmt"
	"time"

	"go.temporal.io/sdk/workflow"

	"aftercare.dev/activities/fault"
	"aftercare.dev/activities/logistics"
	"aftercare.dev/services/cases/api"
	logisticsapi "aftercare.dev/services/logistics/api"
	"aftercare.dev/workflows/caseflow"
	"aftercare.dev/workflows/contract"
)

// A parcel may be silent for so long before the carrier is asked: its callbacks can be lost for ever. While nothing
// happens it is asked less and less often, so that a parcel that lies somewhere does not fill the history.
const (
	firstPoll = 6 * time.Hour
	lastPoll  = 24 * time.Hour
)

// parcel is the parcel of the moment.
type parcel struct {
	// count numbers the parcels of a case; with the case id it makes their ids.
	count int
	// shipment is what the logistics service said last, nil without a parcel.
	shipment *logisticsapi.Shipment
	// pending is set while the service was asked for it and has not answered: there may be a booking.
	pending bool
	// acted is the state that the case has acted upon.
	acted  logisticsapi.ShipmentState
	poll   time.Duration
	pollAt time.Time
}

// open tells that a courier may come for it.
func (p parcel) open() bool {
	if p.shipment == nil || p.shipment.Method != logisticsapi.ShipmentMethodPickup && !p.pending {
		return false
	}
	return beforePickup(p.shipment.State)
}

func beforePickup(state logisticsapi.ShipmentState) bool {
	switch state {
	case logisticsapi.ShipmentStateRequested, logisticsapi.ShipmentStateBooked, logisticsapi.ShipmentStateAccepted:
		return true
	default:
		return false
	}
}

// underway tells that the goods have left their sender and are not back, as far as is known. A parcel that somebody
// named is on its way, scanned or not.
func (p parcel) underway() bool {
	if p.shipment == nil || p.open() {
		return false
	}
	switch p.shipment.State {
	case logisticsapi.ShipmentStatePickupFailed, logisticsapi.ShipmentStateCancelled, logisticsapi.ShipmentStateReturned:
		return false
	default:
		return true
	}
}

// travelled tells that its freight is paid: the goods came with it, whatever the carrier has reported.
func (p parcel) travelled() bool {
	switch p.state() {
	case "", logisticsapi.ShipmentStatePickupFailed, logisticsapi.ShipmentStateCancelled:
		return false
	default:
		return true
	}
}

// onItsWay tells that the carrier moves it towards where it was sent.
func (p parcel) onItsWay() bool {
	switch p.state() {
	case logisticsapi.ShipmentStatePickedUp, logisticsapi.ShipmentStateInTransit, logisticsapi.ShipmentStateOutForDelivery:
		return true
	default:
		return false
	}
}

// state is where the parcel is, empty without one.
func (p parcel) state() logisticsapi.ShipmentState {
	if p.shipment == nil {
		return ""
	}
	return p.shipment.State
}

// follow begins to look after the parcel.
func (p *parcel) follow(now time.Time) { p.poll, p.pollAt = firstPoll, now.Add(firstPoll) }

// createShipment has a parcel travel. False means that it could not be with this content, which the actor is told; or
// that nobody will come, which is on the timeline.
func (r *returning) createShipment(
	ctx workflow.Context, direction logisticsapi.Direction, input logisticsapi.ShipmentInput, by contract.Actor,
) (bool, error) {
	id := fmt.Sprintf("%s-s%d", r.in.CaseID, r.parcel.count+1)
	input.CaseID, input.OrderID, input.Direction = r.in.CaseID, r.in.OrderID, direction
	// Whatever becomes of the call, from here on there may be a booking: callOff looks at this.
	r.parcel = parcel{count: r.parcel.count + 1, pending: true, shipment: &logisticsapi.Shipment{
		ShipmentID: id, Direction: direction, Method: input.Method, State: logisticsapi.ShipmentStateRequested,
	}}
	shipment, declined, err := r.unlessDeclined(ctx, func(ctx workflow.Context) (logisticsapi.Shipment, error) {
		return logistics.CreateShipment(ctx, logistics.Shipment{MerchantID: r.in.MerchantID, ShipmentID: id, Input: input})
	})
	if errors.Is(err, caseflow.ErrSkipped) {
		return false, r.callOff(ctx, contract.Envelope{Actor: by})
	}
	if err != nil {
		return false, err
	}
	data := map[string]any{"shipment_id": id, "method": input.Method}
	if declined != nil {
		r.parcel.shipment, r.parcel.pending = nil, false
		if !r.flow.Decline(*declined) {
			data["reason"] = declined.Code
			r.flow.Tell(ctx, caseflow.Entry{Type: "shipment.pickup_failed", By: caseflow.By("workflow"), Data: data})
		}
		return false, nil
	}
	r.show(shipment)
	r.parcel.acted = logisticsapi.ShipmentStateBooked
	if shipment.State == logisticsapi.ShipmentStatePickupFailed {
		data["reason"] = text(shipment.Reason)
		r.flow.Tell(ctx, caseflow.Entry{Type: "shipment.pickup_failed", By: caseflow.By("carrier"), Data: data})
		return false, nil
	}
	kind := "shipment.pickup_booked"
	if shipment.Method == logisticsapi.ShipmentMethodSelfShip {
		kind = "shipment.sent"
		data["carrier"], data["tracking_number"] = text(shipment.Carrier), text(shipment.TrackingNumber)
	}
	r.flow.Tell(ctx, caseflow.Entry{Type: kind, By: by, Data: data})
	return true, nil
}

// unlessDeclined runs a step that a service may decline for its content; that is an answer for the actor and nothing
// for an operator to mend.
func (r *returning) unlessDeclined(
	ctx workflow.Context, step func(workflow.Context) (logisticsapi.Shipment, error),
) (shipment logisticsapi.Shipment, declined *fault.Reason, err error) {
	shipment, err = caseflow.Do(ctx, r.flow, func(ctx workflow.Context) (logisticsapi.Shipment, error) {
		out, err := step(ctx)
		if fault.Is(err, fault.Refused, fault.Conflicting) {
			reason := fault.ReasonOf(err)
			declined = &reason
			return out, nil
		}
		return out, err
	})
	return shipment, declined, err
}

// callOff cancels a courier who may come, if there is one: none does for goods that the warehouse has. It may be too
// late for that: then the parcel is where the service says.
func (r *returning) callOff(ctx workflow.Context, by contract.Envelope) error {
	if !r.parcel.open() || r.received && r.parcel.shipment.Direction == logisticsapi.ToWarehouse {
		return nil
	}
	shipment, err := caseflow.Do(ctx, r.flow, func(ctx workflow.Context) (logisticsapi.Shipment, error) {
		return logistics.CancelShipment(ctx, logistics.ShipmentRef{
			MerchantID: r.in.MerchantID, ShipmentID: r.parcel.shipment.ShipmentID,
		})
	})
	if errors.Is(err, caseflow.ErrSkipped) {
		// The operator has taken the courier on.
		r.parcel.shipment, r.parcel.pending = nil, false
		return nil
	}
	if err != nil {
		return err
	}
	r.show(shipment)
	if shipment.State == logisticsapi.ShipmentStateCancelled {
		r.parcel.acted = shipment.State
		r.flow.Tell(ctx, caseflow.Entry{
			Type: "shipment.pickup_cancelled", By: by.Actor, NoteID: by.NoteID, Data: map[string]any{"shipment_id": shipment.ShipmentID},
		})
	}
	return nil
}

// look asks where the parcel is.
func (r *returning) look(ctx workflow.Context, askCarrier bool) error {
	before := r.parcel.shipment.State
	shipment, err := caseflow.Do(ctx, r.flow, func(ctx workflow.Context) (logisticsapi.Shipment, error) {
		return logistics.GetShipment(ctx, logistics.ShipmentRef{
			MerchantID: r.in.MerchantID, ShipmentID: r.parcel.shipment.ShipmentID, Refresh: askCarrier,
		})
	})
	if askCarrier {
		r.parcel.poll = min(2*r.parcel.poll, lastPoll)
		if err == nil && shipment.State != before {
			r.parcel.poll = firstPoll
		}
		// A report in between does not move the time of the next question: that would cost a timer each.
		r.parcel.pollAt = workflow.Now(ctx).Add(r.parcel.poll)
	}
	if errors.Is(err, caseflow.ErrSkipped) {
		return nil
	}
	if err == nil {
		r.show(shipment)
	}
	return err
}

// show brings a parcel into what readers see.
func (r *returning) show(s logisticsapi.Shipment) {
	r.parcel.shipment, r.parcel.pending = &s, false
	r.flow.State.Shipment = &api.ShipmentProgress{
		ShipmentID: s.ShipmentID, Direction: string(s.Direction), Method: string(s.Method), State: string(s.State),
		Carrier: s.Carrier, TrackingNumber: s.TrackingNumber,
	}
}

// parcelEntries are the states of a parcel that the timeline tells, by the name of the entry.
var parcelEntries = map[logisticsapi.ShipmentState]string{
	logisticsapi.ShipmentStateAccepted:     "shipment.courier_assigned",
	logisticsapi.ShipmentStatePickedUp:     "shipment.picked_up",
	logisticsapi.ShipmentStateDelivered:    "shipment.delivered",
	logisticsapi.ShipmentStatePickupFailed: "shipment.pickup_failed",
	logisticsapi.ShipmentStateCancelled:    "shipment.pickup_cancelled",
	logisticsapi.ShipmentStateRefused:      "shipment.refused",
	logisticsapi.ShipmentStateReturned:     "shipment.returned",
	logisticsapi.ShipmentStateLost:         "shipment.lost",
	logisticsapi.ShipmentStateException:    "shipment.delayed",
}

// news tells, once, that the parcel is in another state than the one that the case acted upon last.
func (r *returning) news(ctx workflow.Context) bool {
	s, before := *r.parcel.shipment, r.parcel.acted
	if s.State == before {
		return false
	}
	r.parcel.acted = s.State
	kind, told := parcelEntries[s.State]
	if !told && beforePickup(before) && r.parcel.underway() {
		// The report of the pickup was lost.
		kind, told = parcelEntries[logisticsapi.ShipmentStatePickedUp], true
	}
	if !told {
		return true
	}
	data := map[string]any{"shipment_id": s.ShipmentID}
	if s.Reason != nil {
		data["reason"] = *s.Reason
	}
	if s.TrackingNumber != nil {
		data["carrier"], data["tracking_number"] = text(s.Carrier), *s.TrackingNumber
	}
	r.flow.Tell(ctx, caseflow.Entry{Type: kind, By: caseflow.By("carrier"), Data: data})
	return true
}

func text(s *string) string {
	if s == nil {
		return ""
	}
	return *s
}
