package measure

import (
	"context"
	"encoding/json"
	"errors"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"
)

// takes is work that lasts.
func takes(d time.Duration) func(context.Context) error {
	return func(context.Context) error { time.Sleep(d); return nil }
}

func TestAPercentileIsTheSmallestValueThatSoManyDoNotExceed(t *testing.T) {
	t.Parallel()
	var l Latencies
	require.Zero(t, l.Percentile(99))
	for n := range 200 {
		l.Add(time.Duration(200-n) * time.Millisecond)
	}
	for p, want := range map[float64]time.Duration{
		0: time.Millisecond, 0.5: time.Millisecond, 50: 100 * time.Millisecond, 95: 190 * time.Millisecond, 99: 198 * time.Millisecond,
		99.1: 199 * time.Millisecond, 100: 200 * time.Millisecond,
	} {
		require.Equal(t, want, l.Percentile(p), "%v", p)
	}
	said, err := json.Marshal(l)
	require.NoError(t, err)
	require.JSONEq(t, `{"count":200,"p50_seconds":0.1,"p95_seconds":0.19,"p99_seconds":0.198,"max_seconds":0.2}`, string(said))
	require.Equal(t, 200*time.Millisecond, Latencies{0.2, 0.1}.Percentile(100), "the order of samples does not matter")
}

func TestClosedWorkersDoWorkAfterWork(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		r := Closed(t.Context(), 3, time.Second, takes(100*time.Millisecond))
		require.Equal(t, 30, r.Done)
		require.Zero(t, r.Failed)
		require.Equal(t, time.Second, r.Elapsed)
		require.InDelta(t, 30, r.PerSecond(), 1e-9)
		require.Equal(t, 100*time.Millisecond, r.Latencies.Percentile(99))
	})
}

func TestWorkThatWasBegunInTimeIsFinishedAndCounts(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		r := Closed(t.Context(), 2, time.Second, takes(700*time.Millisecond))
		require.Equal(t, 4, r.Done)
		require.Equal(t, 1400*time.Millisecond, r.Elapsed, "until the last of it")
		require.InDelta(t, 4/1.4, r.PerSecond(), 1e-9)
	})
}

func TestAnOpenLoopKeepsItsScheduleHoweverSlowTheWork(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		var now, most atomic.Int64
		r := Open(t.Context(), 10, 2*time.Second, func(context.Context) error {
			most.Store(max(most.Load(), now.Add(1)))
			time.Sleep(950 * time.Millisecond)
			now.Add(-1)
			return nil
		})
		require.Equal(t, 20, r.Done)
		require.EqualValues(t, 10, most.Load(), "as many at once as it takes")
		require.Equal(t, 1900*time.Millisecond+950*time.Millisecond, r.Elapsed)
	})
}

// standstill is a context whose first look holds up whoever takes it, as a machine without a free processor does.
type standstill struct {
	context.Context
	once sync.Once
}

func (s *standstill) Err() error {
	s.once.Do(func() { time.Sleep(time.Second) })
	return s.Context.Err()
}

func TestALatencyCountsFromTheScheduleAndNotFromTheBeginning(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		// The first is held up for a second, and those that were due meanwhile go out late and all at once.
		r := Open(&standstill{Context: t.Context()}, 10, 2*time.Second, takes(10*time.Millisecond))
		require.Equal(t, 20, r.Done)
		require.Equal(t, 1010*time.Millisecond, r.Latencies.Percentile(100))
		require.Equal(t, 110*time.Millisecond, r.Latencies.Percentile(55))
		require.Equal(t, 10*time.Millisecond, r.Latencies.Percentile(50))
		require.Equal(t, 1910*time.Millisecond, r.Elapsed, "the schedule is made up for")
	})
}

func TestSlowWorkShowsInTheLatenciesOfThoseWhoComeLater(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		// One at a time can be done, in 150 ms, and one comes every 100 ms: each waits for those before.
		one := make(chan struct{}, 1)
		r := Open(t.Context(), 10, time.Second, func(context.Context) error {
			one <- struct{}{}
			time.Sleep(150 * time.Millisecond)
			<-one
			return nil
		})
		require.Equal(t, 150*time.Millisecond, r.Latencies.Percentile(0))
		require.Equal(t, 600*time.Millisecond, r.Latencies.Percentile(100))
	})
}

func TestWhatFailsIsCountedApartWithTheFirstReason(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		n := 0
		r := Closed(t.Context(), 1, time.Second, func(context.Context) error {
			time.Sleep(100 * time.Millisecond)
			if n++; n > 7 {
				return errors.New("reason " + string(rune('0'+n)))
			}
			return nil
		})
		require.Equal(t, 7, r.Done)
		require.Equal(t, 3, r.Failed)
		require.Equal(t, "reason 8", r.FirstError)
		require.Len(t, r.Latencies, 7)
		said, err := json.Marshal(r)
		require.NoError(t, err)
		require.JSONEq(t, `{"done":7,"failed":3,"elapsed_seconds":1,"per_second":7,"first_error":"reason 8",
			"latencies":{"count":7,"p50_seconds":0.1,"p95_seconds":0.1,"p99_seconds":0.1,"max_seconds":0.1}}`, string(said))
	})
}

func TestACancelledLoadEndsEarly(t *testing.T) {
	t.Parallel()
	for name, load := range map[string]func(context.Context) Run{
		"closed": func(ctx context.Context) Run { return Closed(ctx, 1, time.Hour, takes(time.Second)) },
		"open":   func(ctx context.Context) Run { return Open(ctx, 1, time.Hour, takes(time.Second)) },
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			synctest.Test(t, func(t *testing.T) {
				ctx, stop := context.WithTimeout(t.Context(), 3500*time.Millisecond)
				defer stop()
				r := load(ctx)
				require.Equal(t, 4, r.Done)
				require.Less(t, r.Elapsed, 5*time.Second)
			})
		})
	}
}
