package store

import (
	"context"
	"errors"
	"fmt"
	"slices"

	"gorm.io/gorm"
	"gorm.io/gorm/clause"

	"aftercare.dev/services/order/domain"
	"aftercare.dev/services/platform/database"
	"aftercare.dev/services/platform/seal"
)

// Outcome is what a put did.
type Outcome string

// The outcomes of the contract.
const (
	Created   Outcome = "created"
	Updated   Outcome = "updated"
	Unchanged Outcome = "unchanged"
)

// PutResult is the version of an order after a put.
type PutResult struct {
	Version int64
	Outcome Outcome
	// Announced tells that this put has written order.shipped to the outbox.
	Announced bool
}

// put is one order on its way into the database.
type put struct {
	merchantID, orderID string
	order               domain.Order
	contact             domain.Contact
	hash                string
	at                  database.Time
	sealer              *seal.Sealer
}

// Put stores the order, which must be a result of domain.NewOrder, as the shop sees it now. The same
// content again changes nothing; other content becomes the next version. Of concurrent puts each sees
// what the one before has left. A change of what cases rely on is the problem order_in_use.
func (s *Store) Put(ctx context.Context, merchantID, orderID string, order domain.Order, contact domain.Contact) (PutResult, error) {
	hash, err := domain.Hash(order, contact)
	if err != nil {
		return PutResult{}, err
	}
	p := put{merchantID, orderID, order, contact, hash, database.At(s.now()), s.sealer}

	// This read only saves work: what it finds is decided again below, by key or under the lock.
	var head orderRow
	err = s.read(ctx).Where(ofOrder, merchantID, orderID).Take(&head).Error
	switch {
	case database.IsNotFound(err):
		err = database.InTx(ctx, s.db, p.create)
		if err == nil {
			_, announced := p.shipped()
			return PutResult{Version: 1, Outcome: Created, Announced: announced}, nil
		}
		if !errors.Is(err, errOrderExists) {
			return PutResult{}, fmt.Errorf("create order: %w", err)
		}
	case err != nil:
		return PutResult{}, fmt.Errorf("read order: %w", err)
	}
	if p, err = p.mindful(head); err != nil {
		return PutResult{}, err
	}
	if head.ContentHash == p.hash {
		return PutResult{Version: head.Version, Outcome: Unchanged}, nil
	}
	return s.change(ctx, p)
}

// mindful leaves the contact out if the order's was dropped for good.
func (p put) mindful(head orderRow) (put, error) {
	if !head.ForgottenAt.Valid {
		return p, nil
	}
	var err error
	p.contact = domain.Contact{}
	p.hash, err = domain.Hash(p.order, p.contact)
	return p, err
}

// shipped is what to announce of the order, if it has not been announced before.
func (p put) shipped() (domain.Shipped, bool) { return p.order.Shipped(p.merchantID, p.orderID) }

var (
	errOrderExists = errors.New("the order exists")
	errUnchanged   = errors.New("the order is unchanged")
)

func (p put) create(tx *gorm.DB) error {
	shipped, announced := p.shipped()
	err := tx.Create(&orderRow{
		MerchantID: p.merchantID, OrderID: p.orderID, BuyerID: p.order.BuyerID, PlacedAt: database.At(p.order.PlacedAt),
		Version: 1, ContentHash: p.hash, Announced: announced, ChangedAt: p.at,
	}).Error
	if database.IsDuplicate(err) {
		return errOrderExists
	}
	if err != nil {
		return err
	}
	if announced {
		if err := announce(tx, shipped); err != nil {
			return err
		}
	}
	if p.contact != (domain.Contact{}) {
		if err := p.writeContact(tx); err != nil {
			return err
		}
	}
	if err := p.insertLines(tx, p.order.Lines); err != nil {
		return err
	}
	return p.insertVersion(tx, 1)
}

// change makes the next version, unless someone else has stored the same content meanwhile.
func (s *Store) change(ctx context.Context, p put) (PutResult, error) {
	var head orderRow
	var announced bool
	err := database.InTx(ctx, s.db, func(tx *gorm.DB) (err error) {
		head = orderRow{}
		// Taking the next version takes the lock of the row, under which the rest is read.
		if err := tx.Model(&orderRow{}).Where(ofOrder, p.merchantID, p.orderID).
			Update("version", gorm.Expr("version + 1")).Error; err != nil {
			return err
		}
		if err := tx.Where(ofOrder, p.merchantID, p.orderID).Take(&head).Error; err != nil {
			return err
		}
		told, err := p.mindful(head)
		if err != nil {
			return err
		}
		if head.ContentHash == told.hash {
			return errUnchanged
		}
		announced, err = told.update(tx, head)
		return err
	})
	switch {
	case errors.Is(err, errUnchanged):
		return PutResult{Version: head.Version - 1, Outcome: Unchanged}, nil
	case err != nil:
		return PutResult{}, fmt.Errorf("change order: %w", err)
	}
	return PutResult{Version: head.Version, Outcome: Updated, Announced: announced}, nil
}

// update writes all that belongs to the version that head has already been counted up to, and tells
// whether it announced that the order was shipped.
func (p put) update(tx *gorm.DB, head orderRow) (announced bool, err error) {
	var before versionRow
	if err := tx.Where(ofOrder+" AND version = ?", p.merchantID, p.orderID, head.Version-1).Take(&before).Error; err != nil {
		return false, fmt.Errorf("read version %d: %w", head.Version-1, err)
	}
	change, err := domain.Compare(before.Document.V, p.order)
	if err != nil {
		return false, err
	}
	if err := p.replaceLines(tx, before.Document.V, change); err != nil {
		return false, err
	}
	shipped, announced := p.shipped()
	if announced = announced && !head.Announced; announced {
		if err := announce(tx, shipped); err != nil {
			return false, err
		}
	}
	err = tx.Model(&orderRow{}).Where(ofOrder, p.merchantID, p.orderID).Updates(map[string]any{
		"placed_at": database.At(p.order.PlacedAt), "content_hash": p.hash,
		"announced": head.Announced || announced, "changed_at": p.at,
	}).Error
	if err != nil {
		return false, err
	}
	if err := p.writeContact(tx); err != nil {
		return false, err
	}
	return announced, p.insertVersion(tx, head.Version)
}

// replaceLines carries out the change, if no unit of the lines it touches is in a case. The condition
// is part of the DELETE, so that a reservation made at the same moment either comes before it and
// refuses the change, or after it and sees the new line.
func (p put) replaceLines(tx *gorm.DB, before domain.Order, change domain.Change) error {
	touched := make([]string, 0, len(change.Removed)+len(change.Changed))
	for _, line := range slices.Concat(change.Removed, change.Changed) {
		touched = append(touched, line.LineID)
	}
	slices.Sort(touched)
	for ids := range slices.Chunk(touched, batch) {
		deleted := tx.Where(ofLines+" AND reserved_units = 0 AND returned_units = 0", p.merchantID, p.orderID, ids).
			Delete(&lineRow{})
		if deleted.Error != nil {
			return deleted.Error
		}
		if deleted.RowsAffected < int64(len(ids)) {
			return p.inUse(tx, before, ids)
		}
	}
	return p.insertLines(tx, slices.Concat(change.Changed, change.Added))
}

// inUse finds the line that kept replaceLines from its work: the only ones left have units in cases.
func (p put) inUse(tx *gorm.DB, before domain.Order, ids []string) error {
	var line lineRow
	err := tx.Where(ofLines+" AND reserved_units + returned_units > 0", p.merchantID, p.orderID, ids).
		Order("line_id").Take(&line).Error
	if database.IsNotFound(err) {
		return database.ErrRetry // a case has just released its units
	}
	if err != nil {
		return err
	}
	return domain.InUse(before, p.order, line.LineID, line.ReservedUnits, line.ReturnedUnits)
}

func (p put) insertLines(tx *gorm.DB, lines []domain.Line) error {
	rows := make([]lineRow, 0, len(lines))
	for _, line := range lines {
		rows = append(rows, lineRow{
			MerchantID: p.merchantID, OrderID: p.orderID, LineID: line.LineID,
			Quantity: line.Quantity, Paid: line.Paid.Amount, Currency: line.Paid.Currency,
		})
	}
	return insert(tx, rows)
}

func (p put) insertVersion(tx *gorm.DB, version int64) error {
	if err := insertPayments(tx, p.merchantID, p.orderID, p.order.Payments); err != nil {
		return err
	}
	return tx.Create(&versionRow{
		MerchantID: p.merchantID, OrderID: p.orderID, Version: version,
		Document: database.AsJSON(p.order), StoredAt: p.at,
	}).Error
}

// writeContact replaces the contact; that of the version before is gone then.
func (p put) writeContact(tx *gorm.DB) error {
	if p.contact == (domain.Contact{}) {
		return tx.Where(ofOrder, p.merchantID, p.orderID).Delete(&contactRow{}).Error
	}
	sealed, err := seal.Document(p.sealer, contactAt(p.merchantID, p.orderID), p.contact)
	if err != nil {
		return err
	}
	return tx.Clauses(clause.OnConflict{
		Columns:   []clause.Column{{Name: "merchant_id"}, {Name: "order_id"}},
		DoUpdates: clause.AssignmentColumns([]string{"contact", "phone_index"}),
	}).Create(&contactRow{
		MerchantID: p.merchantID, OrderID: p.orderID, Contact: sealed, PhoneIndex: p.sealer.PhoneIndex(p.merchantID, p.contact.Phone),
	}).Error
}

// insert writes rows in few statements.
func insert[T any](tx *gorm.DB, rows []T) error {
	for some := range slices.Chunk(rows, batch) {
		if err := tx.Create(&some).Error; err != nil {
			return err
		}
	}
	return nil
}
