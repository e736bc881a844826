package journey

import (
	"bytes"
	"context"
	"fmt"
	"image"
	"image/png"
	"net/http"
	"slices"
	"strings"
	"sync"
	"time"

	cases "aftercare.dev/services/cases/api"
	order "aftercare.dev/services/order/api"
	"aftercare.dev/services/platform/money"
	"aftercare.dev/services/platform/problem"
)

// The line of every order: two jackets.
const (
	jacket, jackets = "jacket", 2
	worth           = 39900 // of one, in minor units
)

func cny(minor int64) money.Money { return money.Money{Amount: minor, Currency: "CNY"} }

// buy stores the order.
func (v *visit) buy(ctx context.Context) error {
	now := time.Now().UTC().Truncate(time.Second)
	number := v.orderID[2:]
	text := func(s string) *string { return &s }
	language := order.En
	_, err := v.ask(ctx, operation{"putOrder", http.MethodPut, "storefront"}, "/v1/orders/"+v.orderID, "", order.OrderInput{
		BuyerID: "buyer-" + number, Currency: "CNY", PlacedAt: now.Add(-48 * time.Hour), FreightInsurance: &v.kind.insured,
		Lines: []order.OrderLineInput{{LineID: jacket, Sku: "JKT", Title: text("Down jacket"), Quantity: jackets, Amount: cny(jackets * worth)}},
		Payments: []order.Payment{{
			PaymentID: "p1", Provider: order.Wechatpay, ProviderReference: v.trade(), Amount: cny(jackets * worth), PaidAt: now.Add(-47 * time.Hour),
		}},
		Contact: &order.Contact{
			Name: text("A Buyer"), Phone: text("13800000000"), Email: text(strings.ToLower(number) + "@buyers.example"), Language: &language,
			PayerReference: text("payer-" + number), Province: text("Shanghai"), City: text("Shanghai"), Street: text("A street 1"),
		},
		Deliveries: &[]order.Delivery{{
			DeliveryID: "d1", Carrier: "shunfeng", TrackingNumber: "SF" + number, ShippedAt: now.Add(-44 * time.Hour),
			DeliveredAt: new(now.Add(-20 * time.Hour)),
		}},
	}, nil)
	return err
}

// trade is the reference of the order's payment at the provider.
func (v *visit) trade() string { return "P" + v.orderID[2:] }

// step is one thing on the way of a case.
type step func(ctx context.Context, v *visit) error

// file opens the case, for so many jackets.
func file(reason cases.Reason, quantity int64) step {
	return func(ctx context.Context, v *visit) error {
		in := body{
			"order_id": v.orderID, "type": cases.ReturnRefund, "reason": reason,
			"lines": []cases.LineQuantity{{LineID: jacket, Quantity: quantity}},
		}
		if v.photo != "" {
			in["evidence_ids"] = []string{v.photo}
		}
		status, err := v.ask(ctx, operation{"openCase", http.MethodPost, "storefront"}, "/v1/cases", "file-"+v.orderID, in, &v.found)
		if err != nil || status != http.StatusAccepted {
			return err
		}
		// It is durable, and can be read once it is judged.
		return v.appears(ctx)
	}
}

// picture is a photo, as small as there are.
var picture = sync.OnceValues(func() ([]byte, error) {
	var b bytes.Buffer
	err := png.Encode(&b, image.NewGray(image.Rect(0, 0, 8, 8)))
	return b.Bytes(), err
})

// photograph uploads a photo, which is shown with the case.
func photograph(ctx context.Context, v *visit) error {
	content, err := picture()
	if err != nil {
		return err
	}
	var kept struct {
		EvidenceID string `json:"evidence_id"`
	}
	_, err = v.ask(ctx, operation{"uploadEvidence", http.MethodPost, "storefront"}, "/v1/evidence", "", content, &kept)
	v.photo = kept.EvidenceID
	return err
}

// look has the agent look at the photo.
func look(ctx context.Context, v *visit) error {
	_, err := v.ask(ctx, operation{"getEvidence", http.MethodGet, "agent"}, "/v1/evidence/"+v.photo, "", nil, nil)
	return err
}

// appears waits until a case can be read that has an id.
func (v *visit) appears(ctx context.Context) error {
	ctx, stop := context.WithTimeout(ctx, patience)
	defer stop()
	for pause := firstLook; ; pause = longer(pause) {
		err := v.read(ctx)
		if p, ok := problem.As(err); !ok || p.Status != http.StatusNotFound {
			return err
		}
		if rest(ctx, pause) != nil {
			return err
		}
	}
}

// action is a POST to the case: who does it, at which path, and the operationId.
type action struct{ role, path, id string }

var (
	approve         = action{"agent", "approve", "approveCase"}
	reject          = action{"agent", "reject", "rejectCase"}
	requestInfo     = action{"agent", "request-info", "requestInfo"}
	provideInfo     = action{"storefront", "provide-info", "provideInfo"}
	answerRejection = action{"storefront", "answer-rejection", "answerRejection"}
	withdraw        = action{"storefront", "withdraw", "withdrawCase"}
	bookPickup      = action{"storefront", "book-pickup", "bookPickup"}
	shipParcel      = action{"storefront", "ship", "shipParcel"}
	receiveParcel   = action{"warehouse", "receive", "receiveParcel"}
	inspectGoods    = action{"warehouse", "inspect", "inspectGoods"}
	agree           = action{"storefront", "agree", "agreeToInspection"}
	contest         = action{"storefront", "contest", "contestInspection"}
	decideContest   = action{"agent", "decide-contest", "decideContest"}
	sendBackParcel  = action{"warehouse", "send-back", "sendBack"}
	decideParcel    = action{"agent", "decide-parcel", "decideParcel"}
	resolveRefund   = action{"finance", "resolve-refund", "resolveRefund"}
)

// body is a request in JSON.
type body map[string]any

// does has somebody act on the case. An answer that says that the effect follows is asked for again, with the same key.
func does(a action, said body) step {
	if said == nil {
		said = body{}
	}
	return func(ctx context.Context, v *visit) error {
		v.acts++
		key := fmt.Sprintf("%s-%d", v.found.CaseID, v.acts)
		for pause := firstLook; ; pause = longer(pause) {
			var found cases.Case
			status, err := v.ask(ctx, operation{a.id, http.MethodPost, a.role}, "/v1/cases/"+v.found.CaseID+"/"+a.path, key, said, &found)
			if err != nil {
				return err
			}
			if status != http.StatusAccepted {
				v.found = found
				return nil
			}
			if err := rest(ctx, pause); err != nil {
				return fmt.Errorf("%s: %w", a.id, err)
			}
		}
	}
}

// ship has the buyer bring the parcel to a counter.
func ship(ctx context.Context, v *visit) error {
	return does(shipParcel, v.parcel(quiet, "RT"))(ctx, v)
}

// sendBack has the warehouse send the goods to the buyer, and the carrier bring them.
func sendBack(ctx context.Context, v *visit) error {
	parcel := v.parcel("zhongtong", "ZT")
	if err := does(sendBackParcel, parcel)(ctx, v); err != nil {
		return err
	}
	return v.steer(ctx, parcel["tracking_number"].(string), "signed")
}

// parcel is one that somebody brings to a counter of a carrier.
func (v *visit) parcel(carrier, prefix string) body {
	return body{"carrier": carrier, "tracking_number": prefix + v.orderID[2:]}
}

// reaches waits for one of the stages.
func reaches(stages ...cases.Stage) step {
	return func(ctx context.Context, v *visit) error {
		return v.until(ctx, fmt.Sprint("in stage ", stages), func(c cases.Case) bool { return slices.Contains(stages, c.Stage) })
	}
}
