package bench

import (
	"context"
	"fmt"
	"math/rand/v2"
	"sync"
	"time"

	"aftercare.dev/deploy/bench/measure"
	"aftercare.dev/deploy/bench/report"
	"aftercare.dev/deploy/bench/twin"
)

// side is one of those that are compared.
type side struct {
	name string
	// play plays a case to its end and returns the id of its workflow.
	play func(ctx context.Context) (workflowID string, err error)
	// stock, if set, makes ready what so many cases begin with, which is not measured.
	stock func(ctx context.Context, cases int) error
}

// spare is how many more cases may begin than a turn before, or the load, lets expect.
const spare = 1.5

// turn is what came of one turn of a side.
type turn struct {
	measure.Run
	used      measure.Usage
	footprint twin.Footprint
}

const (
	// settling is how long a house is left alone after a turn: what follows from the last cases, such as messages to
	// people, belongs to the turn.
	settling = time.Second
	// looked is how many cases of a turn are looked at in Temporal.
	looked = 12
	// last is how many cases, of those that ended last, are waited for: a workflow ends a moment after its case.
	last = 256
)

// drive makes load.
func drive(ctx context.Context, load report.Load, length time.Duration, work func(context.Context) error) measure.Run {
	if load.Loop == report.Open {
		return measure.Open(ctx, load.PerSecond, length, work)
	}
	return measure.Closed(ctx, load.Concurrency, length, work)
}

// inTurns has both sides play in the order ABBA and returns that order.
func inTurns(pairs int, play func(whose measure.Turn, pair int) error) (order string, err error) {
	for i, whose := range measure.ABBA(pairs) {
		order += string(whose)
		if err := play(whose, i/2); err != nil {
			return order, fmt.Errorf("turn %d: %w", i+1, err)
		}
	}
	return order, nil
}

// turn has a side play under a load, waits until nothing is in flight, and looks at some of the cases.
func (h *house) turn(ctx context.Context, s side, load report.Load, length time.Duration, chance *rand.Rand) (turn, error) {
	if s.stock != nil {
		expected := max(h.rate, load.PerSecond)*length.Seconds()*spare + float64(load.Concurrency)
		if err := s.stock(ctx, int(expected)); err != nil {
			return turn{}, err
		}
		if err := settle(ctx); err != nil {
			return turn{}, err
		}
	}
	before, err := measure.Read(h.pids)
	if err != nil {
		return turn{}, err
	}
	var mu sync.Mutex
	var played []string
	t := turn{Run: drive(ctx, load, length, func(ctx context.Context) error {
		id, err := s.play(ctx)
		if err != nil {
			return err
		}
		mu.Lock()
		defer mu.Unlock()
		played = append(played, id)
		return nil
	})}
	h.rate = max(h.rate, t.PerSecond())
	if err := h.rest(ctx, played); err != nil {
		return t, err
	}
	after, err := measure.Read(h.pids)
	if err != nil {
		return t, err
	}
	t.used = after.Since(before)
	if t.Done == 0 {
		return t, fmt.Errorf("no case of %s came to its end, the first of %d because: %s", s.name, t.Failed, t.FirstError)
	}
	for range looked {
		one, err := twin.Measure(ctx, h.client, played[chance.IntN(len(played))])
		if err != nil {
			return t, err
		}
		t.footprint = t.footprint.Plus(one)
	}
	return t, nil
}

// rest waits until the workflows that were played have ended, and what follows from them.
func (h *house) rest(ctx context.Context, played []string) error {
	if err := h.ended(ctx, played[max(0, len(played)-last):]...); err != nil {
		return err
	}
	return settle(ctx)
}

// settle waits for what follows from what was done.
func settle(ctx context.Context) error {
	select {
	case <-ctx.Done():
		return ctx.Err()
	case <-time.After(settling):
		return nil
	}
}

// ended waits for the end of workflows.
func (h *house) ended(ctx context.Context, workflowIDs ...string) error {
	ctx, stop := context.WithTimeout(ctx, patience)
	defer stop()
	for _, id := range workflowIDs {
		if err := h.client.GetWorkflow(ctx, id, "").Get(ctx, nil); err != nil {
			return fmt.Errorf("the end of %s: %w", id, err)
		}
	}
	return nil
}

// cpuPerCase is in seconds, of all processes.
func (t turn) cpuPerCase() float64 {
	if t.Done == 0 {
		return 0
	}
	return t.used.Total().CPU / float64(t.Done)
}

// String is for the progress.
func (t turn) String() string {
	s := t.Latencies.Summary()
	text := fmt.Sprintf("%d cases, %.1f/s, p50 %.0f ms, p99 %.0f ms, %.0f ms of CPU each",
		t.Done, t.PerSecond(), s.P50*1000, s.P99*1000, t.cpuPerCase()*1000)
	if t.Failed > 0 {
		text += fmt.Sprintf(", %d failed: %s", t.Failed, t.FirstError)
	}
	return text
}

// told is the turn in the report.
func (t turn) told() report.Turn {
	return report.Turn{
		Done: t.Done, Failed: t.Failed, TookSeconds: t.Elapsed.Seconds(), CPUSeconds: cpuOf(t.used, 1),
		Latency: report.Latency(t.Latencies.Summary()),
	}
}

// cpuOf are the CPU seconds of each process, for each of so many.
func cpuOf(used measure.Usage, each int) map[string]float64 {
	all := map[string]float64{}
	for name, p := range used {
		all[name] = p.CPU / float64(max(each, 1))
	}
	return all
}

func memoryOf(used measure.Usage) map[string]report.Memory {
	all := map[string]report.Memory{}
	for name, p := range used {
		all[name] = report.Memory{RSSBytes: p.RSS, PeakBytes: p.PeakRSS}
	}
	return all
}
