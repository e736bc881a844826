package measure

import (
	"math/rand/v2"
	"testing"

	"github.com/stretchr/testify/require"
)

// noisy are pairs whose true ratio is 1.25. What a round's conditions were weighs on both sides of its pair.
func noisy(random *rand.Rand, n int) []Pair {
	pairs := make([]Pair, n)
	for i := range pairs {
		b := (0.5 + random.Float64()) * (1 + 0.05*random.NormFloat64())
		pairs[i] = Pair{A: 1.25 * b * (1 + 0.05*random.NormFloat64()), B: b}
	}
	return pairs
}

func TestTheIntervalHoldsTheTrueRatio(t *testing.T) {
	t.Parallel()
	random := rand.New(rand.NewPCG(1, 1))
	held := 0
	const rounds = 40
	for n := range rounds {
		i := Ratio(noisy(random, 30), uint64(n))
		require.Less(t, i.Low, i.Value)
		require.Less(t, i.Value, i.High)
		require.Less(t, i.High-i.Low, 0.1)
		if i.Low <= 1.25 && 1.25 <= i.High {
			held++
		}
	}
	require.GreaterOrEqual(t, held, 34, "95 %% of %d should", rounds)
	require.Less(t, held, rounds, "an interval that never misses is too wide")
}

func TestTheSameSeedGivesTheSameInterval(t *testing.T) {
	t.Parallel()
	pairs := noisy(rand.New(rand.NewPCG(2, 2)), 12)
	once, again := Ratio(pairs, 7), Ratio(pairs, 7)
	require.Equal(t, once, again)
	require.NotEqual(t, once, Ratio(pairs, 8))
	require.InDelta(t, once.High, Ratio(pairs, 8).High, 0.005, "chance hardly matters")
}

func TestTheRatioIsOfSumsAndPairsAreDrawnTogether(t *testing.T) {
	t.Parallel()
	require.InDelta(t, 5.0/3, Ratio([]Pair{{1, 1}, {4, 2}}, 1).Value, 1e-12)
	// Rounds differ by a thousand, sides always by 2: drawn apart, the sides would spread.
	i := Ratio([]Pair{{2, 1}, {2000, 1000}, {20, 10}}, 1)
	require.InDelta(t, 2, i.Low, 1e-12)
	require.InDelta(t, 2, i.High, 1e-12)
}

func TestTooLittleHasNoInterval(t *testing.T) {
	t.Parallel()
	require.Equal(t, Interval{}, Ratio(nil, 1))
	require.Equal(t, Interval{}, Ratio([]Pair{{1, 0}, {2, 0}}, 1))
	require.Equal(t, Interval{Value: 3}, Ratio([]Pair{{3, 1}}, 1))
}

func TestBothSidesTakeTurnsInGoingFirst(t *testing.T) {
	t.Parallel()
	require.Equal(t, "ABBAABBA", string(ABBA(4)))
	require.Empty(t, ABBA(0))
	// What grows steadily adds the same to both.
	sum := map[Turn]int{}
	for i, turn := range ABBA(6) {
		sum[turn] += i
	}
	require.Equal(t, sum[A], sum[B])
}
