package twin

import (
	"fmt"

	"go.temporal.io/sdk/temporal"
	"go.temporal.io/sdk/workflow"

	"aftercare.dev/activities/call"
)

// play is a workflow that has the shape.
func (s *Shape) play(ctx workflow.Context) (any, error) {
	p := &player{shape: s, answered: make([]bool, len(s.Updates)), ended: make([]bool, len(s.Updates))}
	if err := p.listen(ctx); err != nil {
		return nil, err
	}
	for _, step := range s.Steps {
		if err := p.await(ctx, step.Wakes); err != nil {
			return nil, err
		}
		for i := range step.Does {
			if err := p.do(ctx, &step.Does[i]); err != nil {
				return nil, err
			}
		}
	}
	return only(s.Output).value(), nil
}

// player is a run of the workflow.
type player struct {
	shape *Shape
	// taken are the numbers of the updates that have come; answered may return, ended have.
	taken           []int
	answered, ended []bool
	activities      []workflow.Future
	timers          []timer
	children        []workflow.ChildWorkflowFuture
}

type timer struct {
	fires workflow.Future
	stop  workflow.CancelFunc
}

// listen answers the updates of the shape: of a name that comes more than once, the first that is left.
func (p *player) listen(ctx workflow.Context) error {
	known := map[string]bool{}
	for _, update := range p.shape.Updates {
		if known[update.Name] {
			continue
		}
		known[update.Name] = true
		handle := func(ctx workflow.Context) (any, error) { return p.answer(ctx, update.Name) }
		var handler any = handle
		if len(update.Input) > 0 {
			handler = func(ctx workflow.Context, _ string) (any, error) { return handle(ctx) }
		}
		if err := workflow.SetUpdateHandler(ctx, update.Name, handler); err != nil {
			return fmt.Errorf("accept %s: %w", update.Name, err)
		}
	}
	return nil
}

func (p *player) answer(ctx workflow.Context, name string) (any, error) {
	number, ok := p.next(name)
	if !ok {
		return nil, temporal.NewNonRetryableApplicationError("the shape has no more updates "+name, "unexpected", nil)
	}
	p.taken = append(p.taken, number)
	if err := workflow.Await(ctx, func() bool { return p.answered[number] }); err != nil {
		return nil, err
	}
	p.ended[number] = true
	return only(p.shape.Updates[number].Output).value(), nil
}

func (p *player) next(name string) (int, bool) {
	for number, update := range p.shape.Updates {
		if update.Name == name && !p.has(number) {
			return number, true
		}
	}
	return 0, false
}

func (p *player) has(number int) bool {
	for _, taken := range p.taken {
		if taken == number {
			return true
		}
	}
	return false
}

// await waits for all that woke a task.
func (p *player) await(ctx workflow.Context, wakes []Wake) error {
	for _, w := range wakes {
		if err := p.awaitOne(ctx, w); err != nil {
			return err
		}
	}
	return nil
}

func (p *player) awaitOne(ctx workflow.Context, w Wake) error {
	switch w.Kind {
	case UpdateAccepted:
		return workflow.Await(ctx, func() bool { return p.has(w.Number) })
	case Signalled:
		workflow.GetSignalChannel(ctx, w.Signal).Receive(ctx, nil)
		return nil
	case ActivityEnded:
		return p.activities[w.Number].Get(ctx, nil)
	case TimerFired:
		return p.timers[w.Number].fires.Get(ctx, nil)
	case ChildStarted:
		return p.children[w.Number].GetChildWorkflowExecution().Get(ctx, nil)
	case ChildEnded:
		return p.children[w.Number].Get(ctx, nil)
	default:
		return fmt.Errorf("a shape cannot wait for %q", w.Kind)
	}
}

func (p *player) do(ctx workflow.Context, c *Command) error {
	switch c.Kind {
	case RunLocal:
		_, err := call.Quick[any](ctx, c.Summary.string(), c.Name, c.order().encode(0))
		return err
	case RunRemote:
		p.activities = append(p.activities, workflow.ExecuteActivity(workflow.WithActivityOptions(ctx, c.options()), c.Name, c.order().encode(only(c.Input))))
	case Upsert:
		set, err := updates(c.Attributes)
		if err != nil {
			return err
		}
		return workflow.UpsertTypedSearchAttributes(ctx, set...)
	case StartTimer:
		ctx, stop := workflow.WithCancel(ctx)
		fires := workflow.NewTimerWithOptions(ctx, c.Duration, workflow.TimerOptions{Summary: c.Summary.string()})
		p.timers = append(p.timers, timer{fires, stop})
	case StopTimer:
		p.timers[c.Number].stop()
	case StartChild:
		p.children = append(p.children, p.shape.Children[c.Number].start(ctx))
	case Answer:
		// The answer is an event in its place among the others.
		p.answered[c.Number] = true
		return workflow.Await(ctx, func() bool { return p.ended[c.Number] })
	case Version:
		workflow.GetVersion(ctx, c.Name, workflow.DefaultVersion, workflow.Version(c.Number))
	default:
		return fmt.Errorf("a shape cannot do %q", c.Kind)
	}
	return nil
}

func (c *Command) options() workflow.ActivityOptions {
	o := c.Options
	return workflow.ActivityOptions{
		ScheduleToCloseTimeout: o.ScheduleToClose, ScheduleToStartTimeout: o.ScheduleToStart,
		StartToCloseTimeout: o.StartToClose, HeartbeatTimeout: o.Heartbeat, Summary: c.Summary.string(),
		RetryPolicy: &temporal.RetryPolicy{
			InitialInterval: o.RetryFirst, MaximumInterval: o.RetryLast, BackoffCoefficient: o.RetryFactor, MaximumAttempts: o.RetryAttempts,
		},
	}
}

func (c *Child) start(ctx workflow.Context) workflow.ChildWorkflowFuture {
	s := &c.Shape
	parent := workflow.GetInfo(ctx).WorkflowExecution.ID
	return workflow.ExecuteChildWorkflow(workflow.WithChildOptions(ctx, workflow.ChildWorkflowOptions{
		WorkflowID: fit(s.name()+"/"+parent, s.ID), TaskQueue: s.queue(),
		WorkflowIDReusePolicy: c.Reuse, ParentClosePolicy: c.Parent,
		StaticSummary: s.Summary.string(), StaticDetails: s.Details.string(),
	}), s.name(), values(s.Input)...)
}
