package returns

import (
	"errors"

	"go.temporal.io/sdk/temporal"
	"go.temporal.io/sdk/workflow"

	"aftercare.dev/services/cases/api"
	logisticsapi "aftercare.dev/services/logistics/api"
	"aftercare.dev/workflows/caseflow"
	"aftercare.dev/workflows/contract"
)

// sendRejectedBack returns to the buyer what the warehouse rejected. It comes after the refund, so that the money for
// the rest does not wait for a parcel.
func (r *returning) sendRejectedBack(ctx workflow.Context) (api.Outcome, error) {
	if !r.anyLine(func(l line) bool { return l.goesBack() > 0 }) {
		return "", nil
	}
	return "", r.sendBack(ctx)
}

// withdraw ends the case on the buyer's wish. A courier who has not come is called off; goods on their way are awaited
// and sent back. Goods that are lost on the way to us are paid for all the same: the buyer has nothing else.
func (r *returning) withdraw(ctx workflow.Context, withdrawal *contract.Withdraw) (api.Outcome, error) {
	r.withdrawn = true
	r.flow.Tell(ctx, caseflow.Entry{Type: "case.withdrawn", By: withdrawal.Actor, NoteID: withdrawal.NoteID})
	if err := r.callOff(ctx, contract.Envelope{Actor: withdrawal.Actor}); err != nil {
		return "", err
	}
	if !r.received && r.parcel.state() != logisticsapi.ShipmentStateDelivered {
		how, err := r.await(ctx)
		switch {
		case err != nil:
			return "", err
		case how == payAnyway:
			return r.payBuyer(ctx)
		case how != arrived:
			return api.OutcomeWithdrawn, nil
		}
	}
	if r.empty {
		return api.OutcomeWithdrawn, nil
	}
	return api.OutcomeWithdrawn, r.sendBack(ctx)
}

// await waits for goods that left the buyer before the withdrawal.
func (r *returning) await(ctx workflow.Context) (arrival, error) {
	switch {
	case !r.parcel.underway():
		return sendAgain, nil
	case r.parcel.state() == logisticsapi.ShipmentStateLost:
		return r.investigate(ctx, string(logisticsapi.ShipmentStateLost))
	default:
		return r.travel(ctx)
	}
}

// sendBack has the warehouse send goods to the buyer and follows them there. If the warehouse names no parcel in time,
// a courier is booked for it.
func (r *returning) sendBack(ctx workflow.Context) error {
	deadline := after(ctx, r.verdict.Clocks.InspectSeconds)
	for {
		wake, err := r.flow.Wait(ctx, caseflow.Wait{
			Stage:       api.StageSendingBack,
			Offers:      []caseflow.Offer{offer(contract.ActionSendBack, contract.Warehouse)},
			Deadline:    deadline,
			Consequence: "courier_booked",
		})
		if err != nil {
			return err
		}
		by, input := backOf(wake.Act)
		sent, err := r.createShipment(ctx, logisticsapi.ToBuyer, input, by)
		if err == nil && !sent && wake.Late {
			// Nobody is there to choose anew: a person has to see to it.
			err = r.askOperator(ctx, "send_back_not_booked")
			deadline = after(ctx, r.verdict.Clocks.InspectSeconds)
		}
		if err == nil && sent {
			sent, err = r.seeHome(ctx, by)
			deadline = after(ctx, r.verdict.Clocks.InspectSeconds)
		}
		if errors.Is(err, caseflow.ErrSkipped) {
			return nil
		}
		if err != nil || sent {
			return err
		}
	}
}

// backOf is the parcel that the warehouse named, or else a courier.
func backOf(act contract.Act) (contract.Actor, logisticsapi.ShipmentInput) {
	courier := logisticsapi.ShipmentInput{Method: logisticsapi.ShipmentMethodPickup}
	back, ok := act.(contract.SendBack)
	switch {
	case !ok:
		return caseflow.By("clock"), courier
	case back.TrackingNumber == "":
		return back.Actor, courier
	}
	return back.Actor, logisticsapi.ShipmentInput{
		Method: logisticsapi.ShipmentMethodSelfShip,
		Parcel: &logisticsapi.Parcel{Carrier: back.Carrier, TrackingNumber: back.TrackingNumber},
	}
}

// seeHome follows goods that were sent back. home is false when they have to be sent once more.
func (r *returning) seeHome(ctx workflow.Context, by contract.Actor) (home bool, err error) {
	r.flow.Tell(ctx, caseflow.Entry{Type: "goods.sent_back", By: by, Data: map[string]any{"shipment_id": r.parcel.shipment.ShipmentID}})
	r.parcel.follow(workflow.Now(ctx))
	deadline := after(ctx, r.verdict.Clocks.TransitSeconds)
	for {
		if home, moving, err := r.heedBack(ctx); err != nil || !moving {
			return home, err
		}
		wake, err := r.flow.Wait(ctx, caseflow.Wait{
			Stage:       api.StageSendingBack,
			Expects:     []caseflow.Expectation{{Action: "carrier_delivers", Actor: "carrier"}},
			Deadline:    deadline,
			Consequence: "person_looks",
			Alarm:       r.parcel.pollAt,
			Events:      true,
		})
		switch {
		case err != nil:
		case wake.Late:
			err = r.askOperator(ctx, "send_back_delayed")
			deadline = after(ctx, r.verdict.Clocks.TransitSeconds)
		default:
			err = r.look(ctx, wake.Alarm)
		}
		if err != nil {
			return false, err
		}
	}
}

// heedBack acts upon where the parcel to the buyer is. moving is false when its way has ended.
func (r *returning) heedBack(ctx workflow.Context) (home, moving bool, err error) {
	state := r.parcel.shipment.State
	if state == logisticsapi.ShipmentStateDelivered {
		r.flow.Tell(ctx, caseflow.Entry{
			Type: "goods.returned_to_buyer", By: caseflow.By("carrier"), Data: map[string]any{"shipment_id": r.parcel.shipment.ShipmentID},
		})
		return true, false, nil
	}
	news := r.news(ctx)
	switch state {
	case logisticsapi.ShipmentStatePickupFailed, logisticsapi.ShipmentStateCancelled, logisticsapi.ShipmentStateReturned:
		return false, false, nil
	case logisticsapi.ShipmentStateLost, logisticsapi.ShipmentStateRefused:
		if news {
			// Retry sends again.
			return false, false, r.askOperator(ctx, "send_back_"+string(state))
		}
	default:
	}
	return false, true, nil
}

// askOperator has a person find out what became of the goods: retry goes on, skip closes, resolve ends by hand.
func (r *returning) askOperator(ctx workflow.Context, reason string) error {
	_, err := caseflow.Do(ctx, r.flow, r.failOnce(reason))
	return err
}

// failOnce is a step that needs a person once and then succeeds.
func (r *returning) failOnce(reason string) func(workflow.Context) (struct{}, error) {
	failed := false
	return func(workflow.Context) (struct{}, error) {
		if failed {
			return struct{}{}, nil
		}
		failed = true
		return struct{}{}, temporal.NewNonRetryableApplicationError(reason, reason, nil)
	}
}
