package outbox_test

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strconv"
	"sync"
	"testing"
	"testing/fstest"
	"time"

	"gorm.io/gorm"

	"aftercare.dev/services/platform/database"
	"aftercare.dev/services/platform/database/databasetest"
	"aftercare.dev/services/platform/outbox"
)

var migrations = database.Schema{
	Service: "test",
	Files:   fstest.MapFS{"00001_outbox.sql": {Data: []byte("-- +goose Up\n" + outbox.Schema)}},
}

// receiver remembers what it was given and fails as told.
type receiver struct {
	mu   sync.Mutex
	got  []string
	fail func(m outbox.Message) error
}

func (r *receiver) deliver(_ context.Context, m outbox.Message) error {
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.fail != nil {
		if err := r.fail(m); err != nil {
			return err
		}
	}
	r.got = append(r.got, string(m.Payload))
	return nil
}

func (r *receiver) received() []string {
	r.mu.Lock()
	defer r.mu.Unlock()
	return slices.Clone(r.got)
}

// clock is a time that tests move.
type clock struct {
	mu  sync.Mutex
	now time.Time
}

func (c *clock) Now() time.Time {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.now
}

func (c *clock) advance(d time.Duration) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.now = c.now.Add(d)
}

func add(t *testing.T, db *gorm.DB, messages ...outbox.Message) {
	t.Helper()
	for _, m := range messages {
		m.Topic = "t"
		err := database.InTx(t.Context(), db, func(tx *gorm.DB) error { return outbox.Add(tx, m) })
		if err != nil {
			t.Fatal(err)
		}
	}
}

// drain steps until nothing is due.
func drain(t *testing.T, r *outbox.Relay) {
	t.Helper()
	for {
		n, err := r.Step(t.Context())
		if err != nil {
			t.Fatal(err)
		}
		if n == 0 {
			return
		}
	}
}

func message(key, payload string) outbox.Message {
	return outbox.Message{Key: key, Payload: []byte(payload)}
}

func TestMessagesOfAKeyArriveInOrder(t *testing.T) {
	databasetest.Each(t, migrations, func(t *testing.T, db *gorm.DB) {
		var want []string
		for i := range 10 {
			text := strconv.Itoa(i)
			add(t, db, message("k", text))
			want = append(want, text)
		}
		var to receiver
		drain(t, outbox.NewRelay(outbox.Options{DB: db, Deliver: outbox.Each(to.deliver)}))
		if got := to.received(); !slices.Equal(got, want) {
			t.Errorf("got %v, want %v", got, want)
		}
	})
}

func TestWhatIsRolledBackIsNotAnnounced(t *testing.T) {
	databasetest.Each(t, migrations, func(t *testing.T, db *gorm.DB) {
		refused := errors.New("refused")
		err := database.InTx(t.Context(), db, func(tx *gorm.DB) error {
			return errors.Join(outbox.Add(tx, outbox.Message{Topic: "t", Payload: []byte("1")}), refused)
		})
		if !errors.Is(err, refused) {
			t.Fatal(err)
		}
		var to receiver
		drain(t, outbox.NewRelay(outbox.Options{DB: db, Deliver: outbox.Each(to.deliver)}))
		if got := to.received(); len(got) != 0 {
			t.Errorf("got %v", got)
		}
	})
}

func TestAFailedMessageHoldsBackItsKeyAndNoOther(t *testing.T) {
	databasetest.Each(t, migrations, func(t *testing.T, db *gorm.DB) {
		add(t, db, message("a", "a1"), message("a", "a2"), message("b", "b1"))
		now := &clock{now: time.Now().Add(time.Second)}
		broken := true
		to := receiver{fail: func(m outbox.Message) error {
			if string(m.Payload) == "a1" && broken {
				return errors.New("not now")
			}
			return nil
		}}
		relay := outbox.NewRelay(outbox.Options{DB: db, Deliver: outbox.Each(to.deliver), Now: now.Now})
		drain(t, relay)
		if got := to.received(); !slices.Equal(got, []string{"b1"}) {
			t.Fatalf("got %v, want b1 alone", got)
		}
		backlog, err := outbox.BacklogOf(t.Context(), db)
		if err != nil || backlog.Waiting != 2 || backlog.Oldest.IsZero() {
			t.Errorf("backlog %+v, %v", backlog, err)
		}
		broken = false
		now.advance(2 * time.Second)
		drain(t, relay)
		if got := to.received(); !slices.Equal(got, []string{"b1", "a1", "a2"}) {
			t.Errorf("got %v", got)
		}
	})
}

func TestADeliveryThatFailsIsTriedLessAndLessOftenButForEver(t *testing.T) {
	databasetest.Each(t, migrations, func(t *testing.T, db *gorm.DB) {
		add(t, db, message("a", "1"))
		now := &clock{now: time.Now().Add(time.Second)}
		var attempts int64
		to := receiver{fail: func(m outbox.Message) error {
			attempts = m.Attempt
			return errors.New("never")
		}}
		relay := outbox.NewRelay(outbox.Options{DB: db, Deliver: outbox.Each(to.deliver), Now: now.Now})
		drain(t, relay)
		now.advance(100 * time.Millisecond)
		drain(t, relay)
		if attempts != 1 {
			t.Fatalf("attempt %d came without a pause", attempts)
		}
		for range 40 {
			now.advance(5 * time.Minute)
			drain(t, relay)
		}
		if attempts != 41 {
			t.Errorf("%d attempts, want one each five minutes", attempts)
		}
	})
}

func TestAMessageOfAProcessThatDiedIsDeliveredAfterItsLease(t *testing.T) {
	databasetest.Each(t, migrations, func(t *testing.T, db *gorm.DB) {
		add(t, db, message("a", "1"))
		now := &clock{now: time.Now().Add(time.Second)}
		var second receiver
		other := outbox.NewRelay(outbox.Options{DB: db, Deliver: outbox.Each(second.deliver), Now: now.Now, Lease: time.Minute})

		first := outbox.NewRelay(outbox.Options{DB: db, Now: now.Now, Lease: time.Minute, Deliver: func(context.Context, []outbox.Message) error {
			drain(t, other)
			if len(second.received()) != 0 {
				t.Error("a claimed message was delivered by another instance")
			}
			now.advance(time.Minute)
			drain(t, other)
			return errors.New("too late to matter")
		}})
		drain(t, first)
		if got := second.received(); !slices.Equal(got, []string{"1"}) {
			t.Errorf("got %v", got)
		}
		backlog, err := outbox.BacklogOf(t.Context(), db)
		if err != nil || backlog.Waiting != 0 {
			t.Errorf("the loser's failure undid the delivery: %+v, %v", backlog, err)
		}
	})
}

func TestAddingTheSameIDTwiceAnnouncesOnce(t *testing.T) {
	databasetest.Each(t, migrations, func(t *testing.T, db *gorm.DB) {
		m := outbox.Message{ID: "msg_1", Key: "a", Payload: []byte("1")}
		add(t, db, m, m)
		var to receiver
		relay := outbox.NewRelay(outbox.Options{DB: db, Deliver: outbox.Each(to.deliver)})
		drain(t, relay)
		add(t, db, m)
		drain(t, relay)
		if got := to.received(); len(got) != 1 {
			t.Errorf("got %v", got)
		}
	})
}

func TestSeveralInstancesDeliverEachMessageOnceAndInOrder(t *testing.T) {
	databasetest.Each(t, migrations, func(t *testing.T, db *gorm.DB) {
		const keys, each = 5, 8
		ctx, cancel := context.WithTimeout(t.Context(), 30*time.Second)
		defer cancel()
		var (
			mu   sync.Mutex
			got  = map[string][]string{}
			seen int
		)
		var relays []*outbox.Relay
		var running sync.WaitGroup
		for range 3 {
			relay := outbox.NewRelay(outbox.Options{DB: db, Batch: 4, Poll: 5 * time.Millisecond, Deliver: outbox.Each(func(_ context.Context, m outbox.Message) error {
				mu.Lock()
				defer mu.Unlock()
				got[m.Key] = append(got[m.Key], string(m.Payload))
				if seen++; seen == keys*each {
					cancel()
				}
				return nil
			})})
			relays = append(relays, relay)
			running.Go(func() {
				if err := relay.Run(ctx); err != nil {
					t.Error(err)
				}
			})
		}
		var adding sync.WaitGroup
		for k := range keys {
			adding.Go(func() {
				for i := range each {
					add(t, db, message(fmt.Sprint("key", k), strconv.Itoa(i)))
					relays[i%len(relays)].Notify()
				}
			})
		}
		adding.Wait()
		running.Wait()
		for k := range keys {
			key := fmt.Sprint("key", k)
			if want := []string{"0", "1", "2", "3", "4", "5", "6", "7"}; !slices.Equal(got[key], want) {
				t.Errorf("%s: got %v", key, got[key])
			}
		}
	})
}

func TestAddingToOneKeyAtOnceLosesNothing(t *testing.T) {
	databasetest.Each(t, migrations, func(t *testing.T, db *gorm.DB) {
		var running sync.WaitGroup
		for i := range 8 {
			running.Go(func() { add(t, db, message("k", strconv.Itoa(i))) })
		}
		running.Wait()
		var to receiver
		drain(t, outbox.NewRelay(outbox.Options{DB: db, Deliver: outbox.Each(to.deliver), Now: func() time.Time { return time.Now().Add(time.Second) }}))
		if got := to.received(); len(got) != 8 {
			t.Errorf("got %v", got)
		}
	})
}

func TestWhatWasDeliveredLongAgoIsPurged(t *testing.T) {
	databasetest.Each(t, migrations, func(t *testing.T, db *gorm.DB) {
		now := &clock{now: time.Now().Add(time.Second)}
		var to receiver
		add(t, db, message("a", "old"))
		drain(t, outbox.NewRelay(outbox.Options{DB: db, Deliver: outbox.Each(to.deliver), Now: now.Now}))
		now.advance(8 * 24 * time.Hour)
		add(t, db, message("a", "new"))

		ctx, cancel := context.WithCancel(t.Context())
		relay := outbox.NewRelay(outbox.Options{DB: db, Now: now.Now, Deliver: func(context.Context, []outbox.Message) error {
			cancel()
			return nil
		}})
		if err := relay.Run(ctx); err != nil {
			t.Fatal(err)
		}
		var left int64
		if err := db.Table("outbox_messages").Count(&left).Error; err != nil || left != 1 {
			t.Errorf("%d messages are left, want the new one, %v", left, err)
		}
	})
}
