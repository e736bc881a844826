package store

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"slices"

	"gorm.io/gorm"

	"aftercare.dev/services/order/domain"
	"aftercare.dev/services/platform/database"
	"aftercare.dev/services/platform/problem"
)

var errOvertaken = errors.New("another request has changed the reservation")

// Settle ends a reservation: the units named are returned for good, lowest first, the rest is free
// again. The same settlement again changes nothing, another one is the problem reservation_settled.
//
// Without units, a reservation that never was is settled too, whether or not the order is known: the
// request to reserve, which may be on its way still, is refused from then on.
func (s *Store) Settle(ctx context.Context, merchantID, orderID, caseID string, returned []domain.LineQuantity) (domain.Reservation, error) {
	if err := domain.CheckUnits(returned, 0); err != nil {
		return domain.Reservation{}, err
	}
	r := reserving{merchantID, orderID, caseID, returned, database.At(s.now())}
	// Each round finds the reservation further than the one before: absent, open, settled.
	for {
		settled, err := s.settle(ctx, r)
		if errors.Is(err, errOvertaken) {
			continue
		}
		return settled, err
	}
}

func (s *Store) settle(ctx context.Context, r reserving) (domain.Reservation, error) {
	current, err := s.Reservation(ctx, r.merchantID, r.orderID, r.caseID)
	if problem.HasCode(err, domain.CodeReservationNotFound) && len(r.lines) == 0 {
		return s.bury(ctx, r)
	}
	if err != nil {
		return domain.Reservation{}, err
	}
	settled, err := current.Settle(r.lines)
	if err != nil || current.State == domain.ReservationSettled {
		return settled, err
	}
	err = database.InTx(ctx, s.db, func(tx *gorm.DB) (err error) {
		settled.CompletesOrder, err = r.settle(tx, settled)
		return err
	})
	if err != nil {
		return domain.Reservation{}, fmt.Errorf("settle reservation: %w", err)
	}
	return settled, nil
}

// bury writes the tombstone of a reservation that never was.
func (s *Store) bury(ctx context.Context, r reserving) (domain.Reservation, error) {
	row := reservationRow{
		MerchantID: r.merchantID, OrderID: r.orderID, CaseID: r.caseID,
		State: string(domain.ReservationSettled), ReservedAt: r.at, SettledAt: database.NullAt(r.at.Time),
	}
	err := s.db.WithContext(ctx).Create(&row).Error
	if database.IsDuplicate(err) {
		return domain.Reservation{}, errOvertaken
	}
	if err != nil {
		return domain.Reservation{}, fmt.Errorf("settle reservation: %w", err)
	}
	return row.reservation(), nil
}

// settle moves the counts, and replaces the reserved ranges by those that were returned. It tells
// whether the order is returned as a whole with it.
func (r reserving) settle(tx *gorm.DB, settled domain.Reservation) (completes bool, err error) {
	// Settlements of an order come one after the other, so that exactly one sees itself as the last.
	if err := tx.Model(&orderRow{}).Where(ofOrder, r.merchantID, r.orderID).
		Update("settlements", gorm.Expr("settlements + 1")).Error; err != nil {
		return false, err
	}
	if err := r.move(tx, settled); err != nil {
		return false, err
	}
	if len(r.lines) == 0 {
		return false, nil
	}
	return r.complete(tx)
}

// complete marks the order as returned by this case if nothing of it is left with the buyer.
func (r reserving) complete(tx *gorm.DB) (bool, error) {
	left := tx.Model(&lineRow{}).Select("1").Where(ofOrder+" AND returned_units < quantity", r.merchantID, r.orderID)
	last := tx.Model(&orderRow{}).
		Where(ofOrder+" AND completed_by IS NULL AND NOT EXISTS (?)", r.merchantID, r.orderID, left).
		Update("completed_by", r.caseID)
	if last.Error != nil || last.RowsAffected == 0 {
		return false, last.Error
	}
	return true, tx.Model(&reservationRow{}).Where(ofCase, r.merchantID, r.orderID, r.caseID).Update("completes", true).Error
}

// move ends the reservation's row, counts its units over and replaces its ranges.
func (r reserving) move(tx *gorm.DB, settled domain.Reservation) error {
	ended := tx.Model(&reservationRow{}).
		Where(ofCase+" AND state = ?", r.merchantID, r.orderID, r.caseID, string(domain.ReservationOpen)).
		Updates(map[string]any{
			"state": string(domain.ReservationSettled), "settled_at": database.NullAt(r.at.Time), "document": database.AsJSON(settled.Lines),
		})
	if ended.Error != nil {
		return ended.Error
	}
	if ended.RowsAffected == 0 {
		return errOvertaken
	}
	var ids []string
	var returned []heldRow
	// The same order as in lock, so that two cases on the same lines do not wait in a circle.
	for _, line := range slices.SortedFunc(slices.Values(settled.Lines), func(a, b domain.ReservedLine) int {
		return cmp.Compare(a.LineID, b.LineID)
	}) {
		counted := tx.Model(&lineRow{}).Where(ofLine, r.merchantID, r.orderID, line.LineID).Updates(map[string]any{
			"reserved_units": gorm.Expr("reserved_units - ?", line.Quantity()),
			"returned_units": gorm.Expr("returned_units + ?", line.Returned),
		})
		if counted.Error != nil {
			return counted.Error
		}
		if counted.RowsAffected == 0 {
			return fmt.Errorf("line %s of order %s is gone while units of it are reserved", line.LineID, r.orderID)
		}
		ids = append(ids, line.LineID)
		returned = append(returned, r.hold(line.LineID, line.ReturnedUnits(), heldReturned)...)
	}
	for some := range slices.Chunk(ids, batch) {
		err := tx.Where(ofLines+" AND case_id = ? AND state = ?", r.merchantID, r.orderID, some, r.caseID, heldReserved).
			Delete(&heldRow{}).Error
		if err != nil {
			return err
		}
	}
	return insert(tx, returned)
}
