package gather_test

import (
	"context"
	"errors"
	"strconv"
	"sync"
	"testing"
	"testing/synctest"

	"github.com/stretchr/testify/require"

	"aftercare.dev/services/platform/gather"
)

// receiver is what a group sends to. Each call waits until the test says how it goes.
type receiver struct {
	calls   chan call
	answers chan error
}

type call struct {
	ctx   context.Context
	key   string
	items []int
}

func newReceiver() *receiver { return &receiver{calls: make(chan call), answers: make(chan error)} }

func (r *receiver) send(ctx context.Context, key string, items []int) error {
	r.calls <- call{ctx, key, items}
	select {
	case err := <-r.answers:
		return err
	case <-ctx.Done():
		return ctx.Err()
	}
}

var (
	errRefused = errors.New("refused")
	errOutage  = errors.New("outage")
)

func group(send func(context.Context, string, []int) error) *gather.Group[string, int] {
	return gather.New(gather.Options[string, int]{
		Send: send, Most: 4, Refused: func(err error) bool { return errors.Is(err, errRefused) },
	})
}

// bring has a caller bring items; he is in line when it returns.
func bring(ctx context.Context, g *gather.Group[string, int], key string, items ...int) <-chan error {
	done := make(chan error, 1)
	go func() { done <- g.Do(ctx, key, items...) }()
	synctest.Wait()
	return done
}

func TestWhatComesWhileACallIsUnderWayGoesTogetherInTheNext(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := newReceiver()
		g := group(r.send)
		first := bring(t.Context(), g, "a", 1)
		require.Equal(t, []int{1}, (<-r.calls).items, "alone, it goes at once")
		second, third := bring(t.Context(), g, "a", 2, 3), bring(t.Context(), g, "a", 4)
		select {
		case c := <-r.calls:
			t.Fatalf("%v goes while another call is under way", c.items)
		default:
		}
		r.answers <- nil
		require.NoError(t, <-first)
		require.Equal(t, []int{2, 3, 4}, (<-r.calls).items)
		require.Empty(t, second, "nobody is answered before his items were sent")
		r.answers <- nil
		require.NoError(t, <-second)
		require.NoError(t, <-third)
		alone := bring(t.Context(), g, "a", 5)
		require.Equal(t, []int{5}, (<-r.calls).items, "the line starts anew")
		r.answers <- nil
		require.NoError(t, <-alone)
	})
}

func TestKeysDoNotWaitForEachOther(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := newReceiver()
		g := group(r.send)
		a := bring(t.Context(), g, "a", 1)
		require.Equal(t, "a", (<-r.calls).key)
		b := bring(t.Context(), g, "b", 2)
		require.Equal(t, "b", (<-r.calls).key)
		r.answers <- nil
		r.answers <- nil
		require.NoError(t, <-a)
		require.NoError(t, <-b)
	})
}

func TestACallHasNoMoreThanTheMostAndPartsNobodysItems(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := newReceiver()
		g := group(r.send)
		waiting := []<-chan error{bring(t.Context(), g, "a", 0)}
		require.Len(t, (<-r.calls).items, 1)
		for _, items := range [][]int{{1, 2}, {3, 4}, {5, 6, 7}, {8, 9}, {10, 11, 12, 13, 14}, {15}} {
			waiting = append(waiting, bring(t.Context(), g, "a", items...))
		}
		for _, want := range [][]int{{1, 2, 3, 4}, {5, 6, 7}, {8, 9}, {10, 11, 12, 13, 14}, {15}} {
			r.answers <- nil
			require.Equal(t, want, (<-r.calls).items)
		}
		r.answers <- nil
		for _, done := range waiting {
			require.NoError(t, <-done)
		}
	})
}

func TestARefusalIsOnlyForThoseWhoseItemsAreRefused(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := newReceiver()
		g := group(r.send)
		busy := bring(t.Context(), g, "a", 0)
		<-r.calls
		good, bad, other := bring(t.Context(), g, "a", 1), bring(t.Context(), g, "a", 2), bring(t.Context(), g, "a", 3)
		r.answers <- nil
		require.NoError(t, <-busy)
		require.Equal(t, []int{1, 2, 3}, (<-r.calls).items)
		r.answers <- errRefused
		for item, answer := range []error{nil, errRefused, nil} {
			require.Equal(t, []int{item + 1}, (<-r.calls).items)
			r.answers <- answer
		}
		require.NoError(t, <-good)
		require.ErrorIs(t, <-bad, errRefused)
		require.NoError(t, <-other)
	})
}

func TestAnOutageIsEveryonesAndIsNotTriedAgain(t *testing.T) {
	for name, answers := range map[string][]error{
		"at once":                   {errOutage},
		"while each goes by itself": {errRefused, errOutage},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				r := newReceiver()
				g := group(r.send)
				busy := bring(t.Context(), g, "a", 0)
				<-r.calls
				waiting := []<-chan error{bring(t.Context(), g, "a", 1), bring(t.Context(), g, "a", 2), bring(t.Context(), g, "a", 3)}
				r.answers <- nil
				require.NoError(t, <-busy)
				for _, answer := range answers {
					<-r.calls
					r.answers <- answer
				}
				for _, done := range waiting {
					require.ErrorIs(t, <-done, errOutage)
				}
			})
		})
	}
}

func TestWhoLeavesWhileHeWaitsReturnsAtOnceAndNothingOfHisIsSent(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := newReceiver()
		g := group(r.send)
		busy := bring(t.Context(), g, "a", 0)
		<-r.calls
		leaving, leave := context.WithCancel(t.Context())
		left, stays := bring(leaving, g, "a", 1), bring(t.Context(), g, "a", 2)
		leave()
		require.ErrorIs(t, <-left, context.Canceled)
		r.answers <- nil
		require.NoError(t, <-busy)
		require.Equal(t, []int{2}, (<-r.calls).items)
		r.answers <- nil
		require.NoError(t, <-stays)
		require.ErrorIs(t, g.Do(leaving, "a", 3), context.Canceled)
	})
}

func TestWhoLeavesAfterARefusalIsNotSentByHimself(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := newReceiver()
		g := group(r.send)
		busy := bring(t.Context(), g, "a", 0)
		<-r.calls
		leaving, leave := context.WithCancel(t.Context())
		left, stays := bring(leaving, g, "a", 1), bring(t.Context(), g, "a", 2)
		r.answers <- nil
		require.NoError(t, <-busy)
		<-r.calls
		leave()
		require.ErrorIs(t, <-left, context.Canceled)
		r.answers <- errRefused
		require.Equal(t, []int{2}, (<-r.calls).items)
		r.answers <- nil
		require.NoError(t, <-stays)
	})
}

func TestACallGoesOnAsLongAsSomebodyWaitsForIt(t *testing.T) {
	type name struct{}
	synctest.Test(t, func(t *testing.T) {
		r := newReceiver()
		g := group(r.send)
		busy := bring(t.Context(), g, "a", 0)
		<-r.calls
		one, leaveOne := context.WithCancel(context.WithValue(t.Context(), name{}, "first"))
		two, leaveTwo := context.WithCancel(t.Context())
		defer leaveTwo()
		first, second := bring(one, g, "a", 1), bring(two, g, "a", 2)
		r.answers <- nil
		require.NoError(t, <-busy)
		underWay := <-r.calls
		require.Equal(t, "first", underWay.ctx.Value(name{}))
		leaveOne()
		require.ErrorIs(t, <-first, context.Canceled)
		synctest.Wait()
		require.NoError(t, underWay.ctx.Err(), "the other one still waits")
		leaveTwo()
		require.ErrorIs(t, <-second, context.Canceled)
		synctest.Wait()
		require.ErrorIs(t, underWay.ctx.Err(), context.Canceled, "nobody waits")
	})
}

func TestAPanicIsAnError(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		g := group(func(context.Context, string, []int) error { panic("broken") })
		require.ErrorContains(t, g.Do(t.Context(), "a", 1), "broken")
		require.ErrorContains(t, g.Do(t.Context(), "a", 1), "broken", "the line goes on")
	})
}

func TestNothingIsLostOrDoubledOrOutOfOrderAmongMany(t *testing.T) {
	const callers, each = 40, 50
	var (
		mu  sync.Mutex
		got = map[string][]int{}
	)
	g := group(func(_ context.Context, key string, items []int) error {
		mu.Lock()
		defer mu.Unlock()
		got[key] = append(got[key], items...)
		return nil
	})
	var running sync.WaitGroup
	for c := range callers {
		running.Go(func() {
			for i := range each {
				if err := g.Do(t.Context(), strconv.Itoa(c%2), c*each+i); err != nil {
					t.Error(err)
				}
			}
		})
	}
	running.Wait()
	last := map[int]int{}
	for _, items := range got {
		for _, item := range items {
			require.Equal(t, last[item/each], item%each, "of each caller one after the other")
			last[item/each]++
		}
	}
	require.Len(t, last, callers)
	for c, n := range last {
		require.Equal(t, each, n, "caller %d", c)
	}
}
