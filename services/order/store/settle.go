package store

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"slices"

	"gorm.io/gorm"
	"gorm.io/gorm/clause"

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
		if problem.HasCode(err, domain.CodeReservationNotFound) && len(r.lines) == 0 {
			settled, err = s.bury(ctx, r)
		}
		if errors.Is(err, errOvertaken) {
			continue
		}
		return settled, err
	}
}

func (s *Store) settle(ctx context.Context, r reserving) (domain.Reservation, error) {
	var settled domain.Reservation
	err := database.InTx(ctx, s.db, func(tx *gorm.DB) (err error) {
		settled, err = r.settle(tx)
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

// settle ends the reservation under its lock, unless it was ended before.
func (r reserving) settle(tx *gorm.DB) (domain.Reservation, error) {
	open, left, err := r.standing(tx)
	if err != nil {
		return domain.Reservation{}, err
	}
	settled, err := open.Settle(r.lines)
	if err != nil || open.State == domain.ReservationSettled {
		return settled, err
	}
	for _, line := range settled.Lines {
		left -= line.Returned
	}
	if left == 0 {
		if settled.CompletesOrder, err = r.complete(tx); err != nil {
			return domain.Reservation{}, err
		}
	}
	return settled, r.move(tx, settled)
}

// standing reads the reservation, and how many units of its order were not returned yet. It locks both: settlements of
// an order come one after the other, so that exactly one sees itself as the last. All rows have one reservation, so that
// the largest value of a column is its only one.
func (r reserving) standing(tx *gorm.DB) (open domain.Reservation, left int64, err error) {
	var row struct {
		State     *string
		Document  database.JSON[[]domain.ReservedLine]
		Completes bool
		Units     int64
	}
	err = tx.Table("reservations AS r").
		Select("MAX(r.state) AS state, MAX(r.document) AS document, COALESCE(MAX(r.completes), FALSE) AS completes, "+
			"COALESCE(SUM(l.quantity - l.returned_units), 0) AS units").
		Joins("LEFT JOIN orders AS o ON o.merchant_id = r.merchant_id AND o.order_id = r.order_id").
		Joins("LEFT JOIN order_lines AS l ON l.merchant_id = o.merchant_id AND l.order_id = o.order_id").
		Where("r.merchant_id = ? AND r.order_id = ? AND r.case_id = ?", r.merchantID, r.orderID, r.caseID).
		Clauses(clause.Locking{Strength: clause.LockingStrengthUpdate}).Scan(&row).Error
	if err != nil {
		return domain.Reservation{}, 0, err
	}
	if row.State == nil {
		return domain.Reservation{}, 0, domain.ReservationNotFound()
	}
	found := reservationRow{OrderID: r.orderID, CaseID: r.caseID, State: *row.State, Document: row.Document, Completes: row.Completes}
	return found.reservation(), row.Units, nil
}

// complete marks the order, of which nothing is left with the buyer, as returned by this case.
func (r reserving) complete(tx *gorm.DB) (bool, error) {
	last := tx.Model(&orderRow{}).Where(ofOrder+" AND completed_by IS NULL", r.merchantID, r.orderID).Update("completed_by", r.caseID)
	return last.RowsAffected > 0, last.Error
}

// move ends the reservation's row, counts its units over and does the same to its ranges.
func (r reserving) move(tx *gorm.DB, settled domain.Reservation) error {
	ended := tx.Model(&reservationRow{}).
		Where(ofCase+" AND state = ?", r.merchantID, r.orderID, r.caseID, string(domain.ReservationOpen)).
		Updates(map[string]any{
			"state": string(domain.ReservationSettled), "settled_at": database.NullAt(r.at.Time), "document": database.AsJSON(settled.Lines),
			"completes": settled.CompletesOrder,
		})
	if ended.Error != nil {
		return ended.Error
	}
	if ended.RowsAffected == 0 {
		return errOvertaken
	}
	// The same order as in lock, so that two cases on the same lines do not wait in a circle.
	lines := slices.SortedFunc(slices.Values(settled.Lines), func(a, b domain.ReservedLine) int {
		return cmp.Compare(a.LineID, b.LineID)
	})
	for _, line := range lines {
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
	}
	return r.release(tx, lines)
}

// release turns the ranges of lines that were returned as a whole into returned ones, and replaces the others by what was
// returned of them.
func (r reserving) release(tx *gorm.DB, lines []domain.ReservedLine) error {
	var whole, rest []string
	var returned []heldRow
	for _, line := range lines {
		if line.Returned == line.Quantity() {
			whole = append(whole, line.LineID)
			continue
		}
		rest = append(rest, line.LineID)
		returned = append(returned, r.hold(line.LineID, line.ReturnedUnits(), heldReturned)...)
	}
	reserved := func(lineIDs []string) *gorm.DB {
		return tx.Model(&heldRow{}).
			Where(ofLines+" AND case_id = ? AND state = ?", r.merchantID, r.orderID, lineIDs, r.caseID, heldReserved)
	}
	for some := range slices.Chunk(whole, batch) {
		if err := reserved(some).Update("state", heldReturned).Error; err != nil {
			return err
		}
	}
	for some := range slices.Chunk(rest, batch) {
		if err := reserved(some).Delete(&heldRow{}).Error; err != nil {
			return err
		}
	}
	return insert(tx, returned)
}
