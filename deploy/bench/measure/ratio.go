package measure

import (
	"math/rand/v2"
	"slices"
)

// Pair is two quantities that were measured one after the other under the same conditions.
type Pair struct{ A, B float64 }

// Interval is a value and the 95 % confidence interval around it.
type Interval struct {
	Value float64 `json:"value"`
	Low   float64 `json:"low"`
	High  float64 `json:"high"`
}

// resamples of a bootstrap. The 2.5th percentile of so many is that of 250 values, which two seeds hardly move.
const resamples = 10_000

// Ratio is the sum of all A over the sum of all B, with an interval by the percentile bootstrap: pairs are drawn again with
// replacement, each drawing as many as there are, and the interval holds the middle 95 % of their ratios. Pairs and not sides
// are drawn, because both sides of a pair shared their conditions. The same seed gives the same interval. With fewer than two
// pairs nothing can be said about the spread: Low and High are 0. If the B add up to 0 all is 0.
func Ratio(pairs []Pair, seed uint64) Interval {
	value, ok := ratioOf(pairs)
	if !ok {
		return Interval{}
	}
	if len(pairs) < 2 {
		return Interval{Value: value}
	}
	low, high := spread(len(pairs), resamples, seed, func(drawn []int) (float64, bool) {
		again := make([]Pair, len(drawn))
		for i, from := range drawn {
			again[i] = pairs[from]
		}
		return ratioOf(again)
	})
	return Interval{Value: value, Low: low, High: high}
}

// fewer resamples are enough for a percentile of hundreds of values, which says no more with further ones.
const fewer = 1000

// RatioOfP99 is the p99 of all a over that of all b, with an interval as of [Ratio]: a and b were measured in pairs, which are
// drawn again together. With fewer than two pairs Low and High are 0.
func RatioOfP99(a, b []Latencies, seed uint64) Interval {
	p99 := func(l []Latencies) float64 { return slices.Concat(l...).Percentile(99).Seconds() }
	i := Interval{Value: p99(a) / p99(b)}
	if len(a) < 2 {
		return i
	}
	drawnA, drawnB := make([]Latencies, len(a)), make([]Latencies, len(a))
	i.Low, i.High = spread(len(a), fewer, seed, func(drawn []int) (float64, bool) {
		for at, from := range drawn {
			drawnA[at], drawnB[at] = a[from], b[from]
		}
		return p99(drawnA) / p99(drawnB), true
	})
	return i
}

// spread draws so many of so many again and again, with replacement, and is where the middle 95 % of what they come to lies.
func spread(of, times int, seed uint64, value func(drawn []int) (float64, bool)) (low, high float64) {
	random := rand.New(rand.NewPCG(seed, 0))
	values, drawn := make([]float64, 0, times), make([]int, of)
	for range times {
		for i := range drawn {
			drawn[i] = random.IntN(of)
		}
		if v, ok := value(drawn); ok {
			values = append(values, v)
		}
	}
	slices.Sort(values)
	return rank(values, 2.5), rank(values, 97.5)
}

func ratioOf(pairs []Pair) (float64, bool) {
	var sum Pair
	for _, p := range pairs {
		sum.A += p.A
		sum.B += p.B
	}
	if sum.B == 0 {
		return 0, false
	}
	return sum.A / sum.B, true
}

// Turn is whose turn it is.
type Turn byte

// The two sides of a comparison.
const (
	A Turn = 'A'
	B Turn = 'B'
)

// ABBA is the order of so many pairs: A before B in every other one, and B before A in the rest, so that what changes
// steadily on the machine adds the same to both sides. Turns 2n and 2n+1 are pair n. A number of pairs that is not even
// favours one side.
func ABBA(pairs int) []Turn {
	turns := make([]Turn, 0, 2*pairs)
	for n := range pairs {
		if n%2 == 0 {
			turns = append(turns, A, B)
		} else {
			turns = append(turns, B, A)
		}
	}
	return turns
}
