package domain

import (
	"errors"
	"testing"
	"time"

	"pgregory.net/rapid"
)

var patience = Patience{Rebook: 10 * time.Minute, MaxAsks: 3, Stall: 7 * 24 * time.Hour, Query: 30 * time.Minute, Lease: time.Minute, Retry: time.Minute}

func pickup(t testing.TB) Shipment {
	t.Helper()
	s, err := NewShipment("m", "s", Request{CaseID: "c", OrderID: "o", Direction: ToWarehouse, Method: Pickup}, NextSlot(noon), noon)
	if err != nil {
		t.Fatal(err)
	}
	return s
}

func of(task string, state State) Report {
	return Report{Order: OrderRef{TaskID: task}, Seen: Observation{State: state}}
}

func TestRequestsThatContradictThemselvesNameTheField(t *testing.T) {
	t.Parallel()
	for field, r := range map[string]Request{
		"direction": {Direction: "up", Method: Pickup},
		"method":    {Direction: ToBuyer, Method: "drone"},
		"parcel":    {Direction: ToBuyer, Method: SelfShip, Carrier: "jd"},
		"pickup":    {Direction: ToBuyer, Method: SelfShip, Carrier: "jd", TrackingNumber: "JD123456", WeightGrams: 1},
	} {
		var invalid *InvalidError
		if err := r.Validate(); !errors.As(err, &invalid) || invalid.Field != field {
			t.Errorf("%+v: %v, want %s", r, err, field)
		}
	}
}

func TestAnUnansweredBookingIsAskedAgainOnlyAfterItsTimeAndNotForEver(t *testing.T) {
	t.Parallel()
	s, now := pickup(t), noon
	for ask := range patience.MaxAsks {
		if work, _, _ := s.Next(now, patience); work != Book {
			t.Fatalf("ask %d: work %d, want Book", ask, work)
		}
		s.Ask(now)
		if work, _, later := s.Next(now.Add(patience.Rebook-1), patience); work != Nothing || !later.Equal(now.Add(patience.Rebook)) {
			t.Fatalf("ask %d: work %d at %s", ask, work, later)
		}
		now = now.Add(patience.Rebook)
	}
	if work, _, _ := s.Next(now, patience); work != GiveUp {
		t.Fatalf("work %d, want GiveUp", work)
	}
	s.Fail("carrier_silent")
	s.Receive(of("late", Accepted), now)
	if work, order, _ := s.Next(now, patience); work != CancelPick || order.TaskID != "late" || s.Seen.State != PickupFailed {
		t.Errorf("a booking that turns up late: work %d on %v, state %s", work, order, s.Seen.State)
	}
}

func TestABookingThatTheCarrierSurelyHasIsNotGivenUp(t *testing.T) {
	t.Parallel()
	s, now := pickup(t), noon
	for range patience.MaxAsks + 2 {
		s.Ask(now)
		s.Unseen()
		now = now.Add(patience.Rebook)
	}
	if work, _, _ := s.Next(now, patience); work != Book {
		t.Errorf("work %d, want Book", work)
	}
}

func TestASecondBookingIsCalledOffUnlessItsCourierHasTheParcel(t *testing.T) {
	t.Parallel()
	s := pickup(t)
	s.Receive(of("first", Accepted), noon)
	if _, wake := s.Receive(of("second", Accepted), noon); wake || s.Order.TaskID != "first" {
		t.Fatalf("the second booking took over: %+v", s.Order)
	}
	if work, order, _ := s.Next(noon, patience); work != CallOff || order.TaskID != "second" {
		t.Fatalf("work %d on %v", work, order)
	}
	s.Receive(of("second", PickedUp), noon)
	if s.Order.TaskID != "second" || s.Seen.State != PickedUp {
		t.Fatalf("main order %v, state %s", s.Order, s.Seen.State)
	}
	if work, order, _ := s.Next(noon, patience); work != CallOff || order.TaskID != "first" {
		t.Errorf("work %d on %v", work, order)
	}
	s.Receive(of("first", Cancelled), noon)
	if work, _, _ := s.Next(noon, patience); work != Nothing || s.Seen.State != PickedUp {
		t.Errorf("work %d, state %s", work, s.Seen.State)
	}
}

func TestABookingThatTurnsUpAfterTheCancellationIsCalledOff(t *testing.T) {
	t.Parallel()
	s := pickup(t)
	s.Ask(noon)
	s.CallOff(noon)
	if s.Seen.State != Cancelled {
		t.Fatalf("state %s", s.Seen.State)
	}
	if _, wake := s.Receive(of("late", Accepted), noon); wake {
		t.Error("a case was woken")
	}
	if work, order, _ := s.Next(noon, patience); work != CancelPick || order.TaskID != "late" {
		t.Fatalf("work %d on %v", work, order)
	}
	s.Receive(of("late", Cancelled), noon)
	if work, _, _ := s.Next(noon, patience); work != Nothing {
		t.Errorf("work %d", work)
	}
}

func TestNewsInAnyOrderLeaveTheSameShipment(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(t *rapid.T) {
		seen := observations(t)
		news := make([]Report, 0, len(seen))
		for _, o := range seen {
			news = append(news, Report{Order: OrderRef{TaskID: "task"}, Seen: o})
		}
		play := func(news []Report) Observation {
			s := Shipment{Request: Request{Method: Pickup}, Seen: Observation{State: Requested}}
			for _, r := range news {
				s.Receive(r, noon)
			}
			return s.Seen
		}
		want := play(news)
		if got := play(rapid.Permutation(news).Draw(t, "shuffled")); got != want {
			t.Fatalf("%v and %v", want, got)
		}
	})
}

func TestFreightAddsUpUntilACorrection(t *testing.T) {
	t.Parallel()
	s := pickup(t)
	tell := func(fen int64, kind FreightKind) {
		s.Receive(Report{Order: OrderRef{TaskID: "t"}, FreightFen: fen, Freight: kind}, noon)
	}
	tell(800, FreightAdds)
	tell(200, FreightAdds)
	tell(900, FreightTotal)
	if s.FreightFen != 1000 {
		t.Errorf("freight %d, want 1000", s.FreightFen)
	}
	tell(700, FreightReplaces)
	if s.FreightFen != 700 {
		t.Errorf("freight %d, want 700", s.FreightFen)
	}
}

func TestOnlyAParcelThatSomebodyHadCountsAsPickedUp(t *testing.T) {
	t.Parallel()
	s, err := NewShipment("m", "s", Request{Direction: ToWarehouse, Method: SelfShip, Carrier: "yuantong", TrackingNumber: "YT123456"}, Slot{}, noon)
	if err != nil {
		t.Fatal(err)
	}
	s.Receive(Report{Seen: Observation{State: Lost, Reason: "no_scan"}}, noon)
	if s.Seen.State != Lost || !s.PickedUpAt.IsZero() {
		t.Fatalf("state %s, picked up at %s", s.Seen.State, s.PickedUpAt)
	}
	first, last := noon.Add(time.Hour), noon.Add(2*time.Hour)
	s.Receive(Report{
		TrackingNumber: "YT123456", Seen: Observation{State: Delivered, At: last},
		Scans: []Scan{{At: last}, {At: first}},
	}, noon.Add(3*time.Hour))
	if !s.PickedUpAt.Equal(first) || !s.DeliveredAt.Equal(last) {
		t.Errorf("picked up %s, delivered %s", s.PickedUpAt, s.DeliveredAt)
	}
}

func TestNewsOfAnotherParcelAreIgnored(t *testing.T) {
	t.Parallel()
	s, err := NewShipment("m", "s", Request{Direction: ToWarehouse, Method: SelfShip, Carrier: "yuantong", TrackingNumber: "YT123456"}, Slot{}, noon)
	if err != nil {
		t.Fatal(err)
	}
	s.Receive(Report{TrackingNumber: "YT999999", Seen: Observation{State: Delivered, At: noon}}, noon)
	s.Receive(of("task", Delivered), noon)
	if s.Seen.State != Requested {
		t.Fatalf("state %s", s.Seen.State)
	}
	s.CallOff(noon)
	s.Receive(Report{TrackingNumber: "YT123456", Seen: Observation{State: Delivered, At: noon}}, noon)
	if s.Seen.State != Cancelled || s.OpenTracking() != "" {
		t.Errorf("state %s, number %q", s.Seen.State, s.OpenTracking())
	}
}

func TestALeaseIsHeldByOneAndRunsOut(t *testing.T) {
	t.Parallel()
	var s Shipment
	if !s.Acquire("a", noon, time.Minute) || s.Acquire("b", noon.Add(time.Minute-1), time.Minute) {
		t.Fatal("two holders")
	}
	s.Release("b")
	if s.Acquire("b", noon, time.Minute) {
		t.Fatal("released by somebody else")
	}
	if !s.Acquire("b", noon.Add(time.Minute), time.Minute) {
		t.Fatal("never runs out")
	}
	s.Release("b")
	if s.Lease != "" {
		t.Error("not released")
	}
}

func TestTheSameNewsHaveTheSameEventID(t *testing.T) {
	t.Parallel()
	o := Observation{State: PickedUp, At: noon}
	if EventID("s", o) != EventID("s", Observation{State: PickedUp}) {
		t.Error("a state that comes once has several ids")
	}
	first, second := Observation{State: Exception, At: noon}, Observation{State: Exception, At: noon.Add(time.Hour)}
	if EventID("s", first) == EventID("s", second) {
		t.Error("a second problem has the id of the first")
	}
}

func TestATaskThatWasPutIntoAGenuineCallbackIsNotBelieved(t *testing.T) {
	t.Parallel()
	for _, state := range []State{Accepted, PickedUp, Cancelled} {
		s := pickup(t)
		s.Receive(Report{Order: OrderRef{TaskID: "ours", OrderID: "O1"}, Seen: Observation{State: Accepted}}, noon)
		s.Receive(Report{Order: OrderRef{TaskID: "another parcel's", OrderID: "O1"}, Seen: Observation{State: state}}, noon)
		if s.Order.TaskID != "ours" || len(s.Strays) > 0 {
			t.Errorf("%s: order %+v, strays %+v", state, s.Order, s.Strays)
		}
	}
}
