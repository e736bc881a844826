package store

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"time"

	"gorm.io/gorm"

	"aftercare.dev/services/cases/domain"
	"aftercare.dev/services/platform/database"
)

// Published is a policy and when it was published, which is zero for the shipped default.
type Published struct {
	Policy domain.Policy
	At     time.Time
}

// PolicyInForce returns the merchant's newest policy, or the shipped default.
func (s *Store) PolicyInForce(ctx context.Context, merchantID string) (Published, error) {
	return inForce(s.read(ctx), merchantID)
}

func inForce(db *gorm.DB, merchantID string) (Published, error) {
	var rows []policyRow
	if err := db.Where("merchant_id = ?", merchantID).Order("version DESC").Limit(1).Find(&rows).Error; err != nil {
		return Published{}, fmt.Errorf("read policy: %w", err)
	}
	if len(rows) == 0 {
		return Published{Policy: domain.DefaultPolicy()}, nil
	}
	return rows[0].published()
}

// Policy returns a version that the merchant published, or version 0, the shipped default. A version
// that never was is the problem policy_not_found.
func (s *Store) Policy(ctx context.Context, merchantID string, version int64) (Published, error) {
	if version == 0 {
		return Published{Policy: domain.DefaultPolicy()}, nil
	}
	var row policyRow
	err := s.read(ctx).Where("merchant_id = ? AND version = ?", merchantID, version).Take(&row).Error
	if database.IsNotFound(err) {
		return Published{}, domain.Fault(domain.CodePolicyNotFound, "version", "the merchant has no such version")
	}
	if err != nil {
		return Published{}, fmt.Errorf("read policy: %w", err)
	}
	return row.published()
}

func (r policyRow) published() (Published, error) {
	policy, err := domain.NewPolicy(r.Version, r.Document.V)
	if err != nil {
		return Published{}, fmt.Errorf("stored policy of version %d: %w", r.Version, err)
	}
	return Published{Policy: policy, At: r.PublishedAt.Time}, nil
}

// Publish puts the policy in force as the merchant's next version. If it has the content that is in
// force already, nothing changes. Of two that come at once, each gets a version of its own.
func (s *Store) Publish(ctx context.Context, merchantID string, spec domain.PolicySpec) (Published, error) {
	var result Published
	err := database.InTx(ctx, s.db, func(tx *gorm.DB) error {
		current, err := inForce(tx, merchantID)
		if err != nil {
			return err
		}
		next, err := domain.NewPolicy(current.Policy.Version()+1, spec)
		if err != nil {
			return err
		}
		same, err := equal(current.Policy, next)
		if err != nil {
			return err
		}
		if same {
			result = current
			return nil
		}
		row := policyRow{
			MerchantID: merchantID, Version: next.Version(), Document: database.AsJSON(next.Spec()), PublishedAt: database.At(s.now()),
		}
		result = Published{Policy: next, At: row.PublishedAt.Time}
		err = tx.Create(&row).Error
		if database.IsDuplicate(err) {
			// Somebody else took the number: look again.
			return fmt.Errorf("publish policy: %w", database.ErrRetry)
		}
		return err
	})
	if err != nil {
		return Published{}, fmt.Errorf("publish policy: %w", err)
	}
	return result, nil
}

func equal(a, b domain.Policy) (bool, error) {
	one, err := json.Marshal(a.Spec())
	if err != nil {
		return false, err
	}
	other, err := json.Marshal(b.Spec())
	return bytes.Equal(one, other), err
}
