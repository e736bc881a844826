// Package gather lets what waits at the same time go together, where a call costs much and one more item in it little.
//
// Alone, an item goes at once. What comes while a call is under way is gathered and goes in the next one, so that calls carry
// the more the busier it gets, and nobody waits for a timer:
//
//	announcing := gather.New(gather.Options[string, Event]{Send: publish, Most: 100, Refused: isRefusal})
//	...
//	err := announcing.Do(ctx, merchantID, events...) // nil: these events were sent
package gather

import (
	"context"
	"fmt"
	"sync"
	"sync/atomic"
)

// Options says what a [Group] sends, and how. Send and Most are required.
type Options[K comparable, T any] struct {
	// Send sends what was gathered for a key, in the order in which it came; nil means that all of it was sent. It is called
	// from one goroutine at a time for a key. A panic is an error. If several callers wait, ctx has the values of the first
	// one's and ends when none of them waits any more.
	Send func(ctx context.Context, key K, items []T) error
	// Most is how many items go in a call. What one caller brings is never parted: more than this goes as it is, alone.
	Most int
	// Refused tells whether an error may be due to some of the items. Then what each caller brought is sent by itself, so that
	// everyone has an answer of his own. Any other error is everyone's. Without Refused every error is.
	Refused func(err error) bool
}

// Group gathers items by key; keys are independent of each other. It is safe for concurrent use. Make it with [New].
type Group[K comparable, T any] struct {
	o Options[K, T]

	mu sync.Mutex
	// lines are the callers that wait, by key; a key with a line has a goroutine.
	lines map[K][]*caller[T]
}

// caller waits until his items were sent.
type caller[T any] struct {
	ctx   context.Context //nolint:containedctx // others send on his behalf, as long as he waits
	items []T
	sent  chan error
}

// New returns a group in which nothing waits.
func New[K comparable, T any](o Options[K, T]) *Group[K, T] {
	if o.Refused == nil {
		o.Refused = func(error) bool { return false }
	}
	return &Group[K, T]{o: o, lines: map[K][]*caller[T]{}}
}

// Do sends items, with what others bring for the key, and returns how it went. When ctx ends it returns at once with the
// error of ctx: items that wait are not sent then, and of those under way nobody knows.
func (g *Group[K, T]) Do(ctx context.Context, key K, items ...T) error {
	if err := ctx.Err(); err != nil || len(items) == 0 {
		return err
	}
	c := &caller[T]{ctx: ctx, items: items, sent: make(chan error, 1)}
	if g.join(key, c) {
		go g.serve(key)
	}
	select {
	case err := <-c.sent:
		return err
	case <-ctx.Done():
		return ctx.Err()
	}
}

// join puts a caller in line. It is true if somebody must serve the line.
func (g *Group[K, T]) join(key K, c *caller[T]) bool {
	g.mu.Lock()
	defer g.mu.Unlock()
	line, served := g.lines[key]
	g.lines[key] = append(line, c)
	return !served
}

// serve sends what is in line, and what comes to it meanwhile.
func (g *Group[K, T]) serve(key K) {
	for callers := g.next(key); len(callers) > 0; callers = g.next(key) {
		if len(callers) == 1 {
			c := callers[0]
			c.sent <- g.send(c.ctx, key, c.items)
			continue
		}
		g.together(key, callers)
	}
}

// next takes those in line who go in one call, without those who have left. A line in which nobody waits is gone.
func (g *Group[K, T]) next(key K) []*caller[T] {
	g.mu.Lock()
	defer g.mu.Unlock()
	var (
		taken []*caller[T]
		items int
	)
	line := g.lines[key]
	for len(line) > 0 {
		c := line[0]
		if c.ctx.Err() == nil {
			if len(taken) > 0 && items+len(c.items) > g.o.Most {
				break
			}
			taken, items = append(taken, c), items+len(c.items)
		}
		line = line[1:]
	}
	if len(taken) == 0 {
		delete(g.lines, key)
		return nil
	}
	g.lines[key] = line
	return taken
}

// together sends what several callers brought in one call, or each one's by itself if that is refused.
func (g *Group[K, T]) together(key K, callers []*caller[T]) {
	var items []T
	for _, c := range callers {
		items = append(items, c.items...)
	}
	ctx, release := whileWaiting(callers)
	err := g.send(ctx, key, items)
	release()
	apart := err != nil && g.o.Refused(err)
	for _, c := range callers {
		if !apart {
			c.sent <- err
			continue
		}
		if c.ctx.Err() != nil {
			continue // he has left
		}
		err = g.send(c.ctx, key, c.items)
		c.sent <- err
		// If by now nothing can be sent at all, the others need not wait to find out.
		apart = err == nil || g.o.Refused(err) || c.ctx.Err() != nil
	}
}

// send turns a panic into an error: it would end the process for callers who can do better.
func (g *Group[K, T]) send(ctx context.Context, key K, items []T) (err error) {
	defer func() {
		if cause := recover(); cause != nil {
			err = fmt.Errorf("sending panicked: %v", cause)
		}
	}()
	return g.o.Send(ctx, key, items)
}

// whileWaiting returns a context that ends when none of the callers waits any more, or with release.
func whileWaiting[T any](callers []*caller[T]) (ctx context.Context, release func()) {
	ctx, cancel := context.WithCancel(context.WithoutCancel(callers[0].ctx))
	var waiting atomic.Int64
	waiting.Store(int64(len(callers)))
	stops := make([]func() bool, len(callers))
	for i, c := range callers {
		stops[i] = context.AfterFunc(c.ctx, func() {
			if waiting.Add(-1) == 0 {
				cancel()
			}
		})
	}
	return ctx, func() {
		for _, stop := range stops {
			stop()
		}
		cancel()
	}
}
