package store

import (
	"context"
	"fmt"
	"strings"

	"gorm.io/gorm"

	"aftercare.dev/services/cases/domain"
	"aftercare.dev/services/platform/database"
)

// unbound is the case of evidence that no application or note has named.
const unbound = ""

// AddEvidence records a photo that is already in the bucket.
func (s *Store) AddEvidence(ctx context.Context, e Evidence) error {
	e.CaseID, e.UploadedAt = unbound, database.At(s.now())
	err := database.InTx(ctx, s.db, func(tx *gorm.DB) error { return tx.Create(&e).Error })
	return wrap(err, "add evidence")
}

// shownToEveryone are photos that the application names, or a note that is on the timeline for everyone. A photo of an
// internal note, or of one that is on no timeline yet, is the staff's. Ids are in the JSON of the list between quotes.
const shownToEveryone = `(EXISTS (SELECT 1 FROM applications AS a
		WHERE a.merchant_id = evidence.merchant_id AND a.case_id = evidence.case_id AND INSTR(a.evidence_ids, CONCAT('"', evidence.evidence_id, '"')) > 0)
	OR EXISTS (SELECT 1 FROM notes AS n
		JOIN entries AS e ON e.merchant_id = n.merchant_id AND e.case_id = n.case_id AND e.note_id = n.note_id
		WHERE n.merchant_id = evidence.merchant_id AND n.case_id = evidence.case_id AND e.audience = ?
		AND INSTR(n.evidence_ids, CONCAT('"', evidence.evidence_id, '"')) > 0))`

// Evidence returns what is known of a photo; with a buyer, only if they uploaded it or it was shown to everyone in a case
// of theirs; with everyone, only if it was shown to everyone or comes from a buyer or storefront. Anything else is the
// problem evidence_not_found.
func (s *Store) Evidence(ctx context.Context, merchantID, evidenceID, buyerID string, everyone bool) (Evidence, error) {
	query := s.read(ctx).Where("merchant_id = ? AND evidence_id = ?", merchantID, evidenceID)
	switch {
	case buyerID != "":
		query = query.Where(`((role = ? AND actor_id = ?) OR (EXISTS (SELECT 1 FROM applications
			WHERE applications.merchant_id = evidence.merchant_id AND applications.case_id = evidence.case_id AND applications.buyer_id = ?)
			AND `+shownToEveryone+`))`, domain.RoleBuyer, buyerID, buyerID, domain.Everyone)
	case everyone:
		query = query.Where("(role IN ? OR "+shownToEveryone+")", []string{domain.RoleBuyer, domain.RoleStorefront}, domain.Everyone)
	}
	var row Evidence
	err := query.Take(&row).Error
	if database.IsNotFound(err) {
		return Evidence{}, domain.Fault(domain.CodeEvidenceNotFound, "", "there is no such evidence")
	}
	return row, wrap(err, "read evidence")
}

// bind gives the evidence to the case, in the transaction of what names it. Each must be of one of the
// owners and free, or belong to the case already.
func bind(tx *gorm.DB, merchantID, caseID string, owners []domain.Actor, evidenceIDs []string) error {
	if len(evidenceIDs) == 0 {
		return nil
	}
	var (
		owned []string
		args  []any
	)
	for _, owner := range owners {
		owned = append(owned, "(role = ? AND actor_id = ?)")
		args = append(args, owner.Role, owner.ID)
	}
	update := tx.Model(&Evidence{}).
		Where("merchant_id = ? AND evidence_id IN ? AND case_id = ?", merchantID, evidenceIDs, unbound).
		Where("("+strings.Join(owned, " OR ")+")", args...).
		Update("case_id", caseID)
	if update.Error != nil {
		return fmt.Errorf("bind evidence: %w", update.Error)
	}
	if update.RowsAffected == int64(len(evidenceIDs)) {
		return nil
	}
	var bound int64
	err := tx.Model(&Evidence{}).Where(ofCase+" AND evidence_id IN ?", merchantID, caseID, evidenceIDs).Count(&bound).Error
	if err != nil {
		return fmt.Errorf("bind evidence: %w", err)
	}
	if bound != int64(len(evidenceIDs)) {
		return domain.Fault(domain.CodeEvidenceNotAvailable, "evidence_ids",
			"each must be uploaded by the person who names it, or by the buyer, and belong to no other case")
	}
	return nil
}
