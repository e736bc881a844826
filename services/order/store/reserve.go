package store

import (
	"context"
	"errors"
	"fmt"

	"gorm.io/gorm"

	"aftercare.dev/services/order/domain"
	"aftercare.dev/services/platform/database"
	"aftercare.dev/services/platform/money"
	"aftercare.dev/services/platform/problem"
)

var errReservationExists = errors.New("the case has a reservation")

// reserving is a case on its way to units.
type reserving struct {
	merchantID, orderID, caseID string
	lines                       []domain.LineQuantity
	at                          database.Time
}

// Reserve sets units aside for a case, the lowest free ones, all or none. The same request again
// returns the reservation that the first one made. Problems are order_not_found, unknown_line,
// units_not_available, reservation_differs and reservation_settled.
func (s *Store) Reserve(ctx context.Context, merchantID, orderID, caseID string, lines []domain.LineQuantity) (domain.Reservation, error) {
	if err := domain.CheckUnits(lines, 1); err != nil {
		return domain.Reservation{}, err
	}
	r := reserving{merchantID, orderID, caseID, lines, database.At(s.now())}
	var made domain.Reservation
	refused := database.InTx(ctx, s.db, func(tx *gorm.DB) (err error) {
		made, err = r.reserve(tx)
		return err
	})
	if refused == nil {
		return made, nil
	}
	_, isProblem := problem.As(refused)
	if !isProblem && !errors.Is(refused, errReservationExists) {
		return domain.Reservation{}, fmt.Errorf("reserve units: %w", refused)
	}
	// It may be the case's own units that are not free any more.
	existing, err := s.Reservation(ctx, merchantID, orderID, caseID)
	if isProblem && problem.HasCode(err, domain.CodeReservationNotFound) {
		return domain.Reservation{}, fmt.Errorf("reserve units: %w", refused)
	}
	if err != nil {
		return domain.Reservation{}, err
	}
	return existing, existing.Repeats(lines)
}

func (r reserving) reserve(tx *gorm.DB) (domain.Reservation, error) {
	// The lines come first: what is free is known under their locks, and a second request of the case waits here for
	// the first one. Of two requests for different lines the key of the reservation refuses one, with what it has counted.
	if err := r.lock(tx); err != nil {
		return domain.Reservation{}, err
	}
	reserved, err := r.choose(tx)
	if err != nil {
		return domain.Reservation{}, err
	}
	row := reservationRow{
		MerchantID: r.merchantID, OrderID: r.orderID, CaseID: r.caseID,
		State: string(domain.ReservationOpen), Document: database.AsJSON(reserved), ReservedAt: r.at,
	}
	err = tx.Create(&row).Error
	if database.IsDuplicate(err) {
		return domain.Reservation{}, errReservationExists
	}
	if err != nil {
		return domain.Reservation{}, err
	}
	var held []heldRow
	for _, line := range reserved {
		held = append(held, r.hold(line.LineID, line.Units, heldReserved)...)
	}
	return row.reservation(), insert(tx, held)
}

// lock counts the units as reserved, line by line in the order of their ids. From here to the end of
// the transaction nobody else gives or takes units of these lines.
func (r reserving) lock(tx *gorm.DB) error {
	for _, line := range domain.ByLine(r.lines) {
		counted := tx.Model(&lineRow{}).
			Where(ofLine+" AND reserved_units + returned_units + ? <= quantity", r.merchantID, r.orderID, line.LineID, line.Quantity).
			Update("reserved_units", gorm.Expr("reserved_units + ?", line.Quantity))
		if counted.Error != nil {
			return counted.Error
		}
		if counted.RowsAffected == 0 {
			return r.refuse(tx, line)
		}
	}
	return nil
}

// refuse says why a line could not be counted.
func (r reserving) refuse(tx *gorm.DB, wanted domain.LineQuantity) error {
	var row lineRow
	err := tx.Where(ofLine, r.merchantID, r.orderID, wanted.LineID).Take(&row).Error
	if database.IsNotFound(err) {
		err = tx.Where(ofOrder, r.merchantID, r.orderID).Take(&orderRow{}).Error
		if database.IsNotFound(err) {
			return domain.OrderNotFound()
		}
		if err != nil {
			return err
		}
		return domain.UnknownLine(r.index(wanted.LineID))
	}
	if err != nil {
		return err
	}
	free := row.Quantity - row.ReservedUnits - row.ReturnedUnits
	if free >= wanted.Quantity {
		return database.ErrRetry // another case has just released its units
	}
	return domain.NotAvailable(r.index(wanted.LineID), free)
}

// index is the place of a line in the request, which errors name.
func (r reserving) index(lineID string) int {
	for i, line := range r.lines {
		if line.LineID == lineID {
			return i
		}
	}
	return -1
}

// choose picks the lowest free units of each line, in the order of the request.
func (r reserving) choose(tx *gorm.DB) ([]domain.ReservedLine, error) {
	ids := make([]string, len(r.lines))
	for i, line := range r.lines {
		ids[i] = line.LineID
	}
	var rows []struct {
		Line lineRow `gorm:"embedded"`
		// FromUnit and ToUnit are a range that is held, NULL for a line of which nothing is.
		FromUnit, ToUnit *int64
	}
	err := tx.Table("order_lines AS l").Select("l.*, h.from_unit, h.to_unit").
		Joins("LEFT JOIN held_units AS h ON h.merchant_id = l.merchant_id AND h.order_id = l.order_id AND h.line_id = l.line_id").
		Where("l.merchant_id = ? AND l.order_id = ? AND l.line_id IN ?", r.merchantID, r.orderID, ids).Find(&rows).Error
	if err != nil {
		return nil, fmt.Errorf("read lines and held units: %w", err)
	}
	lines := make(map[string]lineRow, len(r.lines))
	taken := make(map[string][]domain.Range, len(r.lines))
	for _, row := range rows {
		lines[row.Line.LineID] = row.Line
		if row.FromUnit != nil {
			taken[row.Line.LineID] = append(taken[row.Line.LineID], domain.Range{From: *row.FromUnit, To: *row.ToUnit})
		}
	}
	reserved := make([]domain.ReservedLine, 0, len(r.lines))
	for _, line := range r.lines {
		row := lines[line.LineID]
		units := domain.Lowest(domain.Free(row.Quantity, taken[line.LineID]), line.Quantity)
		if domain.Count(units) != line.Quantity {
			return nil, fmt.Errorf("the counts of line %s of order %s do not fit its held units", line.LineID, r.orderID)
		}
		reserved = append(reserved, domain.ReservedLine{
			LineID: line.LineID, Units: units, LineQuantity: row.Quantity,
			LinePaid: money.Money{Amount: row.Paid, Currency: row.Currency},
		})
	}
	return reserved, nil
}

func (r reserving) hold(lineID string, units []domain.Range, state string) []heldRow {
	rows := make([]heldRow, 0, len(units))
	for _, u := range units {
		rows = append(rows, heldRow{
			MerchantID: r.merchantID, OrderID: r.orderID, LineID: lineID,
			FromUnit: u.From, ToUnit: u.To, CaseID: r.caseID, State: state,
		})
	}
	return rows
}

// Reservation returns the units of a case, or the problem reservation_not_found.
func (s *Store) Reservation(ctx context.Context, merchantID, orderID, caseID string) (domain.Reservation, error) {
	var row reservationRow
	err := s.read(ctx).Where(ofCase, merchantID, orderID, caseID).Take(&row).Error
	if database.IsNotFound(err) {
		return domain.Reservation{}, domain.ReservationNotFound()
	}
	if err != nil {
		return domain.Reservation{}, fmt.Errorf("read reservation: %w", err)
	}
	return row.reservation(), nil
}
