package shipping

import (
	"context"
	"sync"
	"testing"
	"time"

	"gorm.io/gorm"

	"aftercare.dev/services/logistics/domain"
	"aftercare.dev/services/logistics/store"
	"aftercare.dev/services/platform/database/databasetest"
	"aftercare.dev/services/platform/problem"
)

func TestAPickupIsBookedOnceHoweverOftenItIsAskedFor(t *testing.T) {
	with(t, func(t *testing.T, r *room) {
		r.wants(r.create("s1", pickup()), domain.Booked)
		r.wants(r.create("s1", pickup()), domain.Booked)
		if r.carrier.live() != "T1" {
			t.Errorf("live orders %q", r.carrier.live())
		}
		sent := r.carrier.orders[0].Param
		if sent["sendManName"] != "张三" || sent["recManName"] != "仓库" || sent["remark"] != "s1" || sent["pickupStartTime"] != "13:00" {
			t.Errorf("sent %v", sent)
		}
		other := pickup()
		other.WeightGrams = 5000
		if _, err := r.Create(context.Background(), "m", "s1", other); !problem.HasCode(err, domain.CodeShipmentDiffers) {
			t.Errorf("another request under the same id: %v", err)
		}
	})
}

func TestAParcelToTheBuyerGoesTheOtherWay(t *testing.T) {
	with(t, func(t *testing.T, r *room) {
		request := pickup()
		request.Direction = domain.ToBuyer
		r.create("s1", request)
		if sent := r.carrier.orders[0].Param; sent["sendManName"] != "仓库" || sent["recManName"] != "张三" {
			t.Errorf("sent %v", sent)
		}
	})
}

func TestManyCallersMakeOneBookingAndOneCallAtATime(t *testing.T) {
	t.Parallel()
	databasetest.Each(t, store.Migrations(), func(t *testing.T, db *gorm.DB) {
		r := furnish(t, db)
		var running sync.WaitGroup
		for range 12 {
			running.Go(func() {
				if _, err := r.Create(context.Background(), "m", "s1", pickup()); err != nil {
					t.Error(err)
				}
				if _, err := r.Get(context.Background(), "m", "s1", true); err != nil {
					t.Error(err)
				}
			})
		}
		running.Wait()
		if r.carrier.live() != "T1" || r.carrier.count("bOrder") != 1 || r.carrier.most != 1 {
			t.Errorf("live orders %q, %d bookings, %d calls at once", r.carrier.live(), r.carrier.count("bOrder"), r.carrier.most)
		}
	})
}

func TestALostAnswerIsSettledByTheCallback(t *testing.T) {
	with(t, func(t *testing.T, r *room) {
		r.carrier.lose["bOrder"] = 1
		s := r.create("s1", pickup())
		r.wants(s, domain.Requested)
		r.wants(r.create("s1", pickup()), domain.Requested)
		r.wants(r.refreshed("s1"), domain.Requested)
		if events := r.tell(s, push("T1", 1, "", s.Salt)); len(events) != 0 {
			t.Errorf("the case is woken for its courier: %+v", events)
		}
		r.pass(patience.Rebook)
		r.wants(r.refreshed("s1"), domain.Accepted)
		if r.carrier.count("bOrder") != 1 {
			t.Errorf("%d bookings", r.carrier.count("bOrder"))
		}
	})
}

func TestALostAnswerThatNobodyExplainsIsAskedAgainUnderTheSameIntent(t *testing.T) {
	with(t, func(t *testing.T, r *room) {
		r.carrier.lose["bOrder"] = 1
		s := r.create("s1", pickup())
		r.pass(patience.Rebook)
		r.wants(r.create("s1", pickup()), domain.Booked)
		if a, b := r.carrier.orders[0].Param, r.carrier.orders[1].Param; a["callBackUrl"] != b["callBackUrl"] || a["thirdOrderId"] != b["thirdOrderId"] {
			t.Errorf("another intent: %v and %v", a, b)
		}
		// The first booking was made after all, and is called off as soon as it shows.
		if events := r.tell(s, push("T1", 1, "", s.Salt)); len(events) != 0 {
			t.Errorf("a case was woken: %+v", events)
		}
		if err := r.Sweep(context.Background()); err != nil {
			t.Fatal(err)
		}
		if r.carrier.live() != "T2" {
			t.Errorf("live orders %q", r.carrier.live())
		}
		r.wants(r.refreshed("s1"), domain.Booked)
	})
}

func TestACarrierThatKnowsTheBookingIsNotAskedForASecondOne(t *testing.T) {
	with(t, func(t *testing.T, r *room) {
		r.carrier.knows = true
		r.carrier.lose["bOrder"] = 1
		s := r.create("s1", pickup())
		for range patience.MaxAsks + 1 {
			r.pass(patience.Rebook)
			s = r.refreshed("s1")
			r.wants(s, domain.Requested)
		}
		if r.carrier.live() != "T1" || s.Seen.Reason != domain.ReasonUnseen {
			t.Errorf("live orders %q, reason %q", r.carrier.live(), s.Seen.Reason)
		}
		r.tell(s, push("T1", 10, "JD1", s.Salt))
		r.wants(r.refreshedFrom("s1", "T1", 10, "JD1"), domain.PickedUp)
	})
}

func TestABookingThatTheCarrierRefusesHasFailed(t *testing.T) {
	with(t, func(t *testing.T, r *room) {
		r.carrier.refuse["bOrder"] = []string{"400"}
		s := r.create("s1", pickup())
		r.wants(s, domain.PickupFailed)
		if s.Seen.Reason != "carrier_400" {
			t.Errorf("reason %q", s.Seen.Reason)
		}
		r.pass(time.Hour)
		r.wants(r.create("s1", pickup()), domain.PickupFailed)
		if r.carrier.count("bOrder") != 1 {
			t.Errorf("%d bookings", r.carrier.count("bOrder"))
		}
	})
}

func TestACarrierThatNeverAnswersIsGivenUpAndALateBookingCalledOff(t *testing.T) {
	with(t, func(t *testing.T, r *room) {
		r.carrier.lose["bOrder"] = patience.MaxAsks
		s := r.create("s1", pickup())
		for range patience.MaxAsks {
			r.pass(patience.Rebook)
			s = r.refreshed("s1")
		}
		r.wants(s, domain.PickupFailed)
		for _, task := range []string{"T1", "T2", "T3"} {
			r.tell(s, push(task, 1, "", s.Salt))
		}
		if err := r.Sweep(context.Background()); err != nil {
			t.Fatal(err)
		}
		if r.carrier.live() != "" {
			t.Errorf("live orders %q", r.carrier.live())
		}
	})
}

func TestAnAccountThatTheCarrierRefusesIsAnErrorAndLeavesTheBookingOpen(t *testing.T) {
	with(t, func(t *testing.T, r *room) {
		r.carrier.refuse["bOrder"] = []string{"601"}
		_, err := r.Create(context.Background(), "m", "s1", pickup())
		if !problem.HasCode(err, domain.CodeMisconfigured) {
			t.Fatalf("error %v", err)
		}
		r.wants(r.create("s1", pickup()), domain.Booked)
	})
}

func TestAddressesThatAreMissingAreNamedBeforeAnythingIsWritten(t *testing.T) {
	with(t, func(t *testing.T, r *room) {
		ctx := context.Background()
		if _, err := r.Create(ctx, "nobody", "s1", pickup()); !problem.HasCode(err, domain.CodeReturnAddressMissing) {
			t.Errorf("no return address: %v", err)
		}
		r.shop.buyer.Contact.Phone = ""
		_, err := r.Create(ctx, "m", "s1", pickup())
		refused, _ := problem.As(err)
		if refused == nil || refused.Code != domain.CodeContactIncomplete || refused.Errors[0].Field != "order.contact.phone" {
			t.Errorf("no phone: %v", err)
		}
		request := pickup()
		request.ContactID = "contact_unknown"
		if _, err := r.Create(ctx, "m", "s1", request); !problem.HasCode(err, domain.CodeContactNotFound) {
			t.Errorf("unknown contact: %v", err)
		}
		if _, err := r.Get(ctx, "m", "s1", false); !problem.HasCode(err, domain.CodeShipmentNotFound) {
			t.Errorf("a refused request left a shipment: %v", err)
		}
	})
}
