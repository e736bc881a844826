package store

import (
	"context"
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"gorm.io/gorm"

	"aftercare.dev/services/cases/domain"
	"aftercare.dev/services/platform/database"
	"aftercare.dev/services/platform/database/databasetest"
)

// planned are the ways to list cases, and the index that each is answered by. Where the order is not the index's, few
// cases match.
var planned = map[string]struct {
	q     Query
	index string
	sorts bool
}{
	"newest":                       {Query{}, "cases_newest", false},
	"deadline":                     {Query{ByDeadline: true}, "cases_by_deadline", false},
	"open":                         {Query{Status: "open"}, "cases_by_status", false},
	"open by deadline":             {Query{Status: "open", ByDeadline: true}, "cases_by_status_deadline", false},
	"closed by deadline":           {Query{Status: "closed", ByDeadline: true}, "cases_by_status_deadline", false},
	"stage":                        {Query{Stage: "inspecting", Status: "open"}, "cases_by_stage", false},
	"stage by deadline":            {Query{Stage: "inspecting", ByDeadline: true}, "cases_by_stage_deadline", false},
	"outcome":                      {Query{Outcome: "rejected"}, "cases_by_outcome", false},
	"outcome by deadline":          {Query{Outcome: "rejected", ByDeadline: true}, "cases_by_status_deadline", false},
	"buyer":                        {Query{BuyerID: "b1"}, "cases_by_buyer", false},
	"buyer's open":                 {Query{BuyerID: "b1", Status: "open", Stage: "inspecting"}, "cases_by_buyer", false},
	"buyer by deadline":            {Query{BuyerID: "b1", Awaiting: domain.RolesOf("buyer"), ByDeadline: true}, "cases_by_buyer", true},
	"order":                        {Query{OrderID: "o1", BuyerID: "b1"}, "cases_by_order", false},
	"attention":                    {Query{NeedsAttention: new(true), Status: "open"}, "cases_by_attention", false},
	"attention by deadline":        {Query{NeedsAttention: new(true), Stage: "refunding", ByDeadline: true}, "cases_by_reason", true},
	"attention reason":             {Query{AttentionReason: "unavailable"}, "cases_by_reason", true},
	"attention reason by deadline": {Query{AttentionReason: "unavailable", ByDeadline: true}, "cases_by_reason", false},
	"no attention":                 {Query{NeedsAttention: new(false)}, "cases_newest", false},
	"queue":                        {Query{Awaiting: domain.RolesOf("finance")}, "cases_queue_newest", false},
	"queue by deadline":            {Query{Awaiting: domain.RolesOf("finance"), ByDeadline: true}, "cases_queue_deadline", false},
	"queue in a stage":             {Query{Awaiting: domain.RolesOf("finance"), Stage: "refunding", ByDeadline: true}, "cases_queue_deadline", false},
	"of a time":                    {Query{Status: "open", OpenedFrom: time.Unix(1, 0), OpenedBefore: time.Unix(2, 0)}, "cases_by_status", false},
}

func TestAListIsReadInTheOrderOfAnIndexAndNoFurtherThanThePage(t *testing.T) {
	databasetest.Each(t, Migrations(), func(t *testing.T, db *gorm.DB) {
		s := New(db, time.Now)
		require.NoError(t, db.Create(someCases(300)).Error)
		for name, plan := range planned {
			last := cursor{byDeadline: plan.q.ByDeadline, key: noDeadline, caseID: "case_1"}
			for _, cursor := range []cursor{{}, {byDeadline: plan.q.ByDeadline, key: 3e15, caseID: "case_1"}, last} {
				q := plan.q
				q.Limit = 20
				if cursor.caseID != "" {
					q.Cursor = cursor.encode()
				}
				found, err := s.found(t.Context(), "m1", q)
				require.NoError(t, err, name)
				made := found.Session(&gorm.Session{DryRun: true}).Find(&[]Case{}).Statement
				steps := explain(t, db, made.SQL.String(), made.Vars)
				require.Contains(t, steps, plan.index+" ", "%s is answered by another index", name)
				if !plan.sorts {
					require.NotContains(t, steps, "TEMP B-TREE", name)
					require.NotContains(t, steps, "filesort", name)
					if cursor == last && q.ByDeadline && db.Name() == database.SQLite {
						require.Contains(t, steps, "deadline=? AND case_id>?", "%s: what has no deadline is read from the first", name)
					}
				}
			}
		}
	})
}

// someCases are cases of one merchant, of which every other is open.
func someCases(n int) []Case {
	cases := make([]Case, n)
	for i := range cases {
		at := database.At(time.Unix(int64(i), 0))
		cases[i] = Case{
			MerchantID: "m1", CaseID: fmt.Sprintf("case_%d", i), OrderID: fmt.Sprint("o", i/2), BuyerID: fmt.Sprint("b", i/4), Type: "return_refund",
			Stage: "closed", Status: "closed", Outcome: "refunded", Deadline: noDeadline, Version: 1, OpenedAt: at, UpdatedAt: at, ClosedAt: database.NullAt(at.Time),
		}
		if i%2 == 0 {
			c := &cases[i]
			c.Stage, c.Status, c.Outcome, c.Deadline, c.ClosedAt = "refunding", "open", "", int64(i), database.NullTime{}
			c.Awaiting = []domain.Roles{domain.RolesOf("buyer"), domain.RolesOf("finance")}[i/2%2]
		}
	}
	return cases
}

// explain is the plan of a statement, a line for each step.
func explain(t *testing.T, db *gorm.DB, statement string, values []any) string {
	t.Helper()
	var steps []map[string]any
	how := "EXPLAIN "
	if db.Name() == database.SQLite {
		how = "EXPLAIN QUERY PLAN "
	}
	rows, err := db.ConnPool.QueryContext(t.Context(), how+statement, values...)
	require.NoError(t, err, statement)
	defer rows.Close()
	for rows.Next() {
		step := map[string]any{}
		require.NoError(t, db.ScanRows(rows, &step))
		steps = append(steps, step)
	}
	require.NoError(t, rows.Err())
	var plan strings.Builder
	for _, step := range steps {
		for _, column := range []string{"detail", "key", "type", "Extra"} {
			if step[column] != nil {
				fmt.Fprintf(&plan, "%s ", step[column])
			}
		}
	}
	return plan.String()
}

// plansOf are the plans of all that is read meanwhile.
func plansOf(t *testing.T, db *gorm.DB, read func() error) []string {
	t.Helper()
	type query struct {
		statement string
		values    []any
	}
	var queries []query
	reading := true
	note := func(tx *gorm.DB) {
		if reading {
			queries = append(queries, query{tx.Statement.SQL.String(), tx.Statement.Vars})
		}
	}
	require.NoError(t, db.Callback().Query().After("*").Register("plans", note))
	require.NoError(t, db.Callback().Row().After("*").Register("plans", note))
	require.NoError(t, read())
	reading = false
	var plans []string
	for _, q := range queries {
		plans = append(plans, explain(t, db, q.statement, q.values))
	}
	return plans
}

func TestAPageOfTheSweepIsReadWhereTheOneBeforeEnded(t *testing.T) {
	databasetest.Each(t, Migrations(), func(t *testing.T, db *gorm.DB) {
		s := New(db, time.Now)
		require.NoError(t, db.Create(someCases(300)).Error)
		plans := plansOf(t, db, func() error {
			_, err := s.OpenCases(context.WithoutCancel(t.Context()), "m1", "case_9", 200)
			return err
		})
		require.Len(t, plans, 2)
		for _, plan := range plans {
			require.Contains(t, plan, "cases_open ")
			require.NotContains(t, plan, "TEMP B-TREE")
			require.NotContains(t, plan, "filesort")
		}
		// The place is in what bounds the index, not in what is left out afterwards.
		if db.Name() == database.SQLite {
			require.Contains(t, plans[0], "merchant_id=? AND case_id>?")
		} else {
			require.Contains(t, plans[0], "range")
		}
	})
}

func TestWhoIsAwaitedIsFoundWithoutReadingTheQueues(t *testing.T) {
	databasetest.Each(t, Migrations(), func(t *testing.T, db *gorm.DB) {
		s := New(db, time.Now)
		require.NoError(t, db.Create(someCases(300)).Error)
		plans := plansOf(t, db, func() error {
			sets, err := s.sets(t.Context(), "m1", Query{Awaiting: domain.RolesOf("buyer")})
			require.Equal(t, []domain.Roles{domain.RolesOf("buyer")}, sets)
			return err
		})
		require.Len(t, plans, 3, "buyer, finance, and nobody else")
		for _, plan := range plans {
			if db.Name() == database.SQLite {
				require.Contains(t, plan, "cases_queue_deadline (merchant_id=? AND status=? AND awaiting>?)")
			} else {
				require.Regexp(t, "optimized away|No matching min/max row", plan, "the server looks it up while it plans")
			}
		}
	})
}

func TestWhatIsCountedIsReadByItsIndex(t *testing.T) {
	databasetest.Each(t, Migrations(), func(t *testing.T, db *gorm.DB) {
		s := New(db, time.Now)
		require.NoError(t, db.Create(someCases(300)).Error)
		counted := plansOf(t, db, func() error {
			_, err := s.Attention(t.Context(), "m1")
			return err
		})
		require.Contains(t, counted[0], "cases_by_reason ")
		opened := plansOf(t, db, func() error { return s.noneOpen(db.WithContext(t.Context()), "m1", "nobody") })
		require.Contains(t, opened[0], "cases_by_buyer ")
		measured := plansOf(t, db, func() error {
			_, err := s.Measures(t.Context())
			return err
		})
		require.Contains(t, measured[0], "cases_measured ")
	})
}
