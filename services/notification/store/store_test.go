package store

import (
	"context"
	"fmt"
	"slices"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"gorm.io/gorm"

	"aftercare.dev/services/notification/domain"
	"aftercare.dev/services/platform/database/databasetest"
	"aftercare.dev/services/platform/problem"
)

// clock is a time that only moves when a test says so.
type clock struct{ micros atomic.Int64 }

func (c *clock) now() time.Time           { return time.UnixMicro(c.micros.Load()).UTC() }
func (c *clock) advance(by time.Duration) { c.micros.Add(by.Microseconds()) }

func newClock() *clock {
	c := &clock{}
	c.micros.Store(time.Date(2026, 11, 21, 12, 0, 0, 0, time.UTC).UnixMicro())
	return c
}

// each runs the test on both engines with a store whose e-mail is on.
func each(t *testing.T, test func(t *testing.T, s *Store, c *clock)) {
	t.Helper()
	databasetest.Each(t, Migrations(), func(t *testing.T, db *gorm.DB) {
		c := newClock()
		test(t, New(db, c.now, true), c)
	})
}

func event(t *testing.T, merchantID, eventID, eventType string) domain.Event {
	t.Helper()
	e, err := domain.NewEvent(domain.Event{
		MerchantID: merchantID, EventID: eventID, Type: eventType, CaseID: "case_1", OrderID: "order_1", BuyerID: "buyer_1",
		Number: 1, OccurredAt: time.Date(2026, 11, 21, 11, 0, 0, 0, time.UTC), Audience: domain.AudienceEveryone,
	}, map[string]any{"refund_id": "rf_1"})
	if err != nil {
		t.Fatal(err)
	}
	return e
}

func publish(t *testing.T, s *Store, e domain.Event) {
	t.Helper()
	created, err := s.Publish(context.Background(), e)
	if err != nil || !created {
		t.Fatalf("publish: %v, %v", created, err)
	}
}

func endpoint(t *testing.T, s *Store, merchantID, key string, types ...string) domain.Endpoint {
	t.Helper()
	e, _, err := s.CreateEndpoint(context.Background(), merchantID, key, "https://shop.example/"+key, types)
	if err != nil {
		t.Fatal(err)
	}
	return e
}

func deliveries(t *testing.T, s *Store, merchantID string, filter Filter) []domain.Delivery {
	t.Helper()
	found, next, err := s.Deliveries(context.Background(), merchantID, filter, Page{Limit: MaxLimit})
	if err != nil || next != "" {
		t.Fatalf("list deliveries: %q, %v", next, err)
	}
	return found
}

func wantCode(t *testing.T, err error, code string) {
	t.Helper()
	if !problem.HasCode(err, code) {
		t.Errorf("got %v, want %s", err, code)
	}
}

func TestAnEventIsStoredOnceHoweverOftenItIsPublished(t *testing.T) {
	each(t, func(t *testing.T, s *Store, _ *clock) {
		endpoint(t, s, "m1", "key-0001")
		e := event(t, "m1", "evt_1", "refund.succeeded")
		var created atomic.Int32
		var running sync.WaitGroup
		for range 16 {
			running.Go(func() {
				ok, err := s.Publish(context.Background(), e)
				if err != nil {
					t.Error(err)
				}
				if ok {
					created.Add(1)
				}
			})
		}
		running.Wait()
		if created.Load() != 1 {
			t.Errorf("created %d times", created.Load())
		}
		var channels []string
		for _, d := range deliveries(t, s, "m1", Filter{}) {
			channels = append(channels, string(d.Channel)+":"+string(d.State))
		}
		slices.Sort(channels)
		if want := []string{"email:pending", "inbox:delivered", "webhook:pending"}; !slices.Equal(channels, want) {
			t.Errorf("deliveries %v, want %v", channels, want)
		}
	})
}

func TestAnEventIDNamesOneHappeningOfOneMerchant(t *testing.T) {
	each(t, func(t *testing.T, s *Store, _ *clock) {
		publish(t, s, event(t, "m1", "evt_1", "case.approved"))
		_, err := s.Publish(context.Background(), event(t, "m1", "evt_1", "case.rejected"))
		wantCode(t, err, domain.CodeEventDiffers)
		publish(t, s, event(t, "m1", "EVT_1", "case.rejected"))
		publish(t, s, event(t, "m2", "evt_1", "case.rejected"))
	})
}

func TestADetailAddedBetweenTwoAttemptsDoesNotBlockThePublisher(t *testing.T) {
	each(t, func(t *testing.T, s *Store, _ *clock) {
		e := event(t, "m1", "evt_1", "case.approved")
		publish(t, s, e)
		e.Stage = "review"
		if created, err := s.Publish(context.Background(), e); created || err != nil {
			t.Errorf("got %v, %v", created, err)
		}
	})
}

func TestEmailIsSkippedAtOnceIfNothingSendsIt(t *testing.T) {
	databasetest.Each(t, Migrations(), func(t *testing.T, db *gorm.DB) {
		s := New(db, newClock().now, false)
		publish(t, s, event(t, "m1", "evt_1", "case.approved"))
		skipped := deliveries(t, s, "m1", Filter{State: domain.StateSkipped})
		if len(skipped) != 1 || skipped[0].Channel != domain.ChannelEmail || skipped[0].LastError != domain.ErrorChannelOff {
			t.Fatalf("skipped %+v", skipped)
		}
		_, err := s.Resend(context.Background(), "m1", skipped[0].DeliveryID)
		wantCode(t, err, domain.CodeNotResendable)
	})
}

func TestAnInboxShowsAPersonsOwnMessagesNewestFirstPageByPage(t *testing.T) {
	each(t, func(t *testing.T, s *Store, _ *clock) {
		ctx := context.Background()
		for i := range 5 {
			publish(t, s, event(t, "m1", fmt.Sprintf("evt_%d", i), "goods.received"))
		}
		other := event(t, "m1", "evt_other", "goods.received")
		other.BuyerID = "buyer_2"
		publish(t, s, other)
		publish(t, s, event(t, "m2", "evt_0", "goods.received"))

		var seen []string
		page := Page{Limit: 2}
		for {
			messages, next, err := s.Inbox(ctx, "m1", "buyer_1", false, page)
			if err != nil {
				t.Fatal(err)
			}
			for _, m := range messages {
				seen = append(seen, m.Event.EventID)
			}
			if page.Cursor = next; next == "" {
				break
			}
		}
		if want := []string{"evt_4", "evt_3", "evt_2", "evt_1", "evt_0"}; !slices.Equal(seen, want) {
			t.Errorf("read %v, want %v", seen, want)
		}
		_, _, err := s.Inbox(ctx, "m1", "buyer_1", false, Page{Cursor: "' OR 1=1"})
		wantCode(t, err, problem.CodeInvalid)
	})
}

func TestOnlyThePersonCanReadAMessageAndOnlyTheFirstTimeCounts(t *testing.T) {
	each(t, func(t *testing.T, s *Store, c *clock) {
		ctx := context.Background()
		publish(t, s, event(t, "m1", "evt_1", "goods.received"))
		publish(t, s, event(t, "m1", "evt_2", "goods.received"))
		messages, _, err := s.Inbox(ctx, "m1", "buyer_1", true, Page{})
		if err != nil || len(messages) != 2 {
			t.Fatalf("unread: %d, %v", len(messages), err)
		}
		id := messages[0].Delivery.DeliveryID
		for _, stranger := range [][2]string{{"m1", "buyer_2"}, {"m1", "staff"}, {"m2", "buyer_1"}} {
			_, err := s.MarkRead(ctx, stranger[0], stranger[1], id)
			wantCode(t, err, domain.CodeMessageNotFound)
		}
		first, err := s.MarkRead(ctx, "m1", "buyer_1", id)
		if err != nil || !first.Delivery.ReadAt.Equal(c.now()) {
			t.Fatalf("read at %v, %v", first.Delivery.ReadAt, err)
		}
		c.advance(time.Hour)
		again, err := s.MarkRead(ctx, "m1", "buyer_1", id)
		if err != nil || !again.Delivery.ReadAt.Equal(first.Delivery.ReadAt) {
			t.Errorf("read again at %v, %v", again.Delivery.ReadAt, err)
		}
		if messages, _, err = s.Inbox(ctx, "m1", "buyer_1", true, Page{}); err != nil || len(messages) != 1 || messages[0].Event.EventID != "evt_1" {
			t.Errorf("unread then: %d, %v", len(messages), err)
		}
	})
}

func TestDeliveriesAreFoundByCaseEndpointAndState(t *testing.T) {
	each(t, func(t *testing.T, s *Store, _ *clock) {
		hook := endpoint(t, s, "m1", "key-0001", "case.approved")
		publish(t, s, event(t, "m1", "evt_1", "case.approved"))
		elsewhere := event(t, "m1", "evt_2", "goods.received")
		elsewhere.CaseID = "case_2"
		publish(t, s, elsewhere)
		for name, c := range map[string]struct {
			merchantID string
			filter     Filter
			want       int
		}{
			"all":             {"m1", Filter{}, 4},
			"case":            {"m1", Filter{CaseID: "case_2"}, 1},
			"endpoint":        {"m1", Filter{EndpointID: hook.EndpointID}, 1},
			"no endpoint":     {"m1", Filter{EndpointID: "buyer_1"}, 0},
			"state":           {"m1", Filter{State: domain.StateDelivered}, 2},
			"state of a case": {"m1", Filter{CaseID: "case_1", State: domain.StatePending}, 2},
			"other merchant":  {"m2", Filter{}, 0},
		} {
			if got := len(deliveries(t, s, c.merchantID, c.filter)); got != c.want {
				t.Errorf("%s: %d, want %d", name, got, c.want)
			}
		}
	})
}
