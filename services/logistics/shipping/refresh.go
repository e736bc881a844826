package shipping

import (
	"context"
	"errors"
	"log/slog"
	"time"

	"aftercare.dev/services/logistics/domain"
)

// refresh brings shipment and carrier in step and asks how the parcel stands.
func (d *Desk) refresh(ctx context.Context, s domain.Shipment) (domain.Shipment, error) {
	s, err := d.settle(ctx, s)
	// What could not be done stays to be done; how the parcel stands can be told all the same.
	if d.asksOrder(s) || d.asksWay(s) {
		s, err = d.withLease(ctx, s, d.askBoth)
	}
	if err != nil {
		return domain.Shipment{}, err
	}
	return d.stall(ctx, s)
}

// askBoth asks about the booking, the parcel's way, or both.
func (d *Desk) askBoth(ctx context.Context, s domain.Shipment) (domain.Shipment, error) {
	if d.asksOrder(s) {
		var err error
		if s, err = d.askOrder(ctx, s); err != nil {
			return s, err
		}
	}
	if d.asksWay(s) {
		return d.askWay(ctx, s)
	}
	return s, nil
}

// asksOrder tells whether the booking can still say something new.
func (d *Desk) asksOrder(s domain.Shipment) bool {
	return s.Order.TaskID != "" && !s.Seen.State.Final()
}

// asksWay tells whether the parcel's way can, and may be asked for now: kuaidi100 locks a number that is
// asked for too often.
func (d *Desk) asksWay(s domain.Shipment) bool {
	if s.TrackingNumber == "" || s.Carrier == "" || s.Seen.State.Final() {
		return false
	}
	if s.Request.Method == domain.Pickup && !s.Seen.State.Physical() {
		return false
	}
	return s.QueriedAt.IsZero() || !d.now().Before(s.QueriedAt.Add(d.patience.Query))
}

func (d *Desk) askOrder(ctx context.Context, s domain.Shipment) (domain.Shipment, error) {
	report, err := d.carrier.Detail(ctx, s.Order)
	if err != nil {
		d.report(ctx, "detail", s, err)
		return s, domain.Unavailable(domain.CodeCarrierUnavailable, err)
	}
	return d.change(ctx, s, func(s *domain.Shipment) { s.Receive(report, d.now().UTC()) })
}

// askWay asks for the scans. For a booked parcel the order has been asked already, so that a failure
// here is no failure of the whole.
func (d *Desk) askWay(ctx context.Context, s domain.Shipment) (domain.Shipment, error) {
	phone, err := d.phone(ctx, s)
	if err != nil {
		return s, err
	}
	report, err := d.carrier.Query(ctx, s.Carrier, s.TrackingNumber, phone)
	if err != nil {
		d.report(ctx, "query", s, err)
		if s.Request.Method == domain.Pickup {
			return s, nil
		}
		return s, domain.Unavailable(domain.CodeCarrierUnavailable, err)
	}
	report.TrackingNumber, report.Carrier = "", ""
	return d.change(ctx, s, func(s *domain.Shipment) {
		s.QueriedAt = d.now().UTC()
		s.Receive(report, d.now().UTC())
	})
}

// stall notes a parcel of which nothing was heard for too long.
func (d *Desk) stall(ctx context.Context, s domain.Shipment) (domain.Shipment, error) {
	probe := s
	if !probe.Stall(d.now().UTC(), d.patience.Stall) {
		return s, nil
	}
	return d.change(ctx, s, func(s *domain.Shipment) { s.Stall(d.now().UTC(), d.patience.Stall) })
}

// batch is how many shipments one round of [Desk.Sweep] looks at.
const batch = 50

// Sweep takes up unfinished business that is due: strays and cancellations that the carrier has not
// confirmed, bookings without an answer. It goes on after failures, which are logged and due again later.
func (d *Desk) Sweep(ctx context.Context) error {
	keys, err := d.store.ShipmentsWithWork(ctx, batch)
	if err != nil {
		return err
	}
	for _, key := range keys {
		if ctx.Err() != nil {
			return ctx.Err()
		}
		s, err := d.store.Shipment(ctx, key.MerchantID, key.ShipmentID)
		if err == nil {
			_, err = d.withLease(ctx, s, d.work)
		}
		if err != nil && !errors.Is(err, context.Canceled) {
			d.log.LogAttrs(ctx, slog.LevelWarn, "shipment has unfinished business",
				slog.String("merchant_id", key.MerchantID), slog.String("shipment_id", key.ShipmentID), slog.Any("error", err))
		}
	}
	return nil
}

// Run sweeps every interval until ctx ends.
func (d *Desk) Run(ctx context.Context, interval time.Duration) error {
	ticker := time.NewTicker(interval)
	defer ticker.Stop()
	for {
		select {
		case <-ctx.Done():
			return nil
		case <-ticker.C:
		}
		if err := d.Sweep(ctx); err != nil && ctx.Err() == nil {
			d.log.WarnContext(ctx, "sweep failed", "error", err)
		}
	}
}
