package measure

import (
	"context"
	"encoding/json"
	"sync"
	"time"
)

// Run is what came of a load. In JSON the time is in seconds.
type Run struct {
	Done, Failed int
	// Elapsed is from the start to the end of the last work.
	Elapsed time.Duration
	// Latencies are those of the work that was done, not of what failed.
	Latencies Latencies
	// FirstError is the earliest failure in words, empty if there is none.
	FirstError string
}

// PerSecond is the throughput: what was done over the whole time, the last work included.
func (r Run) PerSecond() float64 {
	if r.Elapsed <= 0 {
		return 0
	}
	return float64(r.Done) / r.Elapsed.Seconds()
}

// MarshalJSON implements [json.Marshaler].
func (r Run) MarshalJSON() ([]byte, error) {
	return json.Marshal(struct {
		Done       int       `json:"done"`
		Failed     int       `json:"failed"`
		Elapsed    float64   `json:"elapsed_seconds"`
		PerSecond  float64   `json:"per_second"`
		Latencies  Latencies `json:"latencies"`
		FirstError string    `json:"first_error,omitempty"`
	}{r.Done, r.Failed, r.Elapsed.Seconds(), r.PerSecond(), r.Latencies, r.FirstError})
}

// Closed has so many workers do work after work for a length of time. Work that was begun by then is brought to its end and
// counts with the time that it took, so that a slow system is not flattered by leaving out its slowest work. A cancelled ctx
// ends the load early; what its end makes fail counts as failed.
func Closed(ctx context.Context, workers int, length time.Duration, work func(context.Context) error) Run {
	c := counter{begun: time.Now()}
	end := c.begun.Add(length)
	var all sync.WaitGroup
	for range workers {
		all.Go(func() {
			for ctx.Err() == nil {
				begun := time.Now()
				if !begun.Before(end) {
					return
				}
				c.count(begun, work(ctx))
			}
		})
	}
	all.Wait()
	return c.run()
}

// Open begins work on a fixed schedule, so many a second for a length of time, each in a goroutine of its own and as many at
// once as it takes. A latency counts from the moment when the work was to begin and not from when it did: who comes while the
// system stands still waits, too (no coordinated omission). A cancelled ctx ends the schedule early.
func Open(ctx context.Context, perSecond float64, length time.Duration, work func(context.Context) error) Run {
	c := counter{begun: time.Now()}
	timer := time.NewTimer(0)
	defer timer.Stop()
	var all sync.WaitGroup
	for n := range int(perSecond * length.Seconds()) {
		due := c.begun.Add(time.Duration(float64(n) / perSecond * float64(time.Second)))
		// What is overdue begins at once: the schedule does not wait for a sender that is late.
		timer.Reset(time.Until(due))
		select {
		case <-ctx.Done():
		case <-timer.C:
		}
		if ctx.Err() != nil {
			break
		}
		all.Go(func() { c.count(due, work(ctx)) })
	}
	all.Wait()
	return c.run()
}

// counter gathers a Run.
type counter struct {
	begun time.Time

	mu     sync.Mutex
	result Run
}

func (c *counter) count(since time.Time, err error) {
	ended := time.Now()
	c.mu.Lock()
	defer c.mu.Unlock()
	c.result.Elapsed = max(c.result.Elapsed, ended.Sub(c.begun))
	if err == nil {
		c.result.Done++
		c.result.Latencies.Add(ended.Sub(since))
		return
	}
	c.result.Failed++
	if c.result.FirstError == "" {
		c.result.FirstError = err.Error()
	}
}

func (c *counter) run() Run {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.result
}
