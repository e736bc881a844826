package schedule

import "sync"

// queue is an unbounded first-in-first-out queue: one slow receiver of
// callbacks must not hold up the clock.
type queue struct {
	state *queueState
}

type queueState struct {
	mu     sync.Mutex
	some   *sync.Cond
	work   []func()
	closed bool
}

func newQueue() queue {
	s := &queueState{}
	s.some = sync.NewCond(&s.mu)
	return queue{s}
}

func (q queue) put(f func()) {
	q.state.mu.Lock()
	q.state.work = append(q.state.work, f)
	q.state.mu.Unlock()
	q.state.some.Signal()
}

func (q queue) close() {
	q.state.mu.Lock()
	q.state.closed = true
	q.state.mu.Unlock()
	q.state.some.Broadcast()
}

// work runs queued work until the queue is closed. What is still queued then is
// dropped: after a restart its owner queues it again.
func (q queue) work() {
	for {
		q.state.mu.Lock()
		for len(q.state.work) == 0 && !q.state.closed {
			q.state.some.Wait()
		}
		if q.state.closed {
			q.state.mu.Unlock()
			return
		}
		f := q.state.work[0]
		q.state.work[0] = nil
		q.state.work = q.state.work[1:]
		q.state.mu.Unlock()
		f()
	}
}
