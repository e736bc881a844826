package domain

import (
	"cmp"
	"time"
)

// State is where a parcel stands, whatever carrier moves it.
type State string

// The states, in the words of the contract.
const (
	Requested      State = "requested"        // asked of the carrier, its answer is open
	Booked         State = "booked"           // the carrier has the order
	Accepted       State = "accepted"         // a courier is named
	PickupFailed   State = "pickup_failed"    // nobody will come
	Cancelled      State = "cancelled"        // called off, by us or by the carrier
	PickedUp       State = "picked_up"        // the courier has it
	InTransit      State = "in_transit"       // on its way
	OutForDelivery State = "out_for_delivery" // on the last mile
	Refused        State = "refused"          // the destination would not take it
	Exception      State = "exception"        // the carrier reports a problem and goes on
	Lost           State = "lost"             // no trace for too long
	Delivered      State = "delivered"        // signed for at the destination
	Returning      State = "returning"        // on the way back to the sender
	Returned       State = "returned"         // back at the sender
)

// stage groups states that may follow each other in any order. A parcel never leaves a stage for an
// earlier one: a delivered parcel is not in transit again, whatever arrives late.
type stage int

const (
	beforePickup stage = iota
	calledOff
	moving
	delivered
	goingBack
	back
)

// standing is the place of a state: its stage, and its rank among the states of the stage when they
// are told for the same moment.
type standing struct {
	stage stage
	rank  int
}

var standings = map[State]standing{
	Requested:      {beforePickup, 0},
	Booked:         {beforePickup, 1},
	Accepted:       {beforePickup, 2},
	PickupFailed:   {calledOff, 0},
	Cancelled:      {calledOff, 1},
	PickedUp:       {moving, 0},
	InTransit:      {moving, 1},
	OutForDelivery: {moving, 2},
	Refused:        {moving, 3},
	Exception:      {moving, 4},
	Lost:           {moving, 5},
	Delivered:      {delivered, 0},
	Returning:      {goingBack, 0},
	Returned:       {back, 0},
}

// Valid tells whether s is one of the states.
func (s State) Valid() bool {
	_, known := standings[s]
	return known
}

// Physical tells whether somebody has, or had, the parcel in hand: no booking can undo that, and it
// outweighs a cancellation.
func (s State) Physical() bool { return standings[s].stage >= moving }

// Open tells whether a courier may still come.
func (s State) Open() bool { return s.Valid() && standings[s].stage == beforePickup }

// Final tells whether nothing more is expected of the carrier.
func (s State) Final() bool {
	return s == PickupFailed || s == Cancelled || s == Delivered || s == Returned
}

// Wakes tells whether a case cares about the change. Which courier comes, and the steps between pickup
// and delivery, are for people to look at in the tracking; no case waits for them.
func (s State) Wakes() bool {
	switch s {
	case PickupFailed, Cancelled, PickedUp, Delivered, Refused, Returning, Returned, Exception, Lost:
		return true
	default:
		return false
	}
}

// Observation is one thing that the carrier said about a parcel.
type Observation struct {
	State State
	// At is when it happened, zero if the carrier did not say. While the parcel moves, the newest
	// moment counts, and what has no moment counts as the oldest.
	At time.Time
	// Reason is a code, never free text.
	Reason string
}

// Supersedes tells whether o is to be believed over current. The order is total: whatever the order
// in which observations arrive, and however often, the same one remains. Before the pickup the further
// state counts, while the parcel moves the newer one.
func (o Observation) Supersedes(current Observation) bool {
	if !o.State.Valid() || !current.State.Valid() {
		return o.State.Valid()
	}
	was, is := standings[current.State], standings[o.State]
	later := o.At.Compare(current.At)
	first, second := later, is.rank-was.rank
	if is.stage == beforePickup {
		first, second = second, first
	}
	return cmp.Or(int(is.stage-was.stage), first, second, cmp.Compare(o.Reason, current.Reason)) > 0
}

// Merge returns the observation that remains and whether it is another state than current's.
func Merge(current, seen Observation) (Observation, bool) {
	if !seen.Supersedes(current) {
		return current, false
	}
	return seen, seen.State != current.State
}

// Stalled returns the observation that a parcel is lost, if it moves and nothing was heard of it
// since heard for longer than patience. It is dated at the last sign of life, so that any newer scan
// outweighs it.
func Stalled(current State, heard, now time.Time, patience time.Duration) (Observation, bool) {
	if !current.Physical() || current.Final() || current == Lost || current == Refused {
		return Observation{}, false
	}
	if now.Sub(heard) <= patience {
		return Observation{}, false
	}
	return Observation{State: Lost, At: heard, Reason: "no_scan"}, true
}
