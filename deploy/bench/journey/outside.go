package journey

import (
	"context"
	"fmt"
	"net/http"
	"net/url"

	"aftercare.dev/deploy/client"
	"aftercare.dev/deploy/sandbox/carrier"
	"aftercare.dev/deploy/sandbox/fault"
	"aftercare.dev/deploy/sandbox/payment"
	"aftercare.dev/services/logistics/domain"
	"aftercare.dev/services/platform/problem"
)

// outside is the control API of the sandbox.
type outside struct{ control client.Person }

// always is how often a rule applies that does not end by itself.
const always = -1

// quiet is the carrier of parcels that people bring to a counter. No pickup is booked with it, so that the sandbox can tell
// those parcels by it.
const quiet = "yunda"

// hush has the carrier never see parcels that people bring to a counter, and tell nothing of them.
func (o outside) hush(ctx context.Context) error {
	self := map[string]string{"com": quiet}
	for _, r := range []fault.Rule{
		{ID: "bench-unseen", System: carrier.System, Operation: "poll", Match: self, Effect: fault.Outcome, Outcome: carrier.NoRecord, Times: always},
		{ID: "bench-untold", System: carrier.System, Operation: "callback", Match: self, Effect: fault.DropCallbacks, Times: always},
	} {
		err := o.control.Ask(ctx, http.MethodPost, "/rules", "", r, nil)
		if p, ok := problem.As(err); ok && p.Status == http.StatusUnprocessableEntity {
			continue // another shop has said so, by the same name
		}
		if err != nil {
			return fmt.Errorf("tell the sandbox to be quiet: %w", err)
		}
	}
	return nil
}

// calls are the requests that providers answer. Rules without an operation would hold callbacks up, too.
var calls = map[string][]string{
	"payment": {"refund", "query", "abnormal_refund"},
	"carrier": {"bOrder", "cancel", "detail", "modifyOrder", "price", "batchPrice", "poll", "query"},
	"insurer": {"createorder", "claim", "getorderlist", "token"},
	"mail":    {"send"},
}

func (o outside) delay(ctx context.Context, ms int) error {
	for system, operations := range calls {
		for _, operation := range operations {
			r := fault.Rule{ID: "bench-late-" + system + "-" + operation, System: system, Operation: operation, Effect: fault.Delay, MS: ms, Times: always}
			if ms == 0 {
				if err := o.forget(ctx, r.ID); err != nil {
					return err
				}
				continue
			}
			if err := o.rule(ctx, r); err != nil {
				return err
			}
		}
	}
	return nil
}

// rule puts a rule in force, in place of the one of the same name.
func (o outside) rule(ctx context.Context, r fault.Rule) error {
	if err := o.forget(ctx, r.ID); err != nil {
		return err
	}
	if err := o.control.Ask(ctx, http.MethodPost, "/rules", "", r, nil); err != nil {
		return fmt.Errorf("tell the sandbox about %s: %w", r.System, err)
	}
	return nil
}

// forget takes a rule out of force, if there is one of that name.
func (o outside) forget(ctx context.Context, id string) error {
	err := o.control.Ask(ctx, http.MethodDelete, "/rules/"+url.PathEscape(id), "", nil, nil)
	if p, ok := problem.As(err); ok && p.Status == http.StatusNotFound {
		return nil
	}
	return err
}

// steer has the courier of a booked pickup take the parcel somewhere.
func steer(state string) step {
	return func(ctx context.Context, v *visit) error {
		if v.found.Shipment == nil {
			return fmt.Errorf("no shipment to take to %s", state)
		}
		booking := domain.Shipment{MerchantID: v.Merchant, ShipmentID: v.found.Shipment.ShipmentID}.BookingNumber()
		return v.steer(ctx, booking, state)
	}
}

// steer has the carrier take a parcel somewhere at once, by the number of the parcel or of its booking. A parcel that has gone
// further by itself stays there. The carrier may hear of one a moment after the house has answered.
func (v *visit) steer(ctx context.Context, number, state string) error {
	ctx, stop := context.WithTimeout(ctx, patience)
	defer stop()
	for pause := firstLook; ; pause = longer(pause) {
		err := v.outside.control.Ask(ctx, http.MethodPost, "/parcels/"+number, "", map[string]string{"state": state}, nil)
		p, ok := problem.As(err)
		switch {
		case ok && p.Status == http.StatusConflict:
			return nil
		case !ok || p.Status != http.StatusNotFound:
			return err
		}
		if err := rest(ctx, pause); err != nil {
			return fmt.Errorf("the carrier does not know %s: %w", number, err)
		}
	}
}

// unpaid has the provider close the refund without paying it, and takes steps.
func unpaid(steps ...step) step {
	return func(ctx context.Context, v *visit) error {
		r := fault.Rule{
			ID: "bench-unpaid-" + v.orderID, System: payment.System, Operation: "refund", Match: map[string]string{"out_trade_no": v.trade()},
			Effect: fault.Outcome, Outcome: payment.Closed,
		}
		if err := v.outside.rule(ctx, r); err != nil {
			return err
		}
		for _, s := range steps {
			if err := s(ctx, v); err != nil {
				return err
			}
		}
		// Every call to a provider is held against all rules there are.
		return v.outside.forget(ctx, r.ID)
	}
}
