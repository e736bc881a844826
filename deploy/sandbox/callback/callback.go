// Package callback brings the providers' asynchronous messages to the product:
// at least once while the product answers, in no promised order, and with the
// misbehaviour that the rules ask for.
package callback

import (
	"context"
	"errors"
	"io"
	"log/slog"
	"net/http"
	"sync"
	"time"

	"aftercare.dev/deploy/sandbox/fault"
	"aftercare.dev/deploy/sandbox/schedule"
)

// The results of an attempt. The first is followed by another attempt, the
// others are final.
const (
	Failed       = "failed"
	Acknowledged = "acknowledged"
	GivenUp      = "given_up"
	Dropped      = "dropped"
)

// Operation is how rules name the callbacks of a system.
const Operation = "callback"

// limit is how much of the product's answer is read.
const limit = 1 << 16

// Delivery is one message and how it is to be brought.
type Delivery struct {
	ID      string            // of the message, the same for all attempts
	System  string            // for rules
	Keys    map[string]string // for rules
	Subject string            // reordering happens among messages of one subject

	Build func(ctx context.Context, now time.Time) (*http.Request, error) // signs anew
	Forge func(ctx context.Context, now time.Time) (*http.Request, error) // may be nil
	Acked func(status int, body []byte) bool

	Waits   []time.Duration // the provider's waits before the second, third, … attempt
	Attempt int             // attempts already made
	Record  func(attempt int, result string)
}

// Dispatcher sends deliveries. It is safe for concurrent use.
type Dispatcher struct {
	ctx    context.Context //nolint:containedctx // deliveries outlive every call: they end with the dispatcher
	clock  *schedule.Scheduler
	faults *fault.Set
	log    *slog.Logger
	client *http.Client

	mu   sync.Mutex
	held map[string][]*Delivery // by system and subject
}

// heldFor is how long a reordered message waits for the next of its subject.
const heldFor = 30 * time.Minute

// NewDispatcher returns a dispatcher whose requests end with ctx.
func NewDispatcher(ctx context.Context, clock *schedule.Scheduler, faults *fault.Set, log *slog.Logger) *Dispatcher {
	transport := http.DefaultTransport.(*http.Transport).Clone()
	transport.MaxIdleConnsPerHost = 64
	transport.Proxy = nil
	return &Dispatcher{
		ctx: ctx, clock: clock, faults: faults, log: log,
		held: make(map[string][]*Delivery),
		client: &http.Client{
			Transport: transport,
			// 5 s is the time that WeChat gives a receiver.
			Timeout:       5 * time.Second,
			CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse },
		},
	}
}

// Send brings d, now or when the rules say. It does not wait.
func (d *Dispatcher) Send(m *Delivery) {
	call := fault.Call{System: m.System, Operation: Operation, Keys: m.Keys}
	if _, ok := d.faults.Take(call, fault.DropCallbacks); ok {
		m.Record(m.Attempt, Dropped)
		return
	}
	due := d.clock.Now()
	if r, ok := d.faults.Take(call, fault.Delay); ok {
		due = due.Add(time.Duration(r.MS) * time.Millisecond)
	}
	if m.Forge != nil {
		if _, ok := d.faults.Take(call, fault.ForgeCallback); ok {
			d.forge(m)
		}
	}
	if r, ok := d.faults.Take(call, fault.DuplicateCallback); ok {
		for range max(1, r.N) {
			d.clock.Deliver(due, func() { d.extra(m) })
		}
	}
	if _, ok := d.faults.Take(call, fault.ReorderCallbacks); ok {
		d.hold(m)
		return
	}
	d.clock.Deliver(due, func() { d.attempt(m) })
}

// Forge sends a false message for m at once if a rule asks for it, without m
// itself: the moment when only a forger could know how things will end.
func (d *Dispatcher) Forge(m *Delivery) {
	call := fault.Call{System: m.System, Operation: Operation, Keys: m.Keys}
	if _, ok := d.faults.Take(call, fault.ForgeCallback); ok {
		d.forge(m)
	}
}

func (d *Dispatcher) forge(m *Delivery) {
	d.clock.Deliver(d.clock.Now(), func() {
		status, _, err := d.post(m.Forge)
		d.log.Info("sandbox: forged callback sent", "system", m.System, "id", m.ID, "status", status, "error", err)
	})
}

func (d *Dispatcher) extra(m *Delivery) {
	if _, _, err := d.post(m.Build); err != nil {
		d.log.Warn("sandbox: duplicate callback failed", "system", m.System, "id", m.ID, "error", err)
	}
}

// hold keeps m back until the next message of its subject was attempted.
func (d *Dispatcher) hold(m *Delivery) {
	key := m.System + " " + m.Subject
	d.mu.Lock()
	d.held[key] = append(d.held[key], m)
	d.mu.Unlock()
	d.clock.Deliver(d.clock.Due(heldFor), func() { d.release(key) })
}

func (d *Dispatcher) release(key string) {
	d.mu.Lock()
	late := d.held[key]
	delete(d.held, key)
	d.mu.Unlock()
	for _, m := range late {
		d.attempt(m)
	}
}

func (d *Dispatcher) attempt(m *Delivery) {
	status, body, err := d.post(m.Build)
	if d.ctx.Err() != nil {
		return // stopping: the attempt is made again after the restart
	}
	m.Attempt++
	switch {
	case err == nil && m.Acked(status, body):
		m.Record(m.Attempt, Acknowledged)
	case m.Attempt > len(m.Waits):
		d.log.Warn("sandbox: callback given up", "system", m.System, "id", m.ID, "attempts", m.Attempt, "status", status, "error", err)
		m.Record(m.Attempt, GivenUp)
	default:
		d.log.Info("sandbox: callback not accepted", "system", m.System, "id", m.ID, "attempt", m.Attempt, "status", status, "error", err)
		m.Record(m.Attempt, Failed)
		d.clock.Deliver(d.clock.Due(m.Waits[m.Attempt-1]), func() { d.attempt(m) })
	}
	d.release(m.System + " " + m.Subject)
}

func (d *Dispatcher) post(build func(context.Context, time.Time) (*http.Request, error)) (int, []byte, error) {
	req, err := build(d.ctx, d.clock.Now())
	if err != nil {
		return 0, nil, err
	}
	resp, err := d.client.Do(req)
	if err != nil {
		return 0, nil, err
	}
	body, err := io.ReadAll(io.LimitReader(resp.Body, limit))
	return resp.StatusCode, body, errors.Join(err, resp.Body.Close())
}

// CloseIdle closes connections that are no longer in use.
func (d *Dispatcher) CloseIdle() { d.client.CloseIdleConnections() }
