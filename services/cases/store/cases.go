package store

import (
	"context"

	"aftercare.dev/services/platform/database"
)

// Case returns the case with what was asked and how it was judged; with a buyer, only if it is theirs.
// Anything else is the problem case_not_found.
func (s *Store) Case(ctx context.Context, merchantID, caseID, buyerID string) (Details, error) {
	query := s.read(ctx).Table("cases AS c").
		Select("c.*, a.text, a.evidence_ids, j.document AS judgement").
		Joins("JOIN applications AS a ON a.merchant_id = c.merchant_id AND a.case_id = c.case_id").
		Joins("LEFT JOIN judgements AS j ON j.merchant_id = c.merchant_id AND j.case_id = c.case_id").
		Where("c.merchant_id = ? AND c.case_id = ?", merchantID, caseID)
	if buyerID != "" {
		query = query.Where("c.buyer_id = ?", buyerID)
	}
	var row Details
	err := query.Take(&row).Error
	if database.IsNotFound(err) {
		return Details{}, caseNotFound()
	}
	if err != nil {
		return row, wrap(err, "read case")
	}
	row.Text, err = s.sealer.Open(textAt(merchantID, caseID), row.Text)
	return row, err
}
