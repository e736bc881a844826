package scale

import (
	"context"
	"fmt"
	"time"

	"go.temporal.io/sdk/activity"
	"go.temporal.io/sdk/client"
	"go.temporal.io/sdk/worker"
	"go.temporal.io/sdk/workflow"

	"aftercare.dev/deploy/bench/measure"
	"aftercare.dev/services/platform/ids"
)

// Crews says what [Compare] measures: workers who spend their time on waiting for somebody outside, and can wait for few at
// once. So the workers are the limit and not the server, and one more should do as much more.
type Crews struct {
	// Dial makes a client of its own for each worker, as processes have.
	Dial func(ctx context.Context) (client.Client, error)
	// Options are those of the product's workers. Slots in place of theirs is how many activities a worker does at once.
	Options worker.Options
	Slots   int
	// Latency is how long the outside takes to answer.
	Latency time.Duration
	// Counts are how many workers there are, in turns; each is compared with the first.
	Counts []int
	// Length is for how long work is begun.
	Length time.Duration
}

// Crew is what so many workers did. In JSON times are in seconds.
type Crew struct {
	Name    string      `json:"name"`
	Workers int         `json:"workers"`
	Slots   int         `json:"slots"`
	Latency float64     `json:"latency_seconds"`
	Run     measure.Run `json:"run"`
	// Ratio is the throughput by that of the first crew.
	Ratio float64 `json:"ratio"`
}

// errands is how many activities a workflow of a crew does, one after the other.
const errands = 4

// Compare measures one crew after the other, each on a task queue of its own. The workflows are no product workflows: four
// activities that wait, under the product's worker options.
func Compare(ctx context.Context, c Crews) ([]Crew, error) {
	var crews []Crew
	for _, count := range c.Counts {
		run, err := c.measure(ctx, count)
		if err != nil {
			return nil, fmt.Errorf("measure %d workers: %w", count, err)
		}
		crew := Crew{Name: "workers", Workers: count, Slots: c.Slots, Latency: c.Latency.Seconds(), Run: run, Ratio: 1}
		if len(crews) > 0 {
			crew.Ratio = run.PerSecond() / crews[0].Run.PerSecond()
		}
		crews = append(crews, crew)
	}
	return crews, nil
}

const (
	errandsName = "bench.errands"
	errandName  = "bench.errand"
)

func (c Crews) measure(ctx context.Context, count int) (measure.Run, error) {
	queue := ids.New("crew")
	options := c.Options
	options.MaxConcurrentActivityExecutionSize = c.Slots
	var starter client.Client
	for range count {
		connected, err := c.Dial(ctx)
		if err != nil {
			return measure.Run{}, err
		}
		defer connected.Close()
		starter = connected
		hand := worker.New(connected, queue, options)
		hand.RegisterWorkflowWithOptions(runErrands, workflow.RegisterOptions{Name: errandsName})
		hand.RegisterActivityWithOptions(c.errand, activity.RegisterOptions{Name: errandName})
		if err := hand.Start(); err != nil {
			return measure.Run{}, err
		}
		defer hand.Stop()
	}
	// Enough are under way that nobody ever runs out of work, and few enough that the end is not long.
	work := func(ctx context.Context) error {
		run, err := starter.ExecuteWorkflow(ctx, client.StartWorkflowOptions{TaskQueue: queue}, errandsName)
		if err != nil {
			return err
		}
		return run.Get(ctx, nil)
	}
	busy := 3 * c.Slots * count
	// Pollers and caches are warm before it counts.
	if first := measure.Closed(ctx, busy, c.Length/5, work); first.Failed > 0 {
		return first, fmt.Errorf("a workflow failed: %s", first.FirstError)
	}
	run := measure.Closed(ctx, busy, c.Length, work)
	if run.Failed > 0 {
		return run, fmt.Errorf("a workflow failed: %s", run.FirstError)
	}
	return run, nil
}

func runErrands(ctx workflow.Context) error {
	ctx = workflow.WithActivityOptions(ctx, workflow.ActivityOptions{StartToCloseTimeout: time.Minute})
	for range errands {
		if err := workflow.ExecuteActivity(ctx, errandName).Get(ctx, nil); err != nil {
			return err
		}
	}
	return nil
}

// errand waits for the answer of somebody outside.
func (c Crews) errand(ctx context.Context) error {
	select {
	case <-ctx.Done():
		return ctx.Err()
	case <-time.After(c.Latency):
		return nil
	}
}
