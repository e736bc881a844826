package domain

import (
	"encoding/json"
	"reflect"
	"testing"
	"time"

	"pgregory.net/rapid"

	"aftercare.dev/services/platform/money"
	"aftercare.dev/services/platform/problem"
)

func drawOrder(t *rapid.T) Order {
	o := Order{
		OrderID: "o", BuyerID: "b", Currency: rapid.SampledFrom([]string{"CNY", "USD"}).Draw(t, "currency"),
		Store: rapid.Bool().Draw(t, "store"), Freight: rapid.Int64Range(0, 5000).Draw(t, "freight"), FreightInsured: rapid.Bool().Draw(t, "insured"),
	}
	for i := range rapid.IntRange(1, 5).Draw(t, "lines") {
		n := rapid.Int64Range(1, 20).Draw(t, "quantity")
		line := OrderLine{
			LineID: string(rune('a' + i)), Quantity: n, Paid: rapid.Int64Range(0, 100_000).Draw(t, "paid"),
			Category:          rapid.SampledFrom([]string{"", "apparel", "custom_made", "near_expiry"}).Draw(t, "category"),
			NoReturnConfirmed: rapid.Bool().Draw(t, "confirmed"), Free: []Range{{0, n}},
		}
		if rapid.Bool().Draw(t, "delivered") {
			line.DeliveredAt = time.Unix(rapid.Int64Range(1_770_000_000, 1_775_000_000).Draw(t, "at"), 0).UTC()
		}
		o.Lines = append(o.Lines, line)
	}
	return o
}

func drawReason(t *rapid.T) Reason {
	return rapid.SampledFrom([]Reason{"no_longer_wanted", "defective", "wrong_item", "lost", "other", "price_drop"}).Draw(t, "reason")
}

func TestTheSameArgumentsGiveTheSameJudgementThatNeverExceedsWhatWasPaid(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		o := drawOrder(t)
		r := Request{Reason: drawReason(t), EvidenceCount: rapid.IntRange(0, 2).Draw(t, "evidence")}
		var paid int64
		for _, line := range o.Lines {
			paid += line.Paid
			r.Lines = append(r.Lines, LineQuantity{line.LineID, rapid.Int64Range(1, line.Quantity).Draw(t, "asked")})
		}
		now := time.Unix(rapid.Int64Range(1_770_000_000, 1_780_000_000).Draw(t, "now"), 0)
		one, err := Judge(DefaultPolicy(), o, r, now)
		if err != nil {
			t.Fatal(err)
		}
		other, err := Judge(DefaultPolicy(), o, r, now)
		if err != nil || !reflect.DeepEqual(one, other) {
			t.Fatalf("%+v\nthen %+v, %v", one, other, err)
		}
		if one.Goods > paid || one.Goods < 0 || one.OrderFreight < 0 || one.OrderFreight > o.Freight {
			t.Fatalf("goods %d of %d, freight %d of %d", one.Goods, paid, one.OrderFreight, o.Freight)
		}
		if (one.Decision == Reject) == one.Eligible {
			t.Fatalf("decision %s with eligible %t", one.Decision, one.Eligible)
		}
		data, err := json.Marshal(one)
		if err != nil {
			t.Fatal(err)
		}
		var stored Judgement
		if err := json.Unmarshal(data, &stored); err != nil || !reflect.DeepEqual(one, stored) {
			t.Fatalf("what is stored is not what was judged: %+v, %v", stored, err)
		}
	})
}

func TestAnySequenceOfSettledCasesThatCoversALineAddsUpToWhatWasPaid(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		n := rapid.Int64Range(1, 60).Draw(t, "quantity")
		paid := rapid.Int64Range(0, 1_000_000).Draw(t, "paid")
		free := []Range{{0, n}}
		var refunded int64
		for count(free) > 0 {
			reserved := take(free, rapid.Int64Range(1, count(free)).Draw(t, "reserved"))
			accepted := rapid.Int64Range(0, count(reserved)).Draw(t, "accepted")
			r := Reservation{Currency: "CNY", Lines: []ReservedLine{{LineID: "l", Quantity: n, Paid: paid, Units: reserved}}}
			s, err := Settle(r, []AcceptedLine{{LineID: "l", Quantity: accepted}}, 0)
			if err != nil {
				t.Fatal(err)
			}
			refunded += s.Total
			if refunded > paid {
				t.Fatalf("refunded %d of %d", refunded, paid)
			}
			free = without(free, take(reserved, accepted))
		}
		if refunded != paid {
			t.Fatalf("refunded %d of %d", refunded, paid)
		}
	})
}

// take returns the n lowest units.
func take(ranges []Range, n int64) []Range {
	var taken []Range
	for _, r := range ranges {
		if n == 0 {
			break
		}
		r.To = min(r.To, r.From+n)
		n -= r.To - r.From
		taken = append(taken, r)
	}
	return taken
}

// without returns the units of ranges that are not in gone, one range for each.
func without(ranges, gone []Range) []Range {
	out := map[int64]bool{}
	for _, r := range gone {
		for u := r.From; u < r.To; u++ {
			out[u] = true
		}
	}
	var left []Range
	for _, r := range ranges {
		for u := r.From; u < r.To; u++ {
			if !out[u] {
				left = append(left, Range{u, u + 1})
			}
		}
	}
	return left
}

func TestWhatCannotBeJudgedNamesTheLine(t *testing.T) {
	o := coat("2026-03-01 10:00:00")
	for _, c := range []struct {
		name        string
		change      func(*Request)
		status      int
		code, field string
	}{
		{"another buyer's order", func(r *Request) { r.BuyerID = "b2" }, 404, CodeOrderNotFound, ""},
		{"an unknown line", func(r *Request) { r.Lines = []LineQuantity{{"l1", 1}, {"l9", 1}} }, 422, CodeUnknownLine, "lines[1].line_id"},
		{"a line twice", func(r *Request) { r.Lines = []LineQuantity{{"l1", 1}, {"l1", 1}} }, 422, CodeInvalidApplication, "lines[1].line_id"},
		{"no line", func(r *Request) { r.Lines = nil }, 422, CodeInvalidApplication, "lines"},
		{"no units", func(r *Request) { r.Lines[0].Quantity = 0 }, 422, CodeInvalidApplication, "lines[0].quantity"},
		{"more units than are free", func(r *Request) { r.Lines[0].Quantity = 2 }, 409, CodeUnitsNotAvailable, "lines[0].quantity"},
		{"an unknown reason", func(r *Request) { r.Reason = "boredom" }, 422, CodeInvalidApplication, "reason"},
	} {
		t.Run(c.name, func(t *testing.T) {
			r := asking("no_longer_wanted")
			c.change(&r)
			_, err := Judge(DefaultPolicy(), o, r, at("2026-03-02 10:00:00"))
			checkProblem(t, err, c.status, c.code, c.field)
		})
	}
}

func checkProblem(t *testing.T, err error, status int, code, field string) {
	t.Helper()
	e, ok := problem.As(err)
	if !ok || e.Status != status || e.Code != code {
		t.Fatalf("got %v, want %d %s", err, status, code)
	}
	if field != "" && (len(e.Errors) == 0 || e.Errors[0].Field != field) {
		t.Errorf("names %+v, want %s", e.Errors, field)
	}
}

func TestThePreviewIsOfTheLowestFreeUnitsWhereverTheyLie(t *testing.T) {
	o := coat("2026-03-01 10:00:00")
	o.Lines[0].Quantity, o.Lines[0].Paid, o.Lines[0].Free = 7, 100, []Range{{1, 2}, {4, 6}}
	r := asking("no_longer_wanted")
	r.Lines[0].Quantity = 2
	j, err := Judge(DefaultPolicy(), o, r, at("2026-03-02 10:00:00"))
	want := money.Units(100, 7, 1, 2) + money.Units(100, 7, 4, 5)
	if err != nil || j.Goods != want || j.Lines[0].Available != 3 {
		t.Errorf("goods %d, want %d, %v", j.Goods, want, err)
	}
}

func TestSettlementNamesTheLineThatDoesNotFit(t *testing.T) {
	r := Reservation{Currency: "CNY", Lines: []ReservedLine{{LineID: "l1", Quantity: 3, Paid: 1000, Units: []Range{{0, 2}}}}}
	cny := func(amount int64) *money.Money { return &money.Money{Amount: amount, Currency: "CNY"} }
	for _, c := range []struct {
		name        string
		accepted    []AcceptedLine
		code, field string
	}{
		{"unknown", []AcceptedLine{{LineID: "l2", Quantity: 1}}, CodeUnknownLine, "lines[0].line_id"},
		{"twice", []AcceptedLine{{LineID: "l1", Quantity: 1}, {LineID: "l1", Quantity: 1}}, CodeUnknownLine, "lines[1].line_id"},
		{"too many", []AcceptedLine{{LineID: "l1", Quantity: 3}}, CodeInvalidSettlement, "lines[0].accepted_quantity"},
		{"deduction above the value", []AcceptedLine{{LineID: "l1", Quantity: 1, Deduction: cny(334)}}, CodeInvalidSettlement, "lines[0].deduction.amount"},
		{"negative deduction", []AcceptedLine{{LineID: "l1", Quantity: 1, Deduction: cny(-1)}}, CodeInvalidSettlement, "lines[0].deduction.amount"},
		{"another currency", []AcceptedLine{{LineID: "l1", Quantity: 1, Deduction: &money.Money{Amount: 1, Currency: "USD"}}}, CodeInvalidSettlement, "lines[0].deduction.currency"},
	} {
		t.Run(c.name, func(t *testing.T) {
			_, err := Settle(r, c.accepted, 0)
			checkProblem(t, err, 422, c.code, c.field)
		})
	}
	s, err := Settle(r, []AcceptedLine{{LineID: "l1", Quantity: 2, Deduction: cny(66)}}, 800)
	if err != nil || s.Lines[0].Amount != 600 || s.Total != 1400 || s.Freight != 800 {
		t.Errorf("%+v, %v", s, err)
	}
}
