package domain

import "time"

// Work is what has to be done at the carrier before shipment and carrier agree.
type Work int

// The kinds of work.
const (
	Nothing    Work = iota
	CallOff         // cancel an order that nobody wants
	CancelPick      // cancel the order of this shipment
	Book            // ask for a courier
	Move            // ask for another time
	Subscribe       // ask to be told of the parcel's way
	GiveUp          // the carrier never answered; nobody will come
)

// Patience is how long the service waits for what.
type Patience struct {
	// Rebook is how long an unanswered booking may still turn up before it is asked for again.
	Rebook time.Duration
	// MaxAsks is how often a carrier that does not answer is asked.
	MaxAsks int
	// Stall is how long a moving parcel may go without a scan before it counts as lost.
	Stall time.Duration
	// Query is the least time between two questions about one parcel's way.
	Query time.Duration
	// Lease bounds how long one call to the carrier may take, all included.
	Lease time.Duration
	// Retry is when unfinished business is looked at again.
	Retry time.Duration
}

// ReasonUnseen marks a booking that the carrier has, yet whose number it did not tell us.
const ReasonUnseen = "booking_number_unknown"

// Next tells what to do at the carrier now, and with which order. If there is nothing to do now, later
// is when there will be, zero if there will not. Strays come last, so that one that cannot be called off
// keeps nothing else from being done.
func (s Shipment) Next(now time.Time, p Patience) (work Work, order OrderRef, later time.Time) {
	if s.Request.Method == SelfShip {
		work, later = s.nextSubscription(now, p)
		return work, OrderRef{}, later
	}
	if work, later = s.nextPickup(now, p); work != Nothing {
		return work, s.Order, time.Time{}
	}
	for _, stray := range s.Strays {
		if !stray.Ended {
			return CallOff, stray.Order, time.Time{}
		}
	}
	return Nothing, OrderRef{}, later
}

func (s Shipment) nextPickup(now time.Time, p Patience) (work Work, later time.Time) {
	switch {
	case s.CancelWanted && s.Order.TaskID != "":
		return CancelPick, time.Time{}
	case s.SlotPending && s.Order.TaskID != "" && s.Seen.State.Open():
		return Move, time.Time{}
	case s.Seen.State != Requested || s.Order.TaskID != "" || s.CancelWanted:
		return Nothing, time.Time{}
	case s.AskedAt.IsZero():
		return Book, time.Time{}
	case now.Before(s.AskedAt.Add(p.Rebook)):
		return Nothing, s.AskedAt.Add(p.Rebook)
	case s.Asked >= p.MaxAsks && s.Seen.Reason != ReasonUnseen:
		return GiveUp, time.Time{}
	}
	return Book, time.Time{}
}

func (s Shipment) nextSubscription(now time.Time, p Patience) (work Work, later time.Time) {
	switch {
	case s.Subscribed || s.Seen.State.Final():
		return Nothing, time.Time{}
	case !s.AskedAt.IsZero() && now.Before(s.AskedAt.Add(p.Retry)):
		return Nothing, s.AskedAt.Add(p.Retry)
	}
	return Subscribe, time.Time{}
}

// WorkAt is when somebody should look at the shipment without being asked, zero for never.
func (s Shipment) WorkAt(now time.Time, p Patience) time.Time {
	work, _, later := s.Next(now, p)
	if work == Nothing && later.IsZero() {
		return time.Time{}
	}
	if work != Nothing {
		later = now
	}
	if later.Before(s.RetryAt) {
		later = s.RetryAt
	}
	return later
}

// Acquire takes the lease for holder if it is free, and tells whether it did.
func (s *Shipment) Acquire(holder string, now time.Time, length time.Duration) bool {
	if s.Lease != "" && now.Before(s.LeaseUntil) {
		return false
	}
	s.Lease, s.LeaseUntil = holder, now.Add(length)
	return true
}

// Release gives the lease back if holder has it.
func (s *Shipment) Release(holder string) {
	if s.Lease == holder {
		s.Lease, s.LeaseUntil = "", time.Time{}
	}
}

// CallOff notes that nobody should come. A booking that the carrier never confirmed counts as
// cancelled at once; should it turn up, it will be called off then.
func (s *Shipment) CallOff(now time.Time) {
	if !s.Seen.State.Open() {
		return
	}
	s.CancelWanted = s.Request.Method == Pickup
	s.RetryAt = time.Time{}
	if s.Order.TaskID == "" {
		s.Seen, _ = Merge(s.Seen, Observation{State: Cancelled, Reason: "cancelled_by_us"})
		s.SlotPending = false
	}
	s.UpdatedAt = now
}

// MoveTo sets the time of the courier. The carrier has to be told only if it may have heard of
// another one.
func (s *Shipment) MoveTo(slot Slot) {
	s.Slot = slot
	s.SlotPending = s.Order.TaskID != "" || !s.AskedAt.IsZero()
	s.RetryAt = time.Time{}
}

// Ask notes that the carrier is about to be asked for a courier or a subscription. It must be saved
// before the call.
func (s *Shipment) Ask(now time.Time) {
	s.AskedAt = now
	s.Asked++
}

// NotAsked notes that the carrier surely did nothing.
func (s *Shipment) NotAsked() { s.AskedAt = time.Time{} }

// Fail notes that nobody will come, for the reason. Should an order turn up all the same, it is called
// off.
func (s *Shipment) Fail(reason string) {
	s.Seen, _ = Merge(s.Seen, Observation{State: PickupFailed, Reason: reason})
	s.CancelWanted = s.Request.Method == Pickup && s.Order.TaskID == ""
	s.SlotPending = false
}

// Unseen notes that the carrier has the booking and did not tell its number.
func (s *Shipment) Unseen() {
	if s.Seen.State == Requested {
		s.Seen.Reason = ReasonUnseen
	}
}

// Follow notes that the carrier will push the parcel's way.
func (s *Shipment) Follow(now time.Time) {
	s.Subscribed = true
	s.Receive(Report{Seen: Observation{State: Booked}}, now)
}

// Weight is what the courier is told, in grams: a kilogram if nobody said.
func (s Shipment) Weight() int {
	if s.Request.WeightGrams > 0 {
		return s.Request.WeightGrams
	}
	return 1000
}
