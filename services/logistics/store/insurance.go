package store

import (
	"context"
	"fmt"
	"time"

	"gorm.io/gorm"

	"aftercare.dev/services/logistics/domain"
	"aftercare.dev/services/platform/database"
	"aftercare.dev/services/platform/problem"
)

const (
	ofOrder = "merchant_id = ? AND order_id = ?"
	ofCase  = "merchant_id = ? AND case_id = ?"
)

// Policy returns the policy of an order, or the problem policy_not_found.
func (s *Store) Policy(ctx context.Context, merchantID, orderID string) (domain.Policy, error) {
	return readPolicy(s.db.WithContext(ctx), ofOrder, merchantID, orderID)
}

// PolicyOf returns the policy of a payment, whoever the merchant is, or the problem policy_not_found.
func (s *Store) PolicyOf(ctx context.Context, paymentReference string) (domain.Policy, error) {
	return readPolicy(s.db.WithContext(database.AcrossMerchants(ctx)), "payment_reference = ?", paymentReference)
}

func readPolicy(tx *gorm.DB, where string, args ...any) (domain.Policy, error) {
	var row policy
	err := tx.Where(where, args...).Take(&row).Error
	if database.IsNotFound(err) {
		return domain.Policy{}, problem.NotFound(domain.CodePolicyNotFound, "the return freight of this order is not insured")
	}
	if err != nil {
		return domain.Policy{}, fmt.Errorf("read policy: %w", err)
	}
	return row.domain(), nil
}

// AddPolicy writes a new policy. If the order has one, that one is returned, with false. If the payment
// is insured for another order, the problem is payment_already_insured.
func (s *Store) AddPolicy(ctx context.Context, added domain.Policy) (domain.Policy, bool, error) {
	added.Version = 1
	row := policyRow(added)
	err := s.db.WithContext(ctx).Create(&row).Error
	if err == nil {
		return row.domain(), true, nil
	}
	if !database.IsDuplicate(err) {
		return domain.Policy{}, false, fmt.Errorf("add policy: %w", err)
	}
	there, err := s.Policy(ctx, added.MerchantID, added.OrderID)
	if problem.HasCode(err, domain.CodePolicyNotFound) {
		return domain.Policy{}, false, problem.Conflict(domain.CodePaymentInsured,
			"payment_reference is insured for another order; each order is insured with its own payment")
	}
	return there, false, err
}

// UpdatePolicy changes the policy by fn and saves it, unless fn returns an error. fn may run several
// times.
func (s *Store) UpdatePolicy(
	ctx context.Context, merchantID, orderID string, fn func(*domain.Policy) error,
) (domain.Policy, error) {
	var updated domain.Policy
	err := database.InTx(ctx, s.db, func(tx *gorm.DB) error {
		changed, err := readPolicy(tx, ofOrder, merchantID, orderID)
		if err != nil {
			return err
		}
		version := changed.Version
		if err := fn(&changed); err != nil {
			return err
		}
		changed.Version, changed.UpdatedAt = version+1, s.now().UTC()
		row := policyRow(changed)
		result := tx.Model(&policy{}).Where(ofOrder+" AND version = ?", merchantID, orderID, version).
			Select("*").Omit("merchant_id", "order_id", "created_at").Updates(&row)
		if result.Error != nil {
			return fmt.Errorf("save policy: %w", result.Error)
		}
		if result.RowsAffected != 1 {
			return database.ErrRetry
		}
		updated = row.domain()
		return nil
	})
	return updated, err
}

// Claim returns the claim of a case, or the problem claim_not_found.
func (s *Store) Claim(ctx context.Context, merchantID, caseID string) (domain.Claim, error) {
	return readClaim(s.db.WithContext(ctx), ofCase, merchantID, caseID)
}

// ClaimOn returns the one claim on an order that counts, or the problem claim_not_found.
func (s *Store) ClaimOn(ctx context.Context, merchantID, orderID string) (domain.Claim, error) {
	return readClaim(s.db.WithContext(ctx), "merchant_id = ? AND claimed_order = ?", merchantID, orderID)
}

func readClaim(tx *gorm.DB, where string, args ...any) (domain.Claim, error) {
	var row claim
	err := tx.Where(where, args...).Take(&row).Error
	if database.IsNotFound(err) {
		return domain.Claim{}, problem.NotFound(domain.CodeClaimNotFound, "the case has no insurance claim")
	}
	if err != nil {
		return domain.Claim{}, fmt.Errorf("read claim: %w", err)
	}
	return row.domain(), nil
}

// ReasonOtherCase is the reason of a claim that came too late: the order has its one claim.
const ReasonOtherCase = "claimed_for_another_case"

// AddClaim writes a new claim. If the case has one, that one is returned, with false. If another case
// holds the order's one claim, the new one is written as rejected.
func (s *Store) AddClaim(ctx context.Context, added domain.Claim) (domain.Claim, bool, error) {
	added.Version = 1
	for {
		row := claimRow(added)
		err := s.db.WithContext(ctx).Create(&row).Error
		if err == nil {
			return row.domain(), true, nil
		}
		if !database.IsDuplicate(err) {
			return domain.Claim{}, false, fmt.Errorf("add claim: %w", err)
		}
		there, err := s.Claim(ctx, added.MerchantID, added.CaseID)
		if err == nil || !problem.HasCode(err, domain.CodeClaimNotFound) || !added.Holds {
			return there, false, err
		}
		added.Reject(ReasonOtherCase)
	}
}

// UpdateClaim changes the claim by fn and saves it, unless fn returns an error. fn may run several times.
// A claim that should hold its order while another case's does is saved as rejected.
func (s *Store) UpdateClaim(
	ctx context.Context, merchantID, caseID string, fn func(*domain.Claim) error,
) (domain.Claim, error) {
	updated, err := s.updateClaim(ctx, merchantID, caseID, fn)
	if !database.IsDuplicate(err) {
		return updated, err
	}
	return s.updateClaim(ctx, merchantID, caseID, func(c *domain.Claim) error {
		if err := fn(c); err != nil {
			return err
		}
		c.Reject(ReasonOtherCase)
		return nil
	})
}

func (s *Store) updateClaim(
	ctx context.Context, merchantID, caseID string, fn func(*domain.Claim) error,
) (domain.Claim, error) {
	var updated domain.Claim
	err := database.InTx(ctx, s.db, func(tx *gorm.DB) error {
		changed, err := readClaim(tx, ofCase, merchantID, caseID)
		if err != nil {
			return err
		}
		version := changed.Version
		if err := fn(&changed); err != nil {
			return err
		}
		changed.Version, changed.UpdatedAt = version+1, s.now().UTC()
		row := claimRow(changed)
		result := tx.Model(&claim{}).Where(ofCase+" AND version = ?", merchantID, caseID, version).
			Select("*").Omit("merchant_id", "case_id", "created_at").Updates(&row)
		if result.Error != nil {
			return fmt.Errorf("save claim: %w", result.Error)
		}
		if result.RowsAffected != 1 {
			return database.ErrRetry
		}
		updated = row.domain()
		return nil
	})
	return updated, err
}

// PendingPolicies lists the orders whose policy the insurer has not answered for since before, oldest
// first.
func (s *Store) PendingPolicies(ctx context.Context, before time.Time, limit int) ([]domain.Policy, error) {
	var rows []policy
	err := s.db.WithContext(database.AcrossMerchants(ctx)).Where("state = ? AND (asked_at IS NULL OR asked_at <= ?)",
		string(domain.PolicyPending), database.At(before)).Order("asked_at").Limit(limit).Find(&rows).Error
	if err != nil {
		return nil, fmt.Errorf("list pending policies: %w", err)
	}
	policies := make([]domain.Policy, len(rows))
	for i, row := range rows {
		policies[i] = row.domain()
	}
	return policies, nil
}

// PendingClaims lists the claims that the insurer has not answered for since before, oldest first.
func (s *Store) PendingClaims(ctx context.Context, before time.Time, limit int) ([]domain.Claim, error) {
	var rows []claim
	err := s.db.WithContext(database.AcrossMerchants(ctx)).Where("state = ? AND (asked_at IS NULL OR asked_at <= ?)",
		string(domain.ClaimPending), database.At(before)).Order("asked_at").Limit(limit).Find(&rows).Error
	if err != nil {
		return nil, fmt.Errorf("list pending claims: %w", err)
	}
	claims := make([]domain.Claim, len(rows))
	for i, row := range rows {
		claims[i] = row.domain()
	}
	return claims, nil
}
