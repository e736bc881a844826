package store

import (
	"context"
	"fmt"
	"strings"

	"gorm.io/gorm"
	"gorm.io/gorm/clause"

	"aftercare.dev/services/order/domain"
	"aftercare.dev/services/platform/database"
)

// paymentRow names the order of a payment. Rows are only added: a payment that was corrected keeps its old name as well.
type paymentRow struct {
	Provider          string `gorm:"primaryKey"`
	ProviderReference string `gorm:"primaryKey"`
	MerchantID        string `gorm:"primaryKey"`
	OrderID           string `gorm:"primaryKey"`
	PaymentID         string `gorm:"primaryKey"`
}

func (paymentRow) TableName() string { return "order_payments" }

func insertPayments(tx *gorm.DB, merchantID, orderID string, payments []domain.Payment) error {
	rows := make([]paymentRow, len(payments))
	for i, p := range payments {
		rows[i] = paymentRow{p.Provider, p.ProviderReference, merchantID, orderID, p.PaymentID}
	}
	if len(rows) == 0 {
		return nil
	}
	return tx.Clauses(clause.OnConflict{DoNothing: true}).Create(&rows).Error
}

// Payment finds the order that has a payment of this name at the provider, whoever's it is: a provider does not know our
// merchants. Of several the first by id. One that no order has is the problem payment_not_found.
func (s *Store) Payment(ctx context.Context, provider, reference string) (domain.PaymentAt, error) {
	db := s.read(database.AcrossMerchants(ctx))
	var row paymentRow
	err := db.Where("provider = ? AND provider_reference = ?", provider, reference).
		Order("merchant_id, order_id, payment_id").Take(&row).Error
	if err == nil {
		return domain.PaymentAt{MerchantID: row.MerchantID, OrderID: row.OrderID, PaymentID: row.PaymentID}, nil
	}
	if !database.IsNotFound(err) {
		return domain.PaymentAt{}, fmt.Errorf("read payment: %w", err)
	}
	return s.oldPayment(db, provider, reference)
}

// oldPayment reads the documents of all orders, which takes a while; what it finds is known from then on.
func (s *Store) oldPayment(db *gorm.DB, provider, reference string) (domain.PaymentAt, error) {
	escaped := strings.NewReplacer(`!`, `!!`, `%`, `!%`, `_`, `!_`).Replace(reference)
	var rows []stored
	err := db.Table("orders AS o").Select("o.merchant_id, o.order_id, o.placed_at, o.version, v.document").
		Joins("JOIN order_versions AS v ON v.merchant_id = o.merchant_id AND v.order_id = o.order_id AND v.version = o.version").
		Where("v.document LIKE ? ESCAPE '!'", `%"provider_reference":"`+escaped+`"%`).
		Order("o.merchant_id, o.order_id").Find(&rows).Error
	if err != nil {
		return domain.PaymentAt{}, fmt.Errorf("look for payment: %w", err)
	}
	for _, row := range rows {
		for _, p := range row.Document.V.Payments {
			if p.Provider != provider || p.ProviderReference != reference {
				continue
			}
			err := insertPayments(db, row.MerchantID, row.OrderID, row.Document.V.Payments)
			return domain.PaymentAt{MerchantID: row.MerchantID, OrderID: row.OrderID, PaymentID: p.PaymentID}, err
		}
	}
	return domain.PaymentAt{}, domain.PaymentNotFound()
}
