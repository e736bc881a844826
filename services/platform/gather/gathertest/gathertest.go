// Package gathertest helps tests that have callers wait in a group.
package gathertest

import (
	"context"
	"sync"
)

// Waiting returns a context like ctx, and a channel that is closed when somebody begins to wait for its end: whoever does
// something under it is in line then.
func Waiting(ctx context.Context) (context.Context, <-chan struct{}) {
	waits := make(chan struct{})
	return waiting{ctx, sync.OnceFunc(func() { close(waits) })}, waits
}

type waiting struct {
	context.Context //nolint:containedctx // it is one itself
	begun           func()
}

// Done implements [context.Context].
func (w waiting) Done() <-chan struct{} {
	w.begun()
	return w.Context.Done()
}
