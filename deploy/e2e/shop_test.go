package e2e

import (
	"fmt"
	"net/http"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	cases "aftercare.dev/services/cases/api"
	order "aftercare.dev/services/order/api"
	payment "aftercare.dev/services/payment/api"
	"aftercare.dev/services/platform/ids"
	"aftercare.dev/services/platform/money"
)

// shop is a merchant of its own, so that tests do not see each other.
type shop struct {
	t        testing.TB
	h        *house
	merchant string

	storefront, agent, warehouse, finance, operator, administrator *person
}

func newShop(t testing.TB, h *house) *shop {
	t.Helper()
	s := &shop{t: t, h: h, merchant: "m-" + strings.ToLower(ids.New("m")[2:])}
	return s.staffed()
}

// staffed makes the people of the shop.
func (s *shop) staffed() *shop {
	s.t.Helper()
	for role, who := range map[string]**person{
		"storefront": &s.storefront, "agent": &s.agent, "warehouse": &s.warehouse, "finance": &s.finance,
		"operator": &s.operator, "administrator": &s.administrator,
	} {
		*who = s.h.as(s.t, s.merchant, role, role+"-1")
	}
	s.administrator.put("/v1/return-address", map[string]any{
		"name": "Warehouse", "phone": "0571-88886666", "province": "Zhejiang", "city": "Hangzhou", "street": "Cangqian 1",
	}).fine()
	return s
}

func (s *shop) buyer(id string) *person { s.t.Helper(); return s.h.as(s.t, s.merchant, "buyer", id) }

func cny(minor int64) money.Money { return money.Money{Amount: minor, Currency: "CNY"} }

var sold atomic.Int64

// The order of the tests: two jackets and a scarf, paid in two parts. One jacket is worth 39900.
const (
	jacket = "jacket"
	scarf  = "scarf"
	worth  = 39900
)

// What nobody but a service's own tables may hold. Every order of the tests has it.
const (
	plantedName   = "Quirinus Zwetschgenmann"
	plantedPhone  = "13877665544"
	plantedMail   = "quirinus.zwetschgenmann@buyers.example"
	plantedStreet = "Pflaumenallee Numero 4711"
	plantedPayer  = "openid-planted-0x5ca1ab1e"
)

// input is an order of a buyer. Its payments have references that nobody else uses.
func input(buyer string) order.OrderInput {
	now := time.Now().UTC()
	ptr := func(v string) *string { return &v }
	n := fmt.Sprintf("%d%06d", now.UnixMicro(), sold.Add(1))
	freight, insured, delivered, language := cny(1000), true, now.Add(-20*time.Hour), order.En
	return order.OrderInput{
		BuyerID: buyer, Currency: "CNY", PlacedAt: now.Add(-48 * time.Hour),
		Lines: []order.OrderLineInput{
			{LineID: jacket, Sku: "JKT", Title: ptr("Down jacket"), Category: ptr("apparel"), Quantity: 2, Amount: cny(2 * worth)},
			{LineID: scarf, Sku: "SCF", Title: ptr("Scarf"), Category: ptr("apparel"), Quantity: 1, Amount: cny(15900)},
		},
		Freight: &freight, FreightInsurance: &insured,
		Payments: []order.Payment{
			{PaymentID: "deposit", Provider: order.Wechatpay, ProviderReference: "D" + n, Amount: cny(20000), PaidAt: now.Add(-48 * time.Hour)},
			{PaymentID: "balance", Provider: order.Wechatpay, ProviderReference: "B" + n, Amount: cny(76700), PaidAt: now.Add(-47 * time.Hour)},
		},
		Contact: &order.Contact{
			Name: ptr(plantedName), Phone: ptr(plantedPhone), Email: ptr(plantedMail), Language: &language,
			PayerReference: ptr(plantedPayer), Province: ptr("Shanghai"), City: ptr("Shanghai"), Street: ptr(plantedStreet),
		},
		Deliveries: &[]order.Delivery{{
			DeliveryID: "d1", Carrier: "shunfeng", TrackingNumber: "SF" + n, ShippedAt: now.Add(-44 * time.Hour), DeliveredAt: &delivered,
		}},
	}
}

// uninsured is an order whose return freight nobody insures.
func uninsured(o *order.OrderInput) { insured := false; o.FreightInsurance = &insured }

// once is an order paid in one payment.
func once(o *order.OrderInput) {
	o.Payments = o.Payments[1:]
	o.Payments[0].Amount = cny(96700)
}

// sell stores an order and returns its id.
func (s *shop) sell(buyer string, changes ...func(*order.OrderInput)) string {
	s.t.Helper()
	in := input(buyer)
	for _, change := range changes {
		change(&in)
	}
	id := ids.New("o")
	s.storefront.put("/v1/orders/"+id, in).fine()
	return id
}

func (s *shop) order(id string) order.Order {
	s.t.Helper()
	return into[order.Order](s.storefront.get("/v1/orders/" + id))
}

// application asks to return one jacket, for no reason that matters: the policy approves it.
func application(orderID string) map[string]any {
	return map[string]any{
		"order_id": orderID, "type": "return_refund", "reason": "size_color_dislike",
		"lines": []map[string]any{{"line_id": jacket, "quantity": 1}},
	}
}

// judged is an application that a person has to judge.
func judged(orderID string) map[string]any {
	in := application(orderID)
	in["reason"] = "defective"
	return in
}

// key is a header with a key that was never used.
func key() []string { return []string{"Idempotency-Key", ids.New("key")} }

// file opens a case.
func (s *shop) file(application map[string]any) cases.Case {
	s.t.Helper()
	a := s.storefront.post("/v1/cases", application, key()...)
	require.Equalf(s.t, http.StatusCreated, a.status, "%s", a.body)
	return into[cases.Case](a)
}

func (s *shop) read(id string) cases.Case {
	s.t.Helper()
	return into[cases.Case](s.storefront.get("/v1/cases/" + id))
}

func (s *shop) timeline(id string) []cases.Entry {
	s.t.Helper()
	return into[cases.Timeline](s.operator.get("/v1/cases/" + id + "/timeline?limit=200")).Entries
}

// types are the types of the entries of a timeline.
func types(entries []cases.Entry) []string {
	all := make([]string, 0, len(entries))
	for _, e := range entries {
		all = append(all, e.Type)
	}
	return all
}

// until waits for a case to be as wanted.
func (s *shop) until(id, what string, wanted func(cases.Case) bool) cases.Case {
	s.t.Helper()
	var found cases.Case
	defer func() {
		if s.t.Failed() {
			s.t.Logf("case %s: %s %v %v", id, found.Stage, found.Attention, found.NextActions)
		}
	}()
	eventually(s.t, "case "+what, func() bool {
		found = s.read(id)
		return wanted(found)
	})
	return found
}

// reaches waits for a stage.
func (s *shop) reaches(id string, stage cases.Stage) cases.Case {
	s.t.Helper()
	return s.until(id, "in stage "+string(stage), func(c cases.Case) bool { return c.Stage == stage })
}

// ends waits for the end of a case, which has this outcome.
func (s *shop) ends(id string, outcome cases.Outcome) cases.Case {
	s.t.Helper()
	c := s.reaches(id, cases.StageClosed)
	require.NotNil(s.t, c.Outcome)
	require.Equal(s.t, outcome, *c.Outcome)
	require.Empty(s.t, c.NextActions, "nothing is to be done on a closed case")
	require.Nil(s.t, c.Attention)
	return c
}

// act does something on a case.
func act(who *person, id, action string, body any) answer {
	who.t.Helper()
	if body == nil {
		body = map[string]any{}
	}
	headers := []string{}
	if action == "notes" {
		headers = key()
	}
	return who.post("/v1/cases/"+id+"/"+action, body, headers...)
}

// does carries out something that must work.
func does(who *person, id, action string, body any) {
	who.t.Helper()
	act(who, id, action, body).fine()
}

// selfShip is a parcel that the buyer brings to a counter.
func selfShip() map[string]any {
	return map[string]any{"carrier": "yuantong", "tracking_number": fmt.Sprintf("YT%d%04d", time.Now().UnixMicro(), sold.Add(1))}
}

// intact is the verdict on one jacket as new.
func intact() map[string]any {
	return map[string]any{"lines": []map[string]any{
		{"line_id": jacket, "accepted_quantity": 1, "rejected_quantity": 0, "condition": "intact"},
	}}
}

// worn is the verdict on one jacket that cannot be taken back.
func worn() map[string]any {
	return map[string]any{"lines": []map[string]any{
		{"line_id": jacket, "accepted_quantity": 0, "rejected_quantity": 1, "condition": "damaged_buyer", "disposition": "send_back", "rejection": "used"},
	}}
}

// handIn has the goods arrive: the buyer ships, the warehouse scans.
func (s *shop) handIn(id string) {
	s.t.Helper()
	does(s.storefront, id, "ship", selfShip())
	s.receive(id)
}

func (s *shop) receive(id string) {
	s.t.Helper()
	does(s.warehouse, id, "receive", nil)
	s.reaches(id, cases.StageInspecting)
}

// accepted is a case of one jacket whose refund has begun.
func (s *shop) accepted(orderID string) cases.Case {
	s.t.Helper()
	c := s.file(application(orderID))
	s.handIn(c.CaseID)
	does(s.warehouse, c.CaseID, "inspect", intact())
	return c
}

// refunds are those of a case, as finance sees them.
func (s *shop) refunds(id string) []payment.Refund {
	s.t.Helper()
	return into[payment.RefundPage](s.finance.get("/v1/refunds?case_id=" + id)).Items
}
