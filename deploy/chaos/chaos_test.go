package chaos

import (
	"context"
	"database/sql"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"aftercare.dev/deploy/audit"
	"aftercare.dev/services/platform/config"
	"aftercare.dev/services/platform/database"
)

func TestAPlanFollowsFromItsSeed(t *testing.T) {
	names := []string{"temporal", "sandbox", "order-1", "order-2", "gateway-1", "worker-money-1"}
	plan := Plan(7, time.Hour, names)
	require.Equal(t, plan, Plan(7, time.Hour, names))
	require.NotEqual(t, plan, Plan(8, time.Hour, names))
	killed := map[string]int{}
	for i, blow := range plan {
		require.LessOrEqual(t, blow.At, time.Hour)
		if i > 0 {
			require.GreaterOrEqual(t, blow.At-plan[i-1].At, shortest)
		}
		for _, name := range blow.Victims {
			killed[name]++
		}
	}
	require.GreaterOrEqual(t, len(plan), 140)
	for _, name := range append(names, mysql) {
		require.GreaterOrEqual(t, killed[name], 100/len(names), name)
	}
}

func TestACustomerFollowsFromTheSeed(t *testing.T) {
	told := func(seed uint64) (all []string) {
		r := &runner{Options: Options{Seed: seed}}
		for n := range 300 {
			for _, trip := range r.customer(n).trips {
				all = append(all, trip.path.Name)
			}
		}
		return all
	}
	seven, again := told(7), told(7)
	require.Equal(t, seven, again)
	require.NotEqual(t, seven, told(8))
	for _, p := range paths {
		require.Contains(t, seven, p.Name, "of 300 customers somebody goes every way")
	}
}

// TestNothingIsDoubledOrLostWhileProcessesDie is the short form of what `make chaos` does for as long as one likes.
func TestNothingIsDoubledOrLostWhileProcessesDie(t *testing.T) {
	r := house(t, Options{Seed: 4, Length: 35 * time.Second, Customers: 6, Instances: 1, Brisk: true, TimeScale: 10_000, Rest: 4 * time.Minute})
	r.rage(t.Context())
	require.NoError(t, r.audit(t.Context()))
	require.Zerof(t, r.report.Audit.Violations, "%+v", r.report.Audit.First)
	require.GreaterOrEqual(t, r.report.Kills, 2)
	require.GreaterOrEqual(t, r.report.Closed, 6)
	require.Positive(t, r.report.Audit.Paid)
	require.Positive(t, r.report.Audit.LedgerEntries)
	r.plant(t)
}

// plant breaks the books of a house at rest, one after the other, and sees that the audit says so.
func (r *runner) plant(t *testing.T) {
	for name, defect := range map[string]struct {
		service, breaks, mends string
		kind                   audit.Kind
		check                  string
	}{
		"a refund that the provider does not have": {
			"payment", "UPDATE refund_parts SET refund_number = CONCAT(refund_number, 'X') WHERE state = 'succeeded'",
			"UPDATE refund_parts SET refund_number = TRIM(TRAILING 'X' FROM refund_number)", audit.Lost, "refund",
		},
		"a refund that was given up and paid": {
			"payment", "UPDATE refund_parts SET state = 'voided', version = version + 7 WHERE state = 'succeeded'",
			"UPDATE refund_parts SET state = 'succeeded', version = version - 7 WHERE state = 'voided' AND version >= 7", audit.Doubled, "refund",
		},
		"an amount that is not what was paid": {
			"payment", "UPDATE refund_parts SET amount = amount + 1 WHERE state = 'succeeded'",
			"UPDATE refund_parts SET amount = amount - 1 WHERE state = 'succeeded'", audit.Wrong, "refund",
		},
		"a case that is not there": {
			"cases", "UPDATE cases SET case_id = CONCAT('gone-', case_id) ORDER BY case_id LIMIT 1",
			"UPDATE cases SET case_id = SUBSTR(case_id, 6) WHERE case_id LIKE 'gone-%'", audit.Lost, "filing",
		},
		"a case that nobody has heard of at Temporal": {
			"cases", "UPDATE cases SET status = 'open', closed_at = NULL WHERE status = 'closed' AND outcome = 'refunded' LIMIT 1",
			"UPDATE cases SET status = 'closed', closed_at = updated_at WHERE status = 'open' AND outcome = 'refunded'", audit.Lost, "workflow",
		},
		"a timeline with a hole": {
			"cases", "UPDATE entries SET number = number + 1000 WHERE type = 'case.closed'",
			"UPDATE entries SET number = number - 1000 WHERE type = 'case.closed'", audit.Lost, "timeline",
		},
		"units that are counted twice": {
			"order", "UPDATE order_lines SET returned_units = returned_units + 1 WHERE reserved_units + returned_units < quantity AND returned_units > 0",
			"", audit.Wrong, "stock",
		},
	} {
		t.Run("planted: "+name, func(t *testing.T) {
			r.execute(t, defect.service, defect.breaks)
			report, err := audit.Run(t.Context(), audit.Of(r.house, r.slow.merchant, r.hasty.merchant), r.expected)
			require.NoError(t, err)
			found := map[string]bool{}
			for _, v := range report.First {
				found[string(v.Kind)+" "+v.Check] = true
			}
			if defect.mends != "" {
				r.execute(t, defect.service, defect.mends)
			}
			require.Contains(t, found, string(defect.kind)+" "+defect.check)
		})
	}
}

// execute runs a statement in the database of a service; it must change something.
func (r *runner) execute(t *testing.T, service, statement string) {
	t.Helper()
	opened, err := database.Open(context.Background(), database.Config{
		Driver: database.MySQL, DSN: config.Secret(r.house.MySQL.DSN() + service + "_"), Logger: r.Log,
	})
	require.NoError(t, err)
	defer func() { require.NoError(t, database.Close(opened)) }()
	pool, err := opened.DB()
	require.NoError(t, err)
	var result sql.Result
	result, err = pool.ExecContext(context.Background(), statement)
	require.NoError(t, err)
	changed, err := result.RowsAffected()
	require.NoError(t, err)
	require.Positive(t, changed)
}
