package store

import (
	"context"
	"fmt"
	"time"

	"gorm.io/gorm"

	"aftercare.dev/services/order/domain"
	"aftercare.dev/services/platform/database"
	"aftercare.dev/services/platform/ids"
	"aftercare.dev/services/platform/seal"
)

// contactAt and reasonAt are what sealed values are bound to.
func contactAt(merchantID, orderID string) seal.Place {
	return seal.In("order_contacts", "contact", merchantID, orderID)
}

func reasonAt(merchantID, revealID string) seal.Place {
	return seal.In("reveals", "reason", merchantID, revealID)
}

// Sealed lists the tables with personal data, for [seal.Sealer.Reseal].
func Sealed(sealer *seal.Sealer) []seal.Table {
	return []seal.Table{
		{
			Name: "order_contacts", Key: []string{"merchant_id", "order_id"}, Columns: []string{"contact"},
			Index: &seal.Index{Column: "phone_index", Of: func(merchantID, text string) (string, error) {
				contact, err := seal.OpenDocument[domain.Contact](nil, seal.In("order_contacts", "contact"), text)
				return sealer.PhoneIndex(merchantID, contact.Phone), err
			}},
		},
		{Name: "reveals", Key: []string{"merchant_id", "reveal_id"}, Columns: []string{"reason"}},
	}
}

func (s *Store) openContact(merchantID, orderID, written string) (domain.Contact, error) {
	return seal.OpenDocument[domain.Contact](s.sealer, contactAt(merchantID, orderID), written)
}

// BuyerContact is the contact of an order; empty if there is none or it was dropped.
type BuyerContact struct {
	OrderID, BuyerID string
	PlacedAt         time.Time
	Contact          domain.Contact
}

// contactOfOrder is an order with its contact as it is written.
type contactOfOrder struct {
	OrderID  string
	BuyerID  string
	PlacedAt database.Time
	Contact  *string
}

func (s *Store) opened(merchantID string, rows []contactOfOrder) ([]BuyerContact, error) {
	all := make([]BuyerContact, len(rows))
	for i, row := range rows {
		all[i] = BuyerContact{OrderID: row.OrderID, BuyerID: row.BuyerID, PlacedAt: row.PlacedAt.Time}
		if row.Contact == nil {
			continue
		}
		var err error
		if all[i].Contact, err = s.openContact(merchantID, row.OrderID, *row.Contact); err != nil {
			return nil, err
		}
	}
	return all, nil
}

// found is how many orders a search by phone returns at most.
const found = 50

// SearchPhone returns the newest orders whose contact has the phone number. Without an index key it is the
// problem search_off.
func (s *Store) SearchPhone(ctx context.Context, merchantID, phone string) ([]BuyerContact, error) {
	if !s.sealer.Indexes() {
		return nil, domain.SearchOff()
	}
	if !seal.IsPhone(phone) {
		return nil, domain.NoPhone()
	}
	var rows []contactOfOrder
	err := s.read(ctx).Table("order_contacts AS c").Select("o.order_id, o.buyer_id, o.placed_at, c.contact").
		Joins("JOIN orders AS o ON o.merchant_id = c.merchant_id AND o.order_id = c.order_id").
		Where("c.merchant_id = ? AND c.phone_index = ?", merchantID, s.sealer.PhoneIndex(merchantID, phone)).
		Order("o.placed_at DESC, o.order_id").Limit(found).Find(&rows).Error
	if err != nil {
		return nil, fmt.Errorf("search contacts: %w", err)
	}
	return s.opened(merchantID, rows)
}

// ContactsOfBuyer returns the contacts of the buyer's orders after an order id, by order id, and whether
// there are more.
func (s *Store) ContactsOfBuyer(ctx context.Context, merchantID, buyerID, after string, limit int) ([]BuyerContact, bool, error) {
	var rows []contactOfOrder
	err := s.read(ctx).Table("orders AS o").Select("o.order_id, o.buyer_id, o.placed_at, c.contact").
		Joins("LEFT JOIN order_contacts AS c ON c.merchant_id = o.merchant_id AND c.order_id = o.order_id").
		Where("o.merchant_id = ? AND o.buyer_id = ? AND o.order_id > ?", merchantID, buyerID, after).
		Order("o.order_id").Limit(limit + 1).Find(&rows).Error
	if err != nil {
		return nil, false, fmt.Errorf("list contacts of a buyer: %w", err)
	}
	more := len(rows) > limit
	all, err := s.opened(merchantID, rows[:min(limit, len(rows))])
	return all, more, err
}

// revealRow is one look at a contact.
type revealRow struct {
	MerchantID string `gorm:"primaryKey"`
	RevealID   string `gorm:"primaryKey"`
	OrderID    string
	BuyerID    string
	ActorRole  string
	ActorID    string
	Reason     string
	At         database.Time
}

func (revealRow) TableName() string { return "reveals" }

// Reveal returns the contact of an order, after it has written down who wants to see it and why. An order
// that is not there is the problem order_not_found.
func (s *Store) Reveal(ctx context.Context, merchantID, orderID string, r domain.Reveal) (domain.Contact, error) {
	contact, err := s.Contact(ctx, merchantID, orderID)
	if err != nil {
		return domain.Contact{}, err
	}
	r.OrderID, r.BuyerID = orderID, ""
	return contact, s.RecordReveal(ctx, merchantID, r)
}

// RecordReveal writes down who sees the contact of an order, or all that is kept of a buyer, and why.
func (s *Store) RecordReveal(ctx context.Context, merchantID string, r domain.Reveal) error {
	row := revealRow{
		MerchantID: merchantID, RevealID: ids.New("rvl"), OrderID: r.OrderID, BuyerID: r.BuyerID,
		ActorRole: r.ActorRole, ActorID: r.ActorID, At: database.At(s.now()),
	}
	var err error
	if row.Reason, err = s.sealer.Seal(reasonAt(merchantID, row.RevealID), r.Reason); err != nil {
		return err
	}
	err = database.InTx(ctx, s.db, func(tx *gorm.DB) error { return tx.Create(&row).Error })
	if err != nil {
		return fmt.Errorf("record who sees a contact: %w", err)
	}
	return nil
}

// Reveals lists who saw contacts, the newest first, and the cursor of the next page. Empty ids do not limit.
func (s *Store) Reveals(ctx context.Context, merchantID, orderID, actorID, cursor string, limit int) ([]domain.Reveal, string, error) {
	query := s.read(ctx).Where("merchant_id = ?", merchantID)
	for column, value := range map[string]string{"order_id": orderID, "actor_id": actorID} {
		if value != "" {
			query = query.Where(column+" = ?", value)
		}
	}
	if cursor != "" {
		query = query.Where("reveal_id < ?", cursor)
	}
	var rows []revealRow
	if err := query.Order("reveal_id DESC").Limit(limit + 1).Find(&rows).Error; err != nil {
		return nil, "", fmt.Errorf("list reveals: %w", err)
	}
	next := ""
	if len(rows) > limit {
		rows = rows[:limit]
		next = rows[limit-1].RevealID
	}
	reveals := make([]domain.Reveal, len(rows))
	for i, row := range rows {
		reason, err := s.sealer.Open(reasonAt(merchantID, row.RevealID), row.Reason)
		if err != nil {
			return nil, "", err
		}
		reveals[i] = domain.Reveal{
			RevealID: row.RevealID, OrderID: row.OrderID, BuyerID: row.BuyerID, ActorRole: row.ActorRole, ActorID: row.ActorID,
			Reason: reason, At: row.At.Time,
		}
	}
	return reveals, next, nil
}
