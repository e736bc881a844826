package store

import (
	"context"
	"fmt"
	"time"

	"gorm.io/gorm"
	"gorm.io/gorm/clause"

	"aftercare.dev/services/cases/domain"
	"aftercare.dev/services/platform/database"
)

// Finding is something that a sweep found: a case or workflow that is not as it should be.
type Finding struct {
	MerchantID string
	Kind       string
	WorkflowID string
	CaseID     string
	// Code is what exactly is wrong.
	Code string
	// Since is when the sweep saw it first, or since when it is so if the sweep can tell.
	Since database.Time
}

// TableName implements GORM's Tabler.
func (Finding) TableName() string { return "findings" }

// sweepRow is the last sweep that ended.
type sweepRow struct {
	Name       string
	FinishedAt database.Time
	Findings   int64
}

// TableName implements GORM's Tabler.
func (sweepRow) TableName() string { return "sweeps" }

// theSweep is the only one there is.
const theSweep = "cases"

// PutFindings puts what a sweep found in place of what the one before found. What was found before keeps its since. A
// sweep that ended before the one whose findings are kept changes nothing.
func (s *Store) PutFindings(ctx context.Context, finishedAt time.Time, total int64, found []Finding) error {
	err := database.InTx(database.AcrossMerchants(ctx), s.db, func(tx *gorm.DB) error {
		row := sweepRow{Name: theSweep, FinishedAt: database.At(finishedAt), Findings: total}
		// The row also keeps two sweeps from writing at once.
		if err := tx.Clauses(clause.OnConflict{DoNothing: true}).Create(&row).Error; err != nil {
			return err
		}
		moved := tx.Model(&sweepRow{}).Where("name = ? AND finished_at <= ?", theSweep, row.FinishedAt).
			Updates(map[string]any{"finished_at": row.FinishedAt, "findings": total})
		if moved.Error != nil {
			return moved.Error
		}
		var newest sweepRow
		if err := tx.Where("name = ?", theSweep).Take(&newest).Error; err != nil {
			return err
		}
		if newest.FinishedAt.After(row.FinishedAt.Time) {
			return nil
		}
		return replaceFindings(tx, found)
	})
	return wrap(err, "keep findings")
}

func replaceFindings(tx *gorm.DB, found []Finding) error {
	var before []Finding
	if err := tx.Find(&before).Error; err != nil {
		return fmt.Errorf("read findings: %w", err)
	}
	if err := tx.Where("1 = 1").Delete(&Finding{}).Error; err != nil {
		return fmt.Errorf("forget findings: %w", err)
	}
	if len(found) == 0 {
		return nil
	}
	type place struct{ merchantID, kind, workflowID string }
	since := make(map[place]database.Time, len(before))
	for _, f := range before {
		since[place{f.MerchantID, f.Kind, f.WorkflowID}] = f.Since
	}
	rows := make([]Finding, len(found))
	for i, f := range found {
		if earlier, ok := since[place{f.MerchantID, f.Kind, f.WorkflowID}]; ok && earlier.Before(f.Since.Time) {
			f.Since = earlier
		}
		rows[i] = f
	}
	// A workflow can be met twice on the way of a sweep.
	return tx.Clauses(clause.OnConflict{DoNothing: true}).CreateInBatches(&rows, 100).Error
}

// Findings returns what the last sweep found of the merchant, the oldest first, and when it ended, which is zero before
// the first one.
func (s *Store) Findings(ctx context.Context, merchantID string) ([]Finding, time.Time, error) {
	var sweeps []sweepRow
	if err := s.read(ctx).Where("name = ?", theSweep).Limit(1).Find(&sweeps).Error; err != nil {
		return nil, time.Time{}, fmt.Errorf("read the last sweep: %w", err)
	}
	if len(sweeps) == 0 {
		return nil, time.Time{}, nil
	}
	var found []Finding
	err := s.read(ctx).Where("merchant_id = ?", merchantID).Order("since, kind, workflow_id").Find(&found).Error
	return found, sweeps[0].FinishedAt.Time, wrap(err, "read findings")
}

// OpenCases returns open cases of all merchants after a place in the order of merchant and case, limit at most. Of a
// case it has what a sweep compares; the rest is empty.
func (s *Store) OpenCases(ctx context.Context, afterMerchantID, afterCaseID string, limit int) ([]Case, error) {
	ctx = database.AcrossMerchants(ctx)
	// One condition for both would read the merchant's cases from the first one, page for page.
	page, err := s.openCases(ctx, limit, "c.merchant_id = ? AND c.case_id > ?", afterMerchantID, afterCaseID)
	if err != nil || len(page) == limit {
		return page, err
	}
	others, err := s.openCases(ctx, limit-len(page), "c.merchant_id > ?", afterMerchantID)
	return append(page, others...), err
}

func (s *Store) openCases(ctx context.Context, limit int, after string, place ...any) (found []Case, err error) {
	const compared = "c.merchant_id, c.case_id, c.stage, c.version, c.needs_attention, c.deadline, c.document, c.updated_at"
	err = s.read(ctx).Table(s.byIndex("cases_open")).Select(compared).
		Where("c.status = ?", domain.StatusOpen).Where(after, place...).
		Order("c.merchant_id, c.case_id").Limit(limit).Find(&found).Error
	return found, wrap(err, "list open cases")
}

// AttentionCount is how many open cases need attention for a reason.
type AttentionCount struct {
	Reason string
	Cases  int64
}

// Attention counts the merchant's cases that need attention, by reason, the most frequent first.
func (s *Store) Attention(ctx context.Context, merchantID string) ([]AttentionCount, error) {
	var counts []AttentionCount
	err := s.read(ctx).Table(s.byIndex("cases_by_reason")).Select("c.attention_reason AS reason, COUNT(*) AS cases").
		Where("c.merchant_id = ? AND c.needs_attention = 1", merchantID).
		Group("c.attention_reason").Order("cases DESC, reason").Find(&counts).Error
	return counts, wrap(err, "count attention")
}
