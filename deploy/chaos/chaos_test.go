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

func TestTheWeatherFollowsFromItsSeed(t *testing.T) {
	all := Weather(7, time.Hour)
	require.Equal(t, all, Weather(7, time.Hour))
	require.NotEqual(t, all, Weather(8, time.Hour))
	kinds := map[Spell]int{}
	for _, s := range all {
		require.LessOrEqual(t, s.At+s.Lasts, time.Hour)
		kinds[Spell{System: s.System, Rule: s.Rule, Mood: s.Mood}]++
	}
	require.Len(t, kinds, len(spells["mail"])+len(spells["insurer"])+len(spells["shop"]))
	early := map[string]bool{}
	for _, s := range Weather(7, 35*time.Second) {
		early[s.System] = true
	}
	require.Len(t, early, 3, "the shortest run has one of each")
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
	r := house(t, Options{
		Seed: 4, Length: 35 * time.Second, Customers: 6, Instances: 1, Brisk: true, TimeScale: 10_000, Rest: 4 * time.Minute,
		First: []string{"insured, brought to a counter", "returned by the bank, by hand", "refunded outside as well", "returned by the bank, given up"},
	})
	r.rage(t.Context())
	require.NoError(t, r.audit(t.Context()))
	require.Zerof(t, r.report.Audit.Violations, "%+v", r.report.Audit.First)
	require.GreaterOrEqual(t, r.report.Kills, 2)
	require.GreaterOrEqual(t, r.report.Closed, 6)
	require.Positive(t, r.report.Audit.Paid)
	require.Positive(t, r.report.Audit.LedgerEntries)
	require.Positive(t, r.report.Audit.Outside)
	require.GreaterOrEqual(t, r.report.Audit.Returned, 2)
	require.GreaterOrEqual(t, r.report.Reopened, 3)
	require.Positive(t, r.report.Audit.Mails)
	require.Positive(t, r.report.Audit.Webhooks)
	for _, system := range []string{"mail", "insurer", "shop"} {
		require.Positive(t, r.report.Felt[system], "somebody feels that the %s is not well", system)
	}
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
		"a refund outside that nobody knows of": {
			"payment", "UPDATE outside_refunds SET refund_number = CONCAT('X', refund_number)",
			"UPDATE outside_refunds SET refund_number = SUBSTR(refund_number, 2)", audit.Doubled, "refund",
		},
		"a success that was taken back and is no difference": {
			"payment", "UPDATE differences SET refund_number = CONCAT('X', refund_number) WHERE kind = 'returned'",
			"UPDATE differences SET refund_number = SUBSTR(refund_number, 2) WHERE kind = 'returned'", audit.Lost, "difference",
		},
		"a buyer who was told nothing": {
			"notification", "UPDATE deliveries SET target_id = CONCAT('X', target_id) WHERE channel = 'inbox'",
			"UPDATE deliveries SET target_id = SUBSTR(target_id, 2) WHERE channel = 'inbox'", audit.Lost, "inbox",
		},
		"an e-mail that the mail server does not have": {
			"notification", "UPDATE deliveries SET delivery_id = CONCAT('X', delivery_id) WHERE channel = 'email' AND state = 'delivered'",
			"UPDATE deliveries SET delivery_id = SUBSTR(delivery_id, 2) WHERE channel = 'email' AND delivery_id LIKE 'X%'", audit.Lost, "message",
		},
		"a message that never arrived": {
			"notification", "UPDATE deliveries SET event_id = CONCAT('X', event_id) WHERE channel = 'webhook' AND state = 'delivered'",
			"UPDATE deliveries SET event_id = SUBSTR(event_id, 2) WHERE channel = 'webhook' AND state = 'delivered'", audit.Lost, "message",
		},
	} {
		t.Run("planted: "+name, func(t *testing.T) {
			r.execute(t, defect.service, defect.breaks)
			report, err := audit.Run(t.Context(), r.sources(), r.expected)
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
