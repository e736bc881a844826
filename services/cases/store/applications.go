package store

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"

	"gorm.io/gorm"

	"aftercare.dev/services/cases/domain"
	"aftercare.dev/services/platform/database"
	"aftercare.dev/services/platform/ids"
)

// StoreApplication keeps what was asked under the applicant's key, once for ever, and binds the evidence
// that it names. The same content again returns the same case id; other content is the problem
// idempotency_key_reused, and evidence of somebody else evidence_not_available. What others asked under the
// same key is another matter, and nothing of it shows. A judgement, if there is one, is pinned with what is new.
func (s *Store) StoreApplication(ctx context.Context, merchantID, key string, a domain.Application, j *domain.Judgement) (caseID string, created bool, err error) {
	hash, err := a.Hash()
	if err != nil {
		return "", false, err
	}
	row := applicationRow{
		MerchantID: merchantID, CaseID: ids.New("case"), ContentHash: hash,
		ApplicantRole: a.Applicant.Role, ApplicantID: a.Applicant.ID, BuyerID: a.BuyerID, OrderID: a.OrderID,
		Type: a.Type, Reason: string(a.Reason), Channel: a.Channel, RequestedLines: database.AsJSON(a.Lines),
		EvidenceIDs: database.AsJSON(a.EvidenceIDs), CreatedAt: database.At(s.now()),
	}
	if row.Text, err = s.sealer.Seal(textAt(merchantID, row.CaseID), a.Text); err != nil {
		return "", false, err
	}
	owners := []domain.Actor{a.Applicant, {Role: domain.RoleBuyer, ID: a.BuyerID}}
	var before *applicationRow
	err = database.InTx(ctx, s.db, func(tx *gorm.DB) error {
		if row.IdempotencyKey, before, err = placeOf(tx, merchantID, key, a.Applicant); err != nil || before != nil {
			return err
		}
		if err := s.mayFile(tx, merchantID, a.BuyerID); err != nil {
			return err
		}
		err := tx.Create(&row).Error
		if database.IsDuplicate(err) {
			return fmt.Errorf("%w: another filing with this key came first", database.ErrRetry)
		}
		if err != nil {
			return err
		}
		if j != nil {
			if err := tx.Create(s.pinned(merchantID, row.CaseID, *j)).Error; err != nil {
				return err
			}
		}
		return bind(tx, merchantID, row.CaseID, owners, a.EvidenceIDs)
	})
	switch {
	case err != nil:
		return "", false, fmt.Errorf("store application: %w", err)
	case before == nil:
		s.facts.Put(caseKey{merchantID, row.CaseID}, facts{OrderID: row.OrderID, BuyerID: row.BuyerID, Type: row.Type, Reason: row.Reason, Channel: row.Channel})
		return row.CaseID, true, nil
	case before.ContentHash != hash:
		return "", false, keyReused()
	}
	return before.CaseID, false, nil
}

// Filed tells whether the applicant has filed this under the key before, and as which case. Other content under the key is the
// problem idempotency_key_reused.
func (s *Store) Filed(ctx context.Context, merchantID, key string, a domain.Application) (caseID string, filed bool, err error) {
	hash, err := a.Hash()
	if err != nil {
		return "", false, err
	}
	_, before, err := placeOf(s.read(ctx), merchantID, key, a.Applicant)
	switch {
	case err != nil || before == nil:
		return "", false, err
	case before.ContentHash != hash:
		return "", false, keyReused()
	}
	return before.CaseID, true, nil
}

// placeOf is what the applicant filed under the key before, or else the column value under which a filing is kept: the key
// itself, or one of the applicant's own if somebody else was there first. The first to come must have the key itself: a
// release before this one, which may run beside it, knows no other place and would open a second case. Both cases
// take the same statements.
func placeOf(tx *gorm.DB, merchantID, key string, applicant domain.Actor) (free string, before *applicationRow, err error) {
	own := ownKey(key, applicant)
	var rows []applicationRow
	err = tx.Select("case_id, idempotency_key, content_hash, applicant_role, applicant_id").
		Where("merchant_id = ? AND idempotency_key IN ?", merchantID, []string{key, own}).Find(&rows).Error
	if err != nil {
		return "", nil, fmt.Errorf("look for the key: %w", err)
	}
	for i, row := range rows {
		if row.ApplicantRole == applicant.Role && row.ApplicantID == applicant.ID {
			return "", &rows[i], nil
		}
	}
	if len(rows) > 0 {
		return own, nil, nil
	}
	return key, nil, nil
}

// ownKey is the applicant's place for a key that somebody else has used. Its line break keeps it apart from all keys that
// come in a header.
func ownKey(key string, applicant domain.Actor) string {
	sum := sha256.Sum256([]byte(applicant.Role + "\n" + applicant.ID + "\n" + key))
	return "applicant\n" + hex.EncodeToString(sum[:])
}

func keyReused() error {
	return domain.Fault(domain.CodeIdempotencyKeyReused, "idempotency_key",
		"the key was used with other content; repeat that content, or take a fresh key")
}

// Application returns what was asked. A case that was never asked for is the problem case_not_found.
func (s *Store) Application(ctx context.Context, merchantID, caseID string) (domain.Application, error) {
	var row applicationRow
	err := s.read(ctx).Where(ofCase, merchantID, caseID).Take(&row).Error
	if database.IsNotFound(err) {
		return domain.Application{}, caseNotFound()
	}
	if err != nil {
		return domain.Application{}, fmt.Errorf("read application: %w", err)
	}
	text, err := s.sealer.Open(textAt(merchantID, caseID), row.Text)
	return row.application(text), err
}

// Judged returns what was asked and what it was judged to, nil if it has not been judged. A case that was never asked for is
// the problem case_not_found.
func (s *Store) Judged(ctx context.Context, merchantID, caseID string) (domain.Application, *domain.Judgement, error) {
	var row struct {
		Asked     applicationRow `gorm:"embedded"`
		Judgement database.JSON[*domain.Judgement]
	}
	err := s.read(ctx).Table("applications AS a").Select("a.*, j.document AS judgement").
		Joins("LEFT JOIN judgements AS j ON j.merchant_id = a.merchant_id AND j.case_id = a.case_id").
		Where("a.merchant_id = ? AND a.case_id = ?", merchantID, caseID).Take(&row).Error
	if database.IsNotFound(err) {
		return domain.Application{}, nil, caseNotFound()
	}
	if err != nil {
		return domain.Application{}, nil, fmt.Errorf("read application: %w", err)
	}
	text, err := s.sealer.Open(textAt(merchantID, caseID), row.Asked.Text)
	return row.Asked.application(text), row.Judgement.V, err
}

// PinJudgement keeps the judgement of the case unless there is one, and returns the one that is kept.
func (s *Store) PinJudgement(ctx context.Context, merchantID, caseID string, j domain.Judgement) (domain.Judgement, error) {
	err := database.InTx(ctx, s.db, func(tx *gorm.DB) error { return tx.Create(s.pinned(merchantID, caseID, j)).Error })
	if err == nil {
		return j, nil
	}
	if !database.IsDuplicate(err) {
		return domain.Judgement{}, fmt.Errorf("pin judgement: %w", err)
	}
	_, pinned, err := s.Judged(ctx, merchantID, caseID)
	if err != nil {
		return domain.Judgement{}, err
	}
	if pinned == nil {
		return domain.Judgement{}, errors.New("pin judgement: the one that is pinned cannot be read")
	}
	return *pinned, nil
}

func (s *Store) pinned(merchantID, caseID string, j domain.Judgement) *judgementRow {
	return &judgementRow{
		MerchantID: merchantID, CaseID: caseID, PolicyVersion: j.PolicyVersion, Document: database.AsJSON(j), JudgedAt: database.At(s.now()),
	}
}

// StoreNote keeps free text under an id, once for ever by case and key, and binds its evidence. The
// same content again returns the same id; other content is the problem idempotency_key_reused.
func (s *Store) StoreNote(ctx context.Context, merchantID, caseID, key string, n domain.Note) (string, error) {
	hash, err := n.Hash()
	if err != nil {
		return "", err
	}
	if _, err := s.Application(ctx, merchantID, caseID); err != nil {
		return "", err
	}
	row := noteRow{
		MerchantID: merchantID, NoteID: ids.New("note"), CaseID: caseID, IdempotencyKey: key, ContentHash: hash,
		AuthorRole: n.Author.Role, AuthorID: n.Author.ID,
		EvidenceIDs: database.AsJSON(n.EvidenceIDs), CreatedAt: database.At(s.now()),
	}
	if row.Text, err = s.sealer.Seal(noteAt(merchantID, row.NoteID), n.Text); err != nil {
		return "", err
	}
	err = database.InTx(ctx, s.db, func(tx *gorm.DB) error {
		if err := tx.Create(&row).Error; err != nil {
			return err
		}
		return bind(tx, merchantID, caseID, []domain.Actor{n.Author}, n.EvidenceIDs)
	})
	switch {
	case err == nil:
		return row.NoteID, nil
	case !database.IsDuplicate(err):
		return "", fmt.Errorf("store note: %w", err)
	}
	var before noteRow
	err = s.read(ctx).Where(ofCase+" AND idempotency_key = ?", merchantID, caseID, key).Take(&before).Error
	if err != nil {
		return "", fmt.Errorf("read note: %w", err)
	}
	if before.ContentHash != hash {
		return "", keyReused()
	}
	return before.NoteID, nil
}

func wrap(err error, doing string) error {
	if err == nil {
		return nil
	}
	return fmt.Errorf("%s: %w", doing, err)
}
