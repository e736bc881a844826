package twin

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"sync"
	"time"

	"go.temporal.io/sdk/activity"
	"go.temporal.io/sdk/client"
	"go.temporal.io/sdk/worker"
	"go.temporal.io/sdk/workflow"
)

// Workers work for the twin in one process, with a worker for each of its task queues.
type Workers struct {
	world   *world
	workers []worker.Worker
	// close ends what the activities use; nil if they use nothing.
	close func() error
}

// NewWorkers makes the workers of a shape. With the options of the product's workers, and a client that was made like
// theirs, they differ from them in nothing but what they run. At any time a namespace may have workers of one shape only.
func NewWorkers(c client.Client, shape Shape, options worker.Options) *Workers {
	w := &Workers{world: &world{client: c}}
	byQueue := map[string]worker.Worker{}
	done := map[string]bool{}
	for _, s := range shape.all() {
		queue := s.queue()
		if byQueue[queue] == nil {
			byQueue[queue] = worker.New(c, queue, options)
			w.workers = append(w.workers, byQueue[queue])
		}
		s.register(byQueue[queue])
		for _, name := range s.activities() {
			if !done[queue+name] {
				byQueue[queue].RegisterActivityWithOptions(w.world.hear, activity.RegisterOptions{Name: name})
				done[queue+name] = true
			}
		}
	}
	return w
}

// register registers the workflow of the shape. A workflow without a result has another signature than one with.
func (s *Shape) register(r worker.WorkflowRegistry) {
	options := workflow.RegisterOptions{Name: s.name(), VersioningBehavior: workflow.VersioningBehaviorAutoUpgrade}
	if len(s.Output) == 0 {
		r.RegisterWorkflowWithOptions(func(ctx workflow.Context, _ string) error {
			_, err := s.play(ctx)
			return err
		}, options)
		return
	}
	r.RegisterWorkflowWithOptions(func(ctx workflow.Context, _ string) (any, error) { return s.play(ctx) }, options)
}

// activities are the types of those that the shape runs.
func (s *Shape) activities() []string {
	var names []string
	for _, step := range s.Steps {
		for _, c := range step.Does {
			if (c.Kind == RunLocal || c.Kind == RunRemote) && !slices.Contains(names, c.Name) {
				names = append(names, c.Name)
			}
		}
	}
	return names
}

// Start begins to poll. It fails when Temporal is not there.
func (w *Workers) Start() error {
	for i, polling := range w.workers {
		if err := polling.Start(); err != nil {
			for _, started := range w.workers[:i] {
				started.Stop()
			}
			return fmt.Errorf("start the workers of the twin: %w", err)
		}
	}
	return nil
}

// Stop takes no more tasks, waits for those that run, and for the signals that are on their way. Its error tells of signals
// that got lost: their cases stand still.
func (w *Workers) Stop() error {
	var stopping sync.WaitGroup
	for _, polling := range w.workers {
		stopping.Go(polling.Stop)
	}
	stopping.Wait()
	err := w.world.end()
	if w.close != nil {
		err = errors.Join(err, w.close())
	}
	return err
}

// world is what happens outside.
type world struct {
	client  client.Client
	sending sync.WaitGroup

	mu   sync.Mutex
	errs []error
}

// hear is every activity of the twin. It does nothing, answers with as much as it is told, and has the signals come that
// the outside world sends on account of it: as late as in the case that was learned from, as the activity has ended then.
func (w *world) hear(ctx context.Context, input string) (any, error) {
	o, err := decode(input)
	if err != nil {
		return nil, err
	}
	if len(o.signals) > 0 {
		to := activity.GetInfo(ctx).WorkflowExecution
		for _, s := range o.signals {
			w.sending.Go(func() { w.send(context.WithoutCancel(ctx), to, s) })
		}
	}
	return o.answer.value(), nil
}

func (w *world) send(ctx context.Context, to workflow.Execution, s Signal) {
	time.Sleep(s.After)
	if err := w.client.SignalWorkflow(ctx, to.ID, to.RunID, s.Name, s.Input.value()); err != nil {
		w.mu.Lock()
		defer w.mu.Unlock()
		w.errs = append(w.errs, fmt.Errorf("signal %s: %w", to.ID, err))
	}
}

func (w *world) end() error {
	w.sending.Wait()
	w.mu.Lock()
	defer w.mu.Unlock()
	return errors.Join(w.errs...)
}
