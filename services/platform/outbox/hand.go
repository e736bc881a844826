package outbox

import (
	"context"
	"sync"
	"time"

	"gorm.io/gorm"

	"aftercare.dev/services/platform/database"
	"aftercare.dev/services/platform/memory"
)

const (
	// handLease is how long a message that goes from hand to hand belongs to the process that wrote it. If that dies, another
	// takes over then.
	handLease = 10 * time.Second
	// handKeys bounds of how many keys messages go from hand to hand at once. What is more takes the usual way.
	handKeys = 64
	// remembered bounds of how many keys a relay knows which message it delivered last.
	remembered = 1 << 16
	// gathering is how long marks of delivered messages are gathered, so that one statement writes many.
	gathering = 50 * time.Millisecond
)

// hand is what a relay delivers from hand to hand: messages that this process wrote, without a look into the table.
type hand struct {
	mu sync.Mutex
	// open is set while the relay runs; deliveries end with ctx.
	open bool
	ctx  context.Context //nolint:containedctx // the life of the relay, which hands over on behalf of others
	// last is the last message of a key that this relay has delivered, or is about to.
	last *memory.Map[string, int64]
	// lines are the messages in hand, by key; a key with a line has a goroutine.
	lines map[string][]row
	busy  sync.WaitGroup
	// unmarked were delivered, and the table does not know yet.
	unmarked []row
}

func newHand() hand {
	return hand{last: memory.New[string, int64](remembered), lines: map[string][]row{}}
}

// open lets messages go from hand to hand until the function that it returns is called, which waits for them.
func (r *Relay) open(ctx context.Context) (closed func()) {
	h := &r.hand
	h.mu.Lock()
	h.open, h.ctx = true, ctx
	h.mu.Unlock()
	gathered := make(chan struct{})
	go func() {
		defer close(gathered)
		ticker := time.NewTicker(gathering)
		defer ticker.Stop()
		for ctx.Err() == nil {
			select {
			case <-ticker.C:
			case <-ctx.Done():
			}
			r.mark(ctx, h.gathered())
		}
	}()
	return func() {
		h.mu.Lock()
		h.open = false
		h.mu.Unlock()
		h.busy.Wait()
		<-gathered
		r.mark(ctx, h.gathered())
	}
}

// Handover is what [Relay.Add] has written.
type Handover struct {
	relay *Relay
	rows  []row
}

// Add writes messages of one key in the transaction tx, as the function [Add] does. If the relay of this process
// delivered what stands before them in line, they belong to it from the beginning, and it needs neither to look for them nor to
// claim them. Call [Handover.Deliver] after the commit. Without a relay it is the function.
func (r *Relay) Add(tx *gorm.DB, messages ...Message) (Handover, error) {
	if r == nil || len(messages) == 0 || !r.hand.takes(messages) {
		return Handover{relay: r}, Add(tx, messages...)
	}
	now := database.At(tx.NowFunc())
	rows := make([]row, len(messages))
	for i, m := range messages {
		var err error
		if rows[i], err = rowOf(m, now); err != nil {
			return Handover{}, err
		}
		rows[i].Attempts, rows[i].NextAttemptAt = 1, database.At(now.Add(handLease))
	}
	if err := insert(tx, rows); err != nil {
		return Handover{}, err
	}
	for i := range rows {
		rows[i].Attempts = 0 // as of a message before its first delivery
	}
	return Handover{relay: r, rows: rows}, nil
}

// Deliver has the messages delivered now that they are committed. It never blocks. If it is not called they are delivered
// later.
func (h Handover) Deliver() {
	switch {
	case h.relay == nil:
	case len(h.rows) == 0:
		h.relay.Notify()
	case h.relay.hand.give(h.rows):
		go h.relay.deliverLine(h.rows[0].MessageKey)
	}
}

// deliverLine delivers what is in hand of a key, and what comes to it meanwhile.
func (r *Relay) deliverLine(key string) {
	h := &r.hand
	defer h.busy.Done()
	for rows := h.next(key); len(rows) > 0; rows = h.next(key) {
		for _, run := range runs(rows) {
			if !r.deliver(h.ctx, run) {
				// What stands behind it waits in the table until the lease ends.
				h.drop(key)
				return
			}
			h.mark(run)
		}
	}
}

// takes tells whether messages can go from hand to hand: nobody else has one of their key that stands before them.
func (h *hand) takes(messages []Message) bool {
	first := messages[0]
	for i, m := range messages {
		if m.ID != "" || m.Sequence != first.Sequence+int64(i) || m.Key != first.Key {
			return false
		}
	}
	h.mu.Lock()
	defer h.mu.Unlock()
	return h.open && first.Sequence > 0 && h.follows(first.Key, first.Sequence) && len(h.lines) < handKeys
}

// follows tells that the message is the next one of its key.
func (h *hand) follows(key string, sequence int64) bool {
	last, ok := h.last.Get(key)
	return sequence == 1 || ok && last == sequence-1
}

// give puts committed messages in line. It is true if somebody must see to the line.
func (h *hand) give(rows []row) bool {
	h.mu.Lock()
	defer h.mu.Unlock()
	key := rows[0].MessageKey
	if !h.open || !h.follows(key, rows[0].Sequence) {
		return false
	}
	h.remember(rows)
	_, seen := h.lines[key]
	h.lines[key] = append(h.lines[key], rows...)
	if !seen {
		h.busy.Add(1)
	}
	return !seen
}

// next takes what is in line; an empty line is gone.
func (h *hand) next(key string) []row {
	h.mu.Lock()
	defer h.mu.Unlock()
	rows := h.lines[key]
	if len(rows) == 0 {
		delete(h.lines, key)
		return nil
	}
	h.lines[key] = nil
	return rows
}

func (h *hand) drop(key string) {
	h.mu.Lock()
	defer h.mu.Unlock()
	delete(h.lines, key)
	h.last.Forget(key)
}

func (h *hand) delivered(rows []row) {
	h.mu.Lock()
	defer h.mu.Unlock()
	h.remember(rows)
}

// remember keeps which message of a key was the last. The caller holds the lock.
func (h *hand) remember(rows []row) {
	key, sequence := rows[0].MessageKey, rows[len(rows)-1].Sequence
	last, _ := h.last.Get(key)
	h.last.Put(key, max(last, sequence))
}

func (h *hand) mark(rows []row) {
	h.mu.Lock()
	defer h.mu.Unlock()
	h.unmarked = append(h.unmarked, rows...)
}

func (h *hand) gathered() []row {
	h.mu.Lock()
	defer h.mu.Unlock()
	rows := h.unmarked
	h.unmarked = nil
	return rows
}
