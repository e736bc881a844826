package store

import (
	"context"
	"fmt"
	"time"

	"gorm.io/gorm"

	"aftercare.dev/services/notification/domain"
	"aftercare.dev/services/platform/database"
	"aftercare.dev/services/platform/seal"
)

// dataAt is what the data of an event is bound to.
func dataAt(merchantID, eventID string) seal.Place {
	return seal.In("events", "data", merchantID, eventID)
}

// Sealed lists the tables with personal data, for [seal.Sealer.Reseal].
func Sealed(*seal.Sealer) []seal.Table {
	return []seal.Table{{Name: "events", Key: []string{"merchant_id", "event_id"}, Columns: []string{"data"}}}
}

// toPeople are the channels whose messages are a person's.
var toPeople = []domain.Channel{domain.ChannelInbox, domain.ChannelEmail}

// ForgetBuyer drops the buyer's messages, also those that wait to be sent: limit at most. An e-mail that is
// under way this moment may still arrive. It returns how many were dropped, and whether there may be more.
func (s *Store) ForgetBuyer(ctx context.Context, merchantID, buyerID string, limit int) (dropped int64, more bool, err error) {
	tx := s.db.WithContext(ctx)
	var ids []string
	err = tx.Model(&deliveryRow{}).Where("merchant_id = ? AND target_id = ? AND channel IN ?", merchantID, buyerID, toPeople).
		Order("delivery_id").Limit(limit).Pluck("delivery_id", &ids).Error
	if err != nil {
		return 0, false, fmt.Errorf("list messages of a buyer: %w", err)
	}
	if len(ids) == 0 {
		return 0, false, nil
	}
	gone := tx.Where("merchant_id = ? AND delivery_id IN ?", merchantID, ids).Delete(&deliveryRow{})
	if gone.Error != nil {
		return 0, false, fmt.Errorf("drop messages of a buyer: %w", gone.Error)
	}
	return gone.RowsAffected, len(ids) == limit, nil
}

// ForgetBefore drops events of all merchants that were stored before an instant, with all their messages:
// limit at most. One that still has a message to send stays.
func (s *Store) ForgetBefore(ctx context.Context, before time.Time, limit int) (dropped int64, more bool, err error) {
	const sent = `NOT EXISTS (SELECT 1 FROM deliveries AS d
		WHERE d.merchant_id = events.merchant_id AND d.event_id = events.event_id AND d.state = 'pending')`
	var rows []eventRow
	err = s.db.WithContext(database.AcrossMerchants(ctx)).Select("merchant_id", "event_id").
		Where("stored_at < ? AND "+sent, database.At(before)).Order("stored_at").Limit(limit).Find(&rows).Error
	if err != nil {
		return 0, false, fmt.Errorf("list events whose time is over: %w", err)
	}
	for _, row := range rows {
		err := database.InTx(ctx, s.db, func(tx *gorm.DB) error {
			err := tx.Where("merchant_id = ? AND event_id = ?", row.MerchantID, row.EventID).Delete(&deliveryRow{}).Error
			if err != nil {
				return err
			}
			return tx.Where("merchant_id = ? AND event_id = ?", row.MerchantID, row.EventID).Delete(&eventRow{}).Error
		})
		if err != nil {
			return dropped, false, fmt.Errorf("drop an event: %w", err)
		}
		dropped++
	}
	return dropped, len(rows) == limit, nil
}
