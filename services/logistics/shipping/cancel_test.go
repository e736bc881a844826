package shipping

import (
	"context"
	"testing"
	"time"

	"aftercare.dev/services/logistics/domain"
	"aftercare.dev/services/platform/problem"
)

func TestCancellingCallsTheCourierOff(t *testing.T) {
	with(t, func(t *testing.T, r *room) {
		r.create("s1", pickup())
		for range 2 {
			s, err := r.Cancel(context.Background(), "m", "s1")
			if err != nil {
				t.Fatal(err)
			}
			r.wants(s, domain.Cancelled)
		}
		if r.carrier.live() != "" || r.carrier.count("cancel") != 1 {
			t.Errorf("live orders %q, %d cancellations", r.carrier.live(), r.carrier.count("cancel"))
		}
		r.wants(r.create("s1", pickup()), domain.Cancelled)
	})
}

func TestCancellingTooLateLeavesTheParcelOnItsWay(t *testing.T) {
	with(t, func(t *testing.T, r *room) {
		r.create("s1", pickup())
		r.carrier.set("T1", 10, "JD1")
		s, err := r.Cancel(context.Background(), "m", "s1")
		if err != nil {
			t.Fatal(err)
		}
		r.wants(s, domain.PickedUp)
	})
}

func TestACancellationWithoutAnswerIsAskedAboutAndRepeated(t *testing.T) {
	with(t, func(t *testing.T, r *room) {
		r.create("s1", pickup())
		r.carrier.lose["cancel"], r.carrier.lose["detail"] = 1, 1
		if _, err := r.Cancel(context.Background(), "m", "s1"); !problem.HasCode(err, domain.CodeCarrierUnavailable) {
			t.Fatalf("error %v", err)
		}
		r.pass(patience.Retry)
		if err := r.Sweep(context.Background()); err != nil {
			t.Fatal(err)
		}
		s, err := r.Get(context.Background(), "m", "s1", false)
		if err != nil {
			t.Fatal(err)
		}
		r.wants(s, domain.Cancelled)
	})
}

func TestAShipmentThatNeverWasIsRememberedAsCancelled(t *testing.T) {
	with(t, func(t *testing.T, r *room) {
		s, err := r.Cancel(context.Background(), "m", "s1")
		if err != nil {
			t.Fatal(err)
		}
		r.wants(s, domain.Cancelled)
		s = r.create("s1", pickup())
		r.wants(s, domain.Cancelled)
		if s.Request.CaseID != "case" || r.carrier.count("bOrder") != 0 {
			t.Errorf("case %q, %d bookings", s.Request.CaseID, r.carrier.count("bOrder"))
		}
	})
}

func TestABookingCancelledBeforeItsAnswerIsCalledOffWhenItShows(t *testing.T) {
	with(t, func(t *testing.T, r *room) {
		r.carrier.lose["bOrder"] = 1
		s := r.create("s1", pickup())
		cancelled, err := r.Cancel(context.Background(), "m", "s1")
		if err != nil {
			t.Fatal(err)
		}
		r.wants(cancelled, domain.Cancelled)
		if events := r.tell(s, push("T1", 1, "", s.Salt)); len(events) != 0 {
			t.Errorf("a case was woken: %+v", events)
		}
		if err := r.Sweep(context.Background()); err != nil {
			t.Fatal(err)
		}
		if r.carrier.live() != "" {
			t.Errorf("live orders %q", r.carrier.live())
		}
	})
}

func TestReschedulingMovesTheCourier(t *testing.T) {
	with(t, func(t *testing.T, r *room) {
		r.create("s1", pickup())
		start := time.Date(2026, 11, 24, 9, 0, 0, 0, domain.China)
		slot := domain.Slot{Start: start.UTC(), End: start.Add(2 * time.Hour).UTC()}
		for range 2 {
			s, err := r.Reschedule(context.Background(), "m", "s1", slot)
			if err != nil || !s.Slot.Equal(slot) {
				t.Fatalf("%+v, %v", s.Slot, err)
			}
		}
		if sent := r.carrier.orders[0].Param; r.carrier.count("modifyOrder") != 1 || sent["dayType"] != "明天" || sent["pickupStartTime"] != "09:00" {
			t.Errorf("%d calls, sent %v", r.carrier.count("modifyOrder"), sent)
		}
		yesterday := domain.Slot{Start: start.AddDate(0, 0, -3), End: start.AddDate(0, 0, -3).Add(time.Hour)}
		if _, err := r.Reschedule(context.Background(), "m", "s1", yesterday); !problem.HasCode(err, domain.CodeSlotNotBookable) {
			t.Errorf("a slot in the past: %v", err)
		}
	})
}

func TestReschedulingFailsWhenTheCourierWasThere(t *testing.T) {
	with(t, func(t *testing.T, r *room) {
		r.create("s1", pickup())
		start := time.Date(2026, 11, 24, 9, 0, 0, 0, domain.China)
		slot := domain.Slot{Start: start, End: start.Add(2 * time.Hour)}
		r.carrier.refuse["modifyOrder"] = []string{"400"}
		if _, err := r.Reschedule(context.Background(), "m", "s1", slot); !problem.HasCode(err, domain.CodeSlotRefused) {
			t.Errorf("refused: %v", err)
		}
		r.carrier.set("T1", 10, "JD1")
		for range 2 {
			if _, err := r.Reschedule(context.Background(), "m", "s1", slot); !problem.HasCode(err, domain.CodeTooLate) {
				t.Errorf("too late: %v", err)
			}
		}
	})
}

func TestANewTimeReachesABookingWhoseAnswerWasLost(t *testing.T) {
	with(t, func(t *testing.T, r *room) {
		r.carrier.lose["bOrder"] = 1
		s := r.create("s1", pickup())
		start := time.Date(2026, 11, 24, 9, 0, 0, 0, domain.China)
		if _, err := r.Reschedule(context.Background(), "m", "s1", domain.Slot{Start: start, End: start.Add(2 * time.Hour)}); err != nil {
			t.Fatal(err)
		}
		r.tell(s, push("T1", 0, "", s.Salt))
		r.refreshed("s1")
		if sent := r.carrier.orders[0].Param; sent["dayType"] != "明天" {
			t.Errorf("sent %v", sent)
		}
	})
}

func TestAStrayThatCannotBeCalledOffKeepsNothingElseFromBeingDone(t *testing.T) {
	with(t, func(t *testing.T, r *room) {
		s := r.create("s1", pickup())
		r.tell(s, push("ghost", 1, "", s.Salt)) // the carrier denies that it has such an order
		r.wants(r.refreshedFrom("s1", "T1", 1, ""), domain.Accepted)
		cancelled, err := r.Cancel(context.Background(), "m", "s1")
		if err != nil {
			t.Fatal(err)
		}
		r.wants(cancelled, domain.Cancelled)
	})
}
