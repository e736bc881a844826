package store

import (
	"context"
	"fmt"

	"aftercare.dev/services/payment/domain"
	"aftercare.dev/services/platform/database"
)

// Measure counts the refunds of a merchant that are in one state.
type Measure struct {
	MerchantID string
	State      domain.RefundState
	Refunds    int64
	// Oldest is when the oldest was reserved.
	Oldest database.Time
}

// Unsettled counts the refunds of all merchants whose money has neither moved nor been given up, in one query that an
// index answers.
func (s *Store) Unsettled(ctx context.Context) ([]Measure, error) {
	var measures []Measure
	err := s.db.WithContext(database.AcrossMerchants(ctx)).Model(&refundRow{}).
		Select("merchant_id, state, COUNT(*) AS refunds, MIN(created_at) AS oldest").
		Where("state IN ?", domain.Unsettled()).Group("state, merchant_id").Find(&measures).Error
	if err != nil {
		return nil, fmt.Errorf("count unsettled refunds: %w", err)
	}
	return measures, nil
}
