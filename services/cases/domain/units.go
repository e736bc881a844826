package domain

import "aftercare.dev/services/platform/money"

// Range is the units From (inclusive) to To (exclusive) of a line, counted from 0.
type Range struct {
	From, To int64
}

// count returns how many units the ranges have together.
func count(ranges []Range) int64 {
	var units int64
	for _, r := range ranges {
		units += r.To - r.From
	}
	return units
}

// worth returns what the n lowest units of the ranges are worth, out of a line of quantity units
// that was paid with paid minor units. The ranges are sorted and hold at least n units.
func worth(paid, quantity int64, ranges []Range, n int64) int64 {
	var amount int64
	for _, r := range ranges {
		if n <= 0 {
			break
		}
		to := min(r.To, r.From+n)
		amount += money.Units(paid, quantity, r.From, to)
		n -= to - r.From
	}
	return amount
}
