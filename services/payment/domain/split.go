package domain

import "aftercare.dev/services/platform/money"

// Split spreads amount over payments by what is left of each, in minor units. The shares add up to
// amount and none exceeds what is left; ok is false if all of it together is too little.
func Split(amount int64, left []int64) (shares []int64, ok bool) {
	var all int64
	for _, rest := range left {
		all += rest
	}
	if amount < 0 || amount > all {
		return nil, false
	}
	// With what is left as weights, an exact share is at most what is left, and it is below it when
	// it has a remainder, so the unit that largest remainder adds still fits.
	return money.Allocate(amount, left), true
}
