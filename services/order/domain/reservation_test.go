package domain_test

import (
	"slices"
	"testing"

	"aftercare.dev/services/order/domain"
)

// reserved is a case with four units of A in two ranges and one unit of B.
func reserved() domain.Reservation {
	return domain.Reservation{
		OrderID: "o-1", CaseID: "case-1", State: domain.ReservationOpen,
		Lines: []domain.ReservedLine{
			{LineID: "A", Units: []domain.Range{{From: 0, To: 2}, {From: 5, To: 7}}, LineQuantity: 10, LinePaid: cny(100)},
			{LineID: "B", Units: []domain.Range{{From: 0, To: 1}}, LineQuantity: 3, LinePaid: cny(10)},
		},
	}
}

func units(pairs ...any) []domain.LineQuantity {
	var lines []domain.LineQuantity
	for i := 0; i < len(pairs); i += 2 {
		lines = append(lines, domain.LineQuantity{LineID: pairs[i].(string), Quantity: int64(pairs[i+1].(int))})
	}
	return lines
}

func TestReservedUnitsAreWorthWhatWasPaidForThem(t *testing.T) {
	lines := reserved().Lines
	if got := lines[0].Value(); got != cny(40) {
		t.Errorf("four of ten units for 100 are worth %v, want 40", got)
	}
	if got := lines[1].Value(); got != cny(3) {
		t.Errorf("the first of three units for 10 is worth %v, want 3", got)
	}
}

func TestSettlingReturnsTheLowestUnitsAndReleasesTheRest(t *testing.T) {
	open := reserved()
	settled, err := open.Settle(units("A", 3))
	if err != nil {
		t.Fatal(err)
	}
	if settled.State != domain.ReservationSettled || open.State != domain.ReservationOpen || open.Lines[0].Returned != 0 {
		t.Errorf("settled is %v, open is %v", settled.State, open)
	}
	if got := settled.Lines[0].ReturnedUnits(); !slices.Equal(got, []domain.Range{{From: 0, To: 2}, {From: 5, To: 6}}) {
		t.Errorf("returned are %v, want 0-2 and 5-6", got)
	}
	if got := settled.Lines[1].ReturnedUnits(); len(got) != 0 {
		t.Errorf("of B returned are %v, want none", got)
	}
}

func TestASettlementIsIdempotentAndFinal(t *testing.T) {
	settled, err := reserved().Settle(units("A", 3, "B", 1))
	if err != nil {
		t.Fatal(err)
	}
	if _, err := settled.Settle(units("B", 1, "A", 3)); err != nil {
		t.Errorf("the same settlement again: %v", err)
	}
	_, err = settled.Settle(nil)
	wantFault(t, err, domain.CodeReservationSettled, "lines")
	_, err = settled.Settle(units("A", 2, "B", 1))
	wantFault(t, err, domain.CodeReservationSettled, "lines")
}

func TestOnlyReservedUnitsCanBeReturned(t *testing.T) {
	_, err := reserved().Settle(units("B", 1, "A", 5))
	wantFault(t, err, domain.CodeInvalidUnits, "lines[1].quantity")
	_, err = reserved().Settle(units("C", 1))
	wantFault(t, err, domain.CodeUnknownLine, "lines[0].line_id")
}

func TestAReservationIsRepeatedOnlyWithTheSameUnits(t *testing.T) {
	open := reserved()
	if err := open.Repeats(units("B", 1, "A", 4)); err != nil {
		t.Errorf("the same units: %v", err)
	}
	wantFault(t, open.Repeats(units("A", 4)), domain.CodeReservationDiffers, "lines")
	wantFault(t, open.Repeats(units("A", 4, "B", 2)), domain.CodeReservationDiffers, "lines")
	settled, err := open.Settle(nil)
	if err != nil {
		t.Fatal(err)
	}
	if err := settled.Repeats(units("B", 1, "A", 4)); err == nil {
		t.Error("a settled reservation came to life again")
	}
}

func TestARequestForUnitsNamesEachLineOnce(t *testing.T) {
	wantFault(t, domain.CheckUnits(units("A", 1, "A", 2), 1), domain.CodeInvalidUnits, "lines[1].line_id")
	wantFault(t, domain.CheckUnits(nil, 1), domain.CodeInvalidUnits, "lines")
	wantFault(t, domain.CheckUnits(units("A", 0), 1), domain.CodeInvalidUnits, "lines[0].quantity")
	wantFault(t, domain.CheckUnits(units("A", domain.MaxQuantity+1), 1), domain.CodeInvalidUnits, "lines[0].quantity")
	if err := domain.CheckUnits(units("A", 1, "B", domain.MaxQuantity), 1); err != nil {
		t.Error(err)
	}
}
