package crashpoints

import (
	"fmt"
	"log/slog"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"aftercare.dev/deploy/split"
	"aftercare.dev/services/platform/crash"
)

// sample is how many of the points are tried here; the long form tries all of them.
const (
	sample = 10
	seed   = 1
)

func TestAProcessMayDieAtAnyPointOfTheWay(t *testing.T) {
	report, err := Run(t.Context(), Options{
		Dir: t.TempDir(), Seed: seed, Points: sample, Batch: 4, Log: slog.New(slog.NewTextHandler(t.Output(), nil)),
	})
	require.NoError(t, err)
	t.Logf("seed %d: %+v", report.Seed, report)
	require.Zero(t, report.Violations, "%s", strings.Join(report.First, "\n"))
	require.GreaterOrEqual(t, report.Fired, sample/2, "unreached: %v", report.Unreached)
	require.GreaterOrEqual(t, report.Points, 250, "the shared seams have points, and the paths pass them")
}

func TestThereIsADeathForEachPointThatFiredAndNoOther(t *testing.T) {
	one := target{process: "order-1", point: crash.Point("op1", crash.AfterCommit)}
	two := target{process: "order-1", point: crash.Point("op2", crash.AfterCommit)}
	killed := split.Death{Process: "order-1", Killed: true}
	for name, c := range map[string]struct {
		deaths []split.Death
		fired  []target
		wrong  int
	}{
		"one each":                   {[]split.Death{killed, killed}, []target{one, two}, 0},
		"nothing at all":             {nil, nil, 0},
		"two points share a death":   {[]split.Death{killed}, []target{one, two}, 1},
		"a death of no point":        {[]split.Death{killed, killed}, []target{one}, 1},
		"a death of another process": {[]split.Death{{Process: "payment-1", Killed: true}}, []target{one}, 2},
		"an end that was not a kill": {[]split.Death{{Process: "order-1", Outcome: "exit status 3"}}, []target{one}, 1},
		"a point without a death":    {nil, []target{one}, 1},
	} {
		r := &rig{Options: Options{Log: slog.New(slog.DiscardHandler)}}
		r.checkDeaths(c.deaths, c.fired)
		require.Equal(t, c.wrong, r.report.Violations, "%s: %v", name, r.report.First)
	}
}

func passes(process string, points int) map[target]int {
	all := map[target]int{}
	for n := range points {
		all[target{process: process, point: crash.Point(fmt.Sprint("op", n), crash.AfterCommit)}] = 9
	}
	return all
}

func TestTheSameSeedTriesTheSamePointsInTheSameOrder(t *testing.T) {
	var rounds [3][]target
	for i, seed := range []uint64{7, 7, 8} {
		q := newQueue(passes("order-1", 40), seed, 8, 4)
		rounds[i] = append(q.next(), q.next()...)
		require.Len(t, rounds[i], 8)
		require.Empty(t, q.next())
	}
	require.Equal(t, rounds[0], rounds[1])
	require.NotEqual(t, rounds[0], rounds[2])
}

func TestEveryPointOfEveryProcessIsTriedOnceAndAllAreDoneTogether(t *testing.T) {
	all := passes("gateway-1", 21)
	for t, n := range passes("payment-1", 6) {
		all[t] = n
	}
	q := newQueue(all, 1, 0, 4)
	seen, rounds := map[string]int{}, 0
	for armed := q.next(); len(armed) > 0; armed = q.next() {
		rounds++
		perProcess := map[string]int{}
		for _, p := range armed {
			seen[p.String()]++
			perProcess[p.process]++
			require.Less(t, p.skip, 6, "a pass that surely comes")
		}
		require.LessOrEqual(t, perProcess["gateway-1"], 4)
		require.LessOrEqual(t, perProcess["payment-1"], 1)
	}
	require.Equal(t, 6, rounds)
	require.Len(t, seen, 27)
	for point, n := range seen {
		require.Equal(t, 1, n, point)
	}
}

func TestAPointThatNobodyComesToIsTriedAgainAtItsFirstPassAndThenTold(t *testing.T) {
	q := newQueue(passes("order-1", 1), 3, 0, 4)
	for try := range tries {
		armed := q.next()
		require.Len(t, armed, 1)
		require.True(t, try == 0 || armed[0].skip == 0)
		unreached := q.again(armed)
		require.Equal(t, try == tries-1, len(unreached) == 1)
	}
	require.Zero(t, q.left())
}
