package scale

import (
	"context"
	"encoding/json"
	"log/slog"
	"os"
	"path/filepath"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"go.temporal.io/api/workflowservice/v1"
	"go.temporal.io/sdk/client"
	"gorm.io/gorm"

	"aftercare.dev/deploy/bench/measure"
	"aftercare.dev/deploy/temporal"
	"aftercare.dev/services/cases/domain"
	"aftercare.dev/services/cases/store"
	"aftercare.dev/services/platform/config"
	"aftercare.dev/services/platform/database"
	"aftercare.dev/services/platform/database/databasetest"
	productworker "aftercare.dev/workflows/worker"
)

var people = Population{Closed: 3000, Open: 1500, Until: time.Date(2026, 11, 1, 0, 0, 0, 0, time.UTC), Seed: 1}

func TestAPopulationHasTheCasesThatItSaysAndAlwaysTheSame(t *testing.T) {
	open, size, ofBig, last := 0, 0, 0, ""
	queues := map[domain.Roles]int{}
	for at := range people.Cases() {
		c, err := people.Case(at)
		require.NoError(t, err)
		again, err := people.Case(at)
		require.NoError(t, err)
		require.Equal(t, c, again)
		require.Greater(t, c.CaseID, last, "cases come in the order of their ids")
		last = c.CaseID
		size += len(c.Document.V)
		if c.MerchantID == BigMerchant {
			ofBig++
		}
		if c.Status == domain.StatusOpen {
			open++
			if c.MerchantID == BigMerchant {
				queues[c.Awaiting]++
			}
		}
		require.Equal(t, c.Status == domain.StatusClosed, c.ClosedAt.Valid)
	}
	require.Equal(t, people.Open, open)
	require.InDelta(t, 1500, size/people.Cases(), 300, "a document is as large as a real one, in bytes")
	require.InDelta(t, 0.66, float64(ofBig)/float64(people.Cases()), 0.1)
	for _, role := range []string{domain.RoleBuyer, domain.RoleAgent, domain.RoleWarehouse, domain.RoleFinance} {
		require.GreaterOrEqual(t, queues[domain.RolesOf(role)], alike, "a queue of %s fills a page", role)
	}
	other := people
	other.Seed++
	one, err := people.Case(7)
	require.NoError(t, err)
	two, err := other.Case(7)
	require.NoError(t, err)
	require.NotEqual(t, one.CaseID, two.CaseID)
	require.Equal(t, Population{Closed: 300, Open: 150, Until: people.Until, Seed: 1}, people.Share(450))
}

// indexes are those of the tables that are filled, with their columns.
func indexes(t *testing.T, db *gorm.DB) []string {
	t.Helper()
	query := "SELECT sql FROM sqlite_master WHERE type = 'index' AND tbl_name IN ('cases', 'applications') AND sql IS NOT NULL ORDER BY name"
	if db.Name() == database.MySQL {
		query = `SELECT CONCAT(table_name, index_name, non_unique, GROUP_CONCAT(column_name ORDER BY seq_in_index)) FROM information_schema.statistics
			WHERE table_schema = DATABASE() AND table_name IN ('cases', 'applications') GROUP BY table_name, index_name, non_unique ORDER BY 1`
	}
	var found []string
	require.NoError(t, db.Raw(query).Scan(&found).Error)
	return found
}

func TestAFilledDatabaseHasAllCasesAndTheIndexesThatItHad(t *testing.T) {
	databasetest.Each(t, store.Migrations(), func(t *testing.T, db *gorm.DB) {
		before := indexes(t, db)
		require.NotEmpty(t, before)
		require.NoError(t, Fill(t.Context(), db, people.Share(1200)))
		require.Equal(t, before, indexes(t, db))
		for _, table := range []string{"cases", "applications"} {
			var rows int64
			require.NoError(t, db.Table(table).Count(&rows).Error)
			require.EqualValues(t, 1200, rows, table)
		}
	})
}

func TestEveryQuestionIsAskedOfFewAndOfMany(t *testing.T) {
	sqlite := func(name string) database.Config {
		path := filepath.Join(t.TempDir(), name)
		return database.Config{Driver: database.SQLite, DSN: config.Secret(path + "?_pragma=synchronous(OFF)")}
	}
	for _, engine := range []struct {
		name    string
		prepare func(t *testing.T) (few, many database.Config)
	}{
		{database.SQLite, func(*testing.T) (few, many database.Config) { return sqlite("few.db"), sqlite("many.db") }},
		{database.MySQL, func(t *testing.T) (few, many database.Config) {
			t.Helper()
			mysql := func() database.Config {
				return database.Config{Driver: database.MySQL, DSN: config.Secret(databasetest.NewMySQL(t))}
			}
			return mysql(), mysql()
		}},
	} {
		t.Run(engine.name, func(t *testing.T) {
			few, many := engine.prepare(t)
			answers, err := AskRecords(t.Context(), Records{
				Few: few, Many: many, Population: people, Compared: 400, Requests: 2,
				Logger: slog.New(slog.NewTextHandler(t.Output(), &slog.HandlerOptions{Level: slog.LevelWarn})),
			})
			require.NoError(t, err)
			require.Len(t, answers, len(questions()))
			asked := map[string]bool{}
			for _, a := range answers {
				require.False(t, asked[a.Operation], "%s is asked once", a.Operation)
				asked[a.Operation] = true
				require.Equal(t, []int{400, people.Cases()}, []int{a.Few.Cases, a.Many.Cases})
				require.Len(t, a.Few.Latency, 2)
				require.InDelta(t, float64(a.Many.Latency.Percentile(99))/float64(a.Few.Latency.Percentile(99)), a.Ratio.Value, 1e-9)
				require.LessOrEqual(t, a.Ratio.Low, a.Ratio.High)
				require.Contains(t, []string{listing, searching, working, single}, a.Reading)
				require.Equal(t, engine.name, a.Engine)
			}
			require.True(t, asked["listCases awaiting agent by deadline, a later page"])
		})
	}
}

func TestTheRatioOfTwoAlikeIsOneAndItsIntervalHasIt(t *testing.T) {
	var a, b measure.Latencies
	for i := range 400 {
		a, b = append(a, float64(1+i%100)), append(b, float64(1+(i+37)%100))
	}
	alike := compareP99(a, b, 1)
	require.InDelta(t, 1, alike.Value, 1e-9)
	require.LessOrEqual(t, alike.Low, 1.0)
	require.GreaterOrEqual(t, alike.High, 1.0)
	for i := range a {
		a[i] *= 3
	}
	slower := compareP99(a, b, 1)
	require.InDelta(t, 3, slower.Value, 1e-9)
	require.Greater(t, slower.Low, 2.5)
	require.Equal(t, slower, compareP99(a, b, 1), "a seed has one interval")
}

// dialer runs a Temporal server until the test ends.
func dialer(t *testing.T) func(context.Context) (client.Client, error) {
	t.Helper()
	server, err := temporal.Start(t.Context(), temporal.Config{InMemory: true, FrontendAddr: "127.0.0.1:0"})
	require.NoError(t, err)
	t.Cleanup(server.Stop)
	return func(ctx context.Context) (client.Client, error) {
		return client.DialContext(ctx, client.Options{
			HostPort: server.FrontendAddr(), Namespace: server.Namespace(), Logger: slog.New(slog.DiscardHandler),
		})
	}
}

func TestAWorkerMoreDoesAsMuchMoreAndWhatWaitsIsCounted(t *testing.T) {
	dial := dialer(t)
	cfg, err := config.Load[productworker.Config]("", nil)
	require.NoError(t, err)
	options := cfg.Options()

	t.Run("workers", func(t *testing.T) {
		crews, err := Compare(t.Context(), Crews{
			Dial: dial, Options: options, Slots: 1, Latency: 100 * time.Millisecond, Counts: []int{1, 2}, Length: 2 * time.Second,
		})
		require.NoError(t, err)
		require.Len(t, crews, 2)
		require.InDelta(t, 1, crews[0].Ratio, 1e-9)
		require.Greater(t, crews[1].Ratio, 1.3, "the workers are the limit")
		// One who does one thing at a time cannot be faster than what he waits for.
		require.Less(t, crews[0].Run.PerSecond(), 1/(errands*0.1))
	})

	t.Run("waiting", func(t *testing.T) {
		c, err := dial(t.Context())
		require.NoError(t, err)
		defer c.Close()
		standIns, err := NewStandIns(c, options)
		require.NoError(t, err)
		defer standIns.Stop()
		waited, err := Wait(t.Context(), Patience{
			Kind: "stand-in", Number: 20, AtOnce: 4, Begin: standIns.Begin, Processes: map[string]int{"server": os.Getpid()},
			Settle: 100 * time.Millisecond, Idle: 200 * time.Millisecond,
		})
		require.NoError(t, err)
		require.Positive(t, waited.After.Processes["server"].RSS)
		require.Eventually(t, func() bool {
			counted, err := c.CountWorkflow(t.Context(), &workflowservice.CountWorkflowExecutionsRequest{
				Query: "WorkflowType = '" + standInName + "' AND ExecutionStatus = 'Running'",
			})
			return err == nil && counted.GetCount() == 20
		}, 10*time.Second, 50*time.Millisecond, "all of them wait, and no more")
		text, err := json.Marshal(waited)
		require.NoError(t, err)
		require.Contains(t, string(text), `"bytes_each"`)
	})
}
