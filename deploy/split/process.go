package split

import (
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"os"
	"os/exec"
	"strings"
	"sync"
	"syscall"
	"time"
)

// Process is one program of the house that runs, or could. It keeps its address and its log over all its lives. Its
// methods are for one goroutine at a time.
type Process struct {
	// Name is that of the program and a number: "order-1".
	Name string
	// URL is where the probes answer.
	URL string

	probe   string // default /readyz
	path    string
	args    []string
	environ []string
	logPath string
	thread  *thread

	cmd     *exec.Cmd
	ended   chan struct{}
	outcome error // read after ended is closed
}

// Start starts the process and does not wait for it to be ready. It outlives ctx.
func (p *Process) Start(ctx context.Context) error {
	log, err := os.OpenFile(p.logPath, os.O_CREATE|os.O_APPEND|os.O_WRONLY, 0o600)
	if err != nil {
		return err
	}
	defer func() { _ = log.Close() }()                                        // the process has a copy
	cmd := exec.CommandContext(context.WithoutCancel(ctx), p.path, p.args...) //nolint:gosec // a program of the house
	cmd.Env, cmd.Stdout, cmd.Stderr, cmd.SysProcAttr = p.environ, log, log, attributes()
	if err := p.thread.do(cmd.Start); err != nil {
		return fmt.Errorf("start %s: %w", p.Name, err)
	}
	ended := make(chan struct{})
	p.cmd, p.ended = cmd, ended
	go func() {
		p.outcome = cmd.Wait()
		close(ended)
	}()
	return nil
}

// With starts the process with other variables from now on, each as NAME=value.
func (p *Process) With(environ ...string) { p.environ = append(p.environ, environ...) }

// Use has the process run another version of its program from its next start on.
func (p *Process) Use(programs Programs) {
	name, _, _ := strings.Cut(p.Name, "-")
	p.path = programs.Path(name)
}

// Running tells whether the process was started and has not ended.
func (p *Process) Running() bool {
	if p.cmd == nil {
		return false
	}
	select {
	case <-p.ended:
		return false
	default:
		return true
	}
}

// PID is the id of the process, or 0 when it does not run.
func (p *Process) PID() int {
	if !p.Running() {
		return 0
	}
	return p.cmd.Process.Pid
}

// Stop asks the process to end, as a platform does, and waits for it. An exit code other than 0 is an error; so is a
// process that does not end in time, which is killed.
func (p *Process) Stop(ctx context.Context) error {
	if p.cmd == nil {
		return nil
	}
	if err := p.cmd.Process.Signal(syscall.SIGTERM); err != nil && !errors.Is(err, os.ErrProcessDone) {
		return err
	}
	select {
	case <-p.ended:
	case <-ctx.Done():
		return errors.Join(fmt.Errorf("%s does not end: %w", p.Name, ctx.Err()), p.Kill())
	}
	p.cmd = nil
	if p.outcome != nil {
		return fmt.Errorf("%s: %w: %s", p.Name, p.outcome, p.lastWords())
	}
	return nil
}

// Kill ends the process at once and waits until it is gone.
func (p *Process) Kill() error {
	if p.cmd == nil {
		return nil
	}
	if err := p.cmd.Process.Kill(); err != nil && !errors.Is(err, os.ErrProcessDone) {
		return err
	}
	<-p.ended
	p.cmd = nil
	return nil
}

// Restart starts the process again and waits until it is ready.
func (p *Process) Restart(ctx context.Context) error {
	if err := p.Start(ctx); err != nil {
		return err
	}
	return p.WaitReady(ctx)
}

// Readiness is what a process says at /readyz.
type Readiness struct {
	// Status is "ready", "not ready" or "draining"; empty when nobody answers.
	Status string `json:"status"`
	// Missing names what the process waits for.
	Missing []string `json:"missing"`
}

// Ready asks /readyz.
func (p *Process) Ready(ctx context.Context) (Readiness, error) {
	return ready(ctx, p.URL+cmp.Or(p.probe, readyz))
}

// WaitReady waits until /readyz is green. It fails when the process ends before, or when ctx does.
func (p *Process) WaitReady(ctx context.Context) error {
	for {
		said, err := p.Ready(ctx)
		if err == nil && said.Status == "ready" {
			return nil
		}
		select {
		case <-p.ended:
			return fmt.Errorf("%s ended before it was ready (%w): %s", p.Name, p.outcome, p.lastWords())
		case <-ctx.Done():
			return fmt.Errorf("%s is not ready, %v is missing: %w: %s", p.Name, said.Missing, errors.Join(ctx.Err(), err), p.lastWords())
		case <-time.After(50 * time.Millisecond):
		}
	}
}

// Log is what the process wrote, over all its lives.
func (p *Process) Log() (string, error) {
	content, err := os.ReadFile(p.logPath)
	return string(content), err
}

func (p *Process) lastWords() string {
	content, err := p.Log()
	if err != nil {
		return err.Error()
	}
	lines := strings.Split(strings.TrimSpace(content), "\n")
	return strings.Join(lines[max(0, len(lines)-5):], "\n")
}

// readyz is where a process says whether it can work.
const readyz = "/readyz"

var probes = &http.Client{Timeout: 3 * time.Second, Transport: &http.Transport{DisableKeepAlives: true}}

// ready asks a process that serves HTTP.
func ready(ctx context.Context, url string) (Readiness, error) {
	request, err := http.NewRequestWithContext(ctx, http.MethodGet, url, http.NoBody)
	if err != nil {
		return Readiness{}, err
	}
	answer, err := probes.Do(request)
	if err != nil {
		return Readiness{}, err
	}
	defer func() { _ = answer.Body.Close() }()
	if answer.StatusCode < http.StatusMultipleChoices {
		return Readiness{Status: "ready"}, nil
	}
	var said Readiness
	if err := json.NewDecoder(answer.Body).Decode(&said); err != nil {
		return Readiness{}, fmt.Errorf("%s answers %s: %w", url, answer.Status, err)
	}
	return said, nil
}

// thread starts processes from one thread of the system that lives as long as they do: where a process is told to die
// with its parent, it dies with the thread that made it.
type thread struct {
	work chan func()
	once sync.Once
}

func newThread() *thread {
	t := &thread{work: make(chan func())}
	go t.run()
	return t
}

func (t *thread) do(f func() error) error {
	done := make(chan error)
	t.work <- func() { done <- f() }
	return <-done
}

// close ends the thread, and with it whatever still runs.
func (t *thread) close() { t.once.Do(func() { close(t.work) }) }
