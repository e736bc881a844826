package domain

import (
	"strconv"
	"strings"
	"time"
)

// Shipment is one parcel of a case: what was wanted, what was asked of the carrier, and what is known.
// It is changed in memory by the methods below and saved as a whole by the store, which lets one of
// several writers win and the others start again.
type Shipment struct {
	MerchantID, ShipmentID string
	Request                Request
	// Fingerprint is of the request; empty for a shipment that was cancelled before it was asked for.
	Fingerprint string

	// Token and Salt make the callback address of this parcel unguessable and its content verifiable.
	Token, Salt string

	Seen           Observation
	Carrier        string
	TrackingNumber string
	Slot           Slot
	FreightFen     int64
	// PickedUpAt is zero until somebody really had the parcel in hand.
	PickedUpAt, DeliveredAt time.Time

	// Order is the booking at the carrier; an empty TaskID means that none is known.
	Order  OrderRef
	Strays []Stray
	// AskedAt is when the carrier was asked for a courier or a subscription, zero if it was not or is
	// known to have done nothing; Asked counts how often. Both are saved before the call.
	AskedAt time.Time
	Asked   int
	// CancelWanted and SlotPending are wishes that the carrier has not confirmed.
	CancelWanted, SlotPending bool
	// Subscribed tells that the carrier pushes the parcel's way.
	Subscribed bool
	// QueriedAt is when the parcel's way was last asked for, LastScanAt its newest scan.
	QueriedAt, LastScanAt time.Time

	// Lease is held by the one who talks to the carrier about this shipment.
	Lease      string
	LeaseUntil time.Time
	// RetryAt is when unfinished business is looked at again at the earliest.
	RetryAt time.Time

	CreatedAt, UpdatedAt time.Time
	Version              int64

	// Courier and Scans are what this change learned, to be saved; both are personal data and are not
	// loaded with a shipment.
	Courier *Courier
	Scans   []Scan
}

// Courier is who comes: personal data.
type Courier struct {
	Name, Phone string
}

// NewShipment returns a shipment that is about to be asked for, or an [*InvalidError]. slot is when a
// courier should come; it may be zero for a parcel that somebody brings.
func NewShipment(merchantID, shipmentID string, r Request, slot Slot, now time.Time) (Shipment, error) {
	if err := r.Validate(); err != nil {
		return Shipment{}, err
	}
	return Shipment{
		MerchantID: merchantID, ShipmentID: shipmentID, Request: r, Fingerprint: r.Fingerprint(),
		Token: NewSecret(), Salt: NewSecret(),
		Seen: Observation{State: Requested}, Slot: slot, Carrier: r.Carrier, TrackingNumber: r.TrackingNumber,
		CreatedAt: now, UpdatedAt: now,
	}, nil
}

// NeverWanted returns a shipment that was called off before it was asked for, so that a late request
// finds it cancelled.
func NeverWanted(merchantID, shipmentID string, now time.Time) Shipment {
	return Shipment{
		MerchantID: merchantID, ShipmentID: shipmentID,
		Request: Request{Direction: ToWarehouse, Method: Pickup},
		Token:   NewSecret(), Salt: NewSecret(),
		Seen:      Observation{State: Cancelled, Reason: "cancelled_by_us"},
		CreatedAt: now, UpdatedAt: now,
	}
}

// OpenTracking is the key that no two open parcels of a merchant may share, empty if this one has
// none. Only a parcel that did not travel or came back gives its number free: a delivered one still
// stands for the case that it was sent for.
func (s Shipment) OpenTracking() string {
	if s.Request.Method != SelfShip {
		return ""
	}
	switch s.Seen.State {
	case Cancelled, PickupFailed, Returned:
		return ""
	default:
		return s.Request.Carrier + ":" + s.Request.TrackingNumber
	}
}

// Receive takes what the carrier says and returns the news that a case should be woken for, if the
// parcel came to stand elsewhere. The same set of reports leaves the same state in any order; only
// freight has to be told once each.
func (s *Shipment) Receive(r Report, now time.Time) (wake Observation, changed bool) {
	if s.Request.Method == SelfShip && standings[s.Seen.State].stage == calledOff {
		// Its number is free again; what is told of it may be another parcel's.
		return Observation{}, false
	}
	if r.Order.TaskID != "" && !s.recognise(r) {
		return Observation{}, false
	}
	if r.Order.TaskID == "" && r.TrackingNumber != "" && s.TrackingNumber != "" && r.TrackingNumber != s.TrackingNumber {
		return Observation{}, false
	}
	s.learn(r)
	if r.Seen.State == "" {
		return Observation{}, false
	}
	s.date(r, now)
	s.Seen, changed = Merge(s.Seen, r.Seen)
	if !r.Seen.State.Open() {
		// What was wished of the courier is done, or too late.
		s.CancelWanted, s.SlotPending = false, false
	}
	return s.Seen, changed && s.Seen.State.Wakes()
}

// recognise tells whether the report's order is the one of this shipment. The first order that is
// heard of is; another one is a stray, unless its courier has the parcel.
func (s *Shipment) recognise(r Report) bool {
	switch {
	case s.Request.Method != Pickup:
		return false // nobody booked a courier for it
	case s.Order.TaskID == "":
		s.Order, s.RetryAt = r.Order, time.Time{}
		return true
	case s.Order.TaskID == r.Order.TaskID:
		if s.Order.OrderID == "" {
			s.Order.OrderID = r.Order.OrderID
		}
		return true
	case r.Order.OrderID != "" && r.Order.OrderID == s.Order.OrderID:
		return true // what the carrier signs has the order and not the task: another task was put there by somebody else
	case r.Seen.State.Physical() && !s.Seen.State.Physical():
		s.strayed(s.Order, s.Seen.State == PickupFailed)
		s.forget(r.Order.TaskID)
		s.Order, s.TrackingNumber = r.Order, ""
		return true
	}
	ended := r.Seen.State == Cancelled || r.Seen.State == PickupFailed || r.Seen.State.Physical()
	s.strayed(r.Order, ended)
	return false
}

func (s *Shipment) strayed(order OrderRef, ended bool) {
	for i := range s.Strays {
		if s.Strays[i].Order.TaskID == order.TaskID {
			s.Strays[i].Ended = s.Strays[i].Ended || ended
			return
		}
	}
	s.RetryAt = time.Time{} // there may be something to do at once
	s.Strays = append(s.Strays, Stray{Order: order, Ended: ended})
}

func (s *Shipment) forget(taskID string) {
	kept := s.Strays[:0:0]
	for _, stray := range s.Strays {
		if stray.Order.TaskID != taskID {
			kept = append(kept, stray)
		}
	}
	s.Strays = kept
}

// learn keeps what the report says besides the state.
func (s *Shipment) learn(r Report) {
	if r.Carrier != "" {
		s.Carrier = r.Carrier
	}
	if r.TrackingNumber != "" {
		s.TrackingNumber = r.TrackingNumber
	}
	if r.CourierName != "" || r.CourierPhone != "" {
		s.Courier = &Courier{Name: r.CourierName, Phone: r.CourierPhone}
	}
	if newest := r.Newest(); newest.After(s.LastScanAt) {
		s.LastScanAt, s.Scans = newest, r.Scans
	}
	switch r.Freight {
	case FreightAdds:
		s.FreightFen += r.FreightFen
	case FreightReplaces:
		s.FreightFen = r.FreightFen
	case FreightTotal:
		s.FreightFen = max(s.FreightFen, r.FreightFen)
	case NoFreight:
	}
}

// date notes when the parcel was picked up and delivered. A carrier that gives up on a number that
// it never saw proves no pickup.
func (s *Shipment) date(r Report, now time.Time) {
	told := r.Seen.At
	if told.IsZero() {
		told = now
	}
	if oldest := r.Oldest(); !oldest.IsZero() && r.Seen.State.Physical() {
		if s.PickedUpAt.IsZero() || oldest.Before(s.PickedUpAt) {
			s.PickedUpAt = oldest
		}
	} else if s.PickedUpAt.IsZero() && r.Seen.State.Physical() && r.Seen.State != Lost {
		s.PickedUpAt = told
	}
	if r.Seen.State == Delivered && s.DeliveredAt.IsZero() {
		s.DeliveredAt = told
	}
}

// Stall notes that the parcel is lost if nothing was heard of it for longer than patience.
func (s *Shipment) Stall(now time.Time, patience time.Duration) bool {
	heard := s.LastScanAt
	if heard.Before(s.PickedUpAt) {
		heard = s.PickedUpAt
	}
	seen, stalled := Stalled(s.Seen.State, heard, now, patience)
	if !stalled && s.Request.Method == SelfShip && s.Seen.State.Open() && now.Sub(s.CreatedAt) > patience {
		seen, stalled = Observation{State: Lost, Reason: "no_scan"}, true
	}
	if !stalled {
		return false
	}
	_, changed := s.Receive(Report{Seen: seen}, now)
	return changed
}

// BookingNumber is how we name the booking to the carrier, the same on every attempt.
func (s Shipment) BookingNumber() string {
	return "sh" + shortHash(s.MerchantID, s.ShipmentID)
}

// shortHash is 30 hex digits that belong to the parts.
func shortHash(parts ...string) string {
	var text strings.Builder
	for _, part := range parts {
		text.WriteString(strconv.Itoa(len(part)) + ":" + part + ",")
	}
	return hashHex(text.String())[:30]
}
