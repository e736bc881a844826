package store

import (
	"context"
	"fmt"

	"gorm.io/gorm"
	"gorm.io/gorm/clause"

	"aftercare.dev/services/logistics/domain"
	"aftercare.dev/services/platform/database"
)

// Receive applies a callback to its shipment, once for its digest, and returns the id of the event that
// it caused, empty if it caused none. A callback that comes again changes nothing and returns the same
// id: whoever had to pass the event on may have died the first time.
func (s *Store) Receive(
	ctx context.Context, merchantID, shipmentID, digest string, fn func(*domain.Shipment) (eventID string, err error),
) (string, error) {
	var eventID string
	err := database.InTx(ctx, s.db, func(tx *gorm.DB) error {
		row := callback{MerchantID: merchantID, ShipmentID: shipmentID, Digest: digest, ReceivedAt: database.At(s.now())}
		added := tx.Clauses(clause.OnConflict{DoNothing: true}).Create(&row)
		if added.Error != nil {
			return fmt.Errorf("note callback: %w", added.Error)
		}
		if added.RowsAffected == 0 {
			var before callback
			err := tx.Where(ofShipment+" AND digest = ?", merchantID, shipmentID, digest).Take(&before).Error
			if err != nil {
				return fmt.Errorf("read callback: %w", err)
			}
			eventID = before.EventID
			return nil
		}
		_, err := s.change(tx, merchantID, shipmentID, func(changed *domain.Shipment) error {
			var err error
			eventID, err = fn(changed)
			return err
		})
		if err != nil || eventID == "" {
			return err
		}
		err = tx.Model(&callback{}).Where(ofShipment+" AND digest = ?", merchantID, shipmentID, digest).
			Update("event_id", eventID).Error
		if err != nil {
			return fmt.Errorf("note event of callback: %w", err)
		}
		return nil
	})
	return eventID, err
}
