package returns

import (
	"errors"
	"time"

	"go.temporal.io/sdk/workflow"

	"aftercare.dev/activities/fault"
	"aftercare.dev/activities/logistics"
	"aftercare.dev/services/cases/api"
	logisticsapi "aftercare.dev/services/logistics/api"
	"aftercare.dev/workflows/caseflow"
	"aftercare.dev/workflows/contract"
)

// codeTooLate is what the logistics service says when a courier cannot be moved or called off any more.
const codeTooLate = "too_late"

// travel follows the parcel until it is at the warehouse, or it is clear that it will not come.
func (r *returning) travel(ctx workflow.Context) (arrival, error) {
	deadline := after(ctx, r.verdict.Clocks.TransitSeconds)
	r.parcel.follow(workflow.Now(ctx))
	for {
		if how, moving, err := r.heed(ctx); err != nil || !moving {
			return how, err
		}
		wake, err := r.flow.Wait(ctx, r.travelling(deadline))
		if err != nil {
			return 0, err
		}
		switch act := wake.Act.(type) {
		case contract.Receive:
			return r.receive(ctx, act)
		case contract.ReschedulePickup:
			err = r.reschedule(ctx, act)
		case contract.CancelPickup:
			err = r.callOff(ctx, act.Envelope)
			switch {
			case err == nil && r.parcel.shipment == nil:
				return sendAgain, nil
			case err == nil && r.parcel.shipment.State != logisticsapi.ShipmentStateCancelled:
				r.flow.Decline(fault.Reason{Code: codeTooLate})
			}
		default:
			if wake.Late {
				return r.investigate(ctx, "delayed")
			}
			err = r.look(ctx, wake.Alarm)
		}
		if err != nil {
			return 0, err
		}
	}
}

// travelling is the wait for the next thing that happens to the parcel.
func (r *returning) travelling(deadline time.Time) caseflow.Wait {
	w := caseflow.Wait{
		Stage:       api.StageInTransit,
		Offers:      []caseflow.Offer{r.receiving()},
		Expects:     []caseflow.Expectation{{Action: "carrier_delivers", Actor: "carrier"}},
		Deadline:    deadline,
		Consequence: "person_looks",
		Alarm:       r.parcel.pollAt,
		Events:      true,
	}
	if r.parcel.open() {
		w.Stage = api.StageWaitingPickup
		w.Offers = append(w.Offers, offer(contract.ActionReschedulePickup, contract.Buyer), offer(contract.ActionCancelPickup, contract.Buyer))
		w.Expects = []caseflow.Expectation{{Action: "carrier_picks_up", Actor: "carrier"}}
	}
	return w
}

// heed acts upon where the parcel is, whoever found it out. moving is false when its way has ended.
func (r *returning) heed(ctx workflow.Context) (how arrival, moving bool, err error) {
	news := r.news(ctx)
	switch state := r.parcel.shipment.State; state {
	case logisticsapi.ShipmentStateDelivered:
		r.arrived = workflow.Now(ctx)
		return arrived, false, nil
	case logisticsapi.ShipmentStatePickupFailed, logisticsapi.ShipmentStateCancelled:
		return sendAgain, false, nil
	case logisticsapi.ShipmentStateLost, logisticsapi.ShipmentStateRefused, logisticsapi.ShipmentStateReturned:
		if !news {
			return 0, true, nil
		}
		if r.withdrawn && state == logisticsapi.ShipmentStateReturned {
			return sendAgain, false, nil
		}
		how, err := r.investigate(ctx, string(state))
		return how, false, err
	default:
		return 0, true, nil
	}
}

func (r *returning) reschedule(ctx workflow.Context, act contract.ReschedulePickup) error {
	shipment, declined, err := r.unlessDeclined(ctx, func(ctx workflow.Context) (logisticsapi.Shipment, error) {
		return logistics.Reschedule(ctx, logistics.NewSlot{
			MerchantID: r.in.MerchantID, ShipmentID: r.parcel.shipment.ShipmentID, Slot: slotOf(act.Slot),
		})
	})
	switch {
	case errors.Is(err, caseflow.ErrSkipped):
		return nil
	case err != nil:
		return err
	case declined != nil:
		// Too late, perhaps, because of something that the case has not heard of.
		r.flow.Decline(*declined)
		return r.look(ctx, false)
	}
	r.show(shipment)
	r.flow.Tell(ctx, caseflow.Entry{
		Type: "shipment.pickup_rescheduled", By: act.Actor, Data: map[string]any{"start": act.Slot.Start, "end": act.Slot.End},
	})
	return nil
}
