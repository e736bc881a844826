package store

import (
	"cmp"
	"context"
	"fmt"
	"time"

	"gorm.io/gorm"

	"aftercare.dev/services/cases/domain"
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

// Query says which cases to list. Zero values do not limit.
type Query struct {
	BuyerID, OrderID       string
	Status, Stage, Outcome string
	// Awaiting are roles of which one can act now.
	Awaiting       domain.Roles
	NeedsAttention *bool
	// AttentionReason limits to cases that need attention for this reason.
	AttentionReason          string
	OpenedFrom, OpenedBefore time.Time
	// Prefix is the beginning of a case id, order id or tracking number.
	Prefix string
	// ByDeadline sorts by deadline, cases without one last; otherwise the newest case comes first.
	ByDeadline bool
	// Cursor is where the page before ended; empty means the beginning.
	Cursor string
	// Limit is how many cases a page has at most; it must be positive.
	Limit int
}

// searched bounds how many matches of each kind a search by prefix looks at, so that a short prefix
// does not read a whole table.
const searched = 1000

// List returns a page of cases and the cursor of the next one, which is empty on the last. A cursor
// that this service did not give for this order is a 400 problem.
//
// The page is found first, in an index alone where one has all that is asked for, and its rows are
// read afterwards: a queue of few among many open cases does not read them all.
func (s *Store) List(ctx context.Context, merchantID string, q Query) (page []Case, next string, err error) {
	found, err := q.after(q.filter(s.from(ctx, merchantID, q.Prefix)))
	if err != nil {
		return nil, "", err
	}
	found = found.Select("c.case_id").Order(q.order()).Limit(q.Limit + 1)
	// SQLite keeps to the order of a CROSS JOIN, and MySQL finds it.
	rows := s.read(ctx).Table("(?) AS found CROSS JOIN cases AS c", found).Select("c.*").
		Where("c.merchant_id = ? AND c.case_id = found.case_id", merchantID).Order(q.order())
	if err := rows.Find(&page).Error; err != nil {
		return nil, "", fmt.Errorf("list cases: %w", err)
	}
	if len(page) > q.Limit {
		page = page[:q.Limit]
		next = q.cursorAt(page[q.Limit-1]).encode()
	}
	return page, next, nil
}

// order is the SQL of the order in which cases come.
func (q Query) order() string {
	switch {
	case !q.ByDeadline:
		return "c.opened_at DESC, c.case_id DESC"
	case q.BuyerID != "" || q.OrderID != "" || q.Prefix != "" || q.AttentionReason != "" || q.NeedsAttention != nil && *q.NeedsAttention:
		// Few cases match. A sum is sorted by no index, so that none is walked through for them.
		return "c.deadline + 0, c.case_id"
	}
	return "c.deadline, c.case_id"
}

// from selects the merchant's cases; with a prefix, those whose case id, order id or tracking number
// begins with it. A range in place of LIKE uses the index on both engines and knows no wildcards.
func (s *Store) from(ctx context.Context, merchantID, prefix string) *gorm.DB {
	if prefix == "" {
		return s.read(ctx).Table("cases AS c").Where("c.merchant_id = ?", merchantID)
	}
	const one = "SELECT case_id FROM (SELECT case_id FROM cases WHERE merchant_id = ? AND %s >= ? AND %s < ? ORDER BY %s LIMIT ?) AS %s"
	by := func(column, order, name string) string { return fmt.Sprintf(one, column, column, order, name) }
	end := prefix + "\U0010FFFF"
	matched := gorm.Expr(by("case_id", "case_id DESC", "by_case")+
		" UNION "+by("order_id", "order_id", "by_order")+
		" UNION "+by("tracking_number", "tracking_number", "by_tracking"),
		merchantID, prefix, end, searched, merchantID, prefix, end, searched, merchantID, prefix, end, searched)
	return s.read(ctx).Table("(?) AS matched CROSS JOIN cases AS c", matched).
		Where("c.merchant_id = ? AND c.case_id = matched.case_id", merchantID)
}

func (q Query) filter(query *gorm.DB) *gorm.DB {
	status := q.Status
	if q.Awaiting != 0 {
		query = query.Where("(c.awaiting & ?) <> 0", q.Awaiting)
		status = cmp.Or(status, domain.StatusOpen) // a closed case awaits nobody
	}
	if q.Stage != "" && q.Stage != domain.StageClosed {
		status = cmp.Or(status, domain.StatusOpen)
	}
	for _, filter := range []struct{ column, value string }{
		{"c.buyer_id", q.BuyerID}, {"c.order_id", q.OrderID}, {"c.status", status}, {"c.stage", q.Stage}, {"c.outcome", q.Outcome},
	} {
		if filter.value != "" {
			query = query.Where(filter.column+" = ?", filter.value)
		}
	}
	if q.NeedsAttention != nil {
		query = query.Where("c.needs_attention = ?", flag(*q.NeedsAttention))
	}
	if q.AttentionReason != "" {
		query = query.Where("c.needs_attention = 1 AND c.attention_reason = ?", q.AttentionReason)
	}
	if !q.OpenedFrom.IsZero() {
		query = query.Where("c.opened_at >= ?", database.At(q.OpenedFrom))
	}
	if !q.OpenedBefore.IsZero() {
		query = query.Where("c.opened_at < ?", database.At(q.OpenedBefore))
	}
	return query
}
