// Package schedule is the sandbox's one clock. Providers take minutes, hours
// and days; here a provider's duration is divided by the time scale.
//
// Points in time are real ones: a signature's timestamp or a refund's
// success_time is what a wall clock shows. Only the waits between them shrink.
package schedule

import (
	"container/heap"
	"context"
	"sync"
	"time"
)

// deliverers is how many callbacks may be on their way at the same time.
const deliverers = 64

// Scheduler runs work when it is due. Create it with New or NewManual.
type Scheduler struct {
	scale  float64
	manual bool

	mu    sync.Mutex
	now   time.Time // of a manual clock
	tasks tasks
	seq   uint64
	wake  chan struct{}
	slow  queue
}

// New returns a scheduler on the real clock: scale provider seconds pass in one
// real second. Run must be called once.
func New(scale float64) *Scheduler {
	if scale <= 0 {
		scale = 1
	}
	return &Scheduler{scale: scale, wake: make(chan struct{}, 1), slow: newQueue()}
}

// NewManual returns a scheduler whose time stands still until Advance.
func NewManual(now time.Time, scale float64) *Scheduler {
	s := New(scale)
	s.manual, s.now = true, now
	return s
}

// Scale returns how many provider seconds pass in one real second.
func (s *Scheduler) Scale() float64 { return s.scale }

// Now returns the time.
func (s *Scheduler) Now() time.Time {
	if !s.manual {
		return time.Now()
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.now
}

// Real returns how long the provider's duration d takes here.
func (s *Scheduler) Real(d time.Duration) time.Duration {
	return time.Duration(float64(d) / s.scale)
}

// Due returns the time at which the provider's duration d from now is over.
func (s *Scheduler) Due(d time.Duration) time.Time { return s.Now().Add(s.Real(d)) }

// At runs f at t, one after the other with all such work: f must not block.
func (s *Scheduler) At(t time.Time, f func()) { s.add(t, f, false) }

// Deliver runs f at t beside other deliveries: f may wait for the network.
func (s *Scheduler) Deliver(t time.Time, f func()) { s.add(t, f, true) }

func (s *Scheduler) add(t time.Time, f func(), slow bool) {
	s.mu.Lock()
	s.seq++
	heap.Push(&s.tasks, task{due: t, seq: s.seq, run: f, slow: slow})
	first := s.tasks[0].seq == s.seq
	s.mu.Unlock()
	if first {
		select {
		case s.wake <- struct{}{}:
		default:
		}
	}
}

// Pending returns how much work is waiting for its time.
func (s *Scheduler) Pending() int {
	s.mu.Lock()
	defer s.mu.Unlock()
	return len(s.tasks)
}

// Run runs the work until ctx is done and the work in hand has come back.
func (s *Scheduler) Run(ctx context.Context) {
	var workers sync.WaitGroup
	for range deliverers {
		workers.Go(s.slow.work)
	}
	defer workers.Wait()
	defer s.slow.close()
	timer := time.NewTimer(0)
	defer timer.Stop()
	for {
		select {
		case <-ctx.Done():
			return
		case <-timer.C:
		case <-s.wake:
		}
		timer.Reset(s.runDue(ctx))
	}
}

// runDue runs what is due and returns how long to wait for the next.
func (s *Scheduler) runDue(ctx context.Context) time.Duration {
	for ctx.Err() == nil {
		t, wait, ok := s.pop(time.Now())
		if !ok {
			return wait
		}
		if t.slow {
			s.slow.put(t.run)
		} else {
			t.run()
		}
	}
	return time.Hour
}

// Advance lets the provider's duration d pass on a manual clock, and runs the
// work of that time in order, deliveries included, before it returns.
func (s *Scheduler) Advance(d time.Duration) {
	target := s.Now().Add(s.Real(d))
	for {
		t, _, ok := s.pop(target)
		if !ok {
			break
		}
		s.mu.Lock()
		if t.due.After(s.now) {
			s.now = t.due
		}
		s.mu.Unlock()
		t.run()
	}
	s.mu.Lock()
	s.now = target
	s.mu.Unlock()
}

func (s *Scheduler) pop(until time.Time) (task, time.Duration, bool) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if len(s.tasks) == 0 {
		return task{}, time.Hour, false
	}
	if wait := s.tasks[0].due.Sub(until); wait > 0 {
		return task{}, wait, false
	}
	return heap.Pop(&s.tasks).(task), 0, true
}

type task struct {
	due  time.Time
	seq  uint64
	run  func()
	slow bool
}

type tasks []task

func (t tasks) Len() int      { return len(t) }
func (t tasks) Swap(i, j int) { t[i], t[j] = t[j], t[i] }
func (t *tasks) Push(x any)   { *t = append(*t, x.(task)) }

func (t tasks) Less(i, j int) bool {
	if t[i].due.Equal(t[j].due) {
		return t[i].seq < t[j].seq
	}
	return t[i].due.Before(t[j].due)
}

func (t *tasks) Pop() any {
	old := *t
	last := old[len(old)-1]
	old[len(old)-1] = task{}
	*t = old[:len(old)-1]
	return last
}
