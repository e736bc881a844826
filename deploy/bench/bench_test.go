package bench

import (
	"context"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"aftercare.dev/deploy/bench/measure"
	"aftercare.dev/deploy/bench/report"
	"aftercare.dev/services/platform/config"
	"aftercare.dev/services/platform/database"
)

// TestMain runs the children of the benchmark, which are this program.
func TestMain(m *testing.M) {
	if IsChild(os.Args[1:]) {
		if err := Serve(context.Background(), os.Args[1:], os.Stdin, os.Stdout, os.Stderr); err != nil {
			fmt.Fprintln(os.Stderr, err)
			os.Exit(1)
		}
		return
	}
	os.Exit(m.Run())
}

// shortest measures a little of all that needs a house.
func shortest() Plan {
	const turn = time.Second
	return Plan{
		Quick: true, Parts: []Part{Comparisons, Posts, Journeys}, SetUps: []report.SetUp{report.Embedded}, WarmUp: ClosedLoad{Concurrency: 4, Turn: turn},
		Closed: []ClosedLoad{{Concurrency: 2, Pairs: 1, Turn: turn}}, Open: []OpenLoad{{Share: 0.5, Pairs: 1, Turn: turn}},
		Post: OpenLoad{Share: 0.5, Pairs: 1, Turn: turn}, Kinds: []string{"plain"}, Providers: []int{50}, Journey: turn, UnderWay: 2,
	}
}

func TestTheShortestRunMeasuresBothSides(t *testing.T) {
	ctx, stop := context.WithTimeout(t.Context(), 3*time.Minute)
	defer stop()
	dir := t.TempDir()
	r, err := Run(ctx, Options{
		Plan: shortest(), Seed: 7, Dir: filepath.Join(dir, "houses"), Program: []string{os.Args[0]}, Command: "bench", Progress: t.Output(),
	})
	require.NoError(t, err)

	require.Len(t, r.Comparisons, 2)
	for _, c := range r.Comparisons {
		require.Equal(t, "AB", c.Order)
		for _, s := range []report.Side{c.Product, c.Twin} {
			require.Positive(t, s.Done)
			require.Zero(t, s.Failed, s.FirstError)
			require.Positive(t, s.CPUSeconds["aftercare"])
			require.InDelta(t, c.Product.Shape.Events, s.Shape.Events, 0.2*c.Product.Shape.Events)
		}
		require.Positive(t, c.Throughput.Value)
		require.Positive(t, c.CPU.Value)
	}
	require.Len(t, r.Posts, 1)
	require.Positive(t, r.Posts[0].Product.Count)
	require.Positive(t, r.Posts[0].Bare.Count)
	require.Len(t, r.Journeys, 1)
	j := r.Journeys[0]
	require.Positive(t, j.Done)
	require.Zero(t, j.Failed, j.FirstError)
	require.Positive(t, j.Operations["openCase"].Count)
	require.Positive(t, j.Memory["aftercare"].RSSBytes)
	require.Positive(t, j.DatabaseBytes["temporal"])
	require.Equal(t, "embedded", string(r.Houses[0].SetUp))
	require.NotEmpty(t, r.Houses[0].Temporal)
	require.Equal(t, 4, r.Houses[0].Shards)

	require.NoError(t, Write(filepath.Join(dir, "out"), r))
	for _, name := range []string{"benchmark.json", "benchmark.md", "benchmark.svg"} {
		require.FileExists(t, filepath.Join(dir, "out", name))
	}
	kept, err := os.Open(filepath.Join(dir, "out", "benchmark.json"))
	require.NoError(t, err)
	again, err := report.ReadJSON(kept)
	require.NoError(t, err)
	require.NoError(t, kept.Close())
	require.Equal(t, r.Targets, again.Targets)
}

func TestAFolderThatIsInUseIsNotTaken(t *testing.T) {
	dir := t.TempDir()
	require.NoError(t, os.WriteFile(filepath.Join(dir, "something"), nil, 0o600))
	_, err := Run(t.Context(), Options{Dir: dir, Progress: io.Discard})
	require.ErrorContains(t, err, "is not empty: name one that is")
}

func TestAChildThatDiesSaysWhy(t *testing.T) {
	log := filepath.Join(t.TempDir(), "log")
	_, _, err := startChild(t.Context(), []string{os.Args[0]}, log, workersChild, "--temporal", "127.0.0.1:1")
	require.ErrorContains(t, err, "a process of the benchmark has ended")
	require.ErrorContains(t, err, "connect to the Temporal server")
}

// TestTheSizeOfADatabaseCountsWhatIsInItsLog holds the size that is read from the files against the one that SQLite says.
func TestTheSizeOfADatabaseCountsWhatIsInItsLog(t *testing.T) {
	path := filepath.Join(t.TempDir(), "some.db")
	db, err := database.Open(t.Context(), database.Config{Driver: database.SQLite, DSN: config.Secret(path)})
	require.NoError(t, err)
	t.Cleanup(func() { require.NoError(t, database.Close(db)) })
	require.NoError(t, db.Exec("CREATE TABLE things (what BLOB)").Error)
	for range 6 {
		// The log is a megabyte after the first ones, and begins anew now and then.
		require.NoError(t, db.Exec("INSERT INTO things WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < 400) SELECT randomblob(4000) FROM n").Error)
		var pages, size int64
		require.NoError(t, db.Raw("PRAGMA page_count").Scan(&pages).Error)
		require.NoError(t, db.Raw("PRAGMA page_size").Scan(&size).Error)
		found, err := sqliteSize(path)
		require.NoError(t, err)
		require.Equal(t, pages*size, found)
	}
	_, err = sqliteSize(path + ".not")
	require.ErrorIs(t, err, os.ErrNotExist)
}

func TestCasesThatFailAndShapesThatDifferMakeAComparisonInvalid(t *testing.T) {
	played := func(events int64, failed int) sum {
		s := sum{Run: measure.Run{Done: 10, Failed: failed}}
		s.footprint.Cases, s.footprint.Events, s.footprint.Bytes, s.footprint.Transitions = 10, events, 1000, 100
		return s
	}
	require.Empty(t, invalid(played(600, 0), played(600, 0)))
	require.Equal(t, "2 of 12 cases of the twin failed", invalid(played(600, 0), played(600, 2)))
	said := invalid(played(600, 1), played(700, 0))
	require.Contains(t, said, "1 of 11 cases of the product failed; the twin is not one: 60.00 events")
	require.NotContains(t, said, "\n")
}

func TestTheRatioOfTwoP99HasAnIntervalFromTwoPairsOn(t *testing.T) {
	fast, slow := measure.Latencies{0.1, 0.2}, measure.Latencies{0.3, 0.4}
	one := measure.RatioOfP99([]measure.Latencies{slow}, []measure.Latencies{fast}, 1)
	require.InDelta(t, 2, one.Value, 1e-9)
	require.Zero(t, one.High)
	two := measure.RatioOfP99([]measure.Latencies{slow, slow}, []measure.Latencies{fast, {0.1, 0.4}}, 1)
	require.InDelta(t, 1, two.Value, 1e-9)
	require.InDelta(t, 1, two.Low, 1e-9)
	require.InDelta(t, 2, two.High, 1e-9)
}
