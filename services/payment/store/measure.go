package store

import (
	"context"
	"fmt"

	"aftercare.dev/services/payment/domain"
	"aftercare.dev/services/platform/database"
)

// Measure counts what a merchant has waiting of one sort.
type Measure struct {
	MerchantID string
	// Sort is the state of refunds, or the kind of differences.
	Sort  string
	Count int64
	// Oldest is since when the oldest waits.
	Oldest database.Time
}

// Unsettled counts the refunds of all merchants whose money has neither moved nor been given up, in one query that an
// index answers.
func (s *Store) Unsettled(ctx context.Context) ([]Measure, error) {
	var measures []Measure
	err := s.db.WithContext(database.AcrossMerchants(ctx)).Model(&refundRow{}).
		Select("merchant_id, state AS sort, COUNT(*) AS count, MIN(created_at) AS oldest").
		Where("state IN ?", domain.Unsettled()).Group("state, merchant_id").Find(&measures).Error
	if err != nil {
		return nil, fmt.Errorf("count unsettled refunds: %w", err)
	}
	return measures, nil
}

// Unresolved counts the differences of all merchants that no person is done with. Those whose payment no order has
// are of the merchant with the empty id.
func (s *Store) Unresolved(ctx context.Context) ([]Measure, error) {
	var measures []Measure
	err := s.db.WithContext(database.AcrossMerchants(ctx)).Model(&differenceRow{}).
		Select("merchant_id, kind AS sort, COUNT(*) AS count, MIN(created_at) AS oldest").
		Where("state IN ?", []domain.DifferenceState{domain.DifferenceOpen, domain.DifferenceTold}).
		Group("kind, merchant_id").Find(&measures).Error
	if err != nil {
		return nil, fmt.Errorf("count unresolved differences: %w", err)
	}
	return measures, nil
}
