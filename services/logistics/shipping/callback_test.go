package shipping

import (
	"context"
	"errors"
	"testing"
	"time"

	"aftercare.dev/services/logistics/domain"
	"aftercare.dev/services/logistics/kuaidi100"
	"aftercare.dev/services/platform/problem"
)

func TestForgedCallbacksChangeNothing(t *testing.T) {
	with(t, func(t *testing.T, r *room) {
		s := r.create("s1", pickup())
		if _, err := r.send(s, push("T1", 13, "JD1", "guessed")); !errors.Is(err, kuaidi100.ErrForged) {
			t.Errorf("error %v", err)
		}
		stranger := s
		stranger.Token = "unknown"
		if _, err := r.send(stranger, push("T1", 13, "JD1", s.Salt)); !isNotFound(err) {
			t.Errorf("unknown token: %v", err)
		}
		got, err := r.Get(context.Background(), "m", "s1", false)
		if err != nil || got.Version != s.Version {
			t.Errorf("version %d, want %d, %v", got.Version, s.Version, err)
		}
	})
}

func TestCasesAreWokenForWhatTheyCareAboutAndAgainWhenTheNewsComeAgain(t *testing.T) {
	with(t, func(t *testing.T, r *room) {
		s := r.create("s1", pickup())
		for _, c := range []struct {
			status int
			want   string
		}{{0, ""}, {1, ""}, {2, ""}, {10, "s1:picked_up"}, {101, ""}, {1, ""}, {15, ""}, {15, ""}, {13, "s1:delivered"}, {10, "s1:picked_up"}} {
			events := r.tell(s, push("T1", c.status, "JD1", s.Salt))
			got := ""
			if len(events) > 0 {
				got = events[0].ID
			}
			if got != c.want {
				t.Errorf("status %d wakes %q, want %q", c.status, got, c.want)
			}
		}
		s, err := r.Get(context.Background(), "m", "s1", false)
		if err != nil {
			t.Fatal(err)
		}
		r.wants(s, domain.Delivered)
		if s.FreightFen != 850 {
			t.Errorf("a settlement that was told twice counts %d fen", s.FreightFen)
		}
		courier, _, err := r.Tracking(context.Background(), "m", "s1")
		if err != nil || courier.Name != "李师傅" {
			t.Errorf("courier %+v, %v", courier, err)
		}
	})
}

func TestPollingFinishesAParcelWhoseCallbacksAreAllLost(t *testing.T) {
	with(t, func(t *testing.T, r *room) {
		r.create("s1", pickup())
		r.wants(r.refreshedFrom("s1", "T1", 1, ""), domain.Accepted)
		r.carrier.with(func() {
			r.carrier.track = `{"state":"0","nu":"JD1","com":"jd","data":[{"time":"2026-11-23 13:00:00","context":"x"}]}`
		})
		r.wants(r.refreshedFrom("s1", "T1", 10, "JD1"), domain.InTransit)
		r.carrier.with(func() {
			r.carrier.track = `{"state":"3","nu":"JD1","com":"jd","data":[{"time":"2026-11-23 19:00:00","context":"x"}]}`
		})
		r.wants(r.refreshedFrom("s1", "T1", 15, "JD1"), domain.InTransit) // asked less than half an hour ago
		r.pass(patience.Query)
		s := r.refreshedFrom("s1", "T1", 15, "JD1")
		r.wants(s, domain.Delivered)
		if !s.DeliveredAt.Equal(time.Date(2026, 11, 23, 11, 0, 0, 0, time.UTC)) {
			t.Errorf("delivered at %s", s.DeliveredAt)
		}
	})
}

func TestAParcelThatTheBuyerSendsIsFollowed(t *testing.T) {
	with(t, func(t *testing.T, r *room) {
		s := r.create("s1", selfShip(" yt123456 "))
		r.wants(s, domain.Booked)
		r.wants(r.create("s1", selfShip("YT123456")), domain.Booked)
		if r.carrier.count("poll") != 1 {
			t.Errorf("%d subscriptions", r.carrier.count("poll"))
		}
		if events := r.tell(s, way("YT123456", "1", "2026-11-23 13:00:00", s.Salt)); len(events) != 1 || events[0].ID != "s1:picked_up" {
			t.Errorf("events %+v", events)
		}
		if events := r.tell(s, way("YT123456", "0", "2026-11-23 14:00:00", s.Salt)); len(events) != 0 {
			t.Errorf("events %+v", events)
		}
		if events := r.tell(s, way("YT123456", "3", "2026-11-24 14:00:00", s.Salt)); len(events) != 1 || events[0].ID != "s1:delivered" {
			t.Errorf("events %+v", events)
		}
		if events := r.tell(s, way("YT123456", "0", "2026-11-24 13:00:00", s.Salt)); len(events) != 0 {
			t.Errorf("events %+v", events)
		}
		_, scans, err := r.Tracking(context.Background(), "m", "s1")
		if err != nil || len(scans) != 1 {
			t.Errorf("scans %+v, %v", scans, err)
		}
	})
}

func TestNumbersThatCannotBeOfTheReturnAreRefused(t *testing.T) {
	with(t, func(t *testing.T, r *room) {
		ctx := context.Background()
		if _, err := r.Create(ctx, "m", "s1", selfShip("sf000001")); !problem.HasCode(err, domain.CodeTrackingOfDelivery) {
			t.Errorf("the number of the delivery: %v", err)
		}
		r.create("s1", selfShip("YT123456"))
		if _, err := r.Create(ctx, "m", "s2", selfShip("YT123456")); !problem.HasCode(err, domain.CodeTrackingInUse) {
			t.Errorf("the number of another case: %v", err)
		}
		p := r.create("s3", pickup())
		r.tell(p, push("T1", 10, "JD999999", p.Salt))
		stolen := selfShip("JD999999")
		stolen.Carrier = "JD"
		if _, err := r.Create(ctx, "m", "s4", stolen); !problem.HasCode(err, domain.CodeTrackingInUse) {
			t.Errorf("the number of a pickup: %v", err)
		}
	})
}

func TestASubscriptionWithoutAnswerIsAskedAgain(t *testing.T) {
	with(t, func(t *testing.T, r *room) {
		r.carrier.lose["poll"] = 1
		r.wants(r.create("s1", selfShip("YT123456")), domain.Requested)
		r.pass(patience.Retry)
		if err := r.Sweep(context.Background()); err != nil {
			t.Fatal(err)
		}
		s, err := r.Get(context.Background(), "m", "s1", false)
		if err != nil {
			t.Fatal(err)
		}
		r.wants(s, domain.Booked)
	})
}

func TestAParcelWithoutScansIsLostInTheEnd(t *testing.T) {
	with(t, func(_ *testing.T, r *room) {
		s := r.create("s1", selfShip("YT123456"))
		r.tell(s, way("YT123456", "0", "2026-11-23 13:00:00", s.Salt))
		r.carrier.with(func() { r.carrier.track = `{"result":false,"returnCode":"500","message":"查询无结果"}` })
		r.pass(patience.Stall - 2*time.Hour)
		r.wants(r.refreshed("s1"), domain.InTransit)
		r.pass(4 * time.Hour)
		r.wants(r.refreshed("s1"), domain.Lost)
	})
}
