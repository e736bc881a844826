package domain_test

import (
	"maps"
	"slices"
	"testing"

	"pgregory.net/rapid"

	"aftercare.dev/services/order/domain"
	"aftercare.dev/services/platform/money"
)

func TestFreeUnitsAreWhatNoCaseHoldsLowestFirst(t *testing.T) {
	tests := []struct {
		name     string
		quantity int64
		held     []domain.Range
		want     []domain.Range
	}{
		{"nothing held", 5, nil, []domain.Range{{From: 0, To: 5}}},
		{"all held", 5, []domain.Range{{From: 2, To: 5}, {From: 0, To: 2}}, nil},
		{"a gap between, unsorted", 10, []domain.Range{{From: 6, To: 8}, {From: 1, To: 3}}, []domain.Range{{From: 0, To: 1}, {From: 3, To: 6}, {From: 8, To: 10}}},
		{"ten million", 10_000_000, []domain.Range{{From: 0, To: 9_999_999}}, []domain.Range{{From: 9_999_999, To: 10_000_000}}},
		{"held beyond the quantity", 4, []domain.Range{{From: 6, To: 8}}, []domain.Range{{From: 0, To: 4}}},
	}
	for _, test := range tests {
		if got := domain.Free(test.quantity, test.held); !slices.Equal(got, test.want) {
			t.Errorf("%s: free are %v, want %v", test.name, got, test.want)
		}
	}
}

func TestLowestTakesWholeRangesBeforeHigherOnes(t *testing.T) {
	ranges := []domain.Range{{From: 1, To: 3}, {From: 5, To: 6}, {From: 8, To: 20}}
	if got := domain.Lowest(ranges, 4); !slices.Equal(got, []domain.Range{{From: 1, To: 3}, {From: 5, To: 6}, {From: 8, To: 9}}) {
		t.Errorf("the lowest four are %v", got)
	}
	if got := domain.Lowest(ranges, 100); !slices.Equal(got, ranges) {
		t.Errorf("the lowest hundred of fifteen are %v", got)
	}
	if got := domain.Lowest(ranges, 0); got != nil {
		t.Errorf("the lowest none are %v", got)
	}
}

// TestNoUnitIsHeldTwiceAndAllUnitsAddUpToWhatWasPaid plays random cases on one line against a plain
// model that has a cell for every unit.
func TestNoUnitIsHeldTwiceAndAllUnitsAddUpToWhatWasPaid(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		quantity := rapid.Int64Range(1, 60).Draw(t, "quantity")
		paid := cny(rapid.Int64Range(0, 5000).Draw(t, "paid"))
		owner := make([]int, quantity) // 0 is free
		open := map[int]domain.ReservedLine{}

		held := func() []domain.Range {
			var ranges []domain.Range
			for unit, who := range owner {
				if who != 0 {
					ranges = append(ranges, domain.Range{From: int64(unit), To: int64(unit) + 1})
				}
			}
			return ranges
		}
		for number := range rapid.IntRange(1, 30).Draw(t, "steps") {
			caseNumber := number + 1
			free := domain.Free(quantity, held())
			if n := domain.Count(free); n > 0 && rapid.Bool().Draw(t, "reserve") {
				line := domain.ReservedLine{
					LineID: "A", LineQuantity: quantity, LinePaid: paid,
					Units: domain.Lowest(free, rapid.Int64Range(1, n).Draw(t, "units")),
				}
				for _, r := range line.Units {
					for unit := r.From; unit < r.To; unit++ {
						if owner[unit] != 0 {
							t.Fatalf("unit %d is held by case %d and given to %d", unit, owner[unit], caseNumber)
						}
						owner[unit] = caseNumber
					}
				}
				open[caseNumber] = line
				continue
			}
			for _, settling := range slices.Sorted(maps.Keys(open)) {
				line := open[settling]
				delete(open, settling)
				n := rapid.Int64Range(0, line.Quantity()).Draw(t, "returned")
				reservation := domain.Reservation{CaseID: "c", State: domain.ReservationOpen, Lines: []domain.ReservedLine{line}}
				var back []domain.LineQuantity
				if n > 0 {
					back = []domain.LineQuantity{{LineID: "A", Quantity: n}}
				}
				settled, err := reservation.Settle(back)
				if err != nil {
					t.Fatal(err)
				}
				for unit, who := range owner {
					if who == settling {
						owner[unit] = 0
					}
				}
				for _, r := range settled.Lines[0].ReturnedUnits() {
					for unit := r.From; unit < r.To; unit++ {
						owner[unit] = -settling
					}
				}
				break
			}
		}
		parts := append(held(), domain.Free(quantity, held())...)
		if worth := (domain.ReservedLine{Units: parts, LineQuantity: quantity, LinePaid: paid}).Value(); worth != paid {
			t.Fatalf("all units are worth %v, paid was %v", worth, paid)
		}
	})
}

func TestDiscountsNeverTakeMoreOffALineThanItIsWorth(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		var worth int64
		order := draft()
		order.Lines, order.Discounts, order.Deliveries = nil, nil, nil
		for i, amount := range rapid.SliceOfN(rapid.Int64Range(0, 1_000_000), 1, 40).Draw(t, "amounts") {
			worth += amount
			order.Lines = append(order.Lines, domain.Line{LineID: string(rune('A' + i)), Quantity: 1, Amount: cny(amount)})
		}
		reduction := rapid.Int64Range(0, worth).Draw(t, "reduction")
		order.Discounts = []domain.Discount{{Code: "x", Amount: cny(reduction)}}
		order.Payments[0].Amount = cny(worth - reduction + order.Freight.Amount)
		got, err := domain.NewOrder(order)
		if err != nil {
			t.Fatal(err)
		}
		sum := money.Money{Currency: "CNY"}
		for i, line := range got.Lines {
			if line.Paid.Amount < 0 || line.Paid.Amount > line.Amount.Amount {
				t.Fatalf("line %d of %v was paid %v", i, line.Amount, line.Paid)
			}
			sum.Amount += line.Paid.Amount
		}
		if sum.Amount != worth-reduction {
			t.Fatalf("lines add up to %v, want %d", sum, worth-reduction)
		}
	})
}
