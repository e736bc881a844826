package store

import (
	"context"
	"fmt"
	"time"

	"gorm.io/gorm"

	"aftercare.dev/services/order/domain"
	"aftercare.dev/services/platform/database"
)

// ForgetBuyer drops the contacts of the buyer's orders after an order id, and keeps later ones from being
// stored. It returns the ids of the orders of this page, also of those that had no contact any more, and
// whether there are more.
func (s *Store) ForgetBuyer(ctx context.Context, merchantID, buyerID, after string, limit int) (orderIDs []string, more bool, err error) {
	err = s.read(ctx).Model(&orderRow{}).Where("merchant_id = ? AND buyer_id = ? AND order_id > ?", merchantID, buyerID, after).
		Order("order_id").Limit(limit+1).Pluck("order_id", &orderIDs).Error
	if err != nil {
		return nil, false, fmt.Errorf("list orders of a buyer: %w", err)
	}
	if more = len(orderIDs) > limit; more {
		orderIDs = orderIDs[:limit]
	}
	for _, orderID := range orderIDs {
		if _, err := s.forget(ctx, merchantID, orderID, ""); err != nil {
			return nil, false, err
		}
	}
	return orderIDs, more, nil
}

// notInCase holds for an order of which no case has units: while one has, somebody may have to be reached.
const notInCase = `NOT EXISTS (SELECT 1 FROM reservations AS r
	WHERE r.merchant_id = orders.merchant_id AND r.order_id = orders.order_id AND r.state = 'open')`

// ForgetBefore drops the contacts of orders of all merchants that were placed before an instant and have no
// units in an open case: limit at most. It returns how many were dropped, and whether there may be more.
func (s *Store) ForgetBefore(ctx context.Context, before time.Time, limit int) (dropped int64, more bool, err error) {
	var rows []orderRow
	err = s.read(database.AcrossMerchants(ctx)).Select("merchant_id", "order_id").
		Where("forgotten_at IS NULL AND placed_at < ? AND "+notInCase, database.At(before)).
		Order("placed_at").Limit(limit).Find(&rows).Error
	if err != nil {
		return 0, false, fmt.Errorf("list orders whose time is over: %w", err)
	}
	for _, row := range rows {
		done, err := s.forget(ctx, row.MerchantID, row.OrderID, notInCase)
		if err != nil {
			return dropped, false, err
		}
		if done {
			dropped++
		}
	}
	return dropped, len(rows) == limit, nil
}

// forget drops one contact if the condition holds. The hash of the content is made anew without the contact,
// since one could guess a phone number from it.
func (s *Store) forget(ctx context.Context, merchantID, orderID, condition string) (done bool, err error) {
	err = database.InTx(ctx, s.db, func(tx *gorm.DB) error {
		update := tx.Model(&orderRow{}).Where(ofOrder+" AND forgotten_at IS NULL", merchantID, orderID)
		if condition != "" {
			update = update.Where(condition)
		}
		update = update.Update("forgotten_at", database.At(s.now()))
		if done = update.RowsAffected == 1; update.Error != nil || !done {
			return update.Error
		}
		var newest versionRow
		err := tx.Where(ofOrder+" AND version = (SELECT version FROM orders WHERE "+ofOrder+")", merchantID, orderID, merchantID, orderID).
			Take(&newest).Error
		if err != nil {
			return fmt.Errorf("read the newest version: %w", err)
		}
		hash, err := domain.Hash(newest.Document.V, domain.Contact{})
		if err != nil {
			return err
		}
		if err := tx.Model(&orderRow{}).Where(ofOrder, merchantID, orderID).Update("content_hash", hash).Error; err != nil {
			return err
		}
		return tx.Where(ofOrder, merchantID, orderID).Delete(&contactRow{}).Error
	})
	if err != nil {
		return false, fmt.Errorf("forget a contact: %w", err)
	}
	return done, nil
}
