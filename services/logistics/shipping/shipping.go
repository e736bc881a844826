// Package shipping moves parcels: it books couriers, follows parcels and calls couriers off, and keeps
// what the service knows and what the carrier knows in step.
//
// The order of things is always the same: what is wanted is written first; then one caller at a time,
// who holds the shipment's lease, talks to the carrier; then what came of it is written. A call without an
// answer leaves the shipment as it was before the call, with the time of the call: the carrier's own
// callback, a later question, or a repetition after [domain.Patience.Rebook] brings the truth.
package shipping

import (
	"context"
	"errors"
	"log/slog"
	"time"

	"aftercare.dev/services/logistics/domain"
	"aftercare.dev/services/logistics/store"
	"aftercare.dev/services/platform/ids"
)

// Carrier is what the service needs of a carrier, or of an aggregator of carriers. Errors are
// [*domain.ProviderError].
type Carrier interface {
	// Carrier is the company code that couriers are booked at.
	Carrier() string
	// Book orders a courier.
	Book(context.Context, domain.Booking) (domain.Report, error)
	// Cancel calls a courier off; repeatable.
	Cancel(context.Context, domain.OrderRef) error
	// Reschedule moves a courier's visit; repeatable.
	Reschedule(context.Context, domain.OrderRef, domain.Slot) error
	// Detail tells how an order stands.
	Detail(context.Context, domain.OrderRef) (domain.Report, error)
	// Subscribe asks for pushes about a parcel; repeatable.
	Subscribe(ctx context.Context, carrier, number, phone, token, salt string) error
	// Query tells a parcel's way.
	Query(ctx context.Context, carrier, number, phone string) (domain.Report, error)
	// NeedsPhone tells whether Subscribe and Query need a phone number for the carrier.
	NeedsPhone(carrier string) bool
}

// Orders is what the service needs of the order service.
type Orders interface {
	Buyer(ctx context.Context, merchantID, orderID string) (domain.Buyer, error)
	Order(ctx context.Context, merchantID, orderID string) (domain.Order, error)
}

// Desk is where parcels are handed in. It is safe for concurrent use by any number of processes.
type Desk struct {
	store    *store.Store
	carrier  Carrier
	orders   Orders
	patience domain.Patience
	now      func() time.Time
	log      *slog.Logger
}

// New returns a desk.
func New(
	s *store.Store, carrier Carrier, orders Orders, patience domain.Patience, now func() time.Time, log *slog.Logger,
) *Desk {
	return &Desk{store: s, carrier: carrier, orders: orders, patience: patience, now: now, log: log}
}

// Create asks for a parcel to travel, once for its id.
func (d *Desk) Create(ctx context.Context, merchantID, shipmentID string, r domain.Request) (domain.Shipment, error) {
	r.Carrier, r.TrackingNumber = domain.NormalCarrier(r.Carrier), domain.NormalNumber(r.TrackingNumber)
	if err := r.Validate(); err != nil {
		return domain.Shipment{}, domain.AsProblem(err)
	}
	s, err := d.store.Shipment(ctx, merchantID, shipmentID)
	if isNotFound(err) {
		return d.add(ctx, merchantID, shipmentID, r)
	}
	if err != nil {
		return domain.Shipment{}, err
	}
	return d.again(ctx, s, r)
}

// again takes the request for a shipment that is there.
func (d *Desk) again(ctx context.Context, s domain.Shipment, r domain.Request) (domain.Shipment, error) {
	switch s.Fingerprint {
	case "":
		return d.store.ChangeShipment(ctx, s, func(s *domain.Shipment) error {
			if s.Fingerprint == "" {
				s.Request, s.Fingerprint = r, r.Fingerprint()
			}
			return nil
		})
	case r.Fingerprint():
		return d.settle(ctx, s)
	}
	return domain.Shipment{}, differs()
}

// add checks what can be checked without the carrier, writes the shipment as one that is being asked for, and asks. If
// somebody else was faster, theirs counts.
func (d *Desk) add(ctx context.Context, merchantID, shipmentID string, r domain.Request) (domain.Shipment, error) {
	now := d.now().UTC()
	slot := r.Slot
	if r.Method == domain.Pickup {
		if slot.IsZero() {
			slot = domain.NextSlot(now)
		} else if _, err := domain.NewSlot(slot.Start, slot.End, now); err != nil {
			return domain.Shipment{}, slotProblem("pickup.slot", err)
		}
	}
	s, err := domain.NewShipment(merchantID, shipmentID, r, slot, now)
	if err != nil {
		return domain.Shipment{}, domain.AsProblem(err)
	}
	first, err := d.first(ctx, s)
	if err != nil {
		return domain.Shipment{}, err
	}
	s.Acquire(holder(), now, d.patience.Lease)
	s.Ask(now)
	s, added, err := d.store.AddShipment(ctx, s)
	if err != nil {
		return domain.Shipment{}, err
	}
	if !added {
		return d.again(ctx, s, r)
	}
	return d.holding(ctx, s, first, d.work)
}

// first is the call that a new shipment needs, with what was looked up for it: a courier or a subscription.
func (d *Desk) first(ctx context.Context, s domain.Shipment) (step, error) {
	if s.Request.Method == domain.Pickup {
		sender, receiver, err := d.parties(ctx, s)
		return d.courier(sender, receiver), err
	}
	if err := d.checkNumber(ctx, s); err != nil {
		return nil, err
	}
	phone, err := d.phone(ctx, s)
	return d.subscription(phone), err
}

// checkNumber refuses a number that cannot be of a parcel that somebody just sent.
func (d *Desk) checkNumber(ctx context.Context, s domain.Shipment) error {
	order, err := d.orders.Order(ctx, s.MerchantID, s.Request.OrderID)
	if err != nil {
		return err
	}
	for _, number := range order.Deliveries {
		if number == s.TrackingNumber {
			return trackingOfDelivery()
		}
	}
	taken, err := d.store.PickupWithNumber(ctx, s.MerchantID, s.Carrier, s.TrackingNumber)
	if err != nil {
		return err
	}
	if taken {
		return domain.TrackingInUse()
	}
	return nil
}

// Get returns what is known of the parcel; with refresh it asks the carrier first.
func (d *Desk) Get(ctx context.Context, merchantID, shipmentID string, refresh bool) (domain.Shipment, error) {
	s, err := d.store.Shipment(ctx, merchantID, shipmentID)
	if err != nil || !refresh {
		return s, err
	}
	return d.refresh(ctx, s)
}

// Cancel calls the courier off, or remembers that a shipment is not wanted before it was asked for. A
// parcel that is on its way stays as it is. It fails, to be repeated, if the courier may still come.
func (d *Desk) Cancel(ctx context.Context, merchantID, shipmentID string) (domain.Shipment, error) {
	s, _, err := d.store.AddShipment(ctx, domain.NeverWanted(merchantID, shipmentID, d.now().UTC()))
	if err != nil {
		return domain.Shipment{}, err
	}
	if s.Seen.State.Open() {
		s, err = d.store.ChangeShipment(ctx, s, func(s *domain.Shipment) error {
			s.CallOff(d.now().UTC())
			return nil
		})
		if err != nil {
			return domain.Shipment{}, err
		}
	}
	if !s.CancelWanted || s.Order.TaskID == "" {
		return s, nil
	}
	s, err = d.settle(ctx, s)
	if err == nil && s.CancelWanted && s.Order.TaskID != "" {
		return domain.Shipment{}, busy()
	}
	return s, err
}

// Reschedule moves the courier's visit.
func (d *Desk) Reschedule(ctx context.Context, merchantID, shipmentID string, slot domain.Slot) (domain.Shipment, error) {
	now := d.now().UTC()
	var before domain.Slot
	s, err := d.store.UpdateShipment(ctx, merchantID, shipmentID, func(s *domain.Shipment) error {
		before = s.Slot
		if s.Slot.Equal(slot) {
			return nil
		}
		if s.Request.Method != domain.Pickup || !s.Seen.State.Open() || s.CancelWanted {
			return tooLate()
		}
		if _, err := domain.NewSlot(slot.Start, slot.End, now); err != nil {
			return slotProblem("slot", err)
		}
		s.MoveTo(slot)
		return nil
	})
	if err != nil || !s.SlotPending || s.Order.TaskID == "" {
		return s, err
	}
	s, err = d.settle(ctx, s)
	switch {
	case errors.Is(err, errSlotRefused):
		return domain.Shipment{}, d.moveBack(ctx, s, before, slotRefused())
	case err != nil:
		return domain.Shipment{}, err
	case s.SlotPending:
		return domain.Shipment{}, busy()
	case !s.Seen.State.Open():
		return domain.Shipment{}, d.moveBack(ctx, s, before, tooLate())
	}
	return s, nil
}

// moveBack forgets a time at which the courier does not come, and returns why.
func (d *Desk) moveBack(ctx context.Context, s domain.Shipment, slot domain.Slot, why error) error {
	_, err := d.store.ChangeShipment(ctx, s, func(s *domain.Shipment) error {
		s.Slot, s.SlotPending = slot, false
		return nil
	})
	if err != nil {
		return err
	}
	return why
}

// Tracking returns who comes and the parcel's scans, newest first.
func (d *Desk) Tracking(ctx context.Context, merchantID, shipmentID string) (domain.Courier, []domain.Scan, error) {
	if _, err := d.store.Shipment(ctx, merchantID, shipmentID); err != nil {
		return domain.Courier{}, nil, err
	}
	courier, scans, err := d.store.Trace(ctx, merchantID, shipmentID)
	newestFirst(scans)
	return courier, scans, err
}

// holder names one caller for leases.
func holder() string { return ids.New("lease") }
