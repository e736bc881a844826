package shipping

import (
	"context"
	"errors"

	"aftercare.dev/services/logistics/domain"
)

// errBusy says that somebody else holds the lease.
var errBusy = errors.New("somebody else talks to the carrier about this shipment")

// maxSteps bounds what one caller does at the carrier: a few strays, a cancellation, a booking.
const maxSteps = 5

// settle does at the carrier what has to be done now. If somebody else is at it, the shipment is
// returned as it is. After an error the shipment is returned too, as far as it is known.
func (d *Desk) settle(ctx context.Context, s domain.Shipment) (domain.Shipment, error) {
	if work, _, _ := s.Next(d.now(), d.patience); work == domain.Nothing {
		return s, nil
	}
	return d.withLease(ctx, s, d.work)
}

// step is something that is done at the carrier about a shipment. It returns the shipment as it was saved last, also with
// an error.
type step func(context.Context, domain.Shipment) (domain.Shipment, error)

// withLease runs fn while nobody else talks to the carrier about the shipment.
func (d *Desk) withLease(ctx context.Context, s domain.Shipment, fn step) (domain.Shipment, error) {
	me := holder()
	leased, err := d.store.ChangeShipment(ctx, s, func(s *domain.Shipment) error {
		if !s.Acquire(me, d.now().UTC(), d.patience.Lease) {
			return errBusy
		}
		return nil
	})
	if errors.Is(err, errBusy) {
		return s, nil
	}
	if err != nil {
		return s, err
	}
	return d.holding(ctx, leased, fn)
}

// holding takes steps as long as the shipment has the lease that it has now, and gives it back unless a step has done so.
func (d *Desk) holding(ctx context.Context, s domain.Shipment, steps ...step) (domain.Shipment, error) {
	me := s.Lease
	var failed error
	for _, step := range steps {
		s, failed = step(ctx, s)
		if s.Lease != me {
			return s, failed
		}
		if failed != nil {
			break
		}
	}
	after, err := d.change(ctx, s, func(s *domain.Shipment) { d.release(s, me) })
	if err != nil {
		return s, errors.Join(failed, err)
	}
	return after, failed
}

func (d *Desk) release(s *domain.Shipment, holder string) {
	s.Release(holder)
	s.RetryAt = d.now().UTC().Add(d.patience.Retry)
}

// work goes on until there is nothing to do now, something went wrong, or the lease is gone.
func (d *Desk) work(ctx context.Context, s domain.Shipment) (domain.Shipment, error) {
	me := s.Lease
	for range maxSteps {
		if s.Lease != me {
			return s, nil
		}
		work, order, _ := s.Next(d.now(), d.patience)
		var err error
		switch work {
		case domain.Nothing:
			return s, nil
		case domain.CallOff:
			// A failure is logged and due again later; no caller waits for a stray.
			var done bool
			if s, done = d.callOffStray(ctx, s, order); !done {
				return s, nil
			}
		case domain.CancelPick:
			s, err = d.callOff(ctx, s, order, domain.CancelPick)
		case domain.Book:
			s, err = d.book(ctx, s)
		case domain.Move:
			s, err = d.move(ctx, s)
		case domain.Subscribe:
			s, err = d.subscribe(ctx, s)
		case domain.GiveUp:
			s, err = d.conclude(ctx, s, func(s *domain.Shipment) { s.Fail("carrier_silent") })
		}
		if err != nil {
			return s, err
		}
	}
	return s, nil
}

// change saves a change that does not depend on the caller's patience: what the carrier has answered
// must not be forgotten because the caller went away.
func (d *Desk) change(ctx context.Context, s domain.Shipment, fn func(*domain.Shipment)) (domain.Shipment, error) {
	changed, err := d.store.ChangeShipment(context.WithoutCancel(ctx), s, func(s *domain.Shipment) error {
		fn(s)
		return nil
	})
	if err != nil {
		return s, err
	}
	return changed, nil
}

// conclude saves what came of a call, and gives the lease back with it if nothing is left to do.
func (d *Desk) conclude(ctx context.Context, s domain.Shipment, fn func(*domain.Shipment)) (domain.Shipment, error) {
	me := s.Lease
	return d.change(ctx, s, func(s *domain.Shipment) {
		fn(s)
		if left, _, _ := s.Next(d.now(), d.patience); left == domain.Nothing {
			d.release(s, me)
		}
	})
}

// receive saves a report that came as an answer.
func (d *Desk) receive(ctx context.Context, s domain.Shipment, r domain.Report) (domain.Shipment, error) {
	return d.conclude(ctx, s, func(s *domain.Shipment) { s.Receive(r, d.now().UTC()) })
}

// errNotNow says that between looking and asking somebody changed what is wanted.
var errNotNow = errors.New("it is no longer wanted")

// ask notes a call before it is made, if it is still wanted.
func (d *Desk) ask(ctx context.Context, s domain.Shipment, work domain.Work) (domain.Shipment, bool, error) {
	asked, err := d.store.ChangeShipment(ctx, s, func(s *domain.Shipment) error {
		now := d.now().UTC()
		if wanted, _, _ := s.Next(now, d.patience); wanted != work {
			return errNotNow
		}
		if work == domain.Book && !s.Slot.Bookable(now) {
			s.Slot = domain.NextSlot(now)
		}
		s.Ask(now)
		return nil
	})
	if errors.Is(err, errNotNow) {
		s, err = d.store.Shipment(ctx, s.MerchantID, s.ShipmentID)
		return s, false, err
	}
	if err != nil {
		return s, false, err
	}
	return asked, true, nil
}

// book looks up who meets the courier, notes that one is asked for, and asks.
func (d *Desk) book(ctx context.Context, s domain.Shipment) (domain.Shipment, error) {
	sender, receiver, err := d.parties(ctx, s)
	if err != nil {
		return s, err
	}
	s, wanted, err := d.ask(ctx, s, domain.Book)
	if err != nil || !wanted {
		return s, err
	}
	return d.courier(sender, receiver)(ctx, s)
}

// courier asks for a courier, which must have been noted. What the carrier did not answer stays asked; what it surely did
// not do is forgotten.
func (d *Desk) courier(sender, receiver domain.Contact) step {
	return func(ctx context.Context, s domain.Shipment) (domain.Shipment, error) {
		report, err := d.carrier.Book(ctx, domain.Booking{
			Carrier: d.carrier.Carrier(), Sender: sender, Receiver: receiver, Slot: s.Slot,
			WeightGrams: s.Weight(), Reference: s.ShipmentID, Number: s.BookingNumber(), Token: s.Token, Salt: s.Salt,
		})
		if err == nil {
			return d.receive(ctx, s, report)
		}
		d.report(ctx, "book", s, err)
		if domain.TroubleOf(err) == domain.Duplicate {
			return d.conclude(ctx, s, func(s *domain.Shipment) { s.Unseen() })
		}
		return d.notDone(ctx, s, err)
	}
}

// notDone takes an error of a call that was noted. What the carrier did not answer stays asked.
func (d *Desk) notDone(ctx context.Context, s domain.Shipment, err error) (domain.Shipment, error) {
	switch domain.TroubleOf(err) {
	case domain.Refusal:
		return d.conclude(ctx, s, func(s *domain.Shipment) { s.Fail("carrier_" + domain.CodeOf(err)) })
	case domain.NotDone, domain.Misconfigured:
		s, saved := d.conclude(ctx, s, func(s *domain.Shipment) { s.NotAsked() })
		return s, errors.Join(saved, domain.Unavailable(domain.CodeCarrierUnavailable, err))
	default:
		return s, nil
	}
}

func (d *Desk) callOffStray(ctx context.Context, s domain.Shipment, order domain.OrderRef) (_ domain.Shipment, done bool) {
	s, err := d.callOff(ctx, s, order, domain.CallOff)
	return s, err == nil
}

// callOff cancels an order for which work is to be done. What the answer leaves open, a question about
// the order tells.
func (d *Desk) callOff(
	ctx context.Context, s domain.Shipment, order domain.OrderRef, work domain.Work,
) (domain.Shipment, error) {
	failed := d.carrier.Cancel(ctx, order)
	if failed == nil {
		return d.receive(ctx, s, domain.Report{
			Order: order, Seen: domain.Observation{State: domain.Cancelled, Reason: "cancelled_by_us"},
		})
	}
	d.report(ctx, "cancel", s, failed)
	report, err := d.carrier.Detail(ctx, order)
	if err != nil {
		return s, domain.Unavailable(domain.CodeCarrierUnavailable, err)
	}
	s, err = d.receive(ctx, s, report)
	if err != nil {
		return s, err
	}
	if next, again, _ := s.Next(d.now(), d.patience); next == work && again == order {
		return s, domain.Unavailable(domain.CodeCarrierUnavailable, failed)
	}
	return s, nil
}

// errSlotRefused says that the carrier does not come at the time that was asked for.
var errSlotRefused = errors.New("the carrier refuses the slot")

// move tells the carrier another time. If it was too late for that, the shipment says so.
func (d *Desk) move(ctx context.Context, s domain.Shipment) (domain.Shipment, error) {
	slot := s.Slot
	failed := d.carrier.Reschedule(ctx, s.Order, slot)
	if failed == nil {
		return d.conclude(ctx, s, func(s *domain.Shipment) {
			if s.Slot.Equal(slot) {
				s.SlotPending = false
			}
		})
	}
	d.report(ctx, "reschedule", s, failed)
	report, err := d.carrier.Detail(ctx, s.Order)
	if err != nil {
		return s, domain.Unavailable(domain.CodeCarrierUnavailable, err)
	}
	if s, err = d.receive(ctx, s, report); err != nil || !s.SlotPending {
		return s, err
	}
	if domain.TroubleOf(failed) == domain.Refusal {
		return s, errSlotRefused
	}
	return s, domain.Unavailable(domain.CodeCarrierUnavailable, failed)
}

// subscribe looks up whose parcel it is, notes that its way is asked for, and asks.
func (d *Desk) subscribe(ctx context.Context, s domain.Shipment) (domain.Shipment, error) {
	phone, err := d.phone(ctx, s)
	if err != nil {
		return s, err
	}
	s, wanted, err := d.ask(ctx, s, domain.Subscribe)
	if err != nil || !wanted {
		return s, err
	}
	return d.subscription(phone)(ctx, s)
}

// subscription asks to be told of the parcel's way, which must have been noted. Asking twice is harmless, so that no answer
// only means asking again.
func (d *Desk) subscription(phone string) step {
	return func(ctx context.Context, s domain.Shipment) (domain.Shipment, error) {
		err := d.carrier.Subscribe(ctx, s.Carrier, s.TrackingNumber, phone, s.Token, s.Salt)
		if err == nil {
			return d.conclude(ctx, s, func(s *domain.Shipment) { s.Follow(d.now().UTC()) })
		}
		d.report(ctx, "subscribe", s, err)
		return d.notDone(ctx, s, err)
	}
}

// report logs what a carrier did not do; ids and codes only.
func (d *Desk) report(ctx context.Context, call string, s domain.Shipment, err error) {
	d.log.WarnContext(ctx, "carrier did not do as asked", "call", call,
		"merchant_id", s.MerchantID, "shipment_id", s.ShipmentID, "code", domain.CodeOf(err))
}
