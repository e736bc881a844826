package domain

import (
	"cmp"
	"slices"
)

// Range is the units From (inclusive) to To (exclusive) of a line, counted from 0. A line may have
// millions of units, so that units are always handled as ranges and never one by one.
type Range struct {
	From int64 `json:"from"`
	To   int64 `json:"to"`
}

// Len returns how many units the range has.
func (r Range) Len() int64 { return r.To - r.From }

// Count returns how many units the ranges have together.
func Count(ranges []Range) int64 {
	var units int64
	for _, r := range ranges {
		units += r.Len()
	}
	return units
}

// Free returns the units of [0, quantity) that are in none of the held ranges, lowest first and with
// neighbours joined. The held ranges may come in any order; they are not changed.
func Free(quantity int64, held []Range) []Range {
	sorted := slices.SortedFunc(slices.Values(held), func(a, b Range) int { return cmp.Compare(a.From, b.From) })
	var free []Range
	var next int64
	for _, r := range sorted {
		if r.From > next {
			free = append(free, Range{From: next, To: min(r.From, quantity)})
		}
		next = max(next, r.To)
		if next >= quantity {
			return free
		}
	}
	return append(free, Range{From: next, To: quantity})
}

// Lowest returns the n lowest units of ranges that are sorted and disjoint, as ranges. If there are
// fewer than n units, it returns them all.
func Lowest(ranges []Range, n int64) []Range {
	var lowest []Range
	for _, r := range ranges {
		if n <= 0 {
			break
		}
		r.To = min(r.To, r.From+n)
		n -= r.Len()
		lowest = append(lowest, r)
	}
	return lowest
}
