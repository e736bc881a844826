package returns

import (
	"time"

	"go.temporal.io/sdk/workflow"

	"aftercare.dev/services/cases/api"
	logisticsapi "aftercare.dev/services/logistics/api"
	"aftercare.dev/workflows/caseflow"
	"aftercare.dev/workflows/contract"
)

// arrival is how a way to the warehouse ended.
type arrival int

const (
	arrived arrival = iota
	// sendAgain: the buyer has the goods and chooses anew.
	sendAgain
	// payAnyway: the goods will not come, the buyer is paid.
	payAnyway
	// giveUp: a person ended the case without refund.
	giveUp
	// outOfTime: the buyer sent nothing.
	outOfTime
)

// getBack brings the goods to the warehouse and has them inspected.
func (r *returning) getBack(ctx workflow.Context) (api.Outcome, error) {
	for {
		how, err := r.bringBack(ctx)
		if err == nil && how == arrived {
			how, err = r.inspect(ctx)
		}
		if err != nil {
			return "", err
		}
		switch how {
		case sendAgain:
			r.startOver()
		case outOfTime:
			return api.OutcomeExpired, nil
		case giveUp:
			return api.OutcomeResolved, nil
		case arrived, payAnyway:
			return "", nil
		}
	}
}

// startOver forgets a parcel that ended with the buyer, and whatever the warehouse found in it.
func (r *returning) startOver() {
	r.parcel = parcel{count: r.parcel.count}
	r.arrived, r.received, r.empty = time.Time{}, false, false
	for i := range r.lines {
		r.lines[i].received = 0
	}
	r.showLines()
	r.flow.State.Shipment = nil
}

// bringBack waits for the buyer to send the goods, and for them to arrive.
func (r *returning) bringBack(ctx workflow.Context) (arrival, error) {
	how, err := r.sendOff(ctx, after(ctx, r.verdict.Clocks.ShipSeconds))
	if err != nil || how != arrived || r.received {
		return how, err
	}
	return r.travel(ctx)
}

// sendOff waits until a courier is booked or a parcel is named, with reminders on the way to the deadline. Goods that
// the buyer carries to the warehouse need neither.
func (r *returning) sendOff(ctx workflow.Context, deadline time.Time) (arrival, error) {
	for {
		wake, err := r.flow.Wait(ctx, caseflow.Wait{
			Stage: api.StageWaitingShipment,
			Offers: []caseflow.Offer{
				offer(contract.ActionBookPickup, contract.Buyer),
				offer(contract.ActionShip, contract.Buyer),
				r.receiving(),
			},
			Deadline:    deadline,
			Consequence: "closed",
			Alarm:       r.nextReminder(ctx, deadline),
		})
		if err != nil {
			return 0, err
		}
		sent := false
		switch act := wake.Act.(type) {
		case contract.BookPickup:
			sent, err = r.createShipment(ctx, logisticsapi.ToWarehouse, pickupOf(act), act.Actor)
		case contract.Ship:
			sent, err = r.createShipment(ctx, logisticsapi.ToWarehouse, parcelOf(act), act.Actor)
		case contract.Receive:
			return r.receive(ctx, act)
		default:
			if wake.Late {
				return outOfTime, nil
			}
			r.flow.Tell(ctx, caseflow.Entry{
				Type: "case.reminded", By: caseflow.By("clock"), Data: map[string]any{"deadline": deadline.UTC().Format(time.RFC3339)},
			})
		}
		if err != nil || sent {
			return arrived, err
		}
	}
}

// nextReminder is the next time to remind the buyer, or zero.
func (r *returning) nextReminder(ctx workflow.Context, deadline time.Time) time.Time {
	var next time.Time
	for _, seconds := range r.verdict.Clocks.ShipReminderSeconds {
		at := deadline.Add(-time.Duration(seconds) * time.Second)
		if at.After(workflow.Now(ctx)) && (next.IsZero() || at.Before(next)) {
			next = at
		}
	}
	return next
}

func pickupOf(act contract.BookPickup) logisticsapi.ShipmentInput {
	pickup := logisticsapi.Pickup{}
	if act.Slot != nil {
		slot := slotOf(*act.Slot)
		pickup.Slot = &slot
	}
	if act.ContactID != "" {
		pickup.ContactID = &act.ContactID
	}
	if act.WeightGrams > 0 {
		pickup.WeightGrams = &act.WeightGrams
	}
	return logisticsapi.ShipmentInput{Method: logisticsapi.ShipmentMethodPickup, Pickup: &pickup}
}

func parcelOf(act contract.Ship) logisticsapi.ShipmentInput {
	return logisticsapi.ShipmentInput{
		Method: logisticsapi.ShipmentMethodSelfShip,
		Parcel: &logisticsapi.Parcel{Carrier: act.Carrier, TrackingNumber: act.TrackingNumber},
	}
}

// slotOf reads a slot that the gateway has checked.
func slotOf(slot contract.Slot) logisticsapi.Slot {
	start, _ := time.Parse(time.RFC3339, slot.Start)
	end, _ := time.Parse(time.RFC3339, slot.End)
	return logisticsapi.Slot{Start: start, End: end}
}
