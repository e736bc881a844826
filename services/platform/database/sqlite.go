package database

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"net/url"
	"strings"

	"github.com/XSAM/otelsql"
	"gorm.io/gorm"
	"modernc.org/sqlite"
)

// openSQLite opens one writer and several readers on the same file.
//
// SQLite lets one connection write at a time. Connections that compete for that wait by polling, up to
// 100 ms at a step and in no order; with a single writer the transactions queue in this process, first
// come first served, and never meet SQLITE_BUSY unless another process has the file open. Readers work
// on snapshots beside it (WAL) and never wait.
func openSQLite(ctx context.Context, cfg Config) (gorm.Dialector, error) {
	path, query, _ := strings.Cut(strings.TrimPrefix(string(cfg.DSN), "file:"), "?")
	if path == "" || path == ":memory:" || strings.Contains(query, "mode=memory") {
		return nil, errors.New("the DSN of SQLite must be the path of a file")
	}
	params, err := url.ParseQuery(query)
	if err != nil {
		return nil, fmt.Errorf("the DSN of SQLite has malformed parameters: %w", err)
	}

	// The pragmas of the DSN come after ours and win.
	pragmas := append([]string{
		"busy_timeout(10000)",
		"journal_mode(WAL)",
		// FULL syncs the log at each commit. NORMAL would survive a kill, but lose the last commits
		// when the power fails: a refund would be with the provider and not with us. The sync costs
		// about a millisecond on an SSD; see BenchmarkCommit.
		"synchronous(FULL)",
		"foreign_keys(1)",
		"temp_store(MEMORY)",
		"cache_size(-16000)",
	}, params["_pragma"]...)

	params["_pragma"] = pragmas
	// A transaction takes the write lock when it begins: taking it later, after reads, fails at once
	// if someone has written in between.
	params.Set("_txlock", "immediate")
	write, err := openSQLitePool(path, params)
	if err != nil {
		return nil, err
	}
	write.SetMaxOpenConns(1)
	write.SetMaxIdleConns(1)

	params["_pragma"] = append(pragmas, "query_only(1)")
	params.Set("_txlock", "deferred")
	read, err := openSQLitePool(path, params)
	if err != nil {
		return nil, errors.Join(err, write.Close())
	}
	read.SetMaxOpenConns(cfg.MaxOpen)
	read.SetMaxIdleConns(cfg.MaxIdle)

	pool := &sqlitePool{name: fileName(path), write: write, read: read}
	// The writer comes first: it creates the file and switches it to WAL.
	if err := errors.Join(connect(ctx, write), read.PingContext(ctx)); err != nil {
		return nil, errors.Join(err, pool.close())
	}
	return &sqliteDialector{pool: pool}, nil
}

// connect makes the first connection. SQLite does not wait for others when it switches a new file to WAL: of several
// processes that create one file together all but one are refused, and have to come again.
func connect(ctx context.Context, db *sql.DB) error {
	for attempt := 1; ; attempt++ {
		err := db.PingContext(ctx)
		if err == nil || !isTransient(err) || attempt == 2*attempts {
			return err
		}
		if waitErr := pause(ctx, attempt); waitErr != nil {
			return errors.Join(waitErr, err)
		}
	}
}

func openSQLitePool(path string, params url.Values) (*sql.DB, error) {
	connector, err := sqlite.NewConnector("file:" + path + "?" + params.Encode())
	if err != nil {
		return nil, err
	}
	return otelsql.OpenDB(keepingConnector{connector}, traceOptions(SQLite, fileName(path))...), nil
}

func traceOptions(system, name string) []otelsql.Option {
	return []otelsql.Option{
		otelsql.WithAttributes(about(system, name)...),
		otelsql.WithSpanOptions(otelsql.SpanOptions{
			OmitConnResetSession: true,
			OmitConnPrepare:      true,
			OmitRows:             true,
			OmitConnectorConnect: true,
			DisableErrSkip:       true,
			RecordError:          func(err error) bool { return !errors.Is(err, sql.ErrNoRows) },
		}),
	}
}

// sqlitePool sends what writes to the writer and what reads to the readers.
type sqlitePool struct {
	name        string
	write, read *sql.DB
}

func (p *sqlitePool) of(query string) *sql.DB {
	if begins(query, "SELECT") {
		return p.read
	}
	return p.write
}

// PrepareContext implements [gorm.ConnPool].
func (p *sqlitePool) PrepareContext(ctx context.Context, query string) (*sql.Stmt, error) {
	return p.of(query).PrepareContext(ctx, query)
}

// ExecContext implements [gorm.ConnPool].
func (p *sqlitePool) ExecContext(ctx context.Context, query string, args ...any) (sql.Result, error) {
	return p.write.ExecContext(ctx, query, args...)
}

// QueryContext implements [gorm.ConnPool]. INSERT … RETURNING comes here too.
func (p *sqlitePool) QueryContext(ctx context.Context, query string, args ...any) (*sql.Rows, error) {
	return p.of(query).QueryContext(ctx, query, args...)
}

// QueryRowContext implements [gorm.ConnPool].
func (p *sqlitePool) QueryRowContext(ctx context.Context, query string, args ...any) *sql.Row {
	return p.of(query).QueryRowContext(ctx, query, args...)
}

// BeginTx implements [gorm.TxBeginner]. A transaction that only reads gets a reader.
func (p *sqlitePool) BeginTx(ctx context.Context, options *sql.TxOptions) (*sql.Tx, error) {
	if options != nil && options.ReadOnly {
		return p.read.BeginTx(ctx, nil)
	}
	return p.write.BeginTx(ctx, nil)
}

// GetDBConn implements [gorm.GetDBConnector]: db.DB() is the writer.
func (p *sqlitePool) GetDBConn() (*sql.DB, error) { return p.write, nil }

func (p *sqlitePool) close() error {
	// The last connection to close writes the log back into the file, which a reader cannot.
	return errors.Join(p.read.Close(), p.write.Close())
}
