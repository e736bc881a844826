package dashboards

import (
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	gateway "aftercare.dev/gateway/api"
	cases "aftercare.dev/services/cases/api"
	logistics "aftercare.dev/services/logistics/api"
	order "aftercare.dev/services/order/api"
	"aftercare.dev/services/platform/ids"
	"aftercare.dev/services/platform/money"
)

// What nobody may read in a trace or a metric.
var planted = map[string]string{
	"name": "Traced Trauerweide", "phone": "13766554433", "street": "Spurengasse 12", "words": "planted-words-in-a-trace",
	"pickup name": "Traced Abholer", "pickup phone": "13744332211", "reason": "planted-reason-for-a-look",
}

// follow takes a case as far as the courier, with everything that people say on the way.
func follow(t *testing.T, s shop) (caseID string) {
	t.Helper()
	ctx, now := t.Context(), time.Now().UTC()
	price, delivered, id := money.Money{Amount: worth, Currency: "CNY"}, now.Add(-20*time.Hour), ids.New("o")
	trade := "P" + ids.New("t")[2:]
	_, _, err := s.sell(ctx)
	require.NoError(t, err)
	name, phone, street := planted["name"], planted["phone"], planted["street"]
	sold, err := s.storefront.PutOrderWithResponse(ctx, id, order.OrderInput{
		BuyerID: "b1", Currency: "CNY", PlacedAt: now.Add(-48 * time.Hour), Contact: &order.Contact{Name: &name, Phone: &phone, Street: &street},
		Lines:    []order.OrderLineInput{{LineID: "jacket", Sku: "JKT", Quantity: 1, Amount: price}},
		Payments: []order.Payment{{PaymentID: "p1", Provider: order.Wechatpay, ProviderReference: trade, Amount: price, PaidAt: now.Add(-47 * time.Hour)}},
		Deliveries: &[]order.Delivery{{
			DeliveryID: "d1", Carrier: "shunfeng", TrackingNumber: "SF" + trade, ShippedAt: now.Add(-44 * time.Hour), DeliveredAt: &delivered,
		}},
	})
	require.NoError(t, err)
	require.Equal(t, 200, sold.StatusCode(), string(sold.Body))
	words := planted["words"]
	filed, err := s.storefront.Open(ctx, ids.New("key"), gateway.CaseInput{
		OrderID: id, Type: cases.ReturnRefund, Reason: cases.ReasonSizeColorDislike, Text: &words,
		Lines: []cases.LineQuantity{{LineID: "jacket", Quantity: 1}},
	})
	require.NoError(t, err)
	booked, err := s.storefront.BookPickupWithResponse(ctx, filed.CaseID, nil, gateway.BookPickupAction{Address: &logistics.Contact{
		Name: planted["pickup name"], Phone: planted["pickup phone"], Province: "Jiangsu", City: "Suzhou", Street: street,
	}})
	require.NoError(t, err)
	require.Less(t, booked.StatusCode(), 300, string(booked.Body))
	found, err := s.administrator.SearchContactsWithResponse(ctx, order.ContactSearch{Phone: phone})
	require.NoError(t, err)
	require.Len(t, found.JSON200.Items, 1, string(found.Body))
	seen, err := s.administrator.RevealOrderContactWithResponse(ctx, id, gateway.RevealInput{Reason: planted["reason"]})
	require.NoError(t, err)
	require.Equal(t, name, *seen.JSON200.Name)
	return filed.CaseID
}

func TestNoPersonalDataIsInATrace(t *testing.T) {
	s, err := open("private")
	require.NoError(t, err)
	caseID := follow(t, s)
	var told string
	await(t, func() []string {
		var all strings.Builder
		for _, span := range shared.told() {
			all.WriteString(span.String() + "\n")
		}
		told = all.String()
		// The last request of the story is there, and so is everything before it.
		for _, part := range []string{caseID, "/v1/orders/{order_id}/contact/reveal", "book-pickup"} {
			if !strings.Contains(told, part) {
				return []string{part}
			}
		}
		return nil
	})
	for what, secret := range planted {
		if strings.Contains(told, secret) {
			t.Errorf("the %s is in a trace", what)
		}
		if strings.Contains(shared.said.String(), secret) {
			t.Errorf("the %s is in the log", what)
		}
	}
}
