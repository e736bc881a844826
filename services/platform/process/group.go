package process

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"slices"
	"sync"
	"time"
)

// Group runs the parts of a process together. When one fails, or ctx ends, all stop in this order:
// servers drain first, while the loops still work for the last requests; then the loops; then the
// closers, last added first.
type Group struct {
	log     *slog.Logger
	servers []part
	loops   []part
	closers []closer
}

type part struct {
	name string
	run  func(context.Context) error
}

type closer struct {
	name string
	shut func() error
}

// NewGroup returns an empty group.
func NewGroup(log *slog.Logger) *Group {
	return &Group{log: log}
}

// Server adds a part that takes requests: run serves until its context ends, then drains and returns.
func (g *Group) Server(name string, run func(context.Context) error) {
	g.servers = append(g.servers, part{name, run})
}

// Loop adds a background loop that runs until its context ends.
func (g *Group) Loop(name string, run func(context.Context) error) {
	g.loops = append(g.loops, part{name, run})
}

// Closer adds what is closed at the very end, such as a database.
func (g *Group) Closer(name string, shut func() error) {
	g.closers = append(g.closers, closer{name, shut})
}

// Run runs all parts and returns when all have stopped: nil if ctx ended it and the parts obeyed, or
// the first failure. A part that returns before it was asked to ends the group, with an error or not.
func (g *Group) Run(ctx context.Context) error {
	ctx, cancel := context.WithCancelCause(ctx)
	defer cancel(nil)
	// The values of ctx stay; its end is passed on stage by stage.
	serving, stopServers := context.WithCancel(context.WithoutCancel(ctx))
	defer stopServers()
	looping, stopLoops := context.WithCancel(context.WithoutCancel(ctx))
	defer stopLoops()

	var failures failures
	servers := g.start(serving, g.servers, cancel, &failures)
	loops := g.start(looping, g.loops, cancel, &failures)

	<-ctx.Done()
	begun := time.Now()
	g.log.Info("stopping", "reason", context.Cause(ctx))
	stopServers()
	servers.Wait()
	stopLoops()
	loops.Wait()
	for _, c := range slices.Backward(g.closers) {
		if err := c.shut(); err != nil {
			failures.add(fmt.Errorf("close %s: %w", c.name, err))
		}
	}
	g.log.Info("all parts have stopped", "took_ms", time.Since(begun).Milliseconds())
	return failures.first()
}

var errReturned = errors.New("it returned before it was asked to")

func (g *Group) start(ctx context.Context, parts []part, cancel context.CancelCauseFunc, failures *failures) *sync.WaitGroup {
	var running sync.WaitGroup
	for _, p := range parts {
		running.Go(func() {
			err := p.run(ctx)
			asked := ctx.Err() != nil
			switch {
			case asked && (err == nil || errors.Is(err, context.Canceled)):
				return
			case err == nil:
				err = errReturned
			}
			err = fmt.Errorf("%s: %w", p.name, err)
			failures.add(err)
			cancel(err)
		})
	}
	return &running
}

type failures struct {
	mu  sync.Mutex
	all []error
}

func (f *failures) add(err error) {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.all = append(f.all, err)
}

func (f *failures) first() error {
	f.mu.Lock()
	defer f.mu.Unlock()
	if len(f.all) == 0 {
		return nil
	}
	return f.all[0]
}
