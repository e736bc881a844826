package store

import (
	"fmt"
	"slices"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"gorm.io/gorm"

	"aftercare.dev/services/payment/domain"
	"aftercare.dev/services/platform/database/databasetest"
	"aftercare.dev/services/platform/ids"
	"aftercare.dev/services/platform/money"
	"aftercare.dev/services/platform/problem"
)

const merchant = "m1"

// order has two lines, freight, and two payments that together paid them.
func order() domain.Order {
	return domain.Order{
		Version: 1, Currency: "CNY",
		Lines:    []domain.LineAmount{{LineID: domain.FreightLine, Amount: 100}, {LineID: "l1", Amount: 600}, {LineID: "l2", Amount: 300}},
		Payments: []domain.Payment{{PaymentID: "p1", Provider: "wechatpay", Reference: "T00001", Amount: 700}, {PaymentID: "p2", Provider: "wechatpay", Reference: "T00002", Amount: 300}},
	}
}

func ask(t testing.TB, orderID string, amounts map[string]int64) domain.Request {
	t.Helper()
	var lines []domain.Asked
	var freight *money.Money
	for id, amount := range amounts {
		m := money.Money{Amount: amount, Currency: "CNY"}
		if id == domain.FreightLine {
			freight = &m
			continue
		}
		lines = append(lines, domain.Asked{LineID: id, Amount: m})
	}
	request, err := domain.NewRequest("case1", orderID, "CNY", "no_reason", lines, freight)
	if err != nil {
		t.Fatal(err)
	}
	return request
}

// refundedOf reads the guards of an order: lines and payments that gave something back.
func refundedOf(t testing.TB, db *gorm.DB, orderID string) (lines, payments map[string]int64) {
	t.Helper()
	lines, payments = map[string]int64{}, map[string]int64{}
	known, err := linesOf(db, merchant, orderID)
	if err != nil {
		t.Fatal(err)
	}
	for id, line := range known {
		if line.Refunded < 0 || line.Refunded > line.Paid {
			t.Fatalf("line %s gave back %d of %d", id, line.Refunded, line.Paid)
		}
		lines[id] = line.Refunded
	}
	paid, err := paymentsOf(db, merchant, orderID)
	if err != nil {
		t.Fatal(err)
	}
	for _, p := range paid {
		if p.Refunded < 0 || p.Refunded > p.Paid {
			t.Fatalf("payment %s gave back %d of %d", p.PaymentID, p.Refunded, p.Paid)
		}
		payments[p.PaymentID] = p.Refunded
	}
	return lines, payments
}

func TestRefundIsReservedOnceAndReturnedUnchangedWhenRepeated(t *testing.T) {
	databasetest.Each(t, Migrations(), func(t *testing.T, db *gorm.DB) {
		s := New(db, time.Now)
		request := ask(t, "o1", map[string]int64{"l1": 500, domain.FreightLine: 100})
		first, err := s.Reserve(t.Context(), merchant, "r1", request, order())
		if err != nil {
			t.Fatal(err)
		}
		again, err := s.Reserve(t.Context(), merchant, "r1", request, order())
		if err != nil {
			t.Fatal(err)
		}
		if len(first.Parts) != 2 || !slices.Equal(first.Parts, again.Parts) || first.Version != again.Version {
			t.Errorf("first %+v\nagain %+v", first, again)
		}
		for _, p := range first.Parts {
			if !ids.Is(NumberPrefix, p.RefundNumber) || p.State != domain.PartReserved {
				t.Errorf("part is %+v", p)
			}
		}
		if first.Parts[0].Amount != 420 || first.Parts[1].Amount != 180 || first.Parts[0].PaymentTotal != 700 {
			t.Errorf("600 of 700 and 300 was split into %d and %d", first.Parts[0].Amount, first.Parts[1].Amount)
		}
		if _, err := s.Reserve(t.Context(), merchant, "r1", ask(t, "o1", map[string]int64{"l1": 1}), order()); !problem.HasCode(err, "refund_differs") {
			t.Errorf("other content: %v", err)
		}
		lines, _ := refundedOf(t, db, "o1")
		if lines["l1"] != 500 || lines["l2"] != 0 || lines[domain.FreightLine] != 100 {
			t.Errorf("guards are %v", lines)
		}
		if _, err := s.Refund(t.Context(), "m2", "r1"); !problem.HasCode(err, "refund_not_found") {
			t.Errorf("another merchant read the refund: %v", err)
		}
	})
}

func TestRefundBeyondWhatWasPaidChangesNothingAndTellsWhatIsLeft(t *testing.T) {
	databasetest.Each(t, Migrations(), func(t *testing.T, db *gorm.DB) {
		s := New(db, time.Now)
		if _, err := s.Reserve(t.Context(), merchant, "r1", ask(t, "o1", map[string]int64{"l2": 200}), order()); err != nil {
			t.Fatal(err)
		}
		for name, amounts := range map[string]map[string]int64{
			"a line":         {"l1": 600, "l2": 101},
			"the freight":    {"l1": 1, domain.FreightLine: 101},
			"an unknown one": {"l1": 1, "l9": 1},
		} {
			_, err := s.Reserve(t.Context(), merchant, "r2", ask(t, "o1", amounts), order())
			refusal, ok := problem.As(err)
			if !ok || refusal.Code != "exceeds_paid" {
				t.Fatalf("%s: %v", name, err)
			}
			left := refusal.Meta["refundable"].(refundable)
			if left.Freight.Amount != 100 || left.Lines[0] != (lineLeft{"l1", money.Money{Amount: 600, Currency: "CNY"}}) ||
				left.Payments[0].Amount.Amount+left.Payments[1].Amount.Amount != 800 {
				t.Errorf("%s: refundable is %+v", name, left)
			}
		}
		lines, payments := refundedOf(t, db, "o1")
		if lines["l1"] != 0 || lines["l2"] != 200 || payments["p1"]+payments["p2"] != 200 {
			t.Errorf("guards are %v and %v", lines, payments)
		}
	})
}

func TestPaymentsCapARefundThatTheLinesAllow(t *testing.T) {
	databasetest.Each(t, Migrations(), func(t *testing.T, db *gorm.DB) {
		s, short := New(db, time.Now), order()
		short.Payments = short.Payments[1:]
		if _, err := s.Reserve(t.Context(), merchant, "r1", ask(t, "o1", map[string]int64{"l1": 301}), short); !problem.HasCode(err, "exceeds_paid") {
			t.Errorf("error is %v", err)
		}
		if lines, _ := refundedOf(t, db, "o1"); lines["l1"] != 0 {
			t.Errorf("line kept %d of a refused refund", lines["l1"])
		}
	})
}

func TestNewerOrderRaisesCapsAndNeverLowersThem(t *testing.T) {
	databasetest.Each(t, Migrations(), func(t *testing.T, db *gorm.DB) {
		s, o := New(db, time.Now), order()
		if _, err := s.Reserve(t.Context(), merchant, "r1", ask(t, "o1", map[string]int64{"l1": 600}), o); err != nil {
			t.Fatal(err)
		}
		o.Version, o.Lines[1].Amount, o.Lines[2].Amount = 2, 650, 1
		o.Payments = append(o.Payments, domain.Payment{PaymentID: "p3", Provider: "wechatpay", Reference: "T00003", Amount: 50})
		refund, err := s.Reserve(t.Context(), merchant, "r2", ask(t, "o1", map[string]int64{"l1": 50, "l2": 300}), o)
		if err != nil {
			t.Fatal(err)
		}
		if len(refund.Parts) != 3 {
			t.Errorf("%d parts, want one on each payment", len(refund.Parts))
		}
		stale := order()
		if _, err := s.Reserve(t.Context(), merchant, "r3", ask(t, "o1", map[string]int64{"l1": 1}), stale); !problem.HasCode(err, "exceeds_paid") {
			t.Errorf("an old version of the order: %v", err)
		}
	})
}

func TestManyConcurrentRefundsNeverExceedWhatWasPaid(t *testing.T) {
	databasetest.Each(t, Migrations(), func(t *testing.T, db *gorm.DB) {
		s := New(db, time.Now)
		const workers, amount = 64, 90
		var accepted, refused atomic.Int64
		var group sync.WaitGroup
		for i := range workers {
			group.Go(func() {
				line := []string{"l1", "l2", domain.FreightLine}[i%3]
				id := fmt.Sprintf("r%d", i)
				_, err := s.Reserve(t.Context(), merchant, id, ask(t, "o1", map[string]int64{line: amount}), order())
				switch {
				case err == nil:
					accepted.Add(1)
				case problem.HasCode(err, "exceeds_paid"):
					refused.Add(1)
				default:
					t.Errorf("refund %s: %v", id, err)
				}
			})
		}
		group.Wait()
		// 6 times 90 fit in 600, 3 in 300 and 1 in 100.
		if accepted.Load() != 10 || refused.Load() != workers-10 {
			t.Errorf("%d accepted, %d refused", accepted.Load(), refused.Load())
		}
		lines, payments := refundedOf(t, db, "o1")
		if lines["l1"] != 540 || lines["l2"] != 270 || lines[domain.FreightLine] != 90 || payments["p1"]+payments["p2"] != 900 {
			t.Errorf("guards are %v and %v", lines, payments)
		}
	})
}

func TestTheSameRefundReservedByManyAtOnceIsOne(t *testing.T) {
	databasetest.Each(t, Migrations(), func(t *testing.T, db *gorm.DB) {
		s := New(db, time.Now)
		request := ask(t, "o1", map[string]int64{"l1": 10})
		numbers := make([]string, 64)
		var group sync.WaitGroup
		for i := range numbers {
			group.Go(func() {
				refund, err := s.Reserve(t.Context(), merchant, "r1", request, order())
				if err != nil {
					t.Error(err)
					return
				}
				numbers[i] = refund.Parts[0].RefundNumber
			})
		}
		group.Wait()
		if slices.Sort(numbers); numbers[0] != numbers[len(numbers)-1] {
			t.Errorf("numbers %s and %s", numbers[0], numbers[len(numbers)-1])
		}
		if lines, _ := refundedOf(t, db, "o1"); lines["l1"] != 10 {
			t.Errorf("the line gave back %d", lines["l1"])
		}
	})
}

func TestListPagesThroughWhatTheFilterChooses(t *testing.T) {
	databasetest.Each(t, Migrations(), func(t *testing.T, db *gorm.DB) {
		s := New(db, time.Now)
		for i := range 5 {
			if _, err := s.Reserve(t.Context(), merchant, fmt.Sprintf("r%d", i), ask(t, "o1", map[string]int64{"l1": 10}), order()); err != nil {
				t.Fatal(err)
			}
		}
		refuse(t, s, "r3")
		var seen []string
		for after := ""; ; {
			page, more, err := s.List(t.Context(), merchant, Filter{CaseID: "case1", OrderID: "o1", State: domain.RefundReserved, After: after, Limit: 2})
			if err != nil {
				t.Fatal(err)
			}
			for _, r := range page {
				seen = append(seen, r.RefundID)
			}
			if !more {
				break
			}
			after = page[len(page)-1].RefundID
		}
		if !slices.Equal(seen, []string{"r0", "r1", "r2", "r4"}) {
			t.Errorf("seen %v", seen)
		}
		troubled, _, err := s.List(t.Context(), merchant, Filter{State: domain.RefundNeedsAttention, Limit: 10})
		if err != nil || len(troubled) != 1 || troubled[0].Attention() != domain.Refused {
			t.Errorf("troubled %v, error %v", troubled, err)
		}
		if others, _, err := s.List(t.Context(), "m2", Filter{Limit: 10}); err != nil || len(others) != 0 {
			t.Errorf("another merchant sees %v, %v", others, err)
		}
	})
}

func TestDatabaseItselfRefusesToGiveBackMoreThanWasPaid(t *testing.T) {
	databasetest.Each(t, Migrations(), func(t *testing.T, db *gorm.DB) {
		s := New(db, time.Now)
		if _, err := s.Reserve(t.Context(), merchant, "r1", ask(t, "o1", map[string]int64{"l1": 1}), order()); err != nil {
			t.Fatal(err)
		}
		for _, statement := range []string{
			"UPDATE paid_lines SET refunded = paid + 1", "UPDATE paid_lines SET refunded = -1",
			"UPDATE paid_payments SET refunded = paid + 1", "UPDATE refund_lines SET released = amount + 1",
			"INSERT INTO paid_lines (merchant_id, order_id, line_id, paid, refunded) VALUES ('m1', 'o2', 'l1', 1, 2)",
			"INSERT INTO paid_payments SELECT merchant_id, 'o2', payment_id, provider, provider_reference, paid, paid + 1, 0, 0, '' FROM paid_payments",
		} {
			if err := db.Exec(statement).Error; err == nil {
				t.Errorf("%s was carried out", statement)
			}
		}
	})
}
