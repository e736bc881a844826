// Package store keeps orders and the units that cases hold, on SQLite and on the MySQL family.
//
// Every method takes the merchant first, and rows of another merchant do not exist for it. Errors are
// the problems of package domain, or internal ones with the failed step in front.
package store

import (
	"cmp"
	"context"
	"embed"
	"fmt"
	"slices"
	"time"

	"gorm.io/gorm"

	"aftercare.dev/services/order/domain"
	"aftercare.dev/services/platform/database"
	"aftercare.dev/services/platform/seal"
)

//go:embed migrations/*.sql
var migrations embed.FS

// servesFrom is the newest version of release 0.1.0, whose program works beside this one.
const servesFrom = 5

// Migrations returns the schema, for [database.Migrate].
func Migrations() database.Schema {
	return database.Schema{Service: "order", Files: database.Sub(migrations, "migrations"), ServesFrom: servesFrom}
}

// batch is how many rows go into one INSERT or one list of an IN: well below the limits of both
// engines on parameters, and enough for nearly every order to be one statement.
const batch = 500

// Store is safe for concurrent use by any number of processes.
type Store struct {
	db     *gorm.DB
	now    func() time.Time
	sealer *seal.Sealer
}

// New returns a store on a migrated database.
func New(db *gorm.DB, now func() time.Time) *Store {
	return &Store{db: db, now: now}
}

// Sealing returns the store with keys: contacts are sealed as the sealer says, and opened.
func (s *Store) Sealing(sealer *seal.Sealer) *Store {
	sealed := *s
	sealed.sealer = sealer
	return &sealed
}

// read is the handle for statements outside a transaction.
func (s *Store) read(ctx context.Context) *gorm.DB { return s.db.WithContext(ctx) }

const (
	ofOrder = "merchant_id = ? AND order_id = ?"
	ofLine  = ofOrder + " AND line_id = ?"
	ofLines = ofOrder + " AND line_id IN ?"
	ofCase  = ofOrder + " AND case_id = ?"
)

// stored is the newest version of an order, as one row.
type stored struct {
	MerchantID string
	OrderID    string
	PlacedAt   database.Time
	Version    int64
	Document   database.JSON[domain.Order]
}

func (s stored) record() domain.Record {
	return domain.Record{
		MerchantID: s.MerchantID, OrderID: s.OrderID, Version: s.Version,
		Order: s.Document.V, Held: map[string]domain.Held{},
	}
}

// newest selects the newest versions of a merchant's orders, of one buyer if buyerID is not empty.
func (s *Store) newest(ctx context.Context, merchantID, buyerID string) *gorm.DB {
	query := s.read(ctx).Table("orders AS o").
		Select("o.merchant_id, o.order_id, o.placed_at, o.version, v.document").
		Joins("JOIN order_versions AS v ON v.merchant_id = o.merchant_id AND v.order_id = o.order_id AND v.version = o.version").
		Where("o.merchant_id = ?", merchantID)
	if buyerID != "" {
		query = query.Where("o.buyer_id = ?", buyerID)
	}
	return query
}

// withHeld reads an order and the units of it that cases hold as of one instant, in one statement: the order is the row
// with a version, and the others are units.
const (
	withHeld = `SELECT o.merchant_id, o.order_id, o.placed_at, o.version, v.document, '' AS line_id, 0 AS from_unit, 0 AS to_unit, '' AS state
		FROM orders AS o JOIN order_versions AS v ON v.merchant_id = o.merchant_id AND v.order_id = o.order_id AND v.version = o.version
		WHERE o.merchant_id = @merchant AND o.order_id = @order`
	andUnits = ` UNION ALL SELECT h.merchant_id, h.order_id, 0, 0, '', h.line_id, h.from_unit, h.to_unit, h.state
		FROM orders AS o JOIN held_units AS h ON h.merchant_id = o.merchant_id AND h.order_id = o.order_id
		WHERE o.merchant_id = @merchant AND o.order_id = @order`
	andBuyer = ` AND o.buyer_id = @buyer`
)

// Get returns the order in its newest version. With a buyer it returns the order only if it is
// theirs. An order that is not there is the problem order_not_found.
func (s *Store) Get(ctx context.Context, merchantID, orderID, buyerID string) (domain.Record, error) {
	query := withHeld + andUnits
	if buyerID != "" {
		query = withHeld + andBuyer + andUnits + andBuyer
	}
	var rows []struct {
		Order            stored `gorm:"embedded"`
		LineID, State    string
		FromUnit, ToUnit int64
	}
	err := s.read(ctx).Raw(query, map[string]any{"merchant": merchantID, "order": orderID, "buyer": buyerID}).Scan(&rows).Error
	if err != nil {
		return domain.Record{}, fmt.Errorf("read order: %w", err)
	}
	var found domain.Record
	var held []heldRow
	for _, row := range rows {
		if row.Order.Version > 0 {
			found = row.Order.record()
		} else {
			held = append(held, heldRow{LineID: row.LineID, FromUnit: row.FromUnit, ToUnit: row.ToUnit, State: row.State})
		}
	}
	if found.Version == 0 {
		return domain.Record{}, domain.OrderNotFound()
	}
	slices.SortFunc(held, func(a, b heldRow) int { return cmp.Compare(a.FromUnit, b.FromUnit) })
	for _, row := range held {
		row.addTo(found)
	}
	return found, nil
}

// Query says which orders to list.
type Query struct {
	// BuyerID limits the list to one buyer; empty means all.
	BuyerID string
	// Cursor is where the page before ended; empty means the newest order.
	Cursor string
	// Limit is how many orders a page has at most; it must be positive.
	Limit int
}

// List returns a page of orders, newest first and orders of one instant by id, and the cursor of the
// next page, which is empty on the last. A cursor that this service did not give is a 400 problem.
func (s *Store) List(ctx context.Context, merchantID string, q Query) (page []domain.Record, next string, err error) {
	after, err := decodeCursor(q.Cursor)
	if err != nil {
		return nil, "", err
	}
	query := s.newest(ctx, merchantID, q.BuyerID)
	if q.Cursor != "" {
		query = query.Where("o.placed_at <= ? AND (o.placed_at < ? OR o.order_id > ?)",
			after.placedAt, after.placedAt, after.orderID)
	}
	var rows []stored
	err = query.Order("o.placed_at DESC, o.order_id").Limit(q.Limit + 1).Find(&rows).Error
	if err != nil {
		return nil, "", fmt.Errorf("list orders: %w", err)
	}
	if len(rows) > q.Limit {
		rows = rows[:q.Limit]
		last := rows[q.Limit-1]
		next = cursor{placedAt: last.PlacedAt, orderID: last.OrderID}.encode()
	}
	for _, row := range rows {
		page = append(page, row.record())
	}
	return page, next, s.readHeld(ctx, merchantID, page)
}

// readHeld fills in the units that cases hold.
func (s *Store) readHeld(ctx context.Context, merchantID string, records []domain.Record) error {
	if len(records) == 0 {
		return nil
	}
	at := make(map[string]int, len(records))
	ids := make([]string, len(records))
	for i, record := range records {
		at[record.OrderID], ids[i] = i, record.OrderID
	}
	var rows []heldRow
	err := s.read(ctx).Where("merchant_id = ? AND order_id IN ?", merchantID, ids).
		Order("order_id, line_id, from_unit").Find(&rows).Error
	if err != nil {
		return fmt.Errorf("read held units: %w", err)
	}
	for _, row := range rows {
		row.addTo(records[at[row.OrderID]])
	}
	return nil
}

// Contact returns the personal data of an order, which is empty if the shop gave none. An order that
// is not there is the problem order_not_found.
func (s *Store) Contact(ctx context.Context, merchantID, orderID string) (domain.Contact, error) {
	var rows []struct{ Contact *string }
	err := s.read(ctx).Table("orders AS o").Select("c.contact").
		Joins("LEFT JOIN order_contacts AS c ON c.merchant_id = o.merchant_id AND c.order_id = o.order_id").
		Where("o.merchant_id = ? AND o.order_id = ?", merchantID, orderID).Find(&rows).Error
	if err != nil {
		return domain.Contact{}, fmt.Errorf("read contact: %w", err)
	}
	if len(rows) == 0 {
		return domain.Contact{}, domain.OrderNotFound()
	}
	if rows[0].Contact == nil {
		return domain.Contact{}, nil
	}
	return s.openContact(merchantID, orderID, *rows[0].Contact)
}
