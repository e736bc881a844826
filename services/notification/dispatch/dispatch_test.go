package dispatch

import (
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"slices"
	"strconv"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"gorm.io/gorm"
	"gorm.io/gorm/clause"

	"aftercare.dev/services/notification/domain"
	"aftercare.dev/services/notification/store"
	"aftercare.dev/services/notification/webhook"
	"aftercare.dev/services/platform/database/databasetest"
	"aftercare.dev/services/platform/gather/gathertest"
)

// clock is a time that only moves when a test says so. The loop itself ticks by the real one.
type clock struct{ micros atomic.Int64 }

func (c *clock) now() time.Time           { return time.UnixMicro(c.micros.Load()).UTC() }
func (c *clock) advance(by time.Duration) { c.micros.Add(by.Microseconds()) }

func newClock() *clock {
	c := &clock{}
	c.micros.Store(time.Now().UnixMicro())
	return c
}

// senderFunc is a channel that a test controls.
type senderFunc func(ctx context.Context, m domain.Message) domain.Result

func (f senderFunc) Send(ctx context.Context, m domain.Message) domain.Result { return f(ctx, m) }

var ok = domain.Result{Verdict: domain.Delivered, Status: 200}

func newStore(t *testing.T, c *clock) *store.Store {
	t.Helper()
	return store.New(databasetest.SQLite(t, store.Migrations()), c.now, true)
}

func dispatcher(s *store.Store, c *clock, channel domain.Channel, sender Sender) *Dispatcher {
	return New(s, map[domain.Channel]Sender{channel: sender}, slog.New(slog.DiscardHandler), c.now)
}

// run runs the dispatcher until the test ends or stop is called; stop returns when Run has.
func run(t *testing.T, d *Dispatcher) (stop func()) {
	t.Helper()
	ctx, cancel := context.WithCancel(context.Background())
	done := make(chan error, 1)
	go func() { done <- d.Run(ctx) }()
	stop = sync.OnceFunc(func() {
		cancel()
		if err := <-done; err != nil {
			t.Error(err)
		}
	})
	t.Cleanup(stop)
	return stop
}

func endpoint(t *testing.T, s *store.Store, url string) domain.Endpoint {
	t.Helper()
	e, _, err := s.CreateEndpoint(context.Background(), "m1", "key of "+url, url, nil)
	if err != nil {
		t.Fatal(err)
	}
	return e
}

func publish(t *testing.T, s *store.Store, eventID string) {
	t.Helper()
	e, err := domain.NewEvent(domain.Event{
		MerchantID: "m1", EventID: eventID, Type: "goods.received", CaseID: "case_1", OrderID: "order_1", BuyerID: "buyer_1",
		Number: 1, OccurredAt: time.Unix(1_700_000_000, 0), Audience: domain.AudienceEveryone,
	}, nil)
	if err != nil {
		t.Fatal(err)
	}
	if created, err := s.Publish(context.Background(), e); err != nil || !created {
		t.Fatalf("publish: %v, %v", created, err)
	}
}

// wait ends the test if nothing comes for long; what comes is counted, so that no test sleeps.
func wait[T any](t *testing.T, from <-chan T, what string) T {
	t.Helper()
	select {
	case v := <-from:
		return v
	case <-time.After(30 * time.Second):
		t.Fatalf("no %s", what)
		panic("unreachable")
	}
}

func count(t *testing.T, s *store.Store, filter store.Filter) int {
	t.Helper()
	found, _, err := s.Deliveries(context.Background(), "m1", filter, store.Page{Limit: store.MaxLimit})
	if err != nil {
		t.Fatal(err)
	}
	return len(found)
}

func TestASlowReceiverHoldsUpNobodyButItself(t *testing.T) {
	c := newClock()
	s := newStore(t, c)
	slow, fast := endpoint(t, s, "https://slow.example"), endpoint(t, s, "https://fast.example")
	const events = 100
	for i := range events {
		publish(t, s, fmt.Sprintf("evt_%d", i))
	}
	var hanging atomic.Int32
	release := make(chan struct{})
	sent := make(chan string, 2*events)
	stop := run(t, dispatcher(s, c, domain.ChannelWebhook, senderFunc(func(_ context.Context, m domain.Message) domain.Result {
		if m.Delivery.TargetID == slow.EndpointID {
			if hanging.Add(1) > perLane {
				t.Error("the slow receiver got more than its places")
			}
			<-release
			hanging.Add(-1)
		}
		sent <- m.Delivery.TargetID
		return ok
	})))
	for range events {
		if target := wait(t, sent, "message at the fast receiver"); target != fast.EndpointID {
			t.Fatalf("message at %s", target)
		}
	}
	close(release)
	for range events {
		wait(t, sent, "message at the slow receiver")
	}
	stop()
	if n := count(t, s, store.Filter{State: domain.StatePending}); n != 0 {
		t.Errorf("%d are still pending", n)
	}
}

func TestSeveralDispatchersSendEachMessageOnce(t *testing.T) {
	databasetest.Each(t, store.Migrations(), func(t *testing.T, db *gorm.DB) {
		c := newClock()
		s := store.New(db, c.now, true)
		endpoint(t, s, "https://shop.example")
		const events = 120
		for i := range events {
			publish(t, s, fmt.Sprintf("evt_%d", i))
		}
		sent := make(chan string, 2*events)
		sender := senderFunc(func(_ context.Context, m domain.Message) domain.Result {
			sent <- m.Event.EventID
			return ok
		})
		var stops []func()
		for range 3 {
			stops = append(stops, run(t, dispatcher(s, c, domain.ChannelWebhook, sender)))
		}
		times := map[string]int{}
		for range events {
			times[wait(t, sent, "message")]++
		}
		for _, stop := range stops {
			stop()
		}
		if len(times) != events || len(sent) != 0 {
			t.Errorf("%d messages, %d repeats", len(times), events-len(times)+len(sent))
		}
	})
}

func TestAMessageWhoseResultWasLostInACrashComesAgainUnderItsID(t *testing.T) {
	c := newClock()
	s := newStore(t, c)
	received := make(chan string, 10)
	receiver := httptest.NewServer(http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) {
		_, _ = io.Copy(io.Discard, r.Body)
		received <- r.Header.Get("webhook-id")
	}))
	t.Cleanup(receiver.Close)
	guard, err := webhook.NewGuard([]string{"127.0.0.0/8"})
	if err != nil {
		t.Fatal(err)
	}
	sender := webhook.NewSender(s, guard, c.now)
	t.Cleanup(sender.Close)
	endpoint(t, s, receiver.URL)
	publish(t, s, "evt_1")

	// A process claims, sends, and dies before it can store the result.
	due, err := s.Due(context.Background(), nil, nil, 10)
	if err != nil || len(due) != 1 {
		t.Fatalf("due %+v, %v", due, err)
	}
	claimed, err := s.Claim(context.Background(), []string{due[0].DeliveryID}, lease)
	if err != nil || len(claimed.Messages) != 1 {
		t.Fatalf("claimed %+v, %v", claimed, err)
	}
	if result := sender.Send(context.Background(), claimed.Messages[0]); result.Verdict != domain.Delivered {
		t.Fatalf("sent: %+v", result)
	}
	first := wait(t, received, "first message")

	c.advance(lease)
	stop := run(t, dispatcher(s, c, domain.ChannelWebhook, sender))
	if second := wait(t, received, "second message"); second != first {
		t.Errorf("the repeat has the id %s, the first had %s", second, first)
	}
	stop()
	if count(t, s, store.Filter{State: domain.StatePending}) != 0 || len(received) != 0 {
		t.Error("it is sent a third time")
	}
}

func TestAReceiverThatAsksForRestGetsIt(t *testing.T) {
	c := newClock()
	s := newStore(t, c)
	endpoint(t, s, "https://busy.example")
	sent := make(chan struct{}, 100)
	var rested atomic.Bool
	d := dispatcher(s, c, domain.ChannelWebhook, senderFunc(func(context.Context, domain.Message) domain.Result {
		sent <- struct{}{}
		if rested.Load() {
			return ok
		}
		return domain.Result{Verdict: domain.Retry, Status: 429, Code: domain.ErrorHTTPStatus, RetryAfter: 10 * time.Minute}
	}))
	publish(t, s, "evt_1")
	stop := run(t, d)
	wait(t, sent, "first message")
	stop() // the result is stored now
	for i := range 20 {
		publish(t, s, fmt.Sprintf("evt_more_%d", i))
	}
	more, err := d.round(context.Background(), context.Background())
	if err != nil || more || len(sent) != 0 {
		t.Errorf("a resting receiver is called: %v, %v", more, err)
	}
	rested.Store(true)
	c.advance(12 * time.Minute) // with its jitter the first one is due as well
	run(t, d)
	for range 21 {
		wait(t, sent, "message after the rest")
	}
}

func TestAFailingReceiverGetsOneAttemptAtATime(t *testing.T) {
	l := newLanes(newClock().now)
	due := make([]store.Due, 10)
	for i := range due {
		due[i] = store.Due{DeliveryID: strconv.Itoa(i), Channel: domain.ChannelWebhook, TargetID: "whe_1"}
	}
	take := func() int { return len(l.take(due)) }
	key := laneOf(domain.ChannelWebhook, "whe_1")
	leave := func(n int) {
		for range n {
			l.leave(key)
		}
	}
	if n := take(); n != perLane {
		t.Errorf("a healthy one gets %d", n)
	}
	l.learn(key, domain.Result{Verdict: domain.Retry, Code: domain.ErrorTimeout})
	leave(perLane)
	if n := take(); n != perFailingLane {
		t.Errorf("a failing one gets %d", n)
	}
	if endpoints, _, _ := l.full(); len(endpoints) != 1 || endpoints[0] != "whe_1" {
		t.Errorf("full are %v", endpoints)
	}
	l.learn(key, ok)
	leave(perFailingLane)
	if n := take(); n != perLane {
		t.Errorf("a recovered one gets %d", n)
	}
	leave(perLane)
	if len(l.known) != 0 || l.running != 0 {
		t.Errorf("%d lanes at ease are kept", len(l.known))
	}
}

func TestStoppingWaitsForAttemptsUnderWayAndStoresTheirResults(t *testing.T) {
	c := newClock()
	s := newStore(t, c)
	endpoint(t, s, "https://shop.example")
	publish(t, s, "evt_1")
	begun, release := make(chan struct{}), make(chan struct{})
	d := dispatcher(s, c, domain.ChannelWebhook, senderFunc(func(context.Context, domain.Message) domain.Result {
		close(begun)
		<-release
		return ok
	}))
	ctx, cancel := context.WithCancel(context.Background())
	done := make(chan error, 1)
	go func() { done <- d.Run(ctx) }()
	wait(t, begun, "attempt")
	cancel()
	close(release)
	if err := wait(t, done, "end of the loop"); err != nil {
		t.Error(err)
	}
	if n := count(t, s, store.Filter{State: domain.StatePending}); n != 0 {
		t.Error("the result of the last attempt is lost")
	}
}

func TestResultsThatWaitTogetherAreStoredTogetherAndNoneIsLostForAnother(t *testing.T) {
	c := newClock()
	db := databasetest.SQLite(t, store.Migrations())
	s := store.New(db, c.now, true)
	d := dispatcher(s, c, domain.ChannelWebhook, nil)
	endpoint(t, s, "https://shop.example")
	for i := range perLane {
		publish(t, s, fmt.Sprintf("evt_%d", i))
	}
	due, err := s.Due(t.Context(), nil, []domain.Channel{domain.ChannelEmail}, 10)
	if err != nil || len(due) != perLane {
		t.Fatalf("due %+v, %v", due, err)
	}
	ids := make([]string, len(due))
	for i := range due {
		ids[i] = due[i].DeliveryID
	}
	claimed, err := s.Claim(t.Context(), ids, lease)
	if err != nil {
		t.Fatal(err)
	}

	// The first result is being stored until the others wait. The last one cannot be stored.
	begun, release := make(chan struct{}), make(chan struct{})
	first := sync.OnceFunc(func() { close(begun); <-release })
	transactions := map[gorm.ConnPool]int{}
	last := claimed.Messages[perLane-1].Delivery.DeliveryID
	err = db.Callback().Update().Before("gorm:update").Register("test", func(tx *gorm.DB) {
		if tx.Statement.Table != "deliveries" {
			return
		}
		first()
		transactions[tx.Statement.ConnPool]++
		for _, v := range tx.Statement.Clauses["WHERE"].Expression.(clause.Where).Exprs {
			if e, ok := v.(clause.Expr); ok && slices.Contains(e.Vars, any(last)) {
				_ = tx.AddError(errors.New("cannot be stored"))
			}
		}
	})
	if err != nil {
		t.Fatal(err)
	}
	results := make([]chan error, perLane)
	for i, m := range claimed.Messages {
		results[i] = make(chan error, 1)
		ctx, waits := gathertest.Waiting(t.Context())
		go func() {
			made := &store.Attempt{Lease: claimed, Message: m, Result: ok}
			results[i] <- d.finished.Do(ctx, laneOf(domain.ChannelWebhook, m.Delivery.TargetID), made)
		}()
		<-waits
		if i == 0 {
			<-begun
		}
	}
	close(release)
	for i, result := range results {
		if err := wait(t, result, "result"); (err != nil) != (i == perLane-1) {
			t.Errorf("result %d: %v", i, err)
		}
	}
	if n := count(t, s, store.Filter{State: domain.StatePending}); n != 1 {
		t.Errorf("%d are pending, want the one that could not be stored", n)
	}
	var numbers []int
	for _, n := range transactions {
		numbers = append(numbers, n)
	}
	slices.Sort(numbers)
	// One alone, three together in vain, then each of these by itself.
	if want := []int{1, 1, 1, 1, 3}; !slices.Equal(numbers, want) {
		t.Errorf("updates by transaction %v, want %v", numbers, want)
	}
}

func TestWhatIsPublishedHereIsSentWithoutALookIntoTheTable(t *testing.T) {
	c := newClock()
	s := newStore(t, c)
	sent := make(chan string, 100)
	d := dispatcher(s, c, domain.ChannelEmail, senderFunc(func(_ context.Context, m domain.Message) domain.Result {
		sent <- m.Event.EventID
		return ok
	}))
	stop := run(t, d)
	e, err := domain.NewEvent(domain.Event{
		MerchantID: "m1", EventID: "evt_0", Type: "refund.succeeded", CaseID: "case_1", OrderID: "order_1", BuyerID: "buyer_1",
		Number: 1, OccurredAt: time.Unix(1_700_000_000, 0), Audience: domain.AudienceEveryone,
	}, nil)
	if err != nil {
		t.Fatal(err)
	}
	for i := range 20 {
		e.EventID = fmt.Sprint("evt_", i)
		if err := s.PublishAll(t.Context(), "m1", []domain.Event{e}, d); err != nil {
			t.Fatal(err)
		}
	}
	seen := map[string]bool{}
	for range 20 {
		seen[wait(t, sent, "letter")] = true
	}
	stop()
	if n := count(t, s, store.Filter{State: domain.StatePending}); n != 0 || len(seen) != 20 {
		t.Errorf("%d are pending, %d letters", n, len(seen))
	}
	if held, _ := d.Hold([]store.Due{{DeliveryID: "dlv_1", Channel: domain.ChannelEmail}}); len(held) != 0 {
		t.Error("a loop that has ended takes something on")
	}
}

func TestAChannelWithoutASenderIsSkipped(t *testing.T) {
	c := newClock()
	s := newStore(t, c)
	e := endpoint(t, s, "https://shop.example")
	publish(t, s, "evt_1")
	d := New(s, nil, slog.New(slog.DiscardHandler), c.now)
	if _, err := d.round(context.Background(), context.Background()); err != nil {
		t.Fatal(err)
	}
	d.running.Wait()
	if n := count(t, s, store.Filter{EndpointID: e.EndpointID, State: domain.StateSkipped}); n != 1 {
		t.Errorf("%d skipped", n)
	}
}
