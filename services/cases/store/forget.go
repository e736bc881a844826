package store

import (
	"context"
	"fmt"
	"time"

	"gorm.io/gorm"

	"aftercare.dev/services/cases/domain"
	"aftercare.dev/services/platform/database"
)

// Photos drops photos, from where they are kept and from here.
type Photos interface {
	Forget(ctx context.Context, photos []Evidence) error
}

// Forgotten is what one call dropped.
type Forgotten struct {
	Cases, Photos int64
	// Last is the case id to go on after; More tells whether there is anything after it.
	Last string
	More bool
}

// photosAtOnce is how many photos of one case are read before they are dropped.
const photosAtOnce = 100

// ForgetBuyer drops the texts and photos of the buyer's cases after a case id, limit cases at most. The cases
// and their timelines stay. While a case is open it is the problem buyer_has_open_cases.
func (s *Store) ForgetBuyer(ctx context.Context, photos Photos, merchantID, buyerID, after string, limit int) (Forgotten, error) {
	if err := s.noneOpen(s.read(ctx), merchantID, buyerID); err != nil {
		return Forgotten{}, wrap(err, "forget a buyer")
	}
	var caseIDs []string
	err := s.read(ctx).Model(&applicationRow{}).Where(ofBuyer+" AND case_id > ?", merchantID, buyerID, after).
		Order("case_id").Limit(limit+1).Pluck("case_id", &caseIDs).Error
	if err != nil {
		return Forgotten{}, fmt.Errorf("list cases of a buyer: %w", err)
	}
	done := Forgotten{Last: after}
	if done.More = len(caseIDs) > limit; done.More {
		caseIDs = caseIDs[:limit]
	}
	for _, caseID := range caseIDs {
		dropped, err := s.forgetCase(ctx, photos, merchantID, caseID)
		if err != nil {
			return Forgotten{}, err
		}
		done.Cases, done.Photos, done.Last = done.Cases+1, done.Photos+dropped, caseID
	}
	if done.More {
		return done, nil
	}
	// Photos that the buyer uploaded and never named.
	loose, err := s.dropPhotos(ctx, photos, merchantID, "case_id = ? AND role = ? AND actor_id = ?", unbound, domain.RoleBuyer, buyerID)
	done.Photos += loose
	return done, err
}

// forgetCase drops the photos of a case and then its texts. The hashes of the contents go too, since one could
// guess a phone number from them.
func (s *Store) forgetCase(ctx context.Context, photos Photos, merchantID, caseID string) (dropped int64, err error) {
	if dropped, err = s.dropPhotos(ctx, photos, merchantID, "case_id = ?", caseID); err != nil {
		return dropped, err
	}
	err = database.InTx(ctx, s.db, func(tx *gorm.DB) error {
		gone := map[string]any{"text": "", "content_hash": "", "evidence_ids": "[]"}
		if err := tx.Model(&noteRow{}).Where(ofCase, merchantID, caseID).Updates(gone).Error; err != nil {
			return err
		}
		gone["forgotten_at"] = database.At(s.now())
		return tx.Model(&applicationRow{}).Where(ofCase, merchantID, caseID).Updates(gone).Error
	})
	return dropped, wrap(err, "forget the texts of a case")
}

// dropPhotos drops all photos of a merchant for which the condition holds.
func (s *Store) dropPhotos(ctx context.Context, photos Photos, merchantID, condition string, args ...any) (dropped int64, err error) {
	for {
		var some []Evidence
		err := s.read(ctx).Where("merchant_id = ?", merchantID).Where(condition, args...).
			Order("evidence_id").Limit(photosAtOnce).Find(&some).Error
		if err != nil {
			return dropped, fmt.Errorf("list photos: %w", err)
		}
		if len(some) == 0 {
			return dropped, nil
		}
		if err := photos.Forget(ctx, some); err != nil {
			return dropped, err
		}
		dropped += int64(len(some))
	}
}

// DropEvidence forgets a photo that is not in the bucket any more.
func (s *Store) DropEvidence(ctx context.Context, merchantID, evidenceID string) error {
	err := s.read(ctx).Where("merchant_id = ? AND evidence_id = ?", merchantID, evidenceID).Delete(&Evidence{}).Error
	return wrap(err, "forget a photo")
}

// closedBefore holds for rows of a table whose case was closed before an instant.
func closedBefore(table string) string {
	return `EXISTS (SELECT 1 FROM cases AS c WHERE c.merchant_id = ` + table + `.merchant_id AND c.case_id = ` + table + `.case_id
	AND c.status = 'closed' AND c.closed_at < ?)`
}

// ForgetPhotosBefore drops photos of all merchants whose case was closed before an instant, and those that
// nobody named until then: limit at most.
func (s *Store) ForgetPhotosBefore(ctx context.Context, photos Photos, before time.Time, limit int) (Forgotten, error) {
	at := database.At(before)
	var some []Evidence
	err := s.read(database.AcrossMerchants(ctx)).Where("uploaded_at < ? AND (case_id = '' OR "+closedBefore("evidence")+")", at, at).
		Order("uploaded_at").Limit(limit).Find(&some).Error
	if err != nil {
		return Forgotten{}, fmt.Errorf("list photos whose time is over: %w", err)
	}
	return Forgotten{Photos: int64(len(some)), More: len(some) == limit}, photos.Forget(ctx, some)
}

// ForgetCasesBefore drops texts and what photos are left of the cases of all merchants that were closed before
// an instant, and of applications that never became a case: limit at most.
func (s *Store) ForgetCasesBefore(ctx context.Context, photos Photos, before time.Time, limit int) (Forgotten, error) {
	at := database.At(before)
	var rows []applicationRow
	err := s.read(database.AcrossMerchants(ctx)).Select("merchant_id, case_id").
		Where("forgotten_at IS NULL AND created_at < ?", at).
		Where("("+closedBefore("applications")+` OR NOT EXISTS
			(SELECT 1 FROM cases AS c WHERE c.merchant_id = applications.merchant_id AND c.case_id = applications.case_id))`, at).
		Order("created_at").Limit(limit).Find(&rows).Error
	if err != nil {
		return Forgotten{}, fmt.Errorf("list cases whose time is over: %w", err)
	}
	done := Forgotten{More: len(rows) == limit}
	for _, row := range rows {
		dropped, err := s.forgetCase(ctx, photos, row.MerchantID, row.CaseID)
		if err != nil {
			return done, err
		}
		done.Cases, done.Photos = done.Cases+1, done.Photos+dropped
	}
	return done, nil
}
