package store

import (
	"context"
	"errors"
	"fmt"

	"gorm.io/gorm"

	"aftercare.dev/services/order/domain"
	"aftercare.dev/services/platform/database"
	"aftercare.dev/services/platform/money"
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
	err := database.InTx(ctx, s.db, func(tx *gorm.DB) (err error) {
		made, err = r.reserve(tx)
		return err
	})
	if errors.Is(err, errReservationExists) {
		existing, err := s.Reservation(ctx, merchantID, orderID, caseID)
		if err != nil {
			return domain.Reservation{}, err
		}
		return existing, existing.Repeats(lines)
	}
	if err != nil {
		return domain.Reservation{}, fmt.Errorf("reserve units: %w", err)
	}
	return made, nil
}

func (r reserving) reserve(tx *gorm.DB) (domain.Reservation, error) {
	row := reservationRow{
		MerchantID: r.merchantID, OrderID: r.orderID, CaseID: r.caseID,
		State: string(domain.ReservationOpen), ReservedAt: r.at,
	}
	// The key comes first: a second request of the case waits here for the first one.
	err := tx.Create(&row).Error
	if database.IsDuplicate(err) {
		return domain.Reservation{}, errReservationExists
	}
	if err != nil {
		return domain.Reservation{}, err
	}
	if err := r.lock(tx); err != nil {
		return domain.Reservation{}, err
	}
	reserved, err := r.choose(tx)
	if err != nil {
		return domain.Reservation{}, err
	}
	var held []heldRow
	for _, line := range reserved {
		held = append(held, r.hold(line.LineID, line.Units, heldReserved)...)
	}
	if err := insert(tx, held); err != nil {
		return domain.Reservation{}, err
	}
	row.Document = database.AsJSON(reserved)
	err = tx.Model(&reservationRow{}).Where(ofCase, r.merchantID, r.orderID, r.caseID).
		Update("document", row.Document).Error
	return row.reservation(), err
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
	var rows []lineRow
	if err := tx.Where(ofLines, r.merchantID, r.orderID, ids).Find(&rows).Error; err != nil {
		return nil, fmt.Errorf("read lines: %w", err)
	}
	var held []heldRow
	if err := tx.Where(ofLines, r.merchantID, r.orderID, ids).Find(&held).Error; err != nil {
		return nil, fmt.Errorf("read held units: %w", err)
	}
	lines := make(map[string]lineRow, len(rows))
	for _, row := range rows {
		lines[row.LineID] = row
	}
	taken := make(map[string][]domain.Range, len(rows))
	for _, row := range held {
		taken[row.LineID] = append(taken[row.LineID], row.units())
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
