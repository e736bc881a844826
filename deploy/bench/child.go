package bench

import (
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"time"
)

// child is a process of this program that [Serve] runs.
type child struct {
	cmd   *exec.Cmd
	in    io.WriteCloser
	ask   *json.Encoder
	said  chan response
	log   string
	ended chan struct{}
	// outcome is there once ended is closed.
	outcome error
}

var errEnded = errors.New("a process of the benchmark has ended before it was told to")

// answers are more than a child has to give at a time.
const answers = 4

// patience is how long a child may take for anything, its start and its end included.
const patience = 2 * time.Minute

// startChild starts a child and returns what it says first. What it logs goes to a file.
func startChild(ctx context.Context, program []string, log string, args ...string) (*child, response, error) {
	if err := os.MkdirAll(filepath.Dir(log), 0o700); err != nil {
		return nil, response{}, err
	}
	file, err := os.Create(log)
	if err != nil {
		return nil, response{}, err
	}
	defer func() { _ = file.Close() }() // the process has a copy
	args = slices.Concat(program[1:], args)
	// It ends with its input and not with ctx, in order.
	c := &child{cmd: exec.CommandContext(context.WithoutCancel(ctx), program[0], args...), said: make(chan response, answers), log: log, ended: make(chan struct{})} //nolint:gosec // it is this program
	c.cmd.Stderr = file
	if c.in, err = c.cmd.StdinPipe(); err != nil {
		return nil, response{}, err
	}
	c.ask = json.NewEncoder(c.in)
	out, err := c.cmd.StdoutPipe()
	if err != nil {
		return nil, response{}, err
	}
	if err := c.cmd.Start(); err != nil {
		return nil, response{}, err
	}
	go c.listen(json.NewDecoder(out))
	said, err := c.hear(ctx)
	if err != nil {
		return nil, said, errors.Join(err, c.stop())
	}
	return c, said, nil
}

// listen hands on what the child says, until it ends.
func (c *child) listen(out *json.Decoder) {
	defer close(c.said)
	for {
		var said response
		if out.Decode(&said) != nil {
			break // the end, which says more
		}
		c.said <- said
	}
	if err := c.cmd.Wait(); err != nil {
		c.outcome = fmt.Errorf("a process of the benchmark has ended: %w: %s", err, c.lastWords())
	}
	close(c.ended)
}

// hear waits for an answer.
func (c *child) hear(ctx context.Context) (response, error) {
	ctx, stop := context.WithTimeout(ctx, patience)
	defer stop()
	select {
	case said, ok := <-c.said:
		switch {
		case !ok:
			return said, cmp.Or(c.outcome, errEnded)
		case said.Error != "":
			return response{}, fmt.Errorf("the process says: %s", said.Error)
		}
		return said, nil
	case <-ctx.Done():
		return response{}, fmt.Errorf("the process does not answer: %w: %s", ctx.Err(), c.lastWords())
	}
}

// do has the child do something.
func (c *child) do(ctx context.Context, asked request) error {
	if err := c.ask.Encode(asked); err != nil {
		return fmt.Errorf("ask the process: %w: %s", err, c.lastWords())
	}
	_, err := c.hear(ctx)
	return err
}

func (c *child) pid() int { return c.cmd.Process.Pid }

// stop ends the child and waits for it.
func (c *child) stop() error {
	_ = c.in.Close() // a process that has ended does not mind
	select {
	case <-c.ended:
	case <-time.After(patience):
		_ = c.cmd.Process.Kill() // it may have ended meanwhile
		<-c.ended
	}
	return c.outcome
}

// lastWords are the end of what the child logged.
func (c *child) lastWords() string {
	content, err := os.ReadFile(c.log)
	if err != nil {
		return err.Error()
	}
	const enough = 2000
	return string(content[max(0, len(content)-enough):])
}
