package database

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"go.opentelemetry.io/otel"
	"go.opentelemetry.io/otel/sdk/trace"
	"go.opentelemetry.io/otel/sdk/trace/tracetest"
	"gorm.io/gorm"
	sqlite3 "modernc.org/sqlite/lib"

	"aftercare.dev/services/platform/config"
)

func exec(t *testing.T, db *sql.DB, query string, args ...any) sql.Result {
	t.Helper()
	result, err := db.ExecContext(t.Context(), query, args...)
	require.NoError(t, err)
	return result
}

const (
	insertThing = "INSERT INTO things (name, size) VALUES (?, ?)"
	sizeOfThing = "SELECT size FROM things WHERE name = ?"
	allThings   = "SELECT name FROM things ORDER BY id"
)

type queryer interface {
	QueryRowContext(ctx context.Context, query string, args ...any) *sql.Row
}

func sizeOf(t *testing.T, db queryer, name string) int {
	t.Helper()
	var size int
	require.NoError(t, db.QueryRowContext(t.Context(), sizeOfThing, name).Scan(&size))
	return size
}

func TestATextIsCompiledOnceOnAConnection(t *testing.T) {
	db, counts := things(t, 1)
	for i := range 5 {
		name := fmt.Sprint("thing ", i)
		result := exec(t, db, insertThing, name, i)
		id, err := result.LastInsertId()
		require.NoError(t, err)
		require.EqualValues(t, i+1, id)
		rows, err := result.RowsAffected()
		require.NoError(t, err)
		require.EqualValues(t, 1, rows)
		require.Equal(t, i, sizeOf(t, db, name))
	}
	require.EqualValues(t, 2, counts.compiled.Load())

	rows, err := exec(t, db, "UPDATE things SET size = size + ? WHERE size > ?", 10, 1).RowsAffected()
	require.NoError(t, err)
	require.EqualValues(t, 3, rows)

	tx, err := db.BeginTx(t.Context(), nil)
	require.NoError(t, err)
	require.Equal(t, 14, sizeOf(t, tx, "thing 4"))
	_, err = tx.ExecContext(t.Context(), insertThing, "undone", 1)
	require.NoError(t, err)
	require.NoError(t, tx.Rollback())
	require.ErrorIs(t, db.QueryRowContext(t.Context(), sizeOfThing, "undone").Scan(new(int)), sql.ErrNoRows)
	require.EqualValues(t, 3, counts.compiled.Load())
	require.Zero(t, counts.passed.Load())
}

func TestATextCanBeSaidAgainWhileItsRowsAreRead(t *testing.T) {
	db, counts := things(t, 1)
	for _, name := range []string{"a", "b", "c"} {
		exec(t, db, insertThing, name, 1)
	}
	tx, err := db.BeginTx(t.Context(), nil)
	require.NoError(t, err)
	names := func() (names []string) {
		rows, err := tx.QueryContext(t.Context(), allThings)
		require.NoError(t, err)
		defer rows.Close()
		for rows.Next() {
			var name string
			require.NoError(t, rows.Scan(&name))
			names = append(names, name)
		}
		require.NoError(t, rows.Err())
		return names
	}
	outer, err := tx.QueryContext(t.Context(), allThings)
	require.NoError(t, err)
	defer outer.Close()
	var read []string
	for outer.Next() {
		var name string
		require.NoError(t, outer.Scan(&name))
		read = append(read, name)
		require.Equal(t, []string{"a", "b", "c"}, names())
	}
	require.NoError(t, outer.Err())
	require.Equal(t, []string{"a", "b", "c"}, read)
	require.Equal(t, []string{"a", "b", "c"}, names())
	require.NoError(t, tx.Commit())
	require.EqualValues(t, 3, counts.compiled.Load(), "the insert, and the text once for each that reads it at a time")
	require.EqualValues(t, 2, counts.alive.Load(), "the second of a text is not kept")
}

func TestRowsThatAreNotReadToTheEndHoldNothing(t *testing.T) {
	db, _ := things(t, 1)
	for _, name := range []string{"a", "b", "c"} {
		exec(t, db, insertThing, name, 1)
	}
	first := func() (name string) {
		rows, err := db.QueryContext(t.Context(), allThings)
		require.NoError(t, err)
		defer rows.Close()
		require.True(t, rows.Next())
		require.NoError(t, rows.Scan(&name))
		require.NoError(t, rows.Err())
		return name
	}
	require.Equal(t, "a", first())
	require.Equal(t, "a", first())
	// SQLite refuses it while a statement on the table is under way.
	exec(t, db, "DROP TABLE things")
}

func TestConnectionsShareNoStatement(t *testing.T) {
	const connections, workers, rounds = 4, 8, 40
	db, counts := things(t, connections)
	work := func(worker int) error {
		for round := range rounds {
			name, size := fmt.Sprint(worker, " ", round), worker*rounds+round
			if _, err := db.ExecContext(t.Context(), insertThing, name, size); err != nil {
				return err
			}
			var got int
			if err := db.QueryRowContext(t.Context(), sizeOfThing, name).Scan(&got); err != nil {
				return err
			}
			if got != size {
				return fmt.Errorf("the size of %s is %d", name, got)
			}
		}
		return nil
	}
	failures := make(chan error, workers)
	for worker := range workers {
		go func() { failures <- work(worker) }()
	}
	for range workers {
		require.NoError(t, <-failures)
	}
	var count int
	require.NoError(t, db.QueryRowContext(t.Context(), "SELECT COUNT(*) FROM things").Scan(&count))
	require.Equal(t, workers*rounds, count)
	require.LessOrEqual(t, counts.compiled.Load(), int64(2*connections+1))
}

func TestAKeptStatementSeesTheSchemaAsItIs(t *testing.T) {
	db, counts := things(t, 2)
	reader, err := db.Conn(t.Context())
	require.NoError(t, err)
	defer reader.Close()
	exec(t, db, insertThing, "a", 1) // by the other connection, as all that follows
	columns := func() []string {
		rows, err := reader.QueryContext(t.Context(), "SELECT * FROM things")
		require.NoError(t, err)
		defer rows.Close()
		names, err := rows.Columns()
		require.NoError(t, err)
		values := make([]any, len(names))
		for i := range values {
			values[i] = new(any)
		}
		require.True(t, rows.Next())
		require.NoError(t, rows.Scan(values...))
		require.NoError(t, rows.Err())
		return names
	}
	require.Equal(t, []string{"id", "name", "size"}, columns())
	exec(t, db, "ALTER TABLE things ADD COLUMN colour VARCHAR(64) NOT NULL DEFAULT 'red'")
	require.Equal(t, []string{"id", "name", "size", "colour"}, columns())
	exec(t, db, insertThing, "b", 2)
	exec(t, db, "ALTER TABLE things DROP COLUMN colour")
	require.Equal(t, []string{"id", "name", "size"}, columns())
	require.EqualValues(t, 2, counts.compiled.Load(), "SQLite recompiles by itself")

	exec(t, db, "DROP TABLE things")
	err = reader.QueryRowContext(t.Context(), "SELECT * FROM things").Scan()
	require.ErrorContains(t, err, "no such table: things")
}

func TestAStatementThatFailedCanBeSaidAgain(t *testing.T) {
	db, counts := things(t, 1)
	exec(t, db, insertThing, "a", 1)
	for range 2 {
		_, err := db.ExecContext(t.Context(), insertThing, "a", 2)
		require.True(t, IsDuplicate(err), "%v", err)
		require.Equal(t, sqlite3.SQLITE_CONSTRAINT_UNIQUE, sqliteCode(err))
		_, err = db.ExecContext(t.Context(), insertThing, "b", -1)
		require.True(t, IsCheckViolation(err), "%v", err)
		_, err = db.ExecContext(t.Context(), insertThing, "b")
		require.ErrorContains(t, err, "missing argument with index 2")
		var name string
		err = db.QueryRowContext(t.Context(), insertThing+" RETURNING name", "a", 2).Scan(&name)
		require.True(t, IsDuplicate(err), "%v", err)
		_, err = db.ExecContext(t.Context(), "INSERT INTO things (nam) VALUES (?)", "a")
		require.ErrorContains(t, err, "no column named nam")
		require.EqualValues(t, 0, counts.alive.Load(), "what failed is not kept")
	}
	exec(t, db, insertThing, "b", 2)
	require.Equal(t, 1, sizeOf(t, db, "a"))
	require.Equal(t, 2, sizeOf(t, db, "b"))
}

// A step that fails while rows are read: the third number is none.
func TestRowsThatFailGiveNoStatementBack(t *testing.T) {
	db, counts := things(t, 1)
	for i, name := range []string{"1", "2", "{"} {
		exec(t, db, insertThing, name, i)
	}
	const numbers = "SELECT json_extract(name, '$') FROM things ORDER BY id LIMIT ?"
	read := func(limit int) (n int, err error) {
		rows, err := db.QueryContext(t.Context(), numbers, limit)
		require.NoError(t, err)
		defer rows.Close()
		for rows.Next() {
			n++
		}
		return n, rows.Err()
	}
	for range 2 {
		n, err := read(3)
		require.ErrorContains(t, err, "malformed JSON")
		require.Equal(t, 2, n)
		require.EqualValues(t, 1, counts.alive.Load(), "only the insert")
		n, err = read(2)
		require.NoError(t, err)
		require.Equal(t, 2, n)
	}
}

func TestACancelledStatementCanBeSaidAgain(t *testing.T) {
	const count = "WITH RECURSIVE n (i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < ?) SELECT COUNT(*) FROM n"
	db, counts := things(t, 1)
	ask := func(ctx context.Context, limit int) (n int, err error) {
		err = db.QueryRowContext(ctx, count, limit).Scan(&n)
		return n, err
	}
	for range 3 {
		n, err := ask(t.Context(), 100)
		require.NoError(t, err)
		require.Equal(t, 100, n)

		ctx, cancel := context.WithTimeout(t.Context(), 20*time.Millisecond)
		begun := time.Now()
		_, err = ask(ctx, 1_000_000_000)
		cancel()
		require.ErrorIs(t, err, context.DeadlineExceeded)
		require.Less(t, time.Since(begun), 10*time.Second, "it is interrupted")
		_, err = ask(ctx, 100)
		require.ErrorIs(t, err, context.DeadlineExceeded)

		ctx, cancel = context.WithTimeout(t.Context(), 20*time.Millisecond)
		_, err = db.ExecContext(ctx, "INSERT INTO things (name, size) "+count+", 1", 1_000_000_000)
		cancel()
		require.Error(t, err)
	}
	n, err := ask(t.Context(), 7)
	require.NoError(t, err)
	require.Equal(t, 7, n)
	require.EqualValues(t, 1, counts.alive.Load())
}

func TestRowsEndWithTheirContext(t *testing.T) {
	db, counts := things(t, 1)
	for _, name := range []string{"a", "b", "c"} {
		exec(t, db, insertThing, name, 1)
	}
	leave := func() {
		ctx, cancel := context.WithCancel(t.Context())
		rows, err := db.QueryContext(ctx, allThings)
		require.NoError(t, err)
		defer rows.Close()
		require.True(t, rows.Next())
		cancel()
		for rows.Next() { // to the end, or until the pool has noticed
			continue
		}
		require.True(t, rows.Err() == nil || errors.Is(rows.Err(), context.Canceled))
	}
	for range 3 {
		leave()
		exec(t, db, "UPDATE things SET size = size + 1")
	}
	require.Equal(t, 4, sizeOf(t, db, "a"))
	require.EqualValues(t, 4, counts.compiled.Load())
}

func TestAConnectionKeepsTheStatementsThatItUsedLast(t *testing.T) {
	db, counts := things(t, 1)
	exec(t, db, insertThing, "a", 1)
	for i := range 2 * keptStatements {
		exec(t, db, fmt.Sprintf("UPDATE things SET size = %d", i))
		require.Equal(t, i, sizeOf(t, db, "a"))
	}
	require.EqualValues(t, keptStatements, counts.alive.Load())
	compiled := counts.compiled.Load()
	require.EqualValues(t, 2*keptStatements+2, compiled, "the select, which was used all the time, once")
	exec(t, db, fmt.Sprintf("UPDATE things SET size = %d", 2*keptStatements-1))
	require.Equal(t, compiled, counts.compiled.Load(), "the newest is kept")
	exec(t, db, "UPDATE things SET size = 0")
	require.Equal(t, compiled+1, counts.compiled.Load(), "the oldest is not")
}

func TestWhatIsNoSingleReadOrWriteIsNotKept(t *testing.T) {
	db, counts := things(t, 1)
	for _, query := range []string{
		"INSERT INTO things (name, size) VALUES ('a', 1); INSERT INTO things (name, size) VALUES ('b', 2)",
		"CREATE INDEX things_by_size ON things (size)",
		"PRAGMA foreign_keys = 1",
		"SAVEPOINT s",
		"RELEASE s",
		"-- nothing",
		"",
		"SELECT '" + strings.Repeat("x", keptLength) + "'",
	} {
		exec(t, db, query)
		var version int
		require.NoError(t, db.QueryRowContext(t.Context(), "PRAGMA user_version").Scan(&version))
	}
	require.Equal(t, 2, sizeOf(t, db, "b"), "every statement of a script is run")
	require.EqualValues(t, 1, counts.compiled.Load())
	require.EqualValues(t, 16, counts.passed.Load())
	for _, query := range []string{"select 1", "\n\tWITH x AS (SELECT 1) SELECT * FROM x", "delete from things"} {
		exec(t, db, query)
		exec(t, db, query)
	}
	require.EqualValues(t, 4, counts.compiled.Load())
}

func TestAnOpenDatabaseKeepsItsStatementsAndTracesEachUse(t *testing.T) {
	exported := tracetest.NewInMemoryExporter()
	before := otel.GetTracerProvider()
	otel.SetTracerProvider(trace.NewTracerProvider(trace.WithSyncer(exported)))
	t.Cleanup(func() { otel.SetTracerProvider(before) })
	db, err := Open(t.Context(), Config{Driver: SQLite, DSN: config.Secret(filepath.Join(t.TempDir(), "things.db"))})
	require.NoError(t, err)
	defer func() { require.NoError(t, Close(db)) }()
	require.NoError(t, db.Exec("CREATE TABLE things (name VARCHAR(64) PRIMARY KEY, size BIGINT)").Error)
	exported.Reset()

	type thing struct {
		Name string `gorm:"primaryKey"`
		Size int64
	}
	for _, name := range []string{"a", "b", "c"} {
		require.NoError(t, InTx(t.Context(), db, func(tx *gorm.DB) error { return tx.Create(&thing{name, 1}).Error }))
		var found thing
		require.NoError(t, db.First(&found, "name = ?", name).Error)
		require.Equal(t, name, found.Name)
	}
	said := map[string]int{}
	for _, span := range exported.GetSpans() {
		for _, attribute := range span.Attributes {
			if attribute.Key == "db.query.text" || attribute.Key == "db.statement" { // as the environment chooses
				said[attribute.Value.AsString()]++
			}
		}
	}
	const insert, first = "INSERT INTO `things` (`name`,`size`) VALUES (?,?)", "SELECT * FROM `things` WHERE name = ? ORDER BY `things`.`name` LIMIT 1"
	require.Equal(t, map[string]int{insert: 3, first: 3}, said)
	pool, ok := db.ConnPool.(*sqlitePool)
	require.True(t, ok)
	require.Equal(t, []string{insert}, keptBy(t, pool.write))
	require.Equal(t, []string{first}, keptBy(t, pool.read))
}
