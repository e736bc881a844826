package store

import (
	"context"
	"fmt"
	"slices"
	"sync"
	"testing"
	"time"

	"aftercare.dev/services/notification/domain"
)

// hands holds as many deliveries as there are places, and keeps what it is given.
type hands struct {
	places  int
	held    []Due
	dropped []Due
	sent    Lease
	woken   int
}

func (h *hands) Hold(due []Due) ([]Due, time.Duration) {
	h.held = due[:min(h.places, len(due))]
	return h.held, time.Minute
}
func (h *hands) Drop(held []Due) { h.dropped = held }
func (h *hands) Send(held Lease) { h.sent = held }
func (h *hands) Wake()           { h.woken++ }

func TestWhatTheSenderHoldsIsStoredAsClaimedByIt(t *testing.T) {
	each(t, func(t *testing.T, s *Store, c *clock) {
		endpoint(t, s, "m1", "key-0001")
		h := &hands{places: 1}
		events := []domain.Event{event(t, "m1", "evt_1", "refund.succeeded"), event(t, "m1", "evt_2", "case.closed")}
		if err := s.PublishAll(context.Background(), "m1", events, h); err != nil {
			t.Fatal(err)
		}
		if len(h.sent.Messages) != 1 || h.woken != 1 || len(h.dropped) != 0 {
			t.Fatalf("%+v", h)
		}
		m := h.sent.Messages[0]
		if m.Event.EventID != "evt_1" || m.Delivery.Attempts != 1 || m.Delivery.Step != 1 {
			t.Errorf("%+v", m)
		}
		due, err := s.Due(context.Background(), nil, nil, 100)
		if err != nil || len(due) != 3 {
			t.Errorf("%d are for others, want 3, %v", len(due), err)
		}
		if !finish(t, s, h.sent, m, domain.Result{Verdict: domain.Delivered, Status: 250}) {
			t.Error("the lease is lost")
		}
		c.advance(2 * time.Minute)
		if due, err := s.Due(context.Background(), nil, nil, 100); err != nil || len(due) != 3 {
			t.Errorf("what was sent is due again: %v, %v", due, err)
		}
	})
}

func TestWhatASenderThatDiedHeldIsDueAfterItsLease(t *testing.T) {
	each(t, func(t *testing.T, s *Store, c *clock) {
		h := &hands{places: 9}
		if err := s.PublishAll(context.Background(), "m1", []domain.Event{event(t, "m1", "evt_1", "refund.succeeded")}, h); err != nil {
			t.Fatal(err)
		}
		if due, err := s.Due(context.Background(), nil, nil, 100); err != nil || len(due) != 0 {
			t.Errorf("%v, %v", due, err)
		}
		c.advance(61 * time.Second)
		if due, err := s.Due(context.Background(), nil, nil, 100); err != nil || len(due) != 1 {
			t.Errorf("%v, %v", due, err)
		}
	})
}

func TestOfEventsThatAreKnownTheRestIsStored(t *testing.T) {
	each(t, func(t *testing.T, s *Store, _ *clock) {
		publish(t, s, event(t, "m1", "evt_1", "refund.succeeded"))
		h := &hands{places: 9}
		events := []domain.Event{event(t, "m1", "evt_1", "refund.succeeded"), event(t, "m1", "evt_2", "case.closed")}
		if err := s.PublishAll(context.Background(), "m1", events, h); err != nil {
			t.Fatal(err)
		}
		if len(h.dropped) != 2 || len(h.held) != 1 || len(h.sent.Messages) != 1 || h.sent.Messages[0].Event.EventID != "evt_2" {
			t.Errorf("the letter of the one that is new is sent from hand to hand: %+v", h)
		}
		if err := s.PublishAll(context.Background(), "m1", events, h); err != nil {
			t.Fatal(err)
		}
		if n := len(deliveries(t, s, "m1", Filter{})); n != 4 {
			t.Errorf("%d deliveries, want an inbox message and a letter of each event", n)
		}
	})
}

func TestOfEventsOneOfWhichDiffersNoneIsStored(t *testing.T) {
	each(t, func(t *testing.T, s *Store, _ *clock) {
		publish(t, s, event(t, "m1", "evt_2", "case.closed"))
		h := &hands{places: 9}
		for _, events := range [][]domain.Event{
			{event(t, "m1", "evt_1", "refund.succeeded"), event(t, "m1", "evt_2", "case.approved")},
			{event(t, "m1", "evt_1", "refund.succeeded"), event(t, "m1", "evt_3", "case.closed"), event(t, "m1", "evt_3", "case.approved")},
		} {
			wantCode(t, s.PublishAll(context.Background(), "m1", events, h), domain.CodeEventDiffers)
		}
		if n := len(deliveries(t, s, "m1", Filter{})); n != 2 || len(h.sent.Messages) != 0 || len(h.dropped) != len(h.held) {
			t.Errorf("%d deliveries, want those of the event that was there: %+v", n, h)
		}
	})
}

func TestAnEventTwiceInARequestIsStoredOnce(t *testing.T) {
	each(t, func(t *testing.T, s *Store, _ *clock) {
		events := []domain.Event{event(t, "m1", "evt_1", "refund.succeeded"), event(t, "m1", "evt_1", "refund.succeeded")}
		if err := s.PublishAll(context.Background(), "m1", events, &hands{}); err != nil {
			t.Fatal(err)
		}
		if n := len(deliveries(t, s, "m1", Filter{})); n != 2 {
			t.Errorf("%d deliveries", n)
		}
	})
}

func TestEventsOfManyCasesReachEachBuyerInTheirOrderAndEveryEndpoint(t *testing.T) {
	each(t, func(t *testing.T, s *Store, _ *clock) {
		const cases, endpoints = 25, domain.MaxEndpoints
		for i := range endpoints {
			endpoint(t, s, "m1", fmt.Sprintf("key-%04d", i))
		}
		var events []domain.Event
		for number := range 4 { // as they are gathered: a step of each case, then the next one; the ids do not sort by it
			for c := range cases {
				e := event(t, "m1", fmt.Sprintf("evt_%d_%d", 9-number, c), "refund.succeeded")
				e.CaseID, e.BuyerID, e.Number = fmt.Sprintf("case_%d", c), fmt.Sprintf("buyer_%d", c), int64(number+1)
				events = append(events, e)
			}
		}
		if err := s.PublishAll(context.Background(), "m1", events, &hands{}); err != nil {
			t.Fatal(err)
		}
		for c := range cases {
			inbox, _, err := s.Inbox(context.Background(), "m1", fmt.Sprintf("buyer_%d", c), false, Page{})
			if err != nil || len(inbox) != 4 {
				t.Fatalf("%d messages, %v", len(inbox), err)
			}
			for i, m := range inbox {
				if m.Event.CaseID != fmt.Sprintf("case_%d", c) || m.Event.Number != int64(4-i) {
					t.Errorf("message %d of buyer %d: number %d of %s", i, c, m.Event.Number, m.Event.CaseID)
				}
			}
			if n := len(deliveries(t, s, "m1", Filter{CaseID: fmt.Sprintf("case_%d", c)})); n != 4*(2+endpoints) {
				t.Errorf("%d deliveries", n)
			}
		}
	})
}

func TestRequestsWithTheSameEventsInAnyOrderStoreEachOnce(t *testing.T) {
	each(t, func(t *testing.T, s *Store, _ *clock) {
		const requests, count = 8, 40
		var running sync.WaitGroup
		for r := range requests {
			var events []domain.Event
			for i := range count {
				// The second half of a request is the first of the next one.
				events = append(events, event(t, "m1", fmt.Sprintf("evt_%d", (r*count/2+i)%(requests*count/2)), "case.closed"))
			}
			if r%2 == 1 {
				slices.Reverse(events)
			}
			running.Go(func() {
				if err := s.PublishAll(context.Background(), "m1", events, &hands{}); err != nil {
					t.Error(err)
				}
			})
		}
		running.Wait()
		if n := countOf(t, s, "m1"); n != 2*requests*count/2 {
			t.Errorf("%d deliveries", n)
		}
	})
}

// countOf counts the deliveries of a merchant that are more than a page.
func countOf(t *testing.T, s *Store, merchantID string) (sum int) {
	t.Helper()
	for page := (Page{Limit: MaxLimit}); ; {
		found, next, err := s.Deliveries(context.Background(), merchantID, Filter{}, page)
		if err != nil {
			t.Fatal(err)
		}
		sum += len(found)
		if next == "" {
			return sum
		}
		page.Cursor = next
	}
}
