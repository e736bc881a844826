package store

import (
	"context"
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
		held, err := s.Finish(context.Background(), h.sent, m, domain.Result{Verdict: domain.Delivered, Status: 250}, 0)
		if err != nil || !held {
			t.Errorf("%v, %v", held, err)
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
		for range 2 {
			if err := s.PublishAll(context.Background(), "m1", events, h); err != nil {
				t.Fatal(err)
			}
		}
		if len(h.dropped) != len(h.held) || len(h.held) == 0 || h.woken == 0 {
			t.Errorf("%+v", h)
		}
		if n := len(deliveries(t, s, "m1", Filter{})); n != 4 {
			t.Errorf("%d deliveries, want an inbox message and a letter of each event", n)
		}
		other := []domain.Event{event(t, "m1", "evt_2", "case.approved")}
		wantCode(t, s.PublishAll(context.Background(), "m1", other, h), domain.CodeEventDiffers)
	})
}
