package split

import (
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"slices"
	"sync"
	"syscall"
	"time"
)

// Supervisor starts processes of a house again when they end, as a platform does. While it runs the processes are its
// own: nobody else starts, stops or kills them. Its methods are safe for concurrent use.
type Supervisor struct {
	house   *House
	watched map[string]*watched
	stop    context.CancelFunc
	running sync.WaitGroup

	mu      sync.Mutex
	deaths  []Death
	failure error
}

// watched is a process that is started again when it ends.
type watched struct {
	*Process
	mu sync.Mutex // guards down, and the process between its end and its next start
	// down is how long the process stays away after its next end.
	down time.Duration
}

// Death is the end of a process.
type Death struct {
	Process string
	At      time.Time
	// Killed tells that it was SIGKILL, by somebody or by itself. Anything else is an end that no process should come to.
	Killed bool
	// Outcome is how it ended, and what it wrote last if it was not killed.
	Outcome string
}

// String is one line.
func (d Death) String() string { return d.Process + ": " + d.Outcome }

// between is how long a process that ended by itself stays away.
const between = time.Second

// Supervise watches over the processes that run, or those of them that are named, until Stop, also past the end of ctx. A
// process that is killed is started again at once.
func (h *House) Supervise(ctx context.Context, names ...string) *Supervisor {
	ctx, stop := context.WithCancel(context.WithoutCancel(ctx))
	s := &Supervisor{house: h, watched: map[string]*watched{}, stop: stop}
	for _, p := range h.Processes() {
		if p.cmd == nil || len(names) > 0 && !slices.Contains(names, p.Name) {
			continue
		}
		w := &watched{Process: p}
		s.watched[p.Name] = w
		s.running.Go(func() { s.watch(ctx, w) })
	}
	return s
}

// watch starts a process again and again.
func (s *Supervisor) watch(ctx context.Context, w *watched) {
	for {
		select {
		case <-ctx.Done():
			return
		case <-w.ended:
		}
		death := w.death()
		w.mu.Lock()
		pause := w.down
		w.down = 0
		w.mu.Unlock()
		if !death.Killed {
			pause = max(pause, between)
		}
		s.mu.Lock()
		s.deaths = append(s.deaths, death)
		s.mu.Unlock()
		select {
		case <-ctx.Done():
			return
		case <-time.After(pause):
		}
		w.mu.Lock()
		err := w.Start(ctx)
		w.mu.Unlock()
		if err != nil {
			s.mu.Lock()
			s.failure = errors.Join(s.failure, err)
			s.mu.Unlock()
			return
		}
	}
}

// death is how the process ended. It has.
func (p *Process) death() Death {
	d := Death{Process: p.Name, At: time.Now(), Outcome: "exit status 0"}
	if p.outcome != nil {
		d.Outcome = p.outcome.Error()
	}
	var exit *exec.ExitError
	if errors.As(p.outcome, &exit) {
		status, ok := exit.Sys().(syscall.WaitStatus)
		d.Killed = ok && status.Signaled() && status.Signal() == syscall.SIGKILL
	}
	if !d.Killed {
		d.Outcome += ": " + p.lastWords()
	}
	return d
}

// Kill ends a process at once, by SIGKILL, and has it stay away for some time before it is started again. It does not
// wait for either. Killing a process that is down is nothing.
func (s *Supervisor) Kill(name string, down time.Duration) error {
	w := s.watched[name]
	if w == nil {
		return fmt.Errorf("%s is not watched: supervise it", name)
	}
	w.mu.Lock()
	defer w.mu.Unlock()
	if !w.Running() {
		return nil
	}
	w.down = down
	if err := w.cmd.Process.Kill(); err != nil && !errors.Is(err, os.ErrProcessDone) {
		return fmt.Errorf("kill %s: %w", name, err)
	}
	return nil
}

// Deaths are the ends of processes so far, in their order.
func (s *Supervisor) Deaths() []Death {
	s.mu.Lock()
	defer s.mu.Unlock()
	return slices.Clone(s.deaths)
}

// WaitReady waits until every process is ready and the house takes requests. It fails when ctx ends, and when a process
// could not be started again.
func (s *Supervisor) WaitReady(ctx context.Context) error {
	for _, w := range s.watched {
		for {
			said, err := w.Ready(ctx)
			if err == nil && said.Status == "ready" {
				break
			}
			if failure := s.failed(); failure != nil {
				return failure
			}
			select {
			case <-ctx.Done():
				return fmt.Errorf("%s is not ready, %v is missing: %w: %s", w.Name, said.Missing, errors.Join(ctx.Err(), err), w.lastWords())
			case <-time.After(50 * time.Millisecond):
			}
		}
	}
	return s.house.WaitReady(ctx)
}

func (s *Supervisor) failed() error {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.failure
}

// Stop ends the watch. The processes go on, and are whoever's again; one that is down stays down.
func (s *Supervisor) Stop() error {
	s.stop()
	s.running.Wait()
	return s.failed()
}
