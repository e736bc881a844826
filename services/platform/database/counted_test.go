package database

import (
	"context"
	"database/sql"
	"database/sql/driver"
	"path/filepath"
	"sync/atomic"
	"testing"

	"github.com/stretchr/testify/require"
	"modernc.org/sqlite"
)

// counted connects, and counts what its connections compile and have not yet ended, and what they run without it.
type counted struct {
	driver.Connector
	compiled, alive, passed atomic.Int64
}

func (c *counted) Connect(ctx context.Context) (driver.Conn, error) {
	conn, err := c.Connector.Connect(ctx)
	if err != nil {
		return nil, err
	}
	return &countedConn{conn.(sqliteConn), c}, nil
}

type countedConn struct {
	sqliteConn
	counts *counted
}

func (c *countedConn) PrepareContext(ctx context.Context, query string) (driver.Stmt, error) {
	s, err := c.sqliteConn.PrepareContext(ctx, query)
	if err != nil {
		return nil, err
	}
	c.counts.compiled.Add(1)
	c.counts.alive.Add(1)
	return &countedStmt{s.(sqliteStmt), c.counts}, nil
}

func (c *countedConn) ExecContext(ctx context.Context, query string, args []driver.NamedValue) (driver.Result, error) {
	c.counts.passed.Add(1)
	return c.sqliteConn.ExecContext(ctx, query, args)
}

func (c *countedConn) QueryContext(ctx context.Context, query string, args []driver.NamedValue) (driver.Rows, error) {
	c.counts.passed.Add(1)
	return c.sqliteConn.QueryContext(ctx, query, args)
}

type countedStmt struct {
	sqliteStmt
	counts *counted
}

func (s *countedStmt) Close() error {
	s.counts.alive.Add(-1)
	return s.sqliteStmt.Close()
}

// things opens a pool of so many connections on a new file, with an empty table of things. What it compiles is counted
// from then on.
func things(t *testing.T, connections int) (*sql.DB, *counted) {
	t.Helper()
	connector, err := sqlite.NewConnector("file:" + filepath.Join(t.TempDir(), "things.db") +
		"?_pragma=journal_mode(WAL)&_pragma=synchronous(OFF)&_pragma=busy_timeout(10000)&_txlock=immediate")
	require.NoError(t, err)
	counts := &counted{Connector: connector}
	db := sql.OpenDB(keepingConnector{counts})
	db.SetMaxOpenConns(connections)
	db.SetMaxIdleConns(connections)
	t.Cleanup(func() {
		require.NoError(t, db.Close())
		require.Zero(t, counts.alive.Load(), "statements are left when all connections are closed")
	})
	exec(t, db, "CREATE TABLE things (id INTEGER PRIMARY KEY, name VARCHAR(64) NOT NULL UNIQUE, size BIGINT NOT NULL CHECK (size >= 0))")
	counts.passed.Store(0)
	return db, counts
}

// keptBy are the texts that a pool's connection used last keeps.
func keptBy(t *testing.T, pool *sql.DB) (texts []string) {
	t.Helper()
	conn, err := pool.Conn(t.Context())
	require.NoError(t, err)
	require.NoError(t, conn.Raw(func(traced any) error {
		inner, ok := traced.(interface{ Raw() driver.Conn })
		require.True(t, ok)
		keeping, ok := inner.Raw().(*keepingConn)
		require.True(t, ok)
		for text := range keeping.idle {
			texts = append(texts, text)
		}
		return nil
	}))
	require.NoError(t, conn.Close())
	return texts
}
