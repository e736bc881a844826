package store

import (
	"context"
	"fmt"
	"time"

	"aftercare.dev/services/cases/domain"
	"aftercare.dev/services/platform/database"
)

// Measure counts the open cases of a merchant that are alike.
type Measure struct {
	MerchantID, Type, Stage string
	// AttentionReason is why they need attention; empty if they do not.
	AttentionReason string
	Cases           int64
	// Overdue are those whose deadline passed more than a minute ago, without anything following.
	Overdue int64
	// Oldest is when the oldest was opened.
	Oldest database.Time
}

// grace is how long what follows from a deadline may take. Without it a busy system would always have a case that is
// overdue just now.
const grace = time.Minute

// Measures counts the open cases of all merchants, in one query that an index answers.
func (s *Store) Measures(ctx context.Context) ([]Measure, error) {
	var measures []Measure
	err := s.read(database.AcrossMerchants(ctx)).Model(&Case{}).
		Select(`merchant_id, type, stage, CASE WHEN needs_attention = 1 AND attention_reason = '' THEN 'unknown' ELSE attention_reason END AS attention_reason,
	COUNT(*) AS cases, SUM(CASE WHEN deadline < ? THEN 1 ELSE 0 END) AS overdue, MIN(opened_at) AS oldest`, database.At(s.now().Add(-grace))).
		Where("status = ?", domain.StatusOpen).
		Group("merchant_id, type, stage, needs_attention, attention_reason").Find(&measures).Error
	if err != nil {
		return nil, fmt.Errorf("count open cases: %w", err)
	}
	return measures, nil
}
