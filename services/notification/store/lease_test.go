package store

import (
	"context"
	"fmt"
	"sync"
	"testing"
	"time"

	"aftercare.dev/services/notification/domain"
)

const testLease = time.Minute

func due(t *testing.T, s *Store) []string {
	t.Helper()
	found, err := s.Due(context.Background(), nil, nil, 1000)
	if err != nil {
		t.Fatal(err)
	}
	ids := make([]string, len(found))
	for i, d := range found {
		ids[i] = d.DeliveryID
	}
	return ids
}

func claim(t *testing.T, s *Store, ids ...string) Lease {
	t.Helper()
	l, err := s.Claim(context.Background(), ids, testLease)
	if err != nil {
		t.Fatal(err)
	}
	return l
}

func finish(t *testing.T, s *Store, l Lease, m domain.Message, r domain.Result) bool {
	t.Helper()
	made := &Attempt{Lease: l, Message: m, Result: r}
	if err := s.Finish(context.Background(), made); err != nil {
		t.Fatal(err)
	}
	return made.Held
}

// attempt claims all that is due, which must be one webhook delivery, and finishes it.
func attempt(t *testing.T, s *Store, r domain.Result) {
	t.Helper()
	l := claim(t, s, due(t, s)...)
	if len(l.Messages) != 1 {
		t.Fatalf("claimed %d deliveries", len(l.Messages))
	}
	if !finish(t, s, l, l.Messages[0], r) {
		t.Fatal("the lease is lost")
	}
}

func only(t *testing.T, found []domain.Delivery) domain.Delivery {
	t.Helper()
	if len(found) != 1 {
		t.Fatalf("%d deliveries", len(found))
	}
	return found[0]
}

var (
	delivered = domain.Result{Verdict: domain.Delivered, Status: 200}
	refused   = domain.Result{Verdict: domain.Retry, Status: 500, Code: domain.ErrorHTTPStatus}
	gone      = domain.Result{Verdict: domain.Failed, Status: 410, Code: domain.ErrorGone, Gone: true}
)

func TestADueDeliveryIsClaimedByOneOfManyDispatchers(t *testing.T) {
	each(t, func(t *testing.T, s *Store, _ *clock) {
		endpoint(t, s, "m1", "key-0001")
		const events = 40
		for i := range events {
			publish(t, s, event(t, "m1", fmt.Sprintf("evt_%d", i), "goods.received"))
		}
		ids := due(t, s)
		if len(ids) != events {
			t.Fatalf("%d are due", len(ids))
		}
		var (
			mu      sync.Mutex
			claimed = map[string]int{}
			running sync.WaitGroup
		)
		for i := range 8 {
			running.Go(func() {
				// Overlapping parts, so that they compete.
				l, err := s.Claim(context.Background(), ids[i*4:], testLease)
				if err != nil {
					t.Error(err)
				}
				mu.Lock()
				defer mu.Unlock()
				for _, m := range l.Messages {
					claimed[m.Delivery.DeliveryID]++
					if m.Delivery.Attempts != 1 || m.Event.EventID != m.Delivery.EventID {
						t.Errorf("claimed %+v", m)
					}
				}
			})
		}
		running.Wait()
		if len(claimed) != events {
			t.Errorf("%d of %d are claimed", len(claimed), events)
		}
		for id, times := range claimed {
			if times != 1 {
				t.Errorf("%s is claimed %d times", id, times)
			}
		}
		if left := due(t, s); len(left) != 0 {
			t.Errorf("%d are still due", len(left))
		}
	})
}

func TestWhatADeadProcessWasSendingIsDueAgainUnderTheSameMessageID(t *testing.T) {
	each(t, func(t *testing.T, s *Store, c *clock) {
		hook := endpoint(t, s, "m1", "key-0001")
		publish(t, s, event(t, "m1", "evt_1", "goods.received"))
		dead := claim(t, s, due(t, s)...)
		c.advance(testLease - time.Second)
		if len(due(t, s)) != 0 {
			t.Fatal("the lease does not hold")
		}
		c.advance(time.Second)
		next := claim(t, s, due(t, s)...)
		if len(next.Messages) != 1 {
			t.Fatalf("claimed %d", len(next.Messages))
		}
		m := next.Messages[0]
		if m.Event.MessageID() != dead.Messages[0].Event.MessageID() || m.Delivery.Attempts != 2 {
			t.Errorf("claimed again: %+v", m.Delivery)
		}
		if finish(t, s, dead, dead.Messages[0], refused) {
			t.Error("a lease that ran out still holds")
		}
		if !finish(t, s, next, m, delivered) {
			t.Error("the lease of the living is lost")
		}
		if d := only(t, deliveries(t, s, "m1", Filter{EndpointID: hook.EndpointID})); d.State != domain.StateDelivered || d.LastError != "" {
			t.Errorf("at the end: %+v", d)
		}
		if len(due(t, s)) != 0 {
			t.Error("what was delivered is due")
		}
	})
}

func TestExcludedEndpointsAndChannelsDoNotHideOthers(t *testing.T) {
	each(t, func(t *testing.T, s *Store, _ *clock) {
		slow := endpoint(t, s, "m1", "key-0001", "goods.received")
		fast := endpoint(t, s, "m1", "key-0002", "case.approved")
		for i := range 5 {
			publish(t, s, event(t, "m1", fmt.Sprintf("evt_%d", i), "goods.received"))
		}
		publish(t, s, event(t, "m1", "evt_9", "case.approved"))
		found, err := s.Due(context.Background(), []string{slow.EndpointID}, []domain.Channel{domain.ChannelEmail}, 1)
		if err != nil || len(found) != 1 || found[0].TargetID != fast.EndpointID {
			t.Errorf("found %+v, %v", found, err)
		}
	})
}

func TestAFailedAttemptWaitsAndTheLastOneFails(t *testing.T) {
	each(t, func(t *testing.T, s *Store, c *clock) {
		hook := endpoint(t, s, "m1", "key-0001")
		publish(t, s, event(t, "m1", "evt_1", "goods.received"))
		of := Filter{EndpointID: hook.EndpointID}
		attempt(t, s, refused)
		d := only(t, deliveries(t, s, "m1", of))
		if d.State != domain.StatePending || d.LastStatus != 500 || d.LastError != domain.ErrorHTTPStatus || d.DueAt.Sub(c.now()) != 5*time.Second {
			t.Errorf("after one failure: %+v", d)
		}
		for d.State == domain.StatePending {
			if d.DueAt.After(c.now()) {
				c.advance(d.DueAt.Sub(c.now()))
			}
			attempt(t, s, refused)
			d = only(t, deliveries(t, s, "m1", of))
		}
		if d.State != domain.StateFailed || d.Attempts != 10 || !d.DueAt.IsZero() {
			t.Errorf("at the end: %+v", d)
		}
	})
}

func TestAResendIsDueNowWithAFreshScheduleAndTheSameMessageID(t *testing.T) {
	each(t, func(t *testing.T, s *Store, c *clock) {
		ctx := context.Background()
		hook := endpoint(t, s, "m1", "key-0001")
		publish(t, s, event(t, "m1", "evt_1", "goods.received"))
		before := claim(t, s, due(t, s)...)
		id := before.Messages[0].Delivery.DeliveryID

		under, err := s.Resend(ctx, "m1", id)
		if err != nil || under.State != domain.StatePending || len(due(t, s)) != 0 {
			t.Errorf("a resend during an attempt disturbs it: %+v, %v", under, err)
		}
		if !finish(t, s, before, before.Messages[0], delivered) {
			t.Fatal("a resend during an attempt took its lease")
		}
		again, err := s.Resend(ctx, "m1", id)
		if err != nil || again.State != domain.StatePending || again.Step != 0 || again.Attempts != 1 || !again.DueAt.Equal(c.now()) {
			t.Fatalf("resent: %+v, %v", again, err)
		}
		after := claim(t, s, due(t, s)...)
		if len(after.Messages) != 1 || after.Messages[0].Event.MessageID() != before.Messages[0].Event.MessageID() {
			t.Fatalf("claimed %+v", after.Messages)
		}
		finish(t, s, after, after.Messages[0], refused)
		sooner, err := s.Resend(ctx, "m1", id)
		if err != nil || !sooner.DueAt.Equal(c.now()) {
			t.Errorf("a waiting delivery is not sent now: %+v, %v", sooner, err)
		}

		_, err = s.Resend(ctx, "m2", id)
		wantCode(t, err, domain.CodeDeliveryNotFound)
		_, err = s.Resend(ctx, "m1", "dlv_none")
		wantCode(t, err, domain.CodeDeliveryNotFound)
		inbox, _, err := s.Inbox(ctx, "m1", "buyer_1", false, Page{})
		if err != nil {
			t.Fatal(err)
		}
		_, err = s.Resend(ctx, "m1", inbox[0].Delivery.DeliveryID)
		wantCode(t, err, domain.CodeNotResendable)
		no := false
		if _, _, err = s.ChangeEndpoint(ctx, "m1", hook.EndpointID, domain.EndpointChange{Enabled: &no}); err != nil {
			t.Fatal(err)
		}
		_, err = s.Resend(ctx, "m1", id)
		wantCode(t, err, domain.CodeEndpointDisabled)
		if err = s.RemoveEndpoint(ctx, "m1", hook.EndpointID); err != nil {
			t.Fatal(err)
		}
		_, err = s.Resend(ctx, "m1", id)
		wantCode(t, err, domain.CodeEndpointNotFound)
	})
}

func TestAttemptsThatEndTogetherAreStoredTogetherEachUnderItsOwnLease(t *testing.T) {
	each(t, func(t *testing.T, s *Store, c *clock) {
		hook := endpoint(t, s, "m1", "key-0001")
		for i := range 4 {
			publish(t, s, event(t, "m1", fmt.Sprintf("evt_%d", i), "goods.received"))
		}
		waiting := due(t, s)
		late := claim(t, s, waiting[0])
		c.advance(2 * testLease)
		again := claim(t, s, waiting[0])
		mine := claim(t, s, waiting[1:]...)
		attempts := []*Attempt{
			{Lease: mine, Message: mine.Messages[2], Result: domain.Result{Verdict: domain.Retry, Status: 503, Code: domain.ErrorHTTPStatus}},
			{Lease: late, Message: late.Messages[0], Result: domain.Result{Verdict: domain.Delivered, Status: 200}},
			{Lease: mine, Message: mine.Messages[0], Result: domain.Result{Verdict: domain.Delivered, Status: 200}},
			{Lease: mine, Message: mine.Messages[1], Result: domain.Result{Verdict: domain.Failed, Status: 400, Code: domain.ErrorHTTPStatus}},
		}
		if err := s.Finish(context.Background(), attempts...); err != nil {
			t.Fatal(err)
		}
		states := map[string]domain.State{}
		for _, d := range deliveries(t, s, "m1", Filter{EndpointID: hook.EndpointID}) {
			states[d.DeliveryID] = d.State
		}
		for i, want := range []struct {
			held  bool
			state domain.State
		}{
			{true, domain.StatePending}, {false, domain.StatePending}, {true, domain.StateDelivered}, {true, domain.StateFailed},
		} {
			if a := attempts[i]; a.Held != want.held || states[a.Message.Delivery.DeliveryID] != want.state {
				t.Errorf("attempt %d: held %v, %s", i, a.Held, states[a.Message.Delivery.DeliveryID])
			}
		}
		if !finish(t, s, again, again.Messages[0], domain.Result{Verdict: domain.Delivered, Status: 200}) {
			t.Error("whose lease it is by now has lost it")
		}
	})
}

func staffNotices(t *testing.T, s *Store) []domain.Message {
	t.Helper()
	messages, _, err := s.Inbox(context.Background(), "m1", domain.StaffRecipient, false, Page{})
	if err != nil {
		t.Fatal(err)
	}
	return messages
}

func TestAnEndpointThatAnswers410IsSwitchedOffAndTheStaffAreToldOnce(t *testing.T) {
	each(t, func(t *testing.T, s *Store, _ *clock) {
		ctx := context.Background()
		hook := endpoint(t, s, "m1", "key-0001")
		const events = 6
		for i := range events {
			publish(t, s, event(t, "m1", fmt.Sprintf("evt_%d", i), "goods.received"))
		}
		l := claim(t, s, due(t, s)...)
		var running sync.WaitGroup
		for _, m := range l.Messages {
			running.Go(func() {
				made := &Attempt{Lease: l, Message: m, Result: gone}
				if err := s.Finish(ctx, made); err != nil || !made.Held {
					t.Errorf("finish: %v, %v", made.Held, err)
				}
			})
		}
		running.Wait()
		found, err := s.Endpoint(ctx, "m1", hook.EndpointID)
		if err != nil || found.Enabled || found.DisabledReason != domain.DisabledGone {
			t.Errorf("endpoint %+v, %v", found, err)
		}
		if failed := deliveries(t, s, "m1", Filter{State: domain.StateFailed}); len(failed) != events || failed[0].LastStatus != 410 {
			t.Errorf("%d deliveries failed", len(failed))
		}
		if notices := staffNotices(t, s); len(notices) != 1 || notices[0].Event.Type != domain.TypeWebhookDisabled {
			t.Errorf("the staff got %+v", notices)
		}
		publish(t, s, event(t, "m1", "evt_later", "goods.received"))
		if len(due(t, s)) != 0 {
			t.Error("a disabled endpoint still gets messages")
		}
	})
}

func TestAnEndpointWithoutSuccessForDaysIsSwitchedOff(t *testing.T) {
	each(t, func(t *testing.T, s *Store, c *clock) {
		ctx := context.Background()
		hook := endpoint(t, s, "m1", "key-0001")
		try := func(i int, r domain.Result) domain.Endpoint {
			publish(t, s, event(t, "m1", fmt.Sprintf("evt_%d", i), "goods.received"))
			found, err := s.Due(ctx, nil, nil, 1000)
			if err != nil {
				t.Fatal(err)
			}
			l := claim(t, s, found[len(found)-1].DeliveryID)
			finish(t, s, l, l.Messages[0], r)
			e, err := s.Endpoint(ctx, "m1", hook.EndpointID)
			if err != nil {
				t.Fatal(err)
			}
			return e
		}
		for i := range 2 * domain.FailingAttempts {
			if e := try(i, refused); !e.Enabled {
				t.Fatal("disabled on the first day")
			}
		}
		if e := try(100, delivered); e.Failures != 0 || !e.FailingSince.IsZero() {
			t.Errorf("after a success: %+v", e)
		}
		for i := range domain.FailingAttempts - 1 {
			try(200+i, refused)
		}
		c.advance(domain.FailingFor)
		if e := try(300, domain.Result{Verdict: domain.Retry, Code: domain.ErrorInternal}); !e.Enabled || e.Failures != domain.FailingAttempts-1 {
			t.Errorf("our own failure counts: %+v", e)
		}
		if e := try(301, refused); e.Enabled || e.DisabledReason != domain.DisabledFailing {
			t.Errorf("after days: %+v", e)
		}
		if notices := staffNotices(t, s); len(notices) != 1 {
			t.Errorf("the staff got %d notices", len(notices))
		}
	})
}
