package store_test

import (
	"context"
	"fmt"
	"reflect"
	"slices"
	"testing"

	"gorm.io/gorm"
	"pgregory.net/rapid"

	"aftercare.dev/services/order/domain"
	"aftercare.dev/services/order/store"
	"aftercare.dev/services/platform/problem"
)

func ranges(pairs ...int64) []domain.Range {
	var list []domain.Range
	for i := 0; i < len(pairs); i += 2 {
		list = append(list, domain.Range{From: pairs[i], To: pairs[i+1]})
	}
	return list
}

func TestCasesGetTheLowestFreeUnits(t *testing.T) {
	onBoth(t, func(t *testing.T, s *store.Store, _ *gorm.DB) {
		put(t, s, "o-1", draft())
		reserve(t, s, "o-1", "case-1", units("A", 3))
		reserve(t, s, "o-1", "case-2", units("A", 2))
		settle(t, s, "o-1", "case-1", units("A", 1)) // 0 is returned, 1 and 2 are free again
		third := reserve(t, s, "o-1", "case-3", units("B", 1), units("A", 4))
		if third.Lines[0].LineID != "B" || !slices.Equal(third.Lines[1].Units, ranges(1, 3, 5, 7)) {
			t.Errorf("the third case got %+v", third.Lines)
		}
		if got := third.Lines[1].Value(); got != cny(40) {
			t.Errorf("four of ten units are worth %v", got)
		}
		record := get(t, s, "o-1")
		if held := record.Held["A"]; !slices.Equal(held.Returned, ranges(0, 1)) || !slices.Equal(held.Reserved, ranges(1, 3, 3, 5, 5, 7)) {
			t.Errorf("held are %+v", held)
		}
		if free := record.Free(record.Order.Lines[0]); !slices.Equal(free, ranges(7, 10)) {
			t.Errorf("free are %v", free)
		}
	})
}

func TestAReservationTakesAllLinesOrNone(t *testing.T) {
	onBoth(t, func(t *testing.T, s *store.Store, _ *gorm.DB) {
		ctx := context.Background()
		put(t, s, "o-1", draft())
		_, err := s.Reserve(ctx, merchant, "o-1", "case-1", []domain.LineQuantity{units("B", 4), units("A", 1)})
		wantField(t, err, domain.CodeUnitsNotAvailable, "lines[0].quantity")
		_, err = s.Reserve(ctx, merchant, "o-1", "case-1", []domain.LineQuantity{units("A", 1), units("C", 1)})
		wantField(t, err, domain.CodeUnknownLine, "lines[1].line_id")
		_, err = s.Reserve(ctx, merchant, "o-2", "case-1", []domain.LineQuantity{units("A", 1)})
		wantCode(t, err, domain.CodeOrderNotFound)
		_, err = s.Reserve(ctx, merchant, "o-1", "case-1", nil)
		wantField(t, err, domain.CodeInvalidUnits, "lines")
		if held := get(t, s, "o-1").Held; len(held) > 0 {
			t.Errorf("a refused case holds %v", held)
		}
		_, err = s.Reservation(ctx, merchant, "o-1", "case-1")
		wantCode(t, err, domain.CodeReservationNotFound)
		// The refusal does not stand in the way of another attempt.
		reserve(t, s, "o-1", "case-1", units("A", 10), units("B", 3))
	})
}

func TestARepeatedReservationIsTheSameAndAnotherIsRefused(t *testing.T) {
	onBoth(t, func(t *testing.T, s *store.Store, _ *gorm.DB) {
		ctx := context.Background()
		put(t, s, "o-1", draft())
		first := reserve(t, s, "o-1", "case-1", units("A", 8), units("B", 1))
		if again := reserve(t, s, "o-1", "case-1", units("B", 1), units("A", 8)); !reflect.DeepEqual(again, first) {
			t.Errorf("again is %+v, want %+v", again, first)
		}
		if read, err := s.Reservation(ctx, merchant, "o-1", "case-1"); err != nil || !reflect.DeepEqual(read, first) {
			t.Errorf("read is %+v, %v", read, err)
		}
		_, err := s.Reserve(ctx, merchant, "o-1", "case-1", []domain.LineQuantity{units("A", 8)})
		wantField(t, err, domain.CodeReservationDiffers, "lines")
		settle(t, s, "o-1", "case-1", units("A", 8), units("B", 1))
		_, err = s.Reserve(ctx, merchant, "o-1", "case-1", []domain.LineQuantity{units("A", 8), units("B", 1)})
		wantCode(t, err, domain.CodeReservationSettled)
	})
}

func TestASettlementIsRepeatableAndFinal(t *testing.T) {
	onBoth(t, func(t *testing.T, s *store.Store, _ *gorm.DB) {
		ctx := context.Background()
		put(t, s, "o-1", draft())
		open := reserve(t, s, "o-1", "case-1", units("A", 4), units("B", 1))
		_, err := s.Settle(ctx, merchant, "o-1", "case-1", []domain.LineQuantity{units("A", 5)})
		wantField(t, err, domain.CodeInvalidUnits, "lines[0].quantity")

		settled := settle(t, s, "o-1", "case-1", units("A", 3))
		if settled.State != domain.ReservationSettled || settled.Lines[0].Returned != 3 || settled.Lines[1].Returned != 0 ||
			!slices.Equal(settled.Lines[0].Units, open.Lines[0].Units) {
			t.Errorf("settled is %+v", settled)
		}
		if again := settle(t, s, "o-1", "case-1", units("A", 3)); !reflect.DeepEqual(again, settled) {
			t.Errorf("again is %+v, want %+v", again, settled)
		}
		_, err = s.Settle(ctx, merchant, "o-1", "case-1", nil)
		wantCode(t, err, domain.CodeReservationSettled)
		held := get(t, s, "o-1").Held
		if !slices.Equal(held["A"].Returned, ranges(0, 3)) || len(held["A"].Reserved) > 0 || len(held["B"].Reserved) > 0 {
			t.Errorf("held are %+v", held)
		}
		_, err = s.Settle(ctx, merchant, "o-1", "case-2", []domain.LineQuantity{units("A", 1)})
		wantCode(t, err, domain.CodeReservationNotFound)
	})
}

func TestAReservationThatWasEndedBeforeItArrivedIsNeverMade(t *testing.T) {
	onBoth(t, func(t *testing.T, s *store.Store, _ *gorm.DB) {
		ctx := context.Background()
		put(t, s, "o-1", draft())
		for _, orderID := range []string{"o-1", "not-yet-here"} {
			for range 2 {
				if r := settle(t, s, orderID, "case-1"); r.State != domain.ReservationSettled || len(r.Lines) != 0 {
					t.Errorf("settled is %+v", r)
				}
			}
		}
		put(t, s, "not-yet-here", draft())
		for _, orderID := range []string{"o-1", "not-yet-here"} {
			_, err := s.Reserve(ctx, merchant, orderID, "case-1", []domain.LineQuantity{units("A", 1)})
			wantCode(t, err, domain.CodeReservationSettled)
			if held := get(t, s, orderID).Held; len(held) > 0 {
				t.Errorf("held are %v", held)
			}
		}
	})
}

func TestConcurrentCasesNeverHoldAUnitTwice(t *testing.T) {
	onBoth(t, func(t *testing.T, s *store.Store, _ *gorm.DB) {
		order := draft()
		order.Lines[0].Quantity, order.Lines[1].Quantity = 50, 50
		put(t, s, "o-1", order)
		got := make([]domain.Reservation, 30)
		errs := atOnce(len(got), func(i int) (err error) {
			lines := []domain.LineQuantity{units("A", 2), units("B", 2)}
			if i%2 == 0 {
				slices.Reverse(lines) // whoever names the lines the other way round must not deadlock
			}
			got[i], err = s.Reserve(context.Background(), merchant, "o-1", fmt.Sprintf("case-%d", i), lines)
			return err
		})
		owner := map[string]int{}
		won := 0
		for i, err := range errs {
			if err != nil {
				wantCode(t, err, domain.CodeUnitsNotAvailable)
				continue
			}
			won++
			for _, line := range got[i].Lines {
				for _, r := range line.Units {
					for unit := r.From; unit < r.To; unit++ {
						key := fmt.Sprint(line.LineID, unit)
						if other, taken := owner[key]; taken {
							t.Errorf("unit %s is held by cases %d and %d", key, other, i)
						}
						owner[key] = i
					}
				}
			}
		}
		if won != 25 {
			t.Errorf("%d cases got units, want 25 of 30", won)
		}
	})
}

func TestOneCaseThatAsksManyTimesAtOnceGetsOneReservation(t *testing.T) {
	onBoth(t, func(t *testing.T, s *store.Store, _ *gorm.DB) {
		put(t, s, "o-1", draft())
		got := make([]domain.Reservation, 12)
		for _, err := range atOnce(len(got), func(i int) (err error) {
			got[i], err = s.Reserve(context.Background(), merchant, "o-1", "case-1", []domain.LineQuantity{units("A", 7)})
			return err
		}) {
			if err != nil {
				t.Error(err)
			}
		}
		for i := range got {
			if !reflect.DeepEqual(got[i], got[0]) {
				t.Errorf("answer %d is %+v, another is %+v", i, got[i], got[0])
			}
		}
		if held := get(t, s, "o-1").Held["A"]; domain.Count(held.Reserved) != 7 {
			t.Errorf("held are %+v", held)
		}
	})
}

func TestAReservationAndItsEndAtOnceLeaveNothingHeld(t *testing.T) {
	onBoth(t, func(t *testing.T, s *store.Store, _ *gorm.DB) {
		put(t, s, "o-1", draft())
		for round := range 15 {
			caseID := fmt.Sprintf("case-%d", round)
			for i, err := range atOnce(6, func(i int) (err error) {
				if i%2 == 0 {
					_, err = s.Reserve(context.Background(), merchant, "o-1", caseID, []domain.LineQuantity{units("A", 10)})
					return err
				}
				_, err = s.Settle(context.Background(), merchant, "o-1", caseID, nil)
				return err
			}) {
				if err != nil && (i%2 == 1 || !problem.HasCode(err, domain.CodeReservationSettled)) {
					t.Errorf("request %d: %v", i, err)
				}
			}
			if held := get(t, s, "o-1").Held; len(held) > 0 {
				t.Fatalf("held are %v", held)
			}
		}
	})
}

func TestOfConcurrentDifferentSettlementsOneWins(t *testing.T) {
	onBoth(t, func(t *testing.T, s *store.Store, _ *gorm.DB) {
		put(t, s, "o-1", draft())
		reserve(t, s, "o-1", "case-1", units("A", 10))
		won := int64(0)
		for i, err := range atOnce(8, func(i int) error {
			_, err := s.Settle(context.Background(), merchant, "o-1", "case-1", []domain.LineQuantity{units("A", int64(i+1))})
			return err
		}) {
			if err == nil {
				if won > 0 {
					t.Errorf("%d and %d units were both returned", won, i+1)
				}
				won = int64(i + 1)
				continue
			}
			wantCode(t, err, domain.CodeReservationSettled)
		}
		if held := get(t, s, "o-1").Held["A"]; won == 0 || domain.Count(held.Returned) != won || len(held.Reserved) > 0 {
			t.Errorf("%d units were to be returned, held are %+v", won, held)
		}
	})
}

// TestTheStoreHoldsUnitsLikeThePlainModel plays random cases on one order and compares what the store
// says with a cell for every unit.
func TestTheStoreHoldsUnitsLikeThePlainModel(t *testing.T) {
	onBoth(t, func(t *testing.T, s *store.Store, _ *gorm.DB) {
		orders := 0
		rapid.Check(t, func(rt *rapid.T) {
			orders++
			m := model{t: t, rt: rt, s: s, orderID: fmt.Sprintf("o-%d", orders), open: map[string][]int64{}}
			m.owner = make([]string, rapid.Int64Range(1, 25).Draw(rt, "quantity"))
			m.paid = rapid.Int64Range(0, 300).Draw(rt, "paid")
			order := draft()
			order.Lines = []domain.Line{{LineID: "A", SKU: "x", Quantity: int64(len(m.owner)), Amount: cny(m.paid)}}
			order.Payments[0].Amount = cny(m.paid)
			put(t, s, m.orderID, order)
			for step := range rapid.IntRange(1, 12).Draw(rt, "steps") {
				if len(m.open) == 0 || rapid.Bool().Draw(rt, "reserve") {
					m.reserve(fmt.Sprintf("case-%d", step))
				} else {
					m.settle()
				}
				m.compare()
			}
		})
	})
}

// model knows the owner of each unit: "" is free, "-" is returned for good.
type model struct {
	t       *testing.T
	rt      *rapid.T
	s       *store.Store
	orderID string
	paid    int64
	owner   []string
	open    map[string][]int64
}

func (m *model) reserve(caseID string) {
	n := rapid.Int64Range(1, int64(len(m.owner))).Draw(m.rt, "units")
	var lowest []int64
	for unit, owner := range m.owner {
		if owner == "" && int64(len(lowest)) < n {
			lowest = append(lowest, int64(unit))
		}
	}
	got, err := m.s.Reserve(context.Background(), merchant, m.orderID, caseID, []domain.LineQuantity{units("A", n)})
	if int64(len(lowest)) < n {
		if !problem.HasCode(err, domain.CodeUnitsNotAvailable) {
			m.rt.Fatalf("%d units of %d: %v", n, len(lowest), err)
		}
		return
	}
	if err != nil {
		m.rt.Fatal(err)
	}
	if cells := cells(got.Lines[0].Units); !slices.Equal(cells, lowest) {
		m.rt.Fatalf("reserved are %v, want %v", cells, lowest)
	}
	for _, unit := range lowest {
		m.owner[unit] = caseID
	}
	m.open[caseID] = lowest
}

func (m *model) settle() {
	cases := make([]string, 0, len(m.open))
	for caseID := range m.open {
		cases = append(cases, caseID)
	}
	slices.Sort(cases)
	caseID := rapid.SampledFrom(cases).Draw(m.rt, "case")
	held := m.open[caseID]
	n := rapid.IntRange(0, len(held)).Draw(m.rt, "returned")
	var lines []domain.LineQuantity
	if n > 0 {
		lines = append(lines, units("A", int64(n)))
	}
	if _, err := m.s.Settle(context.Background(), merchant, m.orderID, caseID, lines); err != nil {
		m.rt.Fatal(err)
	}
	for i, unit := range held {
		m.owner[unit] = ""
		if i < n {
			m.owner[unit] = "-"
		}
	}
	delete(m.open, caseID)
}

func (m *model) compare() {
	record := get(m.t, m.s, m.orderID)
	held := record.Held["A"]
	free := record.Free(record.Order.Lines[0])
	for unit, owner := range m.owner {
		in := held.Reserved
		switch owner {
		case "":
			in = free
		case "-":
			in = held.Returned
		}
		if !slices.Contains(cells(in), int64(unit)) {
			m.rt.Fatalf("unit %d belongs to %q, the store says %+v, free %v", unit, owner, held, free)
		}
	}
	all := slices.Concat(held.Reserved, held.Returned, free)
	if domain.Count(all) != int64(len(m.owner)) {
		m.rt.Fatalf("%v are not %d units", all, len(m.owner))
	}
	line := domain.ReservedLine{Units: all, LineQuantity: int64(len(m.owner)), LinePaid: cny(m.paid)}
	if line.Value() != cny(m.paid) {
		m.rt.Fatalf("all units are worth %v, paid was %d", line.Value(), m.paid)
	}
}

func cells(list []domain.Range) []int64 {
	var cells []int64
	for _, r := range list {
		for unit := r.From; unit < r.To; unit++ {
			cells = append(cells, unit)
		}
	}
	return cells
}

func TestOneCaseCompletesAnOrderHoweverManySettleAtOnce(t *testing.T) {
	onBoth(t, func(t *testing.T, s *store.Store, _ *gorm.DB) {
		put(t, s, "o-1", draft())
		record := get(t, s, "o-1")
		type part struct {
			caseID string
			units  domain.LineQuantity
		}
		var parts []part
		for _, line := range record.Order.Lines {
			for i := range line.Quantity {
				p := part{fmt.Sprintf("case-%s-%d", line.LineID, i), units(line.LineID, 1)}
				reserve(t, s, "o-1", p.caseID, p.units)
				parts = append(parts, p)
			}
		}
		completes := make(chan bool, len(parts))
		for _, p := range parts {
			go func() {
				settled, err := s.Settle(context.Background(), merchant, "o-1", p.caseID, []domain.LineQuantity{p.units})
				if err != nil {
					t.Errorf("settle %s: %v", p.caseID, err)
				}
				completes <- settled.CompletesOrder
			}()
		}
		last := 0
		for range parts {
			if <-completes {
				last++
			}
		}
		if last != 1 {
			t.Errorf("%d cases completed the order, want 1", last)
		}
		again := 0
		for _, p := range parts {
			settled, err := s.Settle(context.Background(), merchant, "o-1", p.caseID, []domain.LineQuantity{p.units})
			if err != nil {
				t.Fatal(err)
			}
			if settled.CompletesOrder {
				again++
			}
		}
		if again != 1 {
			t.Errorf("asked again, %d cases say that they completed the order, want 1", again)
		}
	})
}
