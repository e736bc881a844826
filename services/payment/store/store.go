// Package store keeps refunds and guards what was paid: no line, no freight and no payment gives back
// more than it took in. The guards are single statements with the condition in them and CHECK
// constraints behind them; what is read before only chooses what to try. An order that is met for the first time is
// stored as it stands after its refund, and the CHECK constraints alone are the guard.
package store

import (
	"context"
	"embed"
	"time"

	"gorm.io/gorm"

	"aftercare.dev/services/payment/domain"
	"aftercare.dev/services/platform/database"
	"aftercare.dev/services/platform/problem"
)

//go:embed migrations/*.sql
var migrations embed.FS

// servesFrom is the newest version of release 0.1.0, whose program works beside this one.
const servesFrom = 1

// Migrations returns the schema, for [database.Migrate].
func Migrations() database.Schema {
	return database.Schema{Service: "payment", Files: database.Sub(migrations, "migrations"), ServesFrom: servesFrom}
}

// Store is safe for concurrent use by any number of processes.
type Store struct {
	db  *gorm.DB
	now func() time.Time
}

// New returns a store on a migrated database.
func New(db *gorm.DB, now func() time.Time) *Store {
	return &Store{db: db, now: now}
}

// Refund returns a refund of the merchant, or a 404 problem.
func (s *Store) Refund(ctx context.Context, merchantID, refundID string) (domain.Refund, error) {
	return s.refund(s.db.WithContext(ctx), merchantID, refundID)
}

func (s *Store) refund(db *gorm.DB, merchantID, refundID string) (domain.Refund, error) {
	found, err := s.refunds(db, merchantID, []string{refundID})
	if err != nil {
		return domain.Refund{}, err
	}
	if len(found) == 0 {
		return domain.Refund{}, problem.NotFound("refund_not_found", "the merchant has no refund of this id; reserve it first")
	}
	return found[0], nil
}

// refunds reads refunds with their parts and how long those that wait have to, in the order of their ids, in one query.
func (s *Store) refunds(db *gorm.DB, merchantID string, refundIDs []string) ([]domain.Refund, error) {
	var rows []partOfRefund
	err := db.InnerJoins("Refund").Joins("Payment").
		Where("refund_parts.merchant_id = ? AND refund_parts.refund_id IN ?", merchantID, refundIDs).
		Order("refund_parts.refund_id, refund_parts.payment_id").Find(&rows).Error
	if err != nil {
		return nil, err
	}
	var refunds []domain.Refund
	for now := s.now(); len(rows) > 0; {
		of := 1
		for of < len(rows) && rows[of].Part.RefundID == rows[0].Part.RefundID {
			of++
		}
		refunds = append(refunds, refundOf(rows[:of], now))
		rows = rows[of:]
	}
	return refunds, nil
}

// refundOf is the refund of the parts, which are all that it has.
func refundOf(parts []partOfRefund, now time.Time) domain.Refund {
	refund := parts[0].Refund.refund()
	for _, p := range parts {
		refund.Parts = append(refund.Parts, p.Part.part(refund.Currency, refund.Reason))
	}
	refund.NextAttemptAt = nextAttempt(refund, parts, now)
	return refund
}

// nextAttempt is when the first of the parts that wait may be sent, or zero if one may be sent now.
func nextAttempt(r domain.Refund, parts []partOfRefund, now time.Time) time.Time {
	var next time.Time
	for i, p := range r.Parts {
		if !p.Sendable() {
			continue
		}
		at := parts[i].Payment.freeAt(now)
		if !at.After(now) {
			return time.Time{}
		}
		if next.IsZero() || at.Before(next) {
			next = at
		}
	}
	return next
}

// Filter chooses refunds of a merchant; empty fields do not filter.
type Filter struct {
	CaseID  string
	OrderID string
	State   domain.RefundState
	// After is the refund id that the page before ended with.
	After string
	Limit int
}

// List returns refunds in the order of their ids, and whether there are more.
func (s *Store) List(ctx context.Context, merchantID string, f Filter) (page []domain.Refund, more bool, err error) {
	db := s.db.WithContext(ctx)
	query := db.Model(&refundRow{}).Where("merchant_id = ? AND refund_id > ?", merchantID, f.After)
	if f.CaseID != "" {
		query = query.Where("case_id = ?", f.CaseID)
	}
	if f.OrderID != "" {
		query = query.Where("order_id = ?", f.OrderID)
	}
	if f.State != "" {
		query = query.Where("state = ?", string(f.State))
	}
	var refundIDs []string
	if err := query.Order("refund_id").Limit(f.Limit+1).Pluck("refund_id", &refundIDs).Error; err != nil {
		return nil, false, err
	}
	if more = len(refundIDs) > f.Limit; more {
		refundIDs = refundIDs[:f.Limit]
	}
	if len(refundIDs) == 0 {
		return nil, false, nil
	}
	page, err = s.refunds(db, merchantID, refundIDs)
	return page, more, err
}

// ByNumber finds the part that a provider names, and its refund without the other parts. It is the one way in without a
// merchant, because a provider knows only our number, which is unique over all merchants; found is false if it is not ours.
func (s *Store) ByNumber(ctx context.Context, refundNumber string) (refund domain.Refund, part domain.Part, found bool, err error) {
	var row partOfRefund
	err = s.db.WithContext(database.AcrossMerchants(ctx)).InnerJoins("Refund").
		Where("refund_parts.refund_number = ?", refundNumber).Take(&row).Error
	if database.IsNotFound(err) {
		return refund, part, false, nil
	}
	if err != nil {
		return refund, part, false, err
	}
	refund = row.Refund.refund()
	return refund, row.Part.part(refund.Currency, refund.Reason), true, nil
}
