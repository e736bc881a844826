package scale

import (
	"context"
	"fmt"
	"sync/atomic"
	"time"

	"go.temporal.io/api/enums/v1"
	"go.temporal.io/sdk/client"
	"go.temporal.io/sdk/worker"
	"go.temporal.io/sdk/workflow"

	"aftercare.dev/deploy/bench/measure"
	"aftercare.dev/services/platform/ids"
)

// Patience says what [Wait] measures: what it costs that many workflows wait for somebody.
type Patience struct {
	// Kind names what waits in the result, such as "plain return" or "stand-in".
	Kind string
	// Number is how many are to wait, and AtOnce how many are begun at a time.
	Number, AtOnce int
	// Begin begins one and returns when it waits.
	Begin func(ctx context.Context) error
	// Processes are the ids of those that are measured, by name.
	Processes map[string]int
	// Settle is how long what follows from the beginnings may take, and Idle how long the processor is then looked at.
	Settle, Idle time.Duration
}

// Waited is what it cost.
type Waited struct {
	Name   string `json:"name"`
	Kind   string `json:"kind"`
	Number int    `json:"number"`
	// Took is how long it took to begin them all, in seconds.
	Took float64 `json:"took_seconds"`
	// Before and After are the processes while nothing happens, without them and with them.
	Before Rest `json:"before"`
	After  Rest `json:"after"`
	// BytesEach is how much more resident memory there is for each that waits. A runtime keeps some of what it needed to
	// begin them, so that it is an upper bound.
	BytesEach float64 `json:"bytes_each"`
}

// Rest is what processes take while nothing happens: CPU is over the time of looking.
type Rest struct {
	Processes measure.Usage `json:"processes"`
	// CPU is how many processors were busy, all processes together.
	CPU float64 `json:"cpu"`
}

// Wait begins the workflows and measures the processes before and after. What has begun is left waiting.
func Wait(ctx context.Context, p Patience) (Waited, error) {
	w := Waited{Name: "waiting", Kind: p.Kind, Number: p.Number}
	var err error
	if w.Before, err = p.rest(ctx); err != nil {
		return w, err
	}
	begun := time.Now()
	if err := p.begin(ctx); err != nil {
		return w, err
	}
	w.Took = time.Since(begun).Seconds()
	if w.After, err = p.rest(ctx); err != nil {
		return w, err
	}
	w.BytesEach = float64(w.After.Processes.Total().RSS-w.Before.Processes.Total().RSS) / float64(p.Number)
	return w, nil
}

func (p Patience) begin(ctx context.Context) error {
	const forever = 24 * time.Hour
	ctx, stop := context.WithCancel(ctx)
	defer stop()
	var left, failed atomic.Int64
	var why atomic.Value
	left.Store(int64(p.Number))
	measure.Closed(ctx, p.AtOnce, forever, func(ctx context.Context) error {
		if left.Add(-1) < 0 {
			stop()
			return nil
		}
		// The end of the others is not the end of this one.
		err := p.Begin(context.WithoutCancel(ctx))
		if err != nil {
			failed.Add(1)
			why.CompareAndSwap(nil, err.Error())
			stop()
		}
		return err
	})
	if failed.Load() > 0 {
		return fmt.Errorf("%d workflows did not begin: %s", failed.Load(), why.Load())
	}
	return nil
}

// rest waits until what was begun has settled, and looks at the processes for a while.
func (p Patience) rest(ctx context.Context) (Rest, error) {
	if err := pause(ctx, p.Settle); err != nil {
		return Rest{}, err
	}
	before, err := measure.Read(p.Processes)
	if err != nil {
		return Rest{}, err
	}
	if err := pause(ctx, p.Idle); err != nil {
		return Rest{}, err
	}
	after, err := measure.Read(p.Processes)
	if err != nil {
		return Rest{}, err
	}
	used := after.Since(before)
	return Rest{Processes: used, CPU: used.Total().CPU / p.Idle.Seconds()}, nil
}

func pause(ctx context.Context, length time.Duration) error {
	select {
	case <-ctx.Done():
		return ctx.Err()
	case <-time.After(length):
		return nil
	}
}

// StandIns are workflows that wait as a case does that was opened just now, and are begun ten times as fast: a deadline, a
// signal that never comes, and an input of the size of a case's history then. They are not product workflows.
type StandIns struct {
	client client.Client
	worker worker.Worker
	queue  string
}

// standInBytes is the size of the history of a plain return that waits for its parcel, about.
const standInBytes = 6 << 10

const standInName = "bench.standin"

// NewStandIns starts a worker for them.
func NewStandIns(c client.Client, options worker.Options) (*StandIns, error) {
	s := &StandIns{client: c, queue: ids.New("standins")}
	s.worker = worker.New(c, s.queue, options)
	s.worker.RegisterWorkflowWithOptions(standIn, workflow.RegisterOptions{Name: standInName})
	return s, s.worker.Start()
}

// Stop stops the worker. The workflows go on waiting.
func (s *StandIns) Stop() { s.worker.Stop() }

// Begin begins one and returns when it waits, as the [Patience] has it.
func (s *StandIns) Begin(ctx context.Context) error {
	operation := s.client.NewWithStartWorkflowOperation(client.StartWorkflowOptions{
		ID: ids.New("standin"), TaskQueue: s.queue, WorkflowIDConflictPolicy: enums.WORKFLOW_ID_CONFLICT_POLICY_FAIL,
	}, standInName, make([]byte, standInBytes))
	update, err := s.client.UpdateWithStartWorkflow(ctx, client.UpdateWithStartWorkflowOptions{
		StartWorkflowOperation: operation,
		UpdateOptions:          client.UpdateWorkflowOptions{UpdateName: "open", WaitForStage: client.WorkflowUpdateStageCompleted},
	})
	if err != nil {
		return err
	}
	return update.Get(ctx, nil)
}

func standIn(ctx workflow.Context, _ []byte) error {
	if err := workflow.SetUpdateHandler(ctx, "open", func(workflow.Context) error { return nil }); err != nil {
		return err
	}
	const deadline = 7 * 24 * time.Hour
	_, err := workflow.AwaitWithTimeout(ctx, deadline, func() bool { return workflow.GetSignalChannel(ctx, "go on").Len() > 0 })
	return err
}
