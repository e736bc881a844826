package store

import (
	"context"
	"errors"
	"fmt"

	"gorm.io/gorm"

	"aftercare.dev/services/cases/domain"
	"aftercare.dev/services/platform/database"
	"aftercare.dev/services/platform/ids"
)

// StoreApplication keeps what was asked under the merchant's key, once for ever, and binds the evidence
// that it names. The same content again returns the same case id; other content is the problem
// idempotency_key_reused, and evidence of somebody else evidence_not_available.
func (s *Store) StoreApplication(ctx context.Context, merchantID, key string, a domain.Application) (caseID string, created bool, err error) {
	hash, err := a.Hash()
	if err != nil {
		return "", false, err
	}
	row := applicationRow{
		MerchantID: merchantID, CaseID: ids.New("case"), IdempotencyKey: key, ContentHash: hash,
		ApplicantRole: a.Applicant.Role, ApplicantID: a.Applicant.ID, BuyerID: a.BuyerID, OrderID: a.OrderID,
		Type: a.Type, Reason: string(a.Reason), Channel: a.Channel, RequestedLines: database.AsJSON(a.Lines),
		Text: a.Text, EvidenceIDs: database.AsJSON(a.EvidenceIDs), CreatedAt: database.At(s.now()),
	}
	owners := []domain.Actor{a.Applicant, {Role: domain.RoleBuyer, ID: a.BuyerID}}
	err = database.InTx(ctx, s.db, func(tx *gorm.DB) error {
		if err := tx.Create(&row).Error; err != nil {
			return err
		}
		return bind(tx, merchantID, row.CaseID, owners, a.EvidenceIDs)
	})
	switch {
	case err == nil:
		return row.CaseID, true, nil
	case !database.IsDuplicate(err):
		return "", false, fmt.Errorf("store application: %w", err)
	}
	var before applicationRow
	err = s.read(ctx).Where("merchant_id = ? AND idempotency_key = ?", merchantID, key).Take(&before).Error
	if err != nil {
		return "", false, fmt.Errorf("read application: %w", err)
	}
	if before.ContentHash != hash {
		return "", false, keyReused()
	}
	return before.CaseID, false, nil
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
	return row.application(), nil
}

// Judgement returns what the case was judged to; false means that it has not been judged.
func (s *Store) Judgement(ctx context.Context, merchantID, caseID string) (domain.Judgement, bool, error) {
	var rows []judgementRow
	err := s.read(ctx).Where(ofCase, merchantID, caseID).Limit(1).Find(&rows).Error
	if err != nil || len(rows) == 0 {
		return domain.Judgement{}, false, wrap(err, "read judgement")
	}
	return rows[0].Document.V, true, nil
}

// PinJudgement keeps the judgement of the case unless there is one, and returns the one that is kept.
func (s *Store) PinJudgement(ctx context.Context, merchantID, caseID string, j domain.Judgement) (domain.Judgement, error) {
	row := judgementRow{
		MerchantID: merchantID, CaseID: caseID, PolicyVersion: j.PolicyVersion, Document: database.AsJSON(j), JudgedAt: database.At(s.now()),
	}
	err := database.InTx(ctx, s.db, func(tx *gorm.DB) error { return tx.Create(&row).Error })
	if err == nil {
		return j, nil
	}
	if !database.IsDuplicate(err) {
		return domain.Judgement{}, fmt.Errorf("pin judgement: %w", err)
	}
	pinned, found, err := s.Judgement(ctx, merchantID, caseID)
	if err != nil {
		return domain.Judgement{}, err
	}
	if !found {
		return domain.Judgement{}, errors.New("pin judgement: the one that is pinned cannot be read")
	}
	return pinned, nil
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
		AuthorRole: n.Author.Role, AuthorID: n.Author.ID, Text: n.Text,
		EvidenceIDs: database.AsJSON(n.EvidenceIDs), CreatedAt: database.At(s.now()),
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
