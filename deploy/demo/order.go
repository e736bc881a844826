package demo

import (
	"context"
	"fmt"
	"time"

	cases "aftercare.dev/services/cases/api"
	logistics "aftercare.dev/services/logistics/api"
	order "aftercare.dev/services/order/api"
	"aftercare.dev/services/platform/httpclient"
	"aftercare.dev/services/platform/money"
)

// The lines of the order.
const (
	jacket = "1"
	scarf  = "2"
)

func cny(minor int64) money.Money { return money.Money{Amount: minor, Currency: "CNY"} }

// returned is what goes back: one of two jackets.
func (t *teller) returned() []cases.LineQuantity {
	return []cases.LineQuantity{{LineID: jacket, Quantity: 1}}
}

// sell sets the shop up and sells something: two jackets and a scarf with a coupon, paid in two parts, insured.
func (t *teller) sell(ctx context.Context) error {
	district := "余杭区"
	address, err := t.administrator.PutReturnAddressWithResponse(ctx, logistics.Contact{
		Name: "退货仓", Phone: "0571-88886666", Province: "浙江省", City: "杭州市", District: &district, Street: "仓前街道 1 号",
	})
	if err != nil {
		return err
	}
	if err := httpclient.CheckStatus(address.StatusCode(), address.Body); err != nil {
		return fmt.Errorf("set the return address: %w", err)
	}
	answer, err := t.storefront.PutOrderWithResponse(ctx, t.order, t.input(time.Now().UTC()))
	if err != nil {
		return err
	}
	if err := httpclient.CheckStatus(answer.StatusCode(), answer.Body); err != nil {
		return fmt.Errorf("store the order: %w", err)
	}
	t.say("storefront", "sold %s: 2 jackets, 1 scarf, a coupon, paid in two parts, return freight insured", t.order)
	return nil
}

func (t *teller) input(now time.Time) order.OrderInput {
	ptr := func(s string) *string { return &s }
	insured, freight, delivered := true, cny(1000), now.Add(-20*time.Hour)
	discounts := []order.Discount{{Code: "NEW50", Amount: cny(5000)}}
	language := order.ZhCN
	return order.OrderInput{
		BuyerID: t.buyer, Currency: "CNY", PlacedAt: now.Add(-48 * time.Hour),
		Lines: []order.OrderLineInput{
			{LineID: jacket, Sku: "JKT-NAVY-M", Title: ptr("Down jacket, navy, M"), Category: ptr("apparel"), Quantity: 2, Amount: cny(79800)},
			{LineID: scarf, Sku: "SCF-RED", Title: ptr("Wool scarf"), Category: ptr("apparel"), Quantity: 1, Amount: cny(15900)},
		},
		Discounts: &discounts, Freight: &freight, FreightInsurance: &insured,
		Payments: []order.Payment{
			{PaymentID: "deposit", Provider: order.Wechatpay, ProviderReference: "D" + t.order[3:], Amount: cny(20000), PaidAt: now.Add(-48 * time.Hour)},
			{PaymentID: "balance", Provider: order.Wechatpay, ProviderReference: "B" + t.order[3:], Amount: cny(71700), PaidAt: now.Add(-47 * time.Hour)},
		},
		Contact: &order.Contact{
			Name: ptr("李小梅"), Phone: ptr("13800138000"), Email: ptr("xiaomei@example.com"), Language: &language,
			PayerReference: ptr("openid-" + t.buyer), Province: ptr("上海市"), City: ptr("上海市"), District: ptr("徐汇区"), Street: ptr("漕溪北路 88 号"),
		},
		Deliveries: &[]order.Delivery{{
			DeliveryID: "d1", Carrier: "shunfeng", TrackingNumber: "SF" + t.order[len(t.order)-12:],
			ShippedAt: now.Add(-44 * time.Hour), DeliveredAt: &delivered,
		}},
	}
}
