package domain_test

import (
	"strings"
	"testing"
	"time"

	"aftercare.dev/services/order/domain"
	"aftercare.dev/services/platform/money"
	"aftercare.dev/services/platform/problem"
)

var placed = time.Date(2026, 11, 1, 8, 30, 0, 0, time.UTC)

func cny(amount int64) money.Money { return money.Money{Amount: amount, Currency: "CNY"} }

// draft is an order of two lines, 3 × A for 100 and 10 × B for 200 less 50, with 30 off the whole
// and 12 freight: 232 in one payment.
func draft() domain.Order {
	return domain.Order{
		BuyerID: "buyer-1", Currency: "CNY", PlacedAt: placed,
		Lines: []domain.Line{
			{LineID: "A", SKU: "mug", Quantity: 3, Amount: cny(100)},
			{LineID: "B", SKU: "plate", Quantity: 10, Amount: cny(200), Discount: cny(50)},
		},
		Discounts: []domain.Discount{{Code: "autumn", Amount: cny(30)}},
		Freight:   cny(12),
		Payments: []domain.Payment{{
			PaymentID: "pay-1", Provider: "wechatpay", ProviderReference: "out-0001", Amount: cny(232), PaidAt: placed,
		}},
		Deliveries: []domain.Delivery{{
			DeliveryID: "d-1", Carrier: "sf", TrackingNumber: "SF1", ShippedAt: placed.Add(time.Hour),
			Lines: []domain.LineQuantity{{LineID: "A", Quantity: 3}, {LineID: "B", Quantity: 4}},
		}},
	}
}

func TestAnOrderSpreadsItsDiscountsOverTheLines(t *testing.T) {
	order, err := domain.NewOrder(draft())
	if err != nil {
		t.Fatal(err)
	}
	if got := order.Lines[0].Paid; got != cny(88) {
		t.Errorf("line A was paid %v, want 88: 100 less 12, its share of 30", got)
	}
	if got := order.Lines[1].Paid; got != cny(132) {
		t.Errorf("line B was paid %v, want 132: 150 less 18, its share of 30", got)
	}
	if got := order.Paid(); got != cny(232) {
		t.Errorf("the order was paid %v, want 232", got)
	}
}

func TestAnOrderThatCannotBeIsRefusedByField(t *testing.T) {
	later := placed.Add(2 * time.Hour)
	tests := []struct {
		name   string
		change func(*domain.Order)
		code   string
		field  string
	}{
		{"no currency", func(o *domain.Order) { o.Currency = "yuan" }, domain.CodeInvalidOrder, "currency"},
		{"unknown channel", func(o *domain.Order) { o.Channel = "phone" }, domain.CodeInvalidOrder, "channel"},
		{"no time", func(o *domain.Order) { o.PlacedAt = time.Time{} }, domain.CodeInvalidOrder, "placed_at"},
		{"no lines", func(o *domain.Order) { o.Lines = nil }, domain.CodeInvalidOrder, "lines"},
		{"foreign freight", func(o *domain.Order) { o.Freight.Currency = "USD" }, domain.CodeCurrencyMismatch, "freight.currency"},
		{"negative freight", func(o *domain.Order) { o.Freight.Amount = -1 }, domain.CodeInvalidOrder, "freight.amount"},
		{"foreign line", func(o *domain.Order) { o.Lines[1].Amount.Currency = "USD" }, domain.CodeCurrencyMismatch, "lines[1].amount.currency"},
		{"foreign line discount", func(o *domain.Order) { o.Lines[1].Discount.Currency = "USD" }, domain.CodeCurrencyMismatch, "lines[1].discount.currency"},
		{"negative line", func(o *domain.Order) { o.Lines[0].Amount.Amount = -100 }, domain.CodeInvalidOrder, "lines[0].amount.amount"},
		{"huge line", func(o *domain.Order) { o.Lines[0].Amount.Amount = money.Max + 1 }, domain.CodeInvalidOrder, "lines[0].amount.amount"},
		{"huge lines together", func(o *domain.Order) {
			o.Lines[0].Amount.Amount = money.Max
		}, domain.CodeInvalidOrder, "lines"},
		{"huge freight on top", func(o *domain.Order) { o.Freight.Amount = money.Max }, domain.CodeInvalidOrder, "freight"},
		{"no units", func(o *domain.Order) { o.Lines[0].Quantity = 0 }, domain.CodeInvalidOrder, "lines[0].quantity"},
		{"too many units", func(o *domain.Order) { o.Lines[0].Quantity = domain.MaxQuantity + 1 }, domain.CodeInvalidOrder, "lines[0].quantity"},
		{"line twice", func(o *domain.Order) { o.Lines[1].LineID = "A" }, domain.CodeInvalidOrder, "lines[1].line_id"},
		{"discount above the line", func(o *domain.Order) { o.Lines[0].Discount = cny(101) }, domain.CodeInvalidOrder, "lines[0].discount"},
		{"discounts above the lines", func(o *domain.Order) {
			o.Discounts = append(o.Discounts, domain.Discount{Code: "x", Amount: cny(221)})
		}, domain.CodeInvalidOrder, "discounts[1].amount"},
		{"foreign discount", func(o *domain.Order) { o.Discounts[0].Amount.Currency = "USD" }, domain.CodeCurrencyMismatch, "discounts[0].amount.currency"},
		{"no payments", func(o *domain.Order) { o.Payments = nil }, domain.CodeInvalidOrder, "payments"},
		{"payment twice", func(o *domain.Order) { o.Payments = append(o.Payments, o.Payments[0]) }, domain.CodeInvalidOrder, "payments[1].payment_id"},
		{"foreign payment", func(o *domain.Order) { o.Payments[0].Amount.Currency = "USD" }, domain.CodeCurrencyMismatch, "payments[0].amount.currency"},
		{"paid too little", func(o *domain.Order) { o.Payments[0].Amount.Amount-- }, domain.CodePaymentsDoNotAddUp, "payments"},
		{"paid too much", func(o *domain.Order) { o.Payments[0].Amount.Amount++ }, domain.CodePaymentsDoNotAddUp, "payments"},
		{"delivery twice", func(o *domain.Order) { o.Deliveries = append(o.Deliveries, o.Deliveries[0]) }, domain.CodeInvalidOrder, "deliveries[1].delivery_id"},
		{"delivered before it was shipped", func(o *domain.Order) { o.Deliveries[0].DeliveredAt = &placed }, domain.CodeInvalidOrder, "deliveries[0].delivered_at"},
		{"delivery of an unknown line", func(o *domain.Order) { o.Deliveries[0].Lines[1].LineID = "C" }, domain.CodeUnknownLine, "deliveries[0].lines[1].line_id"},
		{"delivery of more than was bought", func(o *domain.Order) {
			o.Deliveries = append(o.Deliveries, domain.Delivery{
				DeliveryID: "d-2", ShippedAt: later, Lines: []domain.LineQuantity{{LineID: "B", Quantity: 7}},
			})
		}, domain.CodeInvalidOrder, "deliveries[1].lines[0].quantity"},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			order := draft()
			test.change(&order)
			_, err := domain.NewOrder(order)
			wantFault(t, err, test.code, test.field)
		})
	}
}

func wantFault(t *testing.T, err error, code, field string) {
	t.Helper()
	e, ok := problem.As(err)
	if !ok {
		t.Fatalf("error is %v, want a problem %s", err, code)
	}
	if e.Code != code {
		t.Errorf("code is %s, want %s", e.Code, code)
	}
	if len(e.Errors) != 1 || e.Errors[0].Field != field {
		t.Errorf("fields are %v, want %s", e.Errors, field)
	}
}

func TestPaymentsThatDoNotAddUpTellBothSums(t *testing.T) {
	order := draft()
	order.Payments[0].Amount = cny(231)
	_, err := domain.NewOrder(order)
	if e, ok := problem.As(err); !ok || !strings.Contains(e.Detail, "231") || !strings.Contains(e.Detail, "232 CNY") {
		t.Errorf("detail of %v does not tell 231 and 232", err)
	}
}

func TestAFreeOrderIsAnOrder(t *testing.T) {
	order := draft()
	order.Freight = money.Money{}
	order.Discounts = []domain.Discount{{Code: "gift", Amount: cny(250)}}
	order.Payments[0].Amount = cny(0)
	if _, err := domain.NewOrder(order); err != nil {
		t.Fatal(err)
	}
}

func TestTheSameContentHasTheSameHashHoweverItIsWritten(t *testing.T) {
	first, err := domain.NewOrder(draft())
	if err != nil {
		t.Fatal(err)
	}
	other := draft()
	other.Channel = domain.ChannelOnline
	other.PlacedAt = placed.In(time.FixedZone("Shanghai", 8*3600)).Add(999 * time.Nanosecond)
	other.Lines[0].Discount = cny(0)
	second, err := domain.NewOrder(other)
	if err != nil {
		t.Fatal(err)
	}
	contact := domain.Contact{City: "Hangzhou"}
	if hash(t, first, contact) != hash(t, second, contact) {
		t.Error("defaults or another time zone make the content look changed")
	}
	if hash(t, first, contact) == hash(t, first, domain.Contact{}) {
		t.Error("a changed contact is not seen")
	}
	second.Lines[1].NoReturnConfirmed = true
	if hash(t, first, contact) == hash(t, second, contact) {
		t.Error("a changed line is not seen")
	}
	if first.Lines[0].Paid != cny(88) {
		t.Error("hashing changed the order")
	}
}

func hash(t *testing.T, o domain.Order, c domain.Contact) string {
	t.Helper()
	sum, err := domain.Hash(o, c)
	if err != nil {
		t.Fatal(err)
	}
	return sum
}

func TestALineIsDeliveredWhenTheLastOfItsParcelsIs(t *testing.T) {
	at := func(hours int) time.Time { return placed.Add(time.Duration(hours) * time.Hour) }
	three, nine := at(3), at(9)
	order := domain.Order{Deliveries: []domain.Delivery{
		{DeliveryID: "part", ShippedAt: at(4), DeliveredAt: &nine, Lines: []domain.LineQuantity{{LineID: "A", Quantity: 1}}},
		{DeliveryID: "all", ShippedAt: at(1), DeliveredAt: &three},
		{DeliveryID: "open", ShippedAt: at(5), Lines: []domain.LineQuantity{{LineID: "C", Quantity: 1}}},
	}}
	tests := []struct {
		line               string
		shipped, delivered time.Time
	}{
		{"A", at(4), at(9)},
		{"B", at(1), at(3)},
		{"C", at(5), time.Time{}},
	}
	for _, test := range tests {
		shipped, delivered := order.Shipping(test.line)
		if shipped == nil || !shipped.Equal(test.shipped) {
			t.Errorf("line %s was shipped %v, want %v", test.line, shipped, test.shipped)
		}
		if delivered == nil != test.delivered.IsZero() || (delivered != nil && !delivered.Equal(test.delivered)) {
			t.Errorf("line %s was delivered %v, want %v", test.line, delivered, test.delivered)
		}
	}
	if first, ok := order.FirstDelivery(); !ok || first.DeliveryID != "all" {
		t.Errorf("the first delivery is %s, want all", first.DeliveryID)
	}
	if shipped, delivered := (domain.Order{}).Shipping("A"); shipped != nil || delivered != nil {
		t.Error("an order without deliveries has been shipped")
	}
}

func TestAChangeListsOnlyTheLinesWhoseUnitsChange(t *testing.T) {
	before, err := domain.NewOrder(draft())
	if err != nil {
		t.Fatal(err)
	}
	next := draft()
	next.Lines[0] = domain.Line{LineID: "C", SKU: "bowl", Quantity: 3, Amount: cny(100)}
	next.Lines[1].Title = "A plate"
	next.Lines[1].Quantity = 11
	next.Deliveries = nil
	after, err := domain.NewOrder(next)
	if err != nil {
		t.Fatal(err)
	}
	change, err := domain.Compare(before, after)
	if err != nil {
		t.Fatal(err)
	}
	if len(change.Added) != 1 || change.Added[0].LineID != "C" ||
		len(change.Removed) != 1 || change.Removed[0].LineID != "A" ||
		len(change.Changed) != 1 || change.Changed[0].LineID != "B" {
		t.Errorf("change is %+v, want C added, A removed, B changed", change)
	}
	if change, err := domain.Compare(after, after); err != nil || len(change.Added)+len(change.Changed)+len(change.Removed) > 0 {
		t.Errorf("change to itself is %+v, %v", change, err)
	}
}

func TestAnOrderKeepsItsCurrencyAndItsBuyer(t *testing.T) {
	before := draft()
	after := draft()
	after.Currency = "USD"
	_, err := domain.Compare(before, after)
	wantFault(t, err, domain.CodeOrderInUse, "currency")
	after = draft()
	after.BuyerID = "someone-else"
	_, err = domain.Compare(before, after)
	wantFault(t, err, domain.CodeOrderInUse, "buyer_id")
}

func TestALineInUseNamesTheFieldThatHasToStay(t *testing.T) {
	before, after := draft(), draft()
	after.Lines[1].Quantity = 9
	wantFault(t, domain.InUse(before, after, "B", 1, 0), domain.CodeOrderInUse, "lines[1].quantity")
	after.Lines[1].Quantity = 10
	wantFault(t, domain.InUse(before, after, "B", 1, 0), domain.CodeOrderInUse, "lines[1].amount")
	after.Lines = after.Lines[:1]
	wantFault(t, domain.InUse(before, after, "B", 1, 0), domain.CodeOrderInUse, "lines")
}
