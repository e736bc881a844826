package money

import (
	"cmp"
	"math/bits"
	"slices"
)

// Allocate splits total over the weights by largest remainder: each share is within one unit of its
// exact value, the shares add up to total, and of equal remainders the lower index is served first.
// A weight of zero gets nothing, unless all weights are zero: then all count the same.
//
// It panics if total or a weight is negative: both are a mistake of the program, not of its input.
// Without weights there is nobody to give to and the result is empty.
func Allocate(total int64, weights []int64) []int64 {
	if total < 0 {
		panic("money: Allocate of a negative total")
	}
	shares := make([]int64, len(weights))
	if len(weights) == 0 {
		return shares
	}
	scaled, sum := scale(weights)

	remainders := make([]uint64, len(weights))
	var given int64
	for i, weight := range scaled {
		high, low := bits.Mul64(uint64(total), weight)
		quotient, remainder := bits.Div64(high, low, sum)
		shares[i], remainders[i] = int64(quotient), remainder
		given += shares[i]
	}

	order := make([]int, len(weights))
	for i := range order {
		order[i] = i
	}
	slices.SortStableFunc(order, func(a, b int) int { return cmp.Compare(remainders[b], remainders[a]) })
	for _, i := range order[:total-given] {
		shares[i]++
	}
	return shares
}

// scale returns weights whose sum fits a word. The sum of n int64 may need more than 64 bits; then
// all weights lose low bits alike, which moves a share by less than the weights' own precision, and
// a weight that was not zero stays so.
func scale(weights []int64) (scaled []uint64, sum uint64) {
	scaled = make([]uint64, len(weights))
	var high uint64
	for i, weight := range weights {
		if weight < 0 {
			panic("money: Allocate with a negative weight")
		}
		scaled[i] = uint64(weight)
		var carry uint64
		sum, carry = bits.Add64(sum, scaled[i], 0)
		high += carry
	}
	if high == 0 && sum == 0 {
		for i := range scaled {
			scaled[i] = 1
		}
		return scaled, uint64(len(scaled))
	}
	if high == 0 {
		return scaled, sum
	}
	shift := bits.Len64(high) + 1
	sum = 0
	for i, weight := range scaled {
		if weight != 0 {
			scaled[i] = max(weight>>shift, 1)
		}
		sum += scaled[i]
	}
	return scaled, sum
}

// Units returns what the units [from, to) of a line of n units are worth, when the line is worth
// total: ⌊total·to/n⌋ − ⌊total·from/n⌋. Any partition of the line, in any order and over any length
// of time, adds up to total, so returning unit after unit never gives back a fen more or less.
//
// It panics unless 0 ≤ from ≤ to ≤ n, 0 < n and 0 ≤ total.
func Units(total, n, from, to int64) int64 {
	if total < 0 || n <= 0 || from < 0 || from > to || to > n {
		panic("money: Units needs 0 ≤ from ≤ to ≤ n, 0 < n and 0 ≤ total")
	}
	return portion(total, to, n) - portion(total, from, n)
}

// portion returns ⌊total·part/whole⌋ for part ≤ whole, so that the quotient fits.
func portion(total, part, whole int64) int64 {
	high, low := bits.Mul64(uint64(total), uint64(part))
	quotient, _ := bits.Div64(high, low, uint64(whole))
	return int64(quotient)
}
