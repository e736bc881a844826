package outbox_test

import (
	"context"
	"errors"
	"slices"
	"testing"
	"time"

	"gorm.io/gorm"

	"aftercare.dev/services/platform/database"
	"aftercare.dev/services/platform/database/databasetest"
	"aftercare.dev/services/platform/outbox"
)

// idle is how often a relay looks into the table that shall not need to.
const idle = time.Hour

// running starts a relay, which runs until the test ends.
func running(t *testing.T, o outbox.Options) *outbox.Relay {
	t.Helper()
	relay := outbox.NewRelay(o)
	ctx, stop := context.WithCancel(t.Context())
	ended := make(chan struct{})
	go func() {
		defer close(ended)
		if err := relay.Run(ctx); err != nil {
			t.Error(err)
		}
	}()
	t.Cleanup(func() { stop(); <-ended })
	return relay
}

// writes adds messages of the key "k" with places in line, and hands them over.
func writes(t *testing.T, db *gorm.DB, relay *outbox.Relay, from int64, payloads ...string) {
	t.Helper()
	var messages []outbox.Message
	for i, payload := range payloads {
		messages = append(messages, outbox.Message{Topic: "t", Key: "k", Sequence: from + int64(i), Payload: []byte(payload)})
	}
	var handover outbox.Handover
	err := database.InTx(t.Context(), db, func(tx *gorm.DB) (err error) {
		handover, err = relay.Add(tx, messages...)
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	handover.Deliver()
}

func eventually(t *testing.T, what string, is func() bool) {
	t.Helper()
	for deadline := time.Now().Add(20 * time.Second); !is(); time.Sleep(2 * time.Millisecond) {
		if time.Now().After(deadline) {
			t.Fatalf("not within 20 s: %s", what)
		}
	}
}

func waiting(t *testing.T, db *gorm.DB) int64 {
	t.Helper()
	backlog, err := outbox.BacklogOf(t.Context(), db)
	if err != nil {
		t.Fatal(err)
	}
	return backlog.Waiting
}

func TestWhatThisProcessWroteGoesFromHandToHandInOrder(t *testing.T) {
	databasetest.Each(t, migrations, func(t *testing.T, db *gorm.DB) {
		var to receiver
		relay := running(t, outbox.Options{DB: db, Deliver: outbox.Each(to.deliver), Poll: idle})
		var before int64
		eventually(t, "the relay runs", func() bool {
			before++
			writes(t, db, relay, before, "x")
			relay.Notify()
			return len(to.received()) > 0
		})
		eventually(t, "those before are delivered and marked", func() bool { relay.Notify(); return waiting(t, db) == 0 })
		first := before + 1
		writes(t, db, relay, first, "a", "b")
		writes(t, db, relay, first+2, "c")
		writes(t, db, relay, first+3, "d", "e")
		eventually(t, "all are delivered and marked", func() bool { return waiting(t, db) == 0 })
		if got := to.received()[before:]; !slices.Equal(got, []string{"a", "b", "c", "d", "e"}) {
			t.Errorf("got %v", got)
		}
	})
}

func TestWhatStandsBehindAMessageOfAnotherProcessTakesTheUsualWay(t *testing.T) {
	databasetest.Each(t, migrations, func(t *testing.T, db *gorm.DB) {
		var to receiver
		begun, slow := make(chan struct{}, 9), make(chan struct{})
		other := running(t, outbox.Options{DB: db, Poll: idle, Deliver: outbox.Each(func(ctx context.Context, m outbox.Message) error {
			begun <- struct{}{}
			<-slow
			return to.deliver(ctx, m)
		})})
		add(t, db, message("k", "1"))
		eventually(t, "the other process has the first one", func() bool { other.Notify(); return len(begun) > 0 })
		mine := running(t, outbox.Options{DB: db, Deliver: outbox.Each(to.deliver), Poll: idle})
		writes(t, db, mine, 2, "2")
		mine.Notify()
		overtook := to.received()
		close(slow)
		if len(overtook) != 0 {
			t.Fatalf("%v overtook the one before", overtook)
		}
		eventually(t, "both arrive", func() bool { mine.Notify(); return len(to.received()) == 2 })
		if got := to.received(); !slices.Equal(got, []string{"1", "2"}) {
			t.Errorf("got %v", got)
		}
	})
}

func TestWhatADeadProcessHadInHandIsDeliveredByAnother(t *testing.T) {
	databasetest.Each(t, migrations, func(t *testing.T, db *gorm.DB) {
		var dead, to receiver
		relay := running(t, outbox.Options{DB: db, Deliver: outbox.Each(dead.deliver), Poll: idle})
		eventually(t, "the relay takes a message into its hand", func() bool {
			return database.InTx(t.Context(), db, func(tx *gorm.DB) error {
				if _, err := relay.Add(tx, placed("k", 1, "1")); err != nil {
					return err
				}
				var held int64
				tx.Table("outbox_messages").Where("attempts = 1").Count(&held)
				if held == 0 {
					return errors.New("not in its hand")
				}
				return nil
			}) == nil
		}) // and then it dies: Deliver is never called
		now := &clock{now: time.Now()}
		other := outbox.NewRelay(outbox.Options{DB: db, Deliver: outbox.Each(to.deliver), Now: now.Now})
		drain(t, other)
		if got := to.received(); len(got) != 0 {
			t.Fatalf("%v was taken from the process that has it", got)
		}
		now.advance(11 * time.Second)
		drain(t, other)
		if got := to.received(); !slices.Equal(got, []string{"1"}) || len(dead.received()) != 0 {
			t.Errorf("got %v", got)
		}
	})
}

func placed(key string, sequence int64, payload string) outbox.Message {
	return outbox.Message{Topic: "t", Key: key, Sequence: sequence, Payload: []byte(payload)}
}

func TestAFailureInHandHoldsBackWhatStandsBehind(t *testing.T) {
	databasetest.Each(t, migrations, func(t *testing.T, db *gorm.DB) {
		now := &clock{now: time.Now().Add(time.Minute)}
		broken := errors.New("not now")
		to := receiver{}
		to.fail = func(outbox.Message) error { return broken }
		relay := running(t, outbox.Options{DB: db, Deliver: outbox.Each(to.deliver), Poll: idle, Now: now.Now, MinBackoff: time.Minute})
		writes(t, db, relay, 1, "1")
		writes(t, db, relay, 2, "2", "3")
		eventually(t, "the failure is written", func() bool {
			var failed int64
			db.Table("outbox_messages").Where("last_error <> ''").Count(&failed)
			return failed > 0
		})
		to.mu.Lock()
		to.fail = nil
		to.mu.Unlock()
		eventually(t, "all arrive", func() bool {
			now.advance(time.Minute)
			relay.Notify()
			return len(to.received()) == 3
		})
		if got := to.received(); !slices.Equal(got, []string{"1", "2", "3"}) {
			t.Errorf("got %v", got)
		}
	})
}

func TestMessagesOfAKeyThatWaitAreDeliveredTogether(t *testing.T) {
	databasetest.Each(t, migrations, func(t *testing.T, db *gorm.DB) {
		for i, payload := range []string{"1", "2", "3"} {
			writes(t, db, nil, int64(i)+1, payload)
		}
		var batches []int
		relay := outbox.NewRelay(outbox.Options{DB: db, Now: func() time.Time { return time.Now().Add(time.Second) }, Deliver: func(_ context.Context, m []outbox.Message) error {
			batches = append(batches, len(m))
			return nil
		}})
		drain(t, relay)
		if !slices.Equal(batches, []int{3}) {
			t.Errorf("delivered in %v", batches)
		}
	})
}
