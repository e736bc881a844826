package crashpoints

import (
	"bytes"
	"context"
	"fmt"
	"image"
	"image/png"
	"maps"
	"net/http"
	"slices"
	"strings"
	"time"

	"aftercare.dev/deploy/client"
	"aftercare.dev/deploy/split"
	cases "aftercare.dev/services/cases/api"
	order "aftercare.dev/services/order/api"
	"aftercare.dev/services/platform/ids"
	"aftercare.dev/services/platform/money"
	"aftercare.dev/services/platform/problem"
)

// shop is the merchant and its people.
type shop struct {
	merchant string
	people   map[string]client.Person
	world    client.Person // the outside world's control API
	webhooks string
	clock    *split.Clock
}

var roles = []string{"storefront", "agent", "warehouse", "finance", "operator", "administrator"}

// openShop hires the people of a new merchant, whose webhooks go to an address.
func openShop(ctx context.Context, door client.Door, sandboxURL, webhooks string) (*shop, error) {
	s := &shop{merchant: "crash-" + strings.ToLower(ids.New("m")[2:]), people: map[string]client.Person{}, webhooks: webhooks}
	for _, role := range roles {
		p, err := door.Person(s.merchant, role, role+"-1", patience)
		if err != nil {
			return nil, err
		}
		s.people[role] = p
	}
	s.world = s.people["agent"].At(sandboxURL + "/control")
	return s, s.furnish(ctx)
}

// furnish tells where goods and webhooks go. Telling it again changes nothing.
func (s *shop) furnish(ctx context.Context) error {
	err := s.people["administrator"].Ask(ctx, http.MethodPut, "/v1/return-address", "", map[string]any{
		"name": "Warehouse", "phone": "0571-88886666", "province": "Zhejiang", "city": "Hangzhou", "street": "Cangqian 1",
	}, nil)
	if err != nil {
		return err
	}
	return s.people["storefront"].Ask(ctx, http.MethodPost, "/v1/webhook-endpoints", "of-"+s.merchant, map[string]any{"url": s.webhooks}, nil)
}

// visit is one case on its path.
type visit struct {
	*shop
	path    path
	orderID string
	trade   string // the reference of the payment at the provider
	photo   string // the id of a photo
	Case    cases.Case
	acts    int
}

// item is the line of every order: two jackets, of which one comes back.
const (
	item  = "jacket"
	worth = 39900
)

func cny(minor int64) money.Money { return money.Money{Amount: minor, Currency: "CNY"} }

// run takes a case along its path to its end.
func (v *visit) run(ctx context.Context) error {
	if err := v.buy(ctx); err != nil {
		return fmt.Errorf("buy: %w", err)
	}
	for i, step := range v.path.steps {
		if err := step(ctx, v); err != nil {
			return fmt.Errorf("step %d of %q, case %s in stage %s: %w", i+1, v.path.name, v.Case.CaseID, v.Case.Stage, err)
		}
	}
	if err := v.until(ctx, "closed", inStage(cases.StageClosed)); err != nil {
		return fmt.Errorf("end of %q, case %s in stage %s: %w", v.path.name, v.Case.CaseID, v.Case.Stage, err)
	}
	if !slices.Contains(v.path.outcomes, *v.Case.Outcome) {
		return fmt.Errorf("%q, case %s ended %s", v.path.name, v.Case.CaseID, *v.Case.Outcome)
	}
	return nil
}

// buy stores the order. The ids are new, so that the journal of the provider says whose money moved.
func (v *visit) buy(ctx context.Context) error {
	now := time.Now().UTC().Truncate(time.Second)
	v.orderID = ids.New("o")
	number := v.orderID[2:]
	v.trade = "P" + number
	text := func(s string) *string { return &s }
	language := order.En
	return v.people["storefront"].Ask(ctx, http.MethodPut, "/v1/orders/"+v.orderID, "", order.OrderInput{
		BuyerID: "buyer-" + number, Currency: "CNY", PlacedAt: now.Add(-48 * time.Hour), FreightInsurance: &v.path.insured,
		Lines: []order.OrderLineInput{{LineID: item, Sku: "JKT", Title: text("Down jacket"), Quantity: 2, Amount: cny(2 * worth)}},
		Payments: []order.Payment{
			{PaymentID: "p1", Provider: order.Wechatpay, ProviderReference: v.trade, Amount: cny(2 * worth), PaidAt: now.Add(-47 * time.Hour)},
		},
		Contact: &order.Contact{
			Name: text("Li Lei"), Phone: text("13800138000"), Email: text(strings.ToLower(number) + "@buyers.example"), Language: &language,
			PayerReference: text("payer-" + number), Province: text("Shanghai"), City: text("Shanghai"), Street: text("Huaihai Road 1"),
		},
		Deliveries: &[]order.Delivery{{
			DeliveryID: "d1", Carrier: "shunfeng", TrackingNumber: "SF" + number, ShippedAt: now.Add(-44 * time.Hour),
			DeliveredAt: new(now.Add(-20 * time.Hour)),
		}},
	}, nil)
}

const (
	// looking is how long a case that is waited for is left alone, and stroke after how many looks the clock strikes.
	looking = 250 * time.Millisecond
	stroke  = 60
)

// until reads the case until it is as wanted.
func (v *visit) until(ctx context.Context, what string, wanted func(cases.Case) bool) error {
	ctx, stop := context.WithTimeout(ctx, patience)
	defer stop()
	for look := 1; ; look++ {
		if look%stroke == 0 && v.Case.Shipment != nil {
			v.clock.Strike(ctx, v.merchant, v.Case.CaseID, v.Case.Shipment.ShipmentID)
		}
		var found cases.Case
		err := v.people["storefront"].Ask(ctx, http.MethodGet, "/v1/cases/"+v.Case.CaseID, "", nil, &found)
		if err == nil {
			v.Case = found
			if wanted(found) {
				return nil
			}
		}
		select {
		case <-ctx.Done():
			return fmt.Errorf("not %s within %s, it waits for %v (attention %v): %w", what, patience, v.Case.NextActions, v.Case.Attention, ctx.Err())
		case <-time.After(looking):
		}
	}
}

// step is one thing on a path.
type step func(ctx context.Context, v *visit) error

// file opens the case.
func file(reason cases.Reason) step {
	return func(ctx context.Context, v *visit) error {
		in := map[string]any{
			"order_id": v.orderID, "type": "return_refund", "reason": reason, "text": "it does not fit",
			"lines": []map[string]any{{"line_id": item, "quantity": 1}},
		}
		if v.photo != "" {
			in["evidence_ids"] = []string{v.photo}
		}
		// Also the answer 202 has the id.
		if err := v.people["storefront"].Ask(ctx, http.MethodPost, "/v1/cases", "file-"+v.orderID, in, &v.Case); err != nil {
			return err
		}
		return v.until(ctx, "there", func(cases.Case) bool { return true })
	}
}

// photograph uploads a photo, which is shown with the case. One whose answer was lost is uploaded once more.
func photograph(ctx context.Context, v *visit) error {
	var picture bytes.Buffer
	if err := png.Encode(&picture, image.NewGray(image.Rect(0, 0, 8, 8))); err != nil {
		return err
	}
	var kept struct {
		EvidenceID string `json:"evidence_id"`
	}
	err := v.people["storefront"].Ask(ctx, http.MethodPost, "/v1/evidence", "", picture.Bytes(), &kept)
	v.photo = kept.EvidenceID
	return err
}

// look reads the photo again.
func look(ctx context.Context, v *visit) error {
	return v.people["agent"].Ask(ctx, http.MethodGet, "/v1/evidence/"+v.photo, "", nil, nil)
}

// does has somebody act on the case. A request whose answer is lost, or says that its effect follows, is sent again with
// the same key, until it is done.
func does(role, action string, body map[string]any) step {
	return func(ctx context.Context, v *visit) error {
		v.acts++
		if body == nil {
			body = map[string]any{}
		}
		key := fmt.Sprintf("%s-%d", v.Case.CaseID, v.acts)
		for {
			status, err := v.people[role].Answer(ctx, http.MethodPost, "/v1/cases/"+v.Case.CaseID+"/"+action, key, body, nil)
			if err != nil {
				return fmt.Errorf("%s: %w", action, err)
			}
			if status != http.StatusAccepted {
				return nil
			}
		}
	}
}

// ship has the buyer bring the parcel to a counter.
func ship(ctx context.Context, v *visit) error {
	return does("storefront", "ship", parcel(v, "YT"))(ctx, v)
}

func parcel(v *visit, prefix string) map[string]any {
	return map[string]any{"carrier": "yuantong", "tracking_number": prefix + v.orderID[2:]}
}

// sendBack has the warehouse send the goods to the buyer.
func sendBack(ctx context.Context, v *visit) error {
	return does("warehouse", "send-back", parcel(v, "ZT"))(ctx, v)
}

// batch has an operator act on the case by a list.
func batch(action string) step {
	return func(ctx context.Context, v *visit) error {
		return v.people["operator"].Ask(ctx, http.MethodPost, "/v1/cases/actions", "batch-"+v.Case.CaseID, map[string]any{
			"action": action, "note": "all at once", "case_ids": []string{v.Case.CaseID},
		}, nil)
	}
}

// reaches waits for one of the stages.
func reaches(stages ...cases.Stage) step {
	return func(ctx context.Context, v *visit) error {
		return v.until(ctx, fmt.Sprint("in stage ", stages), inStage(stages...))
	}
}

func inStage(stages ...cases.Stage) func(cases.Case) bool {
	return func(c cases.Case) bool { return slices.Contains(stages, c.Stage) }
}

// troubled waits until the case is for a person.
func troubled(ctx context.Context, v *visit) error {
	return v.until(ctx, "for a person", func(c cases.Case) bool { return c.Attention != nil })
}

// unlessPaid takes steps once the case is for a person. A process that dies with the provider's refusal in its hands forgets
// it; then the refund is sent again, paid, and nobody is needed.
func unlessPaid(steps ...step) step {
	return func(ctx context.Context, v *visit) error {
		err := v.until(ctx, "for a person, or paid", func(c cases.Case) bool { return c.Attention != nil || c.Stage == cases.StageClosed })
		if err != nil || v.Case.Attention == nil {
			return err
		}
		return inOrder(steps)(ctx, v)
	}
}

// shipment waits until the parcel is in one of the states.
func shipment(states ...string) step {
	return func(ctx context.Context, v *visit) error {
		return v.until(ctx, fmt.Sprint("with a shipment that is ", states), func(c cases.Case) bool {
			return c.Shipment != nil && slices.Contains(states, c.Shipment.State) || c.Stage == cases.StageClosed
		})
	}
}

// when takes a step only in a stage.
func when(stage cases.Stage, steps ...step) step {
	return func(ctx context.Context, v *visit) error {
		if v.Case.Stage != stage {
			return nil
		}
		return inOrder(steps)(ctx, v)
	}
}

// inOrder takes steps one after the other.
func inOrder(steps []step) step {
	return func(ctx context.Context, v *visit) error {
		for _, s := range steps {
			if err := s(ctx, v); err != nil {
				return err
			}
		}
		return nil
	}
}

// rule has the outside world misbehave in matters of this case.
func rule(system, operation, effect string, more map[string]any) step {
	return func(ctx context.Context, v *visit) error {
		r := map[string]any{"system": system, "operation": operation, "effect": effect, "match": v.subject(system, operation)}
		maps.Copy(r, more)
		return v.world.Ask(ctx, http.MethodPost, "/rules", "", r, nil)
	}
}

// subject is how a system of the outside world knows this case: by the payment, the parcel, or the courier's errand.
func (v *visit) subject(system, operation string) map[string]any {
	switch {
	case system == "payment":
		return map[string]any{"out_trade_no": v.trade}
	case system == "carrier" && operation != "poll":
		return map[string]any{"remark": v.Case.CaseID + "-s1"}
	default:
		return map[string]any{"tracking": "YT" + v.orderID[2:]}
	}
}

// steer has the carrier take the parcel somewhere. One that has gone further by itself cannot be taken there; of one that
// the buyer sends the carrier tells only after it was asked to watch it, which a process that died has yet to do.
func steer(state string) step {
	return func(ctx context.Context, v *visit) error {
		ctx, stop := context.WithTimeout(ctx, patience)
		defer stop()
		for {
			err := v.world.Ask(ctx, http.MethodPost, "/parcels/YT"+v.orderID[2:], "", map[string]any{"state": state}, nil)
			p, ok := problem.As(err)
			if !ok || p.Status != http.StatusNotFound {
				if ok && p.Status == http.StatusConflict {
					return nil
				}
				return err
			}
			select {
			case <-ctx.Done():
				return err
			case <-time.After(looking):
			}
		}
	}
}
