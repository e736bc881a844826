package store

import (
	"cmp"
	"context"
	"database/sql"
	"fmt"
	"math/bits"
	"strings"
	"time"

	"gorm.io/gorm"

	"aftercare.dev/services/cases/domain"
	"aftercare.dev/services/platform/database"
)

// Query says which cases to list. Zero values do not limit.
type Query struct {
	BuyerID, OrderID string
	Status, Stage    string
	// Outcome is how cases were closed.
	Outcome string
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
// read afterwards: a queue of few among many open cases does not read them all. Which index that is, the
// query says, see [Query.index].
func (s *Store) List(ctx context.Context, merchantID string, q Query) (page []Case, next string, err error) {
	found, err := s.found(ctx, merchantID, q)
	if err != nil || found == nil {
		return nil, "", err
	}
	// SQLite keeps to the order of a CROSS JOIN, and MySQL finds it.
	rows := s.read(ctx).Table("(?) AS found CROSS JOIN cases AS c", found).Select("c.*").
		Where("c.merchant_id = ? AND c.case_id = found.case_id", merchantID).Order(q.order("c"))
	if err := rows.Find(&page).Error; err != nil {
		return nil, "", fmt.Errorf("list cases: %w", err)
	}
	if len(page) > q.Limit {
		page = page[:q.Limit]
		next = q.cursorAt(page[q.Limit-1]).encode()
	}
	return page, next, nil
}

// order is the SQL of the order in which cases of a table come.
func (q Query) order(table string) string {
	if q.ByDeadline {
		return table + ".deadline, " + table + ".case_id"
	}
	return table + ".opened_at DESC, " + table + ".case_id DESC"
}

// found selects the ids of the page and of the case after it; nil if there is none.
func (s *Store) found(ctx context.Context, merchantID string, q Query) (*gorm.DB, error) {
	if !q.queued() {
		return q.ordered(q.filter(s.from(ctx, merchantID, q)))
	}
	sets, err := s.sets(ctx, merchantID, q)
	if err != nil || len(sets) == 0 {
		return nil, err
	}
	queues := make([]any, len(sets))
	for i, set := range sets {
		queue, err := q.ordered(q.filter(s.from(ctx, merchantID, q).Where("c.awaiting = ?", set)))
		if err != nil {
			return nil, err
		}
		queues[i] = queue
	}
	if len(queues) == 1 {
		return queues[0].(*gorm.DB), nil
	}
	one := "SELECT * FROM (?) AS queue"
	union := gorm.Expr(one+strings.Repeat(" UNION ALL "+one, len(queues)-1), queues...)
	return s.read(ctx).Table("(?) AS queues", union).Select("queues.*").Order(q.order("queues")).Limit(q.Limit + 1), nil
}

// ordered is the first page of a selection after the cursor. It has what pages of several selections are merged by.
func (q Query) ordered(selection *gorm.DB) (*gorm.DB, error) {
	selection, err := q.after(selection)
	if err != nil {
		return nil, err
	}
	key := "c.opened_at"
	if q.ByDeadline {
		key = "c.deadline"
	}
	return selection.Select(key + ", c.case_id").Order(q.order("c")).Limit(q.Limit + 1), nil
}

// queued tells that the cases are those that await a role, of which there may be few or many.
func (q Query) queued() bool { return q.Awaiting != 0 && !q.narrow() }

// narrow tells that few cases match whatever else is asked for.
func (q Query) narrow() bool {
	return q.Prefix != "" || q.BuyerID != "" || q.OrderID != "" || q.attention()
}

// attention tells that only cases that need it are asked for.
func (q Query) attention() bool {
	return q.AttentionReason != "" || q.NeedsAttention != nil && *q.NeedsAttention
}

// index is the one that finds the cases, in order if there may be many. The engines are told which: without statistics
// SQLite cannot tell the cases of a buyer from all that are open, and MySQL reads a whole merchant for what is in
// the order that it likes.
func (q Query) index() string {
	pick := func(newest, deadline string) string {
		if q.ByDeadline {
			return deadline
		}
		return newest
	}
	switch {
	case q.OrderID != "":
		return "cases_by_order"
	case q.BuyerID != "":
		return "cases_by_buyer"
	case q.AttentionReason != "":
		return "cases_by_reason"
	case q.attention():
		return pick("cases_by_attention", "cases_by_reason")
	case q.Awaiting != 0:
		return pick("cases_queue_newest", "cases_queue_deadline")
	case q.Stage != "":
		return pick("cases_by_stage", "cases_by_stage_deadline")
	case q.Outcome != "" && !q.ByDeadline:
		return "cases_by_outcome"
	case q.status() != "":
		return pick("cases_by_status", "cases_by_status_deadline")
	}
	return pick("cases_newest", "cases_by_deadline")
}

// status is what cases must have to match, if that follows.
func (q Query) status() string {
	switch {
	case q.Awaiting != 0:
		return cmp.Or(q.Status, domain.StatusOpen) // a closed case awaits nobody
	case q.Outcome != "":
		return cmp.Or(q.Status, domain.StatusClosed) // an open case has no outcome
	}
	return q.Status
}

// byIndex is the table of cases under the name c, to be read by an index.
func (s *Store) byIndex(name string) string {
	if s.db.Name() == database.MySQL {
		return "cases AS c FORCE INDEX (" + name + ")"
	}
	return "cases AS c INDEXED BY " + name
}

// sets are the sets of roles that open cases await and that have one of those asked for. There are about ten, and
// each is found with one step into an index.
func (s *Store) sets(ctx context.Context, merchantID string, q Query) (found []domain.Roles, err error) {
	least := domain.Roles(1) << bits.TrailingZeros64(uint64(q.Awaiting))
	for {
		var next sql.NullInt64
		err := s.read(ctx).Table(s.byIndex("cases_queue_deadline")).Select("MIN(c.awaiting)").
			Where("c.merchant_id = ? AND c.status = ? AND c.awaiting >= ?", merchantID, q.status(), least).Scan(&next).Error
		if err != nil {
			return nil, fmt.Errorf("list who is awaited: %w", err)
		}
		if !next.Valid {
			return found, nil
		}
		set := domain.Roles(next.Int64)
		if set&q.Awaiting != 0 {
			found = append(found, set)
		}
		least = set + 1
	}
}

// from selects the merchant's cases by the index of the query; with a prefix, those whose case id, order id or tracking
// number begins with it. A range in place of LIKE uses the index on both engines and knows no wildcards.
func (s *Store) from(ctx context.Context, merchantID string, q Query) *gorm.DB {
	if q.Prefix == "" {
		return s.read(ctx).Table(s.byIndex(q.index())).Where("c.merchant_id = ?", merchantID)
	}
	const one = "SELECT case_id FROM (SELECT case_id FROM cases WHERE merchant_id = ? AND %s >= ? AND %s < ? ORDER BY %s LIMIT ?) AS %s"
	by := func(column, order, name string) string { return fmt.Sprintf(one, column, column, order, name) }
	prefix, end := q.Prefix, q.Prefix+"\U0010FFFF"
	matched := gorm.Expr(by("case_id", "case_id DESC", "by_case")+
		" UNION "+by("order_id", "order_id", "by_order")+
		" UNION "+by("tracking_number", "tracking_number", "by_tracking"),
		merchantID, prefix, end, searched, merchantID, prefix, end, searched, merchantID, prefix, end, searched)
	return s.read(ctx).Table("(?) AS matched CROSS JOIN cases AS c", matched).
		Where("c.merchant_id = ? AND c.case_id = matched.case_id", merchantID)
}

func (q Query) filter(query *gorm.DB) *gorm.DB {
	if q.Awaiting != 0 && !q.queued() {
		query = query.Where("(c.awaiting & ?) <> 0", q.Awaiting)
	}
	for _, filter := range []struct{ column, value string }{
		{"c.buyer_id", q.BuyerID}, {"c.order_id", q.OrderID}, {"c.status", q.status()}, {"c.stage", q.Stage}, {"c.outcome", q.Outcome},
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
