package store_test

import (
	"context"
	"encoding/json"
	"fmt"
	"testing"
	"time"

	"gorm.io/gorm"

	"aftercare.dev/services/order/domain"
	"aftercare.dev/services/order/store"
	"aftercare.dev/services/platform/problem"
)

// priced is the draft with another price of A, so that its content and what A was paid differ.
func priced(amount int64) domain.Order {
	order := draft()
	order.Lines[0].Amount = cny(amount)
	order.Payments[0].Amount = cny(amount + 10)
	return order
}

func TestTheSameContentAgainChangesNothing(t *testing.T) {
	onBoth(t, func(t *testing.T, s *store.Store, _ *gorm.DB) {
		if r := put(t, s, "o-1", draft()); r.Version != 1 || r.Outcome != store.Created {
			t.Errorf("first put is %+v", r)
		}
		if r := put(t, s, "o-1", draft()); r.Version != 1 || r.Outcome != store.Unchanged {
			t.Errorf("second put is %+v", r)
		}
	})
}

func TestChangedContentIsTheNextVersionAndEarlierOnesAreKept(t *testing.T) {
	onBoth(t, func(t *testing.T, s *store.Store, db *gorm.DB) {
		put(t, s, "o-1", priced(100))
		if r := put(t, s, "o-1", priced(200)); r.Version != 2 || r.Outcome != store.Updated {
			t.Errorf("changed put is %+v", r)
		}
		// Going back is a change like any other.
		if r := put(t, s, "o-1", priced(100)); r.Version != 3 || r.Outcome != store.Updated {
			t.Errorf("put of the old content is %+v", r)
		}
		var documents []string
		if err := db.Raw("SELECT document FROM order_versions ORDER BY version").Scan(&documents).Error; err != nil {
			t.Fatal(err)
		}
		for i, want := range []int64{100, 200, 100} {
			var order domain.Order
			if err := json.Unmarshal([]byte(documents[i]), &order); err != nil || order.Lines[0].Paid != cny(want) {
				t.Errorf("in version %d A was paid %v, %v; want %d", i+1, order.Lines[0].Paid, err, want)
			}
		}
	})
}

func TestLinesThatNoCaseTouchesMayChange(t *testing.T) {
	onBoth(t, func(t *testing.T, s *store.Store, _ *gorm.DB) {
		put(t, s, "o-1", draft())
		reserve(t, s, "o-1", "case-1", units("B", 1))
		changed := draft()
		changed.Lines[0] = domain.Line{LineID: "C", SKU: "bowl", Quantity: 2, Amount: cny(100)} // A is gone
		changed.Lines[1].Title = "A plate"
		put(t, s, "o-1", changed)
		if got := reserve(t, s, "o-1", "case-2", units("C", 2)).Lines[0].Value(); got != cny(100) {
			t.Errorf("the units of the new line are worth %v", got)
		}
		_, err := s.Reserve(context.Background(), merchant, "o-1", "case-3", []domain.LineQuantity{units("B", 1), units("A", 1)})
		wantField(t, err, domain.CodeUnknownLine, "lines[1].line_id")
	})
}

func TestWhatCasesRelyOnStaysAsItIs(t *testing.T) {
	onBoth(t, func(t *testing.T, s *store.Store, _ *gorm.DB) {
		put(t, s, "o-1", draft())
		reserve(t, s, "o-1", "case-1", units("A", 2))
		reserve(t, s, "o-1", "case-2", units("B", 2))
		settle(t, s, "o-1", "case-2", units("B", 1))
		tests := []struct {
			name   string
			change func(*domain.Order)
			field  string
		}{
			{"fewer units", func(o *domain.Order) { o.Lines[0].Quantity = 1 }, "lines[0].quantity"},
			{"more units", func(o *domain.Order) { o.Lines[1].Quantity = 4 }, "lines[1].quantity"},
			{"another price of a reserved line", func(o *domain.Order) {
				o.Lines[0].Amount, o.Payments[0].Amount = cny(99), cny(109)
			}, "lines[0].amount"},
			{"a discount on a returned line", func(o *domain.Order) {
				o.Lines[1].Discount, o.Payments[0].Amount = cny(1), cny(109)
			}, "lines[1].amount"},
			{"a line left out", func(o *domain.Order) {
				o.Lines, o.Payments[0].Amount = o.Lines[1:], cny(10)
			}, "lines"},
			{"another buyer", func(o *domain.Order) { o.BuyerID = "buyer-2" }, "buyer_id"},
		}
		for _, test := range tests {
			order := draft()
			test.change(&order)
			_, err := s.Put(context.Background(), merchant, "o-1", checked(t, order), domain.Contact{})
			t.Log(test.name)
			wantField(t, err, domain.CodeOrderInUse, test.field)
		}
		if record := get(t, s, "o-1"); record.Version != 1 {
			t.Errorf("a refused change left version %d", record.Version)
		}
		// What has nothing to do with the units may change all the same.
		order := draft()
		order.Deliveries = []domain.Delivery{{DeliveryID: "d-1", ShippedAt: placed}}
		if r := put(t, s, "o-1", order); r.Outcome != store.Updated {
			t.Errorf("a delivery is %+v", r)
		}
		// Released units do not hold the line any longer.
		settle(t, s, "o-1", "case-1")
		order.Lines[0].Quantity = 1
		if r := put(t, s, "o-1", order); r.Version != 3 {
			t.Errorf("a change after the release is %+v", r)
		}
	})
}

func TestConcurrentPutsOfTheSameContentMakeOneVersion(t *testing.T) {
	onBoth(t, func(t *testing.T, s *store.Store, db *gorm.DB) {
		put(t, s, "changed", draft())
		outcomes := map[string]map[store.Outcome]int{"new": {}, "changed": {}}
		results := make([]store.PutResult, 24)
		for _, err := range atOnce(len(results), func(i int) (err error) {
			results[i], err = s.Put(context.Background(), merchant, []string{"new", "changed"}[i%2], checked(t, priced(500)), domain.Contact{})
			return err
		}) {
			if err != nil {
				t.Fatal(err)
			}
		}
		for i, r := range results {
			name := []string{"new", "changed"}[i%2]
			outcomes[name][r.Outcome]++
			if want := int64(1 + i%2); r.Version != want {
				t.Errorf("%s is version %d, want %d", name, r.Version, want)
			}
		}
		if outcomes["new"][store.Created] != 1 || outcomes["changed"][store.Updated] != 1 {
			t.Errorf("outcomes are %v, want one that created and one that updated", outcomes)
		}
		var versions int64
		if err := db.Raw("SELECT COUNT(*) FROM order_versions").Scan(&versions).Error; err != nil || versions != 3 {
			t.Errorf("%d versions are kept, %v; want 3", versions, err)
		}
	})
}

func TestConcurrentPutsOfDifferentContentEachGetAVersion(t *testing.T) {
	onBoth(t, func(t *testing.T, s *store.Store, _ *gorm.DB) {
		seen := map[int64]bool{}
		results := make([]store.PutResult, 16)
		for _, err := range atOnce(len(results), func(i int) (err error) {
			results[i], err = s.Put(context.Background(), merchant, "o-1", checked(t, priced(int64(100+i))), domain.Contact{})
			return err
		}) {
			if err != nil {
				t.Fatal(err)
			}
		}
		for _, r := range results {
			seen[r.Version] = true
		}
		if len(seen) != len(results) || !seen[1] || !seen[16] {
			t.Errorf("versions are %v, want 1 to 16", seen)
		}
		// The line is worth what its newest version says.
		record := get(t, s, "o-1")
		if got := reserve(t, s, "o-1", "case-1", units("A", 10)).Lines[0].LinePaid; got != record.Order.Lines[0].Paid {
			t.Errorf("the line is worth %v in the units and %v in the order", got, record.Order.Lines[0].Paid)
		}
	})
}

func TestAReservationAndAChangeOfItsLineNeverBothWin(t *testing.T) {
	onBoth(t, func(t *testing.T, s *store.Store, _ *gorm.DB) {
		for round := range 20 {
			orderID := fmt.Sprintf("o-%d", round)
			put(t, s, orderID, draft())
			var reservation domain.Reservation
			errs := atOnce(2, func(i int) (err error) {
				if i == 0 {
					reservation, err = s.Reserve(context.Background(), merchant, orderID, "case-1", []domain.LineQuantity{units("A", 1)})
					return err
				}
				_, err = s.Put(context.Background(), merchant, orderID, checked(t, priced(1000)), domain.Contact{})
				return err
			})
			if errs[0] != nil {
				t.Fatal(errs[0])
			}
			want := cny(10)
			if errs[1] == nil {
				want = cny(100)
			} else if !problem.HasCode(errs[1], domain.CodeOrderInUse) {
				t.Fatal(errs[1])
			}
			if got := reservation.Lines[0].Value(); got != want {
				t.Fatalf("the unit was reserved for %v, want %v (change: %v)", got, want, errs[1])
			}
		}
	})
}

func TestAnInsuredOrderIsAnnouncedOnceWhenItIsShipped(t *testing.T) {
	onBoth(t, func(t *testing.T, s *store.Store, db *gorm.DB) {
		waiting := func() (n int64) {
			t.Helper()
			if err := db.Raw("SELECT COUNT(*) FROM outbox_messages").Scan(&n).Error; err != nil {
				t.Fatal(err)
			}
			return n
		}
		order := draft()
		order.FreightInsurance = true
		if r := put(t, s, "o-1", order); r.Announced || waiting() != 0 {
			t.Error("announced before it was shipped")
		}
		order.Deliveries = []domain.Delivery{
			{DeliveryID: "d-2", Carrier: "jd", TrackingNumber: "JD2", ShippedAt: placed.Add(2 * time.Hour)},
			{DeliveryID: "d-1", Carrier: "sf", TrackingNumber: "SF1", ShippedAt: placed.Add(time.Hour)},
		}
		if r := put(t, s, "o-1", order); !r.Announced || waiting() != 1 {
			t.Error("not announced when it was shipped")
		}
		delivered := placed.Add(3 * time.Hour)
		order.Deliveries[0].DeliveredAt = &delivered
		if r := put(t, s, "o-1", order); r.Announced || waiting() != 1 {
			t.Error("announced again when it was delivered")
		}
		var payload string
		if err := db.Raw("SELECT payload FROM outbox_messages").Scan(&payload).Error; err != nil {
			t.Fatal(err)
		}
		var got domain.Shipped
		if err := json.Unmarshal([]byte(payload), &got); err != nil {
			t.Fatal(err)
		}
		want := domain.Shipped{
			MerchantID: merchant, OrderID: "o-1", PaymentReference: "out-0001", PaidAt: placed, Paid: cny(110),
			Carrier: "sf", TrackingNumber: "SF1", ShippedAt: placed.Add(time.Hour),
		}
		if got != want {
			t.Errorf("announced is %+v, want %+v", got, want)
		}

		// An order that arrives shipped is announced at once, one without insurance never.
		if r := put(t, s, "o-2", order); !r.Announced || waiting() != 2 {
			t.Error("an order that arrived shipped was not announced")
		}
		order.FreightInsurance = false
		if r := put(t, s, "o-3", order); r.Announced || waiting() != 2 {
			t.Error("an order without insurance was announced")
		}
	})
}

func TestAnOrderOfTwoThousandLinesIsStoredAndChanged(t *testing.T) {
	onBoth(t, func(t *testing.T, s *store.Store, _ *gorm.DB) {
		order := draft()
		order.Lines, order.Payments[0].Amount = nil, cny(20_000)
		for i := range domain.MaxLines {
			order.Lines = append(order.Lines, domain.Line{LineID: fmt.Sprintf("L%d", i), SKU: "x", Quantity: 10_000_000, Amount: cny(10)})
		}
		put(t, s, "o-1", order)
		for i := range order.Lines {
			order.Lines[i].Quantity--
		}
		put(t, s, "o-1", order)
		all := make([]domain.LineQuantity, 0, domain.MaxLines)
		for _, line := range order.Lines {
			all = append(all, units(line.LineID, line.Quantity))
		}
		value := int64(0)
		for _, line := range reserve(t, s, "o-1", "case-1", all...).Lines {
			value += line.Value().Amount
		}
		if value != 20_000 {
			t.Errorf("all units are worth %d", value)
		}
		for _, line := range settle(t, s, "o-1", "case-1", all...).Lines {
			if line.Returned != 9_999_999 {
				t.Fatalf("of %s %d units were returned", line.LineID, line.Returned)
			}
		}
	})
}
