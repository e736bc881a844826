package store

import (
	"context"
	"strconv"

	"gorm.io/gorm"
	"gorm.io/gorm/clause"

	"aftercare.dev/services/payment/domain"
	"aftercare.dev/services/platform/database"
	"aftercare.dev/services/platform/ids"
	"aftercare.dev/services/platform/problem"
)

type differenceRow struct {
	DifferenceID      string `gorm:"primaryKey"`
	Kind              string
	State             string
	Provider          string
	BillDate          string
	MerchantID        string
	OrderID           string
	CaseID            string
	RefundID          string
	RefundNumber      string
	Occurrence        string
	ProviderReference string
	PaymentID         string
	PaymentReference  string
	Currency          string
	Amount            int64
	ProviderAmount    int64
	Overpaid          int64
	CreatedAt         database.Time
	ToldAt            database.NullTime
	ResolvedAt        database.NullTime
	ResolvedBy        string
	NoteID            string
}

func (differenceRow) TableName() string { return "differences" }

// addDifference stores a difference under a new id, or leaves the one that was found before.
func (s *Store) addDifference(tx *gorm.DB, d domain.Difference) error {
	return tx.Clauses(clause.OnConflict{DoNothing: true}).Create(&differenceRow{
		DifferenceID: ids.New("diff"), Kind: string(d.Kind), State: string(domain.DifferenceOpen), Provider: d.Provider,
		BillDate: d.BillDate, MerchantID: d.MerchantID, OrderID: d.OrderID, CaseID: d.CaseID, RefundID: d.RefundID,
		RefundNumber: d.RefundNumber, Occurrence: d.Occurrence, ProviderReference: d.Reference, PaymentID: d.PaymentID,
		PaymentReference: d.PaymentReference, Currency: d.Currency, Amount: d.Amount, ProviderAmount: d.ProviderAmount,
		Overpaid: d.Overpaid, CreatedAt: database.At(s.now()),
	}).Error
}

// AddDifference stores a difference about a refund of the merchant's. The same again is no second one.
func (s *Store) AddDifference(ctx context.Context, d domain.Difference) error {
	return s.addDifference(s.db.WithContext(ctx), d)
}

// noteReturned records that the provider took a success back, in the transaction in which that is learned.
func (s *Store) noteReturned(tx *gorm.DB, refund domain.Refund, before, after domain.Part) error {
	if !after.Reopened || before.Reopened && !before.Unbooked {
		return nil
	}
	return s.addReturned(tx, refund, after, before.Version+1)
}

// noteMissed records that of a part that a program of release 0.1 changed, which does not know of differences, unless a person
// has dealt with it since.
func (s *Store) noteMissed(tx *gorm.DB, row refundRow, p partRow) error {
	part := p.part(row.Currency, row.Reason)
	if !part.Reopened || !part.Troubled() {
		return nil
	}
	return s.addReturned(tx, row.refund(), part, part.Version)
}

func (s *Store) addReturned(tx *gorm.DB, refund domain.Refund, part domain.Part, version int64) error {
	d := domain.DifferenceOf(domain.Returned, refund, part, domain.ProviderRefund{})
	d.Occurrence = strconv.FormatInt(version, 10)
	return s.addDifference(tx, d)
}

// DifferenceFilter chooses differences; empty fields do not filter.
type DifferenceFilter struct {
	State   domain.DifferenceState
	CaseID  string
	OrderID string
	// After is the id that the page before ended with.
	After string
	Limit int
}

// AllDifferences returns differences of all merchants, the oldest first, and whether there are more.
func (s *Store) AllDifferences(ctx context.Context, f DifferenceFilter) ([]domain.Difference, bool, error) {
	return listDifferences(s.db.WithContext(database.AcrossMerchants(ctx)), f)
}

// Differences returns differences of the merchant, the oldest first, and whether there are more.
func (s *Store) Differences(ctx context.Context, merchantID string, f DifferenceFilter) ([]domain.Difference, bool, error) {
	return listDifferences(s.db.WithContext(ctx).Where("merchant_id = ?", merchantID), f)
}

func listDifferences(query *gorm.DB, f DifferenceFilter) (page []domain.Difference, more bool, err error) {
	query = query.Where("difference_id > ?", f.After)
	if f.State != "" {
		query = query.Where("state = ?", string(f.State))
	}
	if f.CaseID != "" {
		query = query.Where("case_id = ?", f.CaseID)
	}
	if f.OrderID != "" {
		query = query.Where("order_id = ?", f.OrderID)
	}
	var rows []differenceRow
	if err := query.Order("difference_id").Limit(f.Limit + 1).Find(&rows).Error; err != nil {
		return nil, false, err
	}
	if more = len(rows) > f.Limit; more {
		rows = rows[:f.Limit]
	}
	for _, row := range rows {
		page = append(page, row.difference())
	}
	return page, more, nil
}

// Difference returns a difference of the merchant, or a 404 problem.
func (s *Store) Difference(ctx context.Context, merchantID, differenceID string) (domain.Difference, error) {
	return difference(s.db.WithContext(ctx).Where("merchant_id = ?", merchantID), differenceID)
}

func difference(query *gorm.DB, differenceID string) (domain.Difference, error) {
	var row differenceRow
	err := query.Where("difference_id = ?", differenceID).Take(&row).Error
	if database.IsNotFound(err) {
		return domain.Difference{}, problem.NotFound("difference_not_found", "there is no difference of this id")
	}
	return row.difference(), err
}

// TellDifference makes an open difference told. A case is kept if the difference had none. It is for whoever carries the
// differences of all merchants to their cases, and may be repeated.
func (s *Store) TellDifference(ctx context.Context, differenceID, caseID string) (domain.Difference, error) {
	db := s.db.WithContext(database.AcrossMerchants(ctx))
	err := db.Model(&differenceRow{}).Where("difference_id = ? AND state = ?", differenceID, string(domain.DifferenceOpen)).
		Updates(map[string]any{
			"state": string(domain.DifferenceTold), "told_at": database.At(s.now()),
			"case_id": gorm.Expr("CASE WHEN case_id = '' THEN ? ELSE case_id END", caseID),
		}).Error
	if err != nil {
		return domain.Difference{}, err
	}
	return difference(db, differenceID)
}

// ResolveDifference says that a person is done with a difference. Said again in the same words it changes nothing; in other
// words it is a 409 problem difference_resolved.
func (s *Store) ResolveDifference(ctx context.Context, merchantID, differenceID, actorID, noteID string) (domain.Difference, error) {
	err := s.db.WithContext(ctx).Model(&differenceRow{}).
		Where("merchant_id = ? AND difference_id = ? AND state <> ?", merchantID, differenceID, string(domain.DifferenceResolved)).
		Updates(map[string]any{
			"state": string(domain.DifferenceResolved), "resolved_at": database.At(s.now()), "resolved_by": actorID, "note_id": noteID,
		}).Error
	if err != nil {
		return domain.Difference{}, err
	}
	d, err := s.Difference(ctx, merchantID, differenceID)
	if err != nil {
		return domain.Difference{}, err
	}
	if d.ResolvedBy != actorID || d.NoteID != noteID {
		return domain.Difference{}, problem.Conflict("difference_resolved", "somebody else has resolved the difference; look at it again")
	}
	return d, nil
}

func (r differenceRow) difference() domain.Difference {
	return domain.Difference{
		DifferenceID: r.DifferenceID, Kind: domain.DifferenceKind(r.Kind), State: domain.DifferenceState(r.State),
		Provider: r.Provider, BillDate: r.BillDate, MerchantID: r.MerchantID, OrderID: r.OrderID, PaymentID: r.PaymentID,
		CaseID: r.CaseID, RefundID: r.RefundID, RefundNumber: r.RefundNumber, Occurrence: r.Occurrence,
		Reference: r.ProviderReference, PaymentReference: r.PaymentReference, Currency: r.Currency, Amount: r.Amount,
		ProviderAmount: r.ProviderAmount, Overpaid: r.Overpaid, CreatedAt: r.CreatedAt.Time, ToldAt: r.ToldAt.Time,
		ResolvedAt: r.ResolvedAt.Time, ResolvedBy: r.ResolvedBy, NoteID: r.NoteID,
	}
}
