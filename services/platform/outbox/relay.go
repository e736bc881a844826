package outbox

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"math/rand/v2"
	"sync"
	"time"
	"unicode/utf8"

	"gorm.io/gorm"

	"aftercare.dev/services/platform/crash"
	"aftercare.dev/services/platform/database"
)

// Options says what a [Relay] delivers, and how. DB and Deliver are required.
type Options struct {
	DB *gorm.DB
	// Deliver hands over messages of one key and topic, in their order. It succeeds only if the receiver has all of them for
	// good; any error means that it will be called again, some time later, with the same messages. It is called from
	// several goroutines, never from two with the same key.
	Deliver func(ctx context.Context, messages []Message) error

	// Logger hears of failed deliveries. The default is [slog.Default].
	Logger *slog.Logger
	// Batch is of how many keys messages are delivered at the same time. The default is 16.
	Batch int
	// Lease is how long one delivery may take. Another instance takes over after it, so it is also how
	// long a message waits when the process dies in between. The default is 30 s.
	Lease time.Duration
	// MinBackoff and MaxBackoff bound the wait after a failure, which doubles each time. The defaults
	// are 1 s and 5 min. A relay never gives up.
	MinBackoff, MaxBackoff time.Duration
	// Poll and MaxPoll bound the wait for messages of other processes when there is nothing to do,
	// which doubles each time. The defaults are 500 ms and 2 s.
	Poll, MaxPoll time.Duration
	// Retention is how long delivered messages are kept. The default is 7 days.
	Retention time.Duration
	// Now is the clock. The default is [time.Now].
	Now func() time.Time
}

// Relay delivers messages. Any number of instances may run on one database.
type Relay struct {
	o    Options
	wake chan struct{}
	hand hand
}

// NewRelay returns a relay that does nothing until [Relay.Run].
func NewRelay(o Options) *Relay {
	if o.Logger == nil {
		o.Logger = slog.Default()
	}
	if o.Now == nil {
		o.Now = time.Now
	}
	o.Batch = orDefault(o.Batch, 16)
	o.Lease = orDefault(o.Lease, 30*time.Second)
	o.MinBackoff = orDefault(o.MinBackoff, time.Second)
	o.MaxBackoff = orDefault(o.MaxBackoff, 5*time.Minute)
	o.Poll = orDefault(o.Poll, 500*time.Millisecond)
	o.MaxPoll = max(o.Poll, orDefault(o.MaxPoll, 2*time.Second))
	o.Retention = orDefault(o.Retention, 7*24*time.Hour)
	return &Relay{o: o, wake: make(chan struct{}, 1), hand: newHand()}
}

// Each is for [Options.Deliver] where a receiver takes one message at a time.
func Each(deliver func(context.Context, Message) error) func(context.Context, []Message) error {
	return func(ctx context.Context, messages []Message) error {
		for _, m := range messages {
			if err := deliver(ctx, m); err != nil {
				return err
			}
		}
		return nil
	}
}

func orDefault[T int | time.Duration](value, standard T) T {
	if value <= 0 {
		return standard
	}
	return value
}

// Notify wakes the relay at once. Call it after the commit of a transaction that called [Add]; it never
// blocks, and a call that is forgotten costs no more than the time of a poll.
func (r *Relay) Notify() {
	select {
	case r.wake <- struct{}{}:
	default:
	}
}

// Run delivers until ctx ends and returns nil. A delivery under way is cancelled then, and its message
// is free for the next relay at once.
func (r *Relay) Run(ctx context.Context) error {
	defer r.open(ctx)()
	var (
		wait      = r.o.Poll
		nextPurge time.Time
	)
	for ctx.Err() == nil {
		if now := r.o.Now(); !now.Before(nextPurge) {
			r.purge(ctx, now)
			nextPurge = now.Add(time.Hour)
		}
		delivered, err := r.Step(ctx)
		switch {
		case err != nil && ctx.Err() == nil:
			r.o.Logger.WarnContext(ctx, "outbox cannot be read", "error", err)
		case delivered > 0:
			wait = r.o.Poll
			continue
		}
		if r.sleep(ctx, wait) {
			wait = r.o.Poll
		} else {
			wait = min(2*wait, r.o.MaxPoll)
		}
	}
	return nil
}

// sleep tells whether it was woken.
func (r *Relay) sleep(ctx context.Context, wait time.Duration) bool {
	timer := time.NewTimer(wait)
	defer timer.Stop()
	select {
	case <-r.wake:
		return true
	case <-timer.C:
	case <-ctx.Done():
	}
	return false
}

// Step delivers one batch of what is due and tells how many messages it took on; tests that want to
// decide when things happen call it in place of Run.
func (r *Relay) Step(ctx context.Context) (int, error) {
	claimed, err := r.claim(ctx)
	if err != nil {
		return 0, err
	}
	var (
		running sync.WaitGroup
		mu      sync.Mutex
		done    []row
	)
	for _, run := range runs(claimed) {
		running.Go(func() {
			if r.deliver(ctx, run) {
				mu.Lock()
				defer mu.Unlock()
				done = append(done, run...)
			}
		})
	}
	running.Wait()
	r.mark(ctx, done)
	return len(claimed), nil
}

// deliver tries to hand messages of one key over. If that fails it writes when they are tried again.
func (r *Relay) deliver(ctx context.Context, rows []row) (delivered bool) {
	messages := make([]Message, len(rows))
	for i, m := range rows {
		messages[i] = m.message()
	}
	deadline, cancel := context.WithTimeout(ctx, r.o.Lease)
	err := r.try(deadline, messages)
	cancel()
	if err == nil {
		r.hand.delivered(rows)
		return true
	}
	r.hand.last.Forget(rows[0].MessageKey)
	changes := map[string]any{"next_attempt_at": database.At(r.o.Now())}
	if ctx.Err() == nil {
		attempt := messages[0].Attempt
		wait := r.backoff(attempt)
		changes["next_attempt_at"] = database.At(r.o.Now().Add(wait))
		changes["last_error"] = cut(err.Error(), 500)
		r.o.Logger.WarnContext(ctx, "message not delivered", "message_id", rows[0].ID, "topic", rows[0].Topic,
			"messages", len(rows), "attempt", attempt, "retry_in_ms", wait.Milliseconds(), "error", err)
	}
	// After the lease the messages may be another's: then that one writes what comes next.
	r.write(ctx, rows, changes, func(tx *gorm.DB) *gorm.DB { return tx.Where("next_attempt_at = ?", rows[0].NextAttemptAt) })
	return false
}

// mark writes that messages were delivered.
func (r *Relay) mark(ctx context.Context, rows []row) {
	if len(rows) > 0 {
		r.write(ctx, rows, map[string]any{"delivered_at": database.At(r.o.Now()), "last_error": ""})
	}
}

// write writes what happened, even if the process is about to stop.
func (r *Relay) write(ctx context.Context, rows []row, changes map[string]any, guards ...func(*gorm.DB) *gorm.DB) {
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), 5*time.Second)
	defer cancel()
	err := database.InTx(ctx, r.o.DB, func(tx *gorm.DB) error {
		return tx.Model(&row{}).Scopes(guards...).Where("id IN ? AND delivered_at IS NULL", idsOf(rows)).Updates(changes).Error
	})
	if err != nil {
		r.o.Logger.WarnContext(ctx, "delivery not recorded, it will be repeated", "message_id", rows[0].ID, "messages", len(rows),
			"topic", rows[0].Topic, "error", err)
	}
}

// try turns a panic of Deliver into a failed delivery.
func (r *Relay) try(ctx context.Context, messages []Message) (err error) {
	defer func() {
		if cause := recover(); cause != nil {
			err = fmt.Errorf("delivery panicked: %v", cause)
		}
	}()
	topic := messages[0].Topic
	crash.At(topic, crash.BeforeDelivery)
	if err := r.o.Deliver(ctx, messages); err != nil {
		return err
	}
	crash.At(topic, crash.AfterDelivery)
	return nil
}

// backoff doubles with each attempt; half of it is chance.
func (r *Relay) backoff(attempt int64) time.Duration {
	wait := r.o.MaxBackoff
	if shift := attempt - 1; shift < 32 && r.o.MinBackoff<<shift < wait && r.o.MinBackoff<<shift > 0 {
		wait = r.o.MinBackoff << shift
	}
	return wait/2 + time.Duration(rand.Int64N(int64(wait/2)+1))
}

// cut shortens text to n characters.
func cut(text string, n int) string {
	if utf8.RuneCountInString(text) <= n {
		return text
	}
	return string([]rune(text)[:n])
}

// purgeBatch keeps the deletion's locks short.
const purgeBatch = 500

// purge deletes what was delivered long ago.
func (r *Relay) purge(ctx context.Context, now time.Time) {
	before := database.At(now.Add(-r.o.Retention))
	for ctx.Err() == nil {
		var old []string
		err := r.o.DB.WithContext(ctx).Model(&row{}).Where("delivered_at < ?", before).Limit(purgeBatch).Pluck("id", &old).Error
		if err == nil && len(old) > 0 {
			err = database.InTx(ctx, r.o.DB, func(tx *gorm.DB) error {
				return tx.Where("id IN ?", old).Delete(&row{}).Error
			})
		}
		if err != nil && !errors.Is(err, context.Canceled) {
			r.o.Logger.WarnContext(ctx, "old messages not purged", "error", err)
		}
		if err != nil || len(old) < purgeBatch {
			return
		}
	}
}

// Backlog is what waits in an outbox.
type Backlog struct {
	// Waiting counts messages that are not delivered.
	Waiting int64
	// Oldest is when the first of them was added; zero if none waits.
	Oldest time.Time
}

// BacklogOf tells what waits, for metrics and alerts.
func BacklogOf(ctx context.Context, db *gorm.DB) (Backlog, error) {
	var found struct {
		Waiting int64
		Oldest  database.NullTime
	}
	err := db.WithContext(ctx).Model(&row{}).Where("delivered_at IS NULL").
		Select("COUNT(*) AS waiting, MIN(created_at) AS oldest").Scan(&found).Error
	if err != nil {
		return Backlog{}, fmt.Errorf("read outbox: %w", err)
	}
	return Backlog{Waiting: found.Waiting, Oldest: found.Oldest.Time}, nil
}
