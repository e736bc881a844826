package domain

import (
	"cmp"
	"fmt"
	"slices"

	"aftercare.dev/services/platform/money"
)

// ReservationState tells whether a case still holds its units.
type ReservationState string

// The states of a reservation. There is no way back from settled.
const (
	ReservationOpen    ReservationState = "open"
	ReservationSettled ReservationState = "settled"
)

// Reservation is the units of an order that a case set aside. A settled reservation still tells what
// it had set aside, and how many of the units, lowest first, were returned for good.
type Reservation struct {
	OrderID string
	CaseID  string
	State   ReservationState
	Lines   []ReservedLine
	// CompletesOrder tells that settling it returned the last unit of the order. One reservation of an
	// order at most has it, so that what is paid once per order, such as its freight, is paid with it.
	CompletesOrder bool
}

// ReservedLine is the part of a reservation on one line. Quantity and paid amount of the line are
// those at the time of the reservation; they cannot change while it is open.
type ReservedLine struct {
	LineID string  `json:"line_id"`
	Units  []Range `json:"units"`
	// LineQuantity and LinePaid are of the whole line; the worth of any unit follows from them.
	LineQuantity int64       `json:"line_quantity"`
	LinePaid     money.Money `json:"line_paid"`
	// Returned counts the units returned for good; zero as long as the reservation is open.
	Returned int64 `json:"returned"`
}

// Quantity returns how many units the case set aside.
func (l ReservedLine) Quantity() int64 { return Count(l.Units) }

// ReturnedUnits returns the units that were returned for good.
func (l ReservedLine) ReturnedUnits() []Range { return Lowest(l.Units, l.Returned) }

// Value returns what the buyer paid for the units set aside. The values of all units of a line add
// up to what was paid for the line.
func (l ReservedLine) Value() money.Money {
	value := money.Money{Currency: l.LinePaid.Currency}
	for _, r := range l.Units {
		value.Amount += money.Units(l.LinePaid.Amount, l.LineQuantity, r.From, r.To)
	}
	return value
}

// CheckUnits holds a request to its number of lines, to one entry per line and at least one unit each.
func CheckUnits(lines []LineQuantity, leastLines int) error {
	if len(lines) < leastLines || len(lines) > MaxLines {
		return fault(CodeInvalidUnits, "lines", fmt.Sprintf("Between %d and %d lines.", leastLines, MaxLines))
	}
	seen := make(map[string]bool, len(lines))
	for i, line := range lines {
		if seen[line.LineID] {
			return fault(CodeInvalidUnits, fmt.Sprintf("lines[%d].line_id", i), "The line occurs twice; add up its units in one entry.")
		}
		seen[line.LineID] = true
		if line.Quantity < 1 || line.Quantity > MaxQuantity {
			return fault(CodeInvalidUnits, fmt.Sprintf("lines[%d].quantity", i), fmt.Sprintf("Between 1 and %d units.", MaxQuantity))
		}
	}
	return nil
}

// Repeats answers a second request to reserve units for the same case. It is nil if the request is
// the one that made the open reservation, else a 409 problem: reservation_settled or
// reservation_differs.
func (r Reservation) Repeats(lines []LineQuantity) error {
	if r.State == ReservationSettled {
		return fault(CodeReservationSettled, "", "The case has ended its reservation; it cannot be made again.")
	}
	reserved := make([]LineQuantity, 0, len(r.Lines))
	for _, line := range r.Lines {
		reserved = append(reserved, LineQuantity{LineID: line.LineID, Quantity: line.Quantity()})
	}
	if !sameUnits(reserved, lines) {
		return fault(CodeReservationDiffers, "lines",
			"The case has reserved other units of this order; settle that reservation and open another case.")
	}
	return nil
}

// Settle returns the reservation after the named units were returned for good, lowest first, and the
// rest was released. Settled the same way before, it returns itself; settled in another way it is a
// 409 problem with code reservation_settled. Units that are not in the reservation are a 422 problem.
func (r Reservation) Settle(returned []LineQuantity) (Reservation, error) {
	if r.State == ReservationSettled {
		if !sameUnits(r.returned(), returned) {
			return Reservation{}, fault(CodeReservationSettled, "lines",
				"The reservation was settled with other units; read it to see which.")
		}
		return r, nil
	}
	settled := r
	settled.State = ReservationSettled
	settled.Lines = slices.Clone(r.Lines)
	at := make(map[string]int, len(r.Lines))
	for i, line := range r.Lines {
		at[line.LineID] = i
	}
	for i, line := range returned {
		held, known := at[line.LineID]
		if !known {
			return Reservation{}, fault(CodeUnknownLine, fmt.Sprintf("lines[%d].line_id", i),
				"The case has no units of this line reserved.")
		}
		if reserved := r.Lines[held].Quantity(); line.Quantity > reserved {
			return Reservation{}, fault(CodeInvalidUnits, fmt.Sprintf("lines[%d].quantity", i), fmt.Sprintf(
				"At most %d units: that many does the case have reserved.", reserved,
			))
		}
		settled.Lines[held].Returned = line.Quantity
	}
	return settled, nil
}

func (r Reservation) returned() []LineQuantity {
	var returned []LineQuantity
	for _, line := range r.Lines {
		if line.Returned > 0 {
			returned = append(returned, LineQuantity{LineID: line.LineID, Quantity: line.Returned})
		}
	}
	return returned
}

// sameUnits tells whether the two lists name the same units, whatever their order.
func sameUnits(a, b []LineQuantity) bool {
	return slices.Equal(ByLine(a), ByLine(b))
}

// ByLine returns the entries sorted by line id: the order in which lines are locked, so that two
// transactions on the same lines never wait for each other in a circle.
func ByLine(lines []LineQuantity) []LineQuantity {
	return slices.SortedFunc(slices.Values(lines), func(a, b LineQuantity) int { return cmp.Compare(a.LineID, b.LineID) })
}

// NotAvailable is the 409 problem of a request for more units of a line than are free; index is the
// place of the line in the request.
func NotAvailable(index int, free int64) error {
	return fault(CodeUnitsNotAvailable, fmt.Sprintf("lines[%d].quantity", index), fmt.Sprintf(
		"%d units of the line are free; the others are in a case or were returned.", free,
	))
}

// UnknownLine is the 422 problem of a request that names a line which the order does not have.
func UnknownLine(index int) error {
	return fault(CodeUnknownLine, fmt.Sprintf("lines[%d].line_id", index), "The order has no such line.")
}

// PaymentNotFound is the 404 problem of a payment that no order has.
func PaymentNotFound() error {
	return fault(CodePaymentNotFound, "", "No order has a payment of this name at the provider.")
}

// OrderNotFound is the 404 problem of an order that does not exist, or not for this merchant and buyer.
func OrderNotFound() error {
	return fault(CodeOrderNotFound, "", "There is no such order.")
}

// ReservationNotFound is the 404 problem of a case that has no units of the order.
func ReservationNotFound() error {
	return fault(CodeReservationNotFound, "", "The case has not reserved any units of this order.")
}
