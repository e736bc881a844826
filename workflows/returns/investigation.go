package returns

import (
	"go.temporal.io/sdk/workflow"

	"aftercare.dev/services/cases/api"
	logisticsapi "aftercare.dev/services/logistics/api"
	"aftercare.dev/workflows/caseflow"
	"aftercare.dev/workflows/contract"
)

// investigate has a person decide about a parcel that did not come as it should. If a courier of ours had it, silence
// pays the buyer: the loss is between the carrier and the merchant. A parcel that turns up after all ends the question;
// one that the warehouse has opened does not.
func (r *returning) investigate(ctx workflow.Context, reason string) (arrival, error) {
	if reason == "delayed" {
		r.flow.Tell(ctx, caseflow.Entry{Type: "shipment.delayed", By: caseflow.By("clock"), Data: map[string]any{"reason": reason}})
	}
	since := workflow.Now(ctx).UTC()
	wait := caseflow.Wait{
		Stage:  api.StageInvestigating,
		Offers: []caseflow.Offer{r.deciding(), r.receiving()},
		Events: !r.received,
	}
	if reason == string(logisticsapi.ShipmentStateLost) && r.parcel.shipment.Method == logisticsapi.ShipmentMethodPickup {
		wait.Deadline, wait.Consequence = after(ctx, r.verdict.Clocks.ReviewSeconds), "refunded_automatically"
	}
	for {
		if !r.received {
			wait.Alarm = r.parcel.pollAt
		}
		r.flow.State.Attention = &api.Attention{Reason: "parcel_" + reason, Since: since}
		wake, err := r.flow.Wait(ctx, wait)
		r.flow.State.Attention = nil
		if err != nil {
			return 0, err
		}
		switch act := wake.Act.(type) {
		case contract.DecideParcel:
			return r.decideParcel(ctx, act)
		case contract.Receive:
			return r.receive(ctx, act)
		default:
		}
		if wake.Late {
			r.flow.Tell(ctx, caseflow.Entry{
				Type: "case.attention_resolved", By: caseflow.By("clock"), Data: map[string]any{"by": wait.Consequence}, Staff: true,
			})
			return payAnyway, nil
		}
		before := r.parcel.state()
		if err := r.look(ctx, wake.Alarm); err != nil {
			return 0, err
		}
		if how, moving, err := r.heed(ctx); err != nil || !moving {
			return how, err
		}
		if r.parcel.state() != before && r.parcel.onItsWay() && reason != "delayed" {
			r.flow.Tell(ctx, caseflow.Entry{
				Type: "case.attention_resolved", By: caseflow.By("carrier"), Data: map[string]any{"by": "parcel_found"}, Staff: true,
			})
			return r.travel(ctx)
		}
	}
}

// deciding refuses to wait for a parcel that is there.
func (r *returning) deciding() caseflow.Offer {
	o := offer(contract.ActionDecideParcel, contract.Agent)
	o.Check = func(act contract.Act) *contract.Refusal {
		if decide, ok := act.(contract.DecideParcel); ok && decide.Decision == contract.ParcelWait && r.received {
			return &contract.Refusal{Field: "decision", Detail: "the warehouse has the parcel: refund, ship_again or close"}
		}
		return nil
	}
	return o
}

func (r *returning) decideParcel(ctx workflow.Context, act contract.DecideParcel) (arrival, error) {
	r.flow.Tell(ctx, caseflow.Entry{
		Type: "case.attention_resolved", By: act.Actor, NoteID: act.NoteID, Data: map[string]any{"by": act.Decision}, Staff: true,
	})
	switch act.Decision {
	case contract.ParcelRefund:
		return payAnyway, nil
	case contract.ParcelClose:
		return giveUp, nil
	case contract.ParcelShipAgain:
		// The courier of a late pickup is called off first; it may turn out that he has the goods.
		late := r.parcel.open()
		if err := r.callOff(ctx, act.Envelope); err != nil {
			return 0, err
		}
		if late && r.parcel.underway() {
			return r.travel(ctx)
		}
		return sendAgain, nil
	default:
		return r.travel(ctx)
	}
}
