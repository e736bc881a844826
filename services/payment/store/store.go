// Package store keeps refunds and guards what was paid: no line, no freight and no payment gives back
// more than it took in. The guards are single statements with the condition in them and CHECK
// constraints behind them; what is read before only chooses what to try.
package store

import (
	"context"
	"embed"
	"slices"
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
	var row refundRow
	err := db.Where("merchant_id = ? AND refund_id = ?", merchantID, refundID).Take(&row).Error
	if database.IsNotFound(err) {
		return domain.Refund{}, problem.NotFound("refund_not_found", "the merchant has no refund of this id; reserve it first")
	}
	if err != nil {
		return domain.Refund{}, err
	}
	refunds, err := s.complete(db, merchantID, []refundRow{row})
	if err != nil {
		return domain.Refund{}, err
	}
	return refunds[0], nil
}

// complete adds parts and waiting times to refunds of one merchant, with two queries in all.
func (s *Store) complete(db *gorm.DB, merchantID string, rows []refundRow) ([]domain.Refund, error) {
	var refundIDs, orderIDs []string
	for _, row := range rows {
		refundIDs, orderIDs = append(refundIDs, row.RefundID), append(orderIDs, row.OrderID)
	}
	var parts []partRow
	err := db.Where("merchant_id = ? AND refund_id IN ?", merchantID, refundIDs).Order("payment_id").Find(&parts).Error
	if err != nil {
		return nil, err
	}
	byRefund := make(map[string][]partRow, len(rows))
	for _, p := range parts {
		byRefund[p.RefundID] = append(byRefund[p.RefundID], p)
	}
	refunds := make([]domain.Refund, len(rows))
	for i, row := range rows {
		refunds[i] = row.refund(byRefund[row.RefundID])
	}
	if !slices.ContainsFunc(refunds, sendable) {
		return refunds, nil
	}
	var payments []paidPayment
	if err := db.Where("merchant_id = ? AND order_id IN ?", merchantID, orderIDs).Find(&payments).Error; err != nil {
		return nil, err
	}
	now, freeAt := s.now(), make(map[[2]string]time.Time, len(payments))
	for _, p := range payments {
		freeAt[[2]string{p.OrderID, p.PaymentID}] = p.freeAt(now)
	}
	for i := range refunds {
		refunds[i].NextAttemptAt = nextAttempt(refunds[i], freeAt, now)
	}
	return refunds, nil
}

func sendable(r domain.Refund) bool { return slices.ContainsFunc(r.Parts, domain.Part.Sendable) }

// nextAttempt is when the first of the parts that wait may be sent, or zero if one may be sent now.
func nextAttempt(r domain.Refund, freeAt map[[2]string]time.Time, now time.Time) time.Time {
	var next time.Time
	for _, p := range r.Parts {
		if !p.Sendable() {
			continue
		}
		at := freeAt[[2]string{r.OrderID, p.PaymentID}]
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
	query := db.Where("merchant_id = ? AND refund_id > ?", merchantID, f.After)
	if f.CaseID != "" {
		query = query.Where("case_id = ?", f.CaseID)
	}
	if f.OrderID != "" {
		query = query.Where("order_id = ?", f.OrderID)
	}
	if f.State != "" {
		query = query.Where("state = ?", string(f.State))
	}
	var rows []refundRow
	if err := query.Order("refund_id").Limit(f.Limit + 1).Find(&rows).Error; err != nil {
		return nil, false, err
	}
	if more = len(rows) > f.Limit; more {
		rows = rows[:f.Limit]
	}
	if len(rows) == 0 {
		return nil, false, nil
	}
	page, err = s.complete(db, merchantID, rows)
	return page, more, err
}

// ByNumber finds the refund that a provider names. It is the one way in without a merchant, because a
// provider knows only our number, which is unique over all merchants; found is false if it is not ours.
func (s *Store) ByNumber(ctx context.Context, refundNumber string) (refund domain.Refund, part domain.Part, found bool, err error) {
	db := s.db.WithContext(ctx)
	var row partRow
	err = s.db.WithContext(database.AcrossMerchants(ctx)).Where("refund_number = ?", refundNumber).Take(&row).Error
	if database.IsNotFound(err) {
		return refund, part, false, nil
	}
	if err != nil {
		return refund, part, false, err
	}
	refund, err = s.refund(db, row.MerchantID, row.RefundID)
	if err != nil {
		return refund, part, false, err
	}
	return refund, row.part(refund.Currency, refund.Reason), true, nil
}
