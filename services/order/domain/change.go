package domain

import (
	"fmt"
	"slices"
)

// Change is what a new version of an order does to the units of its lines. Lines whose quantity and
// paid amount stay as they were are in none of the lists.
type Change struct {
	// Removed and Changed may be carried out only while no unit of the line is reserved or returned:
	// the worth of a unit follows from both numbers, and some of it may have been refunded already.
	Removed []Line
	Changed []Line
	Added   []Line
}

// Compare works out the change from one version to the next. An order keeps its currency and its
// buyer for ever; another one is a 409 problem with code order_in_use.
func Compare(before, after Order) (Change, error) {
	if after.Currency != before.Currency {
		return Change{}, fault(CodeOrderInUse, "currency", fmt.Sprintf(
			"The order was placed in %s and keeps its currency.", before.Currency,
		))
	}
	if after.BuyerID != before.BuyerID {
		return Change{}, fault(CodeOrderInUse, "buyer_id", "The order belongs to another buyer and stays theirs.")
	}
	var change Change
	old := make(map[string]Line, len(before.Lines))
	for _, line := range before.Lines {
		old[line.LineID] = line
	}
	for _, line := range after.Lines {
		was, known := old[line.LineID]
		delete(old, line.LineID)
		switch {
		case !known:
			change.Added = append(change.Added, line)
		case line.Quantity != was.Quantity || line.Paid != was.Paid:
			change.Changed = append(change.Changed, line)
		}
	}
	for _, line := range before.Lines {
		if _, gone := old[line.LineID]; gone {
			change.Removed = append(change.Removed, line)
		}
	}
	return change, nil
}

// InUse is the 409 problem of a change to a line of which units are reserved or returned. It names
// the field of the new version that has to be as it was before.
func InUse(before, after Order, lineID string, reserved, returned int64) error {
	at := func(o Order) int {
		return slices.IndexFunc(o.Lines, func(l Line) bool { return l.LineID == lineID })
	}
	was, now := at(before), at(after)
	use := fmt.Sprintf("%d units are reserved for open cases and %d were returned", reserved, returned)
	if now < 0 {
		return fault(CodeOrderInUse, "lines", fmt.Sprintf(
			"Line %s cannot be left out: %s.", lineID, use,
		))
	}
	field := fmt.Sprintf("lines[%d]", now)
	if was >= 0 && before.Lines[was].Quantity != after.Lines[now].Quantity {
		return fault(CodeOrderInUse, field+".quantity", fmt.Sprintf(
			"The quantity has to stay %d: %s.", before.Lines[was].Quantity, use,
		))
	}
	return fault(CodeOrderInUse, field+".amount", fmt.Sprintf(
		"What was paid for line %s, discounts of the order included, has to stay as it was: %s.", lineID, use,
	))
}
