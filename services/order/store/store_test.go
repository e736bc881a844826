package store_test

import (
	"context"
	"fmt"
	"strings"
	"sync"
	"testing"
	"time"

	"gorm.io/gorm"

	"aftercare.dev/services/order/domain"
	"aftercare.dev/services/order/store"
	"aftercare.dev/services/platform/database/databasetest"
	"aftercare.dev/services/platform/money"
	"aftercare.dev/services/platform/problem"
)

const merchant = "m-1"

var placed = time.Date(2026, 11, 1, 8, 30, 0, 123456000, time.UTC)

func cny(amount int64) money.Money { return money.Money{Amount: amount, Currency: "CNY"} }

func units(lineID string, n int64) domain.LineQuantity {
	return domain.LineQuantity{LineID: lineID, Quantity: n}
}

// onBoth runs the test on both engines.
func onBoth(t *testing.T, test func(t *testing.T, s *store.Store, db *gorm.DB)) {
	t.Helper()
	databasetest.Each(t, store.Migrations(), func(t *testing.T, db *gorm.DB) {
		test(t, store.New(db, func() time.Time { return placed.Add(24 * time.Hour) }), db)
	})
}

// draft is an order of two lines: 10 units of A for 100 and 3 of B for 10.
func draft() domain.Order {
	return domain.Order{
		BuyerID: "buyer-1", Currency: "CNY", PlacedAt: placed,
		Lines: []domain.Line{
			{LineID: "A", SKU: "mug", Quantity: 10, Amount: cny(100)},
			{LineID: "B", SKU: "plate", Quantity: 3, Amount: cny(10)},
		},
		Payments: []domain.Payment{{
			PaymentID: "pay-1", Provider: "wechatpay", ProviderReference: "out-0001", Amount: cny(110), PaidAt: placed,
		}},
	}
}

func checked(t testing.TB, order domain.Order) domain.Order {
	t.Helper()
	order, err := domain.NewOrder(order)
	if err != nil {
		t.Fatal(err)
	}
	return order
}

func put(t testing.TB, s *store.Store, orderID string, order domain.Order) store.PutResult {
	t.Helper()
	result, err := s.Put(context.Background(), merchant, orderID, checked(t, order), domain.Contact{})
	if err != nil {
		t.Fatal(err)
	}
	return result
}

func reserve(t testing.TB, s *store.Store, orderID, caseID string, lines ...domain.LineQuantity) domain.Reservation {
	t.Helper()
	reservation, err := s.Reserve(context.Background(), merchant, orderID, caseID, lines)
	if err != nil {
		t.Fatal(err)
	}
	return reservation
}

func settle(t testing.TB, s *store.Store, orderID, caseID string, lines ...domain.LineQuantity) domain.Reservation {
	t.Helper()
	reservation, err := s.Settle(context.Background(), merchant, orderID, caseID, lines)
	if err != nil {
		t.Fatal(err)
	}
	return reservation
}

func get(t testing.TB, s *store.Store, orderID string) domain.Record {
	t.Helper()
	record, err := s.Get(context.Background(), merchant, orderID, "")
	if err != nil {
		t.Fatal(err)
	}
	return record
}

func wantCode(t testing.TB, err error, code string) {
	t.Helper()
	if !problem.HasCode(err, code) {
		t.Errorf("error is %v, want %s", err, code)
	}
}

func wantField(t testing.TB, err error, code, field string) {
	t.Helper()
	wantCode(t, err, code)
	if e, ok := problem.As(err); ok && (len(e.Errors) != 1 || e.Errors[0].Field != field) {
		t.Errorf("fields are %v, want %s", e.Errors, field)
	}
}

// atOnce runs n goroutines that start together, and returns their errors.
func atOnce(n int, do func(i int) error) []error {
	errs := make([]error, n)
	start := make(chan struct{})
	var running sync.WaitGroup
	for i := range n {
		running.Go(func() {
			<-start
			errs[i] = do(i)
		})
	}
	close(start)
	running.Wait()
	return errs
}

func TestAnOrderOfAnotherMerchantOrBuyerIsNotThere(t *testing.T) {
	onBoth(t, func(t *testing.T, s *store.Store, _ *gorm.DB) {
		ctx := context.Background()
		put(t, s, "o-1", draft())
		if _, err := s.Get(ctx, merchant, "o-1", "buyer-1"); err != nil {
			t.Errorf("for its own buyer: %v", err)
		}
		_, err := s.Get(ctx, merchant, "o-1", "buyer-2")
		wantCode(t, err, domain.CodeOrderNotFound)
		_, err = s.Get(ctx, merchant, "O-1", "")
		wantCode(t, err, domain.CodeOrderNotFound)
		_, err = s.Get(ctx, "m-2", "o-1", "")
		wantCode(t, err, domain.CodeOrderNotFound)
		_, err = s.Contact(ctx, "m-2", "o-1")
		wantCode(t, err, domain.CodeOrderNotFound)
		_, err = s.Reserve(ctx, "m-2", "o-1", "case-1", []domain.LineQuantity{units("A", 1)})
		wantCode(t, err, domain.CodeOrderNotFound)
		reserve(t, s, "o-1", "case-1", units("A", 1))
		_, err = s.Reservation(ctx, "m-2", "o-1", "case-1")
		wantCode(t, err, domain.CodeReservationNotFound)
		if page, _, err := s.List(ctx, "m-2", store.Query{Limit: 10}); err != nil || len(page) > 0 {
			t.Errorf("another merchant lists %d orders, %v", len(page), err)
		}
		// The same ids are another order for another merchant.
		if r, err := s.Put(ctx, "m-2", "o-1", checked(t, draft()), domain.Contact{}); err != nil || r.Outcome != store.Created {
			t.Errorf("the other merchant's order of the same id: %v, %v", r, err)
		}
	})
}

func TestAnOrderComesBackAsItWasPut(t *testing.T) {
	onBoth(t, func(t *testing.T, s *store.Store, _ *gorm.DB) {
		order := draft()
		order.FreightInsurance = true
		order.Lines[0].Title, order.Lines[0].Category = "Tasse 杯子", "kitchen"
		delivered := placed.Add(48 * time.Hour)
		order.Deliveries = []domain.Delivery{{
			DeliveryID: "d-1", Carrier: "sf", TrackingNumber: "SF1", ShippedAt: placed, DeliveredAt: &delivered,
			Lines: []domain.LineQuantity{units("A", 2)},
		}}
		put(t, s, "o-1", order)
		record := get(t, s, "o-1")
		want, err := domain.Hash(checked(t, order), domain.Contact{})
		if err != nil {
			t.Fatal(err)
		}
		if got, err := domain.Hash(record.Order, domain.Contact{}); err != nil || got != want {
			t.Errorf("the order came back as %+v, %v", record.Order, err)
		}
		if record.Version != 1 || record.MerchantID != merchant || record.OrderID != "o-1" || len(record.Held) != 0 {
			t.Errorf("record is %+v", record)
		}
		if record.Order.Lines[0].Paid != cny(100) {
			t.Errorf("line A was paid %v", record.Order.Lines[0].Paid)
		}
	})
}

func TestAListHasEveryOrderOnceNewestFirst(t *testing.T) {
	onBoth(t, func(t *testing.T, s *store.Store, _ *gorm.DB) {
		ctx := context.Background()
		for i := range 11 {
			order := draft()
			order.PlacedAt = placed.Add(time.Duration(i/3) * time.Hour) // three orders at a time
			order.BuyerID = fmt.Sprintf("buyer-%d", i%2)
			put(t, s, fmt.Sprintf("o-%02d", i), order)
		}
		reserve(t, s, "o-09", "case-1", units("A", 4))
		for _, test := range []struct{ buyer, want string }{
			{"", "o-09 o-10 o-06 o-07 o-08 o-03 o-04 o-05 o-00 o-01 o-02"},
			{"buyer-1", "o-09 o-07 o-03 o-05 o-01"},
			{"nobody", ""},
		} {
			var got []string
			for cursor, pages := "", 0; pages == 0 || cursor != ""; pages++ {
				page, next, err := s.List(ctx, merchant, store.Query{BuyerID: test.buyer, Cursor: cursor, Limit: 4})
				if err != nil {
					t.Fatal(err)
				}
				for _, record := range page {
					got = append(got, record.OrderID)
					if held := domain.Count(record.Held["A"].Reserved); record.OrderID == "o-09" != (held == 4) {
						t.Errorf("%s has %d units reserved", record.OrderID, held)
					}
				}
				cursor = next
			}
			if strings.Join(got, " ") != test.want {
				t.Errorf("orders of %q are %v, want %s", test.buyer, got, test.want)
			}
		}
		_, _, err := s.List(ctx, merchant, store.Query{Cursor: "bm90aGluZw", Limit: 4})
		wantField(t, err, problem.CodeInvalid, "cursor")
	})
}

func TestPersonalDataIsOnlyInTheContact(t *testing.T) {
	onBoth(t, func(t *testing.T, s *store.Store, db *gorm.DB) {
		ctx := context.Background()
		contact := domain.Contact{Name: "Li Lei", Phone: "13800000000", Language: "zh-CN", Street: "West Lake 1"}
		if _, err := s.Put(ctx, merchant, "o-1", checked(t, draft()), contact); err != nil {
			t.Fatal(err)
		}
		if got, err := s.Contact(ctx, merchant, "o-1"); err != nil || got != contact {
			t.Errorf("contact is %+v, %v", got, err)
		}
		var document string
		if err := db.Raw("SELECT document FROM order_versions").Scan(&document).Error; err != nil || document == "" ||
			strings.Contains(document, "Li Lei") || strings.Contains(document, "West Lake") {
			t.Errorf("the version is %q, %v", document, err)
		}
		contact.Street = "West Lake 2"
		if r, err := s.Put(ctx, merchant, "o-1", checked(t, draft()), contact); err != nil || r.Version != 2 {
			t.Errorf("a changed contact is %+v, %v; want version 2", r, err)
		}
		if got, err := s.Contact(ctx, merchant, "o-1"); err != nil || got != contact {
			t.Errorf("contact is %+v, %v", got, err)
		}
		put(t, s, "o-1", draft())
		if got, err := s.Contact(ctx, merchant, "o-1"); err != nil || got != (domain.Contact{}) {
			t.Errorf("a contact that was taken away is still %+v, %v", got, err)
		}
		var kept int64
		if err := db.Raw("SELECT COUNT(*) FROM order_contacts").Scan(&kept).Error; err != nil || kept != 0 {
			t.Errorf("%d contacts are kept, %v", kept, err)
		}
	})
}

func TestAPaymentIsFoundByTheProvidersNameForIt(t *testing.T) {
	onBoth(t, func(t *testing.T, s *store.Store, db *gorm.DB) {
		put(t, s, "o-1", draft())
		other := draft()
		other.Payments[0].ProviderReference = "out_0001"
		put(t, s, "o-2", other)
		split := draft()
		split.Payments = append(split.Payments, split.Payments[0])
		split.Payments[0].ProviderReference, split.Payments[0].Amount = "out-0005", cny(60)
		split.Payments[1].PaymentID, split.Payments[1].ProviderReference, split.Payments[1].Amount = "pay-2", "out-0006", cny(50)
		put(t, s, "o-3", split)
		find := func(provider, reference, want string) {
			t.Helper()
			at, err := s.Payment(t.Context(), provider, reference)
			if want == "" {
				if !problem.HasCode(err, domain.CodePaymentNotFound) {
					t.Fatalf("%s is at %+v, %v", reference, at, err)
				}
				return
			}
			paymentID := "pay-1"
			if reference == "out-0006" {
				paymentID = "pay-2"
			}
			if err != nil || at != (domain.PaymentAt{MerchantID: merchant, OrderID: want, PaymentID: paymentID}) {
				t.Fatalf("%s is at %+v, %v", reference, at, err)
			}
		}
		all := func() {
			t.Helper()
			find("wechatpay", "out-0001", "o-1")
			find("wechatpay", "out_0001", "o-2")
			find("wechatpay", "out-0006", "o-3")
			find("alipay", "out-0001", "")
			find("wechatpay", "out%", "")
			find("wechatpay", "out-9999", "")
		}
		all()

		// Orders of release 0.1 are in no index.
		if err := db.Exec("DELETE FROM order_payments WHERE merchant_id = ?", merchant).Error; err != nil {
			t.Fatal(err)
		}
		all()

		changed := draft()
		changed.Payments[0].ProviderReference = "out-0003"
		put(t, s, "o-1", changed)
		find("wechatpay", "out-0003", "o-1")
		find("wechatpay", "out-0001", "o-1")
	})
}
