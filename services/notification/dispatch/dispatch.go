// Package dispatch sends what is due: each delivery is claimed by lease, attempted once, and its result
// stored. Several processes may do so on one database. What a process was sending when it died is sent
// again after its lease, under the same message id: at least once, never lost.
package dispatch

import (
	"context"
	"log/slog"
	"math/rand/v2"
	"sync"
	"time"

	"aftercare.dev/services/notification/domain"
	"aftercare.dev/services/notification/store"
	"aftercare.dev/services/platform/crash"
	"aftercare.dev/services/platform/gather"
)

// Sender brings a message to the outside by one channel, once, and says how it went. It returns when ctx
// ends, and is safe for concurrent use. SMS or push would be further senders.
type Sender interface {
	Send(ctx context.Context, m domain.Message) domain.Result
}

const (
	// poll is how often we look for what is due when nobody wakes us: retries, and what other processes
	// stored.
	poll = time.Second
	// batch is how many due deliveries are looked at together.
	batch = 256
	// lease is well above attemptTimeout, so that an attempt has ended when its lease does.
	lease          = 2 * time.Minute
	attemptTimeout = 45 * time.Second
	finishTimeout  = 10 * time.Second
	// grace is how long attempts under way may go on after the process was asked to stop.
	grace = 10 * time.Second
)

// Dispatcher is the loop. Make it with [New].
type Dispatcher struct {
	store   *store.Store
	senders map[domain.Channel]Sender
	log     *slog.Logger
	wake    chan struct{}
	lanes   *lanes
	// finished are attempts whose results are to be stored. Those of a lane go together if they wait together.
	finished *gather.Group[lane, *store.Attempt]

	mu sync.Mutex
	// sending is the context of attempts while the loop runs, else nil.
	sending context.Context //nolint:containedctx // attempts of others' requests outlive these
	running sync.WaitGroup
}

// New returns a dispatcher with a sender for each channel that needs one.
func New(s *store.Store, senders map[domain.Channel]Sender, log *slog.Logger, now func() time.Time) *Dispatcher {
	finished := gather.New(gather.Options[lane, *store.Attempt]{
		Send: func(ctx context.Context, _ lane, attempts []*store.Attempt) error { return s.Finish(ctx, attempts...) },
		Most: perLane,
		// Whatever it is, one result must not be lost for the sake of another.
		Refused: func(error) bool { return true },
	})
	return &Dispatcher{
		store: s, senders: senders, log: log, wake: make(chan struct{}, 1), lanes: newLanes(now), finished: finished,
	}
}

// Wake makes the loop look at once. It never blocks.
func (d *Dispatcher) Wake() {
	select {
	case d.wake <- struct{}{}:
	default: // it is about to look anyway
	}
}

var _ store.Sender = (*Dispatcher)(nil)

// Hold implements [store.Sender]: as many as there are places in their lanes, while the loop runs.
func (d *Dispatcher) Hold(due []store.Due) ([]store.Due, time.Duration) {
	d.mu.Lock()
	defer d.mu.Unlock()
	if d.sending == nil {
		return nil, lease
	}
	return d.lanes.take(due), lease
}

// Drop implements [store.Sender].
func (d *Dispatcher) Drop(held []store.Due) {
	for _, h := range held {
		d.lanes.leave(laneOf(h.Channel, h.TargetID))
	}
}

// Send implements [store.Sender]. What comes when the loop has ended is sent after its lease.
func (d *Dispatcher) Send(held store.Lease) {
	d.mu.Lock()
	defer d.mu.Unlock()
	for _, m := range held.Messages {
		if d.sending == nil {
			d.lanes.leave(laneOf(m.Delivery.Channel, m.Delivery.TargetID))
			continue
		}
		sending := d.sending
		d.running.Go(func() { d.attempt(sending, held, m) })
	}
}

// open takes what is handed over from now on, until the function that it returns is called.
func (d *Dispatcher) open(sending context.Context) (shut func()) {
	d.mu.Lock()
	defer d.mu.Unlock()
	d.sending = sending
	return func() {
		d.mu.Lock()
		defer d.mu.Unlock()
		d.sending = nil
	}
}

// Run sends until ctx ends, then lets attempts under way end and returns nil.
func (d *Dispatcher) Run(ctx context.Context) error {
	sending, interrupt := context.WithCancel(context.WithoutCancel(ctx))
	defer interrupt()
	shut := d.open(sending)
	ticker := time.NewTicker(poll)
	defer ticker.Stop()
	for ctx.Err() == nil {
		more, err := d.round(ctx, sending)
		if err != nil && ctx.Err() == nil {
			d.log.WarnContext(ctx, "deliveries wait", "error", err)
		}
		if more {
			continue
		}
		select {
		case <-ctx.Done():
		case <-d.wake:
		case <-ticker.C:
		}
	}
	shut()
	defer time.AfterFunc(grace, interrupt).Stop()
	d.running.Wait()
	return nil
}

// round claims and starts what is due and has a free place in its lane. It tells whether another look
// may find more at once.
func (d *Dispatcher) round(ctx, sending context.Context) (more bool, err error) {
	endpoints, channels, free := d.lanes.full()
	if free == 0 {
		return false, nil
	}
	due, err := d.store.Due(ctx, endpoints, channels, batch)
	if err != nil {
		return false, err
	}
	picked := d.lanes.take(due)
	if len(picked) == 0 {
		return false, nil
	}
	ids := make([]string, len(picked))
	for i, p := range picked {
		ids[i] = p.DeliveryID
	}
	claimed, err := d.store.Claim(ctx, ids, lease)
	if err != nil {
		for _, p := range picked {
			d.lanes.leave(laneOf(p.Channel, p.TargetID))
		}
		return false, err
	}
	ours := make(map[string]domain.Message, len(claimed.Messages))
	for _, m := range claimed.Messages {
		ours[m.Delivery.DeliveryID] = m
	}
	for _, p := range picked {
		m, ok := ours[p.DeliveryID]
		if !ok { // another process was faster
			d.lanes.leave(laneOf(p.Channel, p.TargetID))
			continue
		}
		d.running.Go(func() { d.attempt(sending, claimed, m) })
	}
	return true, nil
}

// attempt sends one message and stores the result. If that fails, the lease runs out and the message is
// sent again.
func (d *Dispatcher) attempt(ctx context.Context, claimed store.Lease, m domain.Message) {
	lane := laneOf(m.Delivery.Channel, m.Delivery.TargetID)
	defer d.Wake()
	defer d.lanes.leave(lane)

	result := d.send(ctx, m)
	d.lanes.learn(lane, result)
	finishing, cancel := context.WithTimeout(context.WithoutCancel(ctx), finishTimeout)
	defer cancel()
	made := &store.Attempt{Lease: claimed, Message: m, Result: result, Random: rand.Float64()}
	err := d.finished.Do(finishing, lane, made)
	attributes := []any{
		"delivery_id", m.Delivery.DeliveryID, "channel", string(m.Delivery.Channel), "type", m.Delivery.Type,
		"attempt", m.Delivery.Attempts, "status", result.Status, "code", result.Code,
	}
	switch {
	case err != nil:
		d.log.ErrorContext(ctx, "result of a delivery is lost, it will be sent again", append(attributes, "error", err)...)
	case !made.Held:
		d.log.WarnContext(ctx, "a delivery took longer than its lease", attributes...)
	case result.Verdict == domain.Delivered:
		d.log.DebugContext(ctx, "delivered", attributes...)
	case result.Verdict == domain.Failed:
		d.log.WarnContext(ctx, "delivery failed for good", attributes...)
	default:
		d.log.InfoContext(ctx, "not delivered", attributes...)
	}
}

func (d *Dispatcher) send(ctx context.Context, m domain.Message) domain.Result {
	sender, ok := d.senders[m.Delivery.Channel]
	if !ok {
		return domain.Result{Verdict: domain.Skipped, Code: domain.ErrorChannelOff}
	}
	ctx, cancel := context.WithTimeout(ctx, attemptTimeout)
	defer cancel()
	crash.At("notification."+string(m.Delivery.Channel), crash.BeforeDelivery)
	result := sender.Send(ctx, m)
	crash.At("notification."+string(m.Delivery.Channel), crash.AfterDelivery)
	return result
}
