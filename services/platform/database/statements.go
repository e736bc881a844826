package database

import (
	"context"
	"database/sql/driver"
	"strings"
)

const (
	// keptStatements is how many compiled statements a connection keeps. A service says fewer than that; lists of
	// varying length after IN make more texts, of which those used last stay.
	keptStatements = 128
	// keptLength is the longest text that is kept, in bytes. What is longer lists many rows or many keys, and hardly
	// comes again in the same length.
	keptLength = 4 << 10
)

// keepingConnector connects to SQLite, and has each connection keep its compiled statements: otherwise the driver
// compiles each text anew, which takes as long as running it or longer, where it reads or writes one row.
type keepingConnector struct{ driver.Connector }

// Connect implements [driver.Connector].
func (c keepingConnector) Connect(ctx context.Context) (driver.Conn, error) {
	conn, err := c.Connector.Connect(ctx)
	if err != nil {
		return nil, err
	}
	// The driver's connections, statements and rows have all that is asked for here. If those of another version
	// do not, this panics in every test that opens a database.
	return &keepingConn{sqliteConn: conn.(sqliteConn), idle: make(map[string]*statement)}, nil
}

// sqliteConn is what a connection of the driver can do, as far as database/sql makes use of it.
type sqliteConn interface {
	driver.Conn
	driver.ConnBeginTx
	driver.ConnPrepareContext
	driver.ExecerContext
	driver.QueryerContext
	driver.Pinger
	driver.SessionResetter
	driver.Validator
}

type sqliteStmt interface {
	driver.Stmt
	driver.StmtExecContext
	driver.StmtQueryContext
}

type sqliteRows interface {
	driver.Rows
	driver.RowsColumnTypeDatabaseTypeName
	driver.RowsColumnTypeLength
	driver.RowsColumnTypeNullable
	driver.RowsColumnTypePrecisionScale
	driver.RowsColumnTypeScanType
}

// statement is compiled, and made for one use at a time. SQLite itself compiles it again when the schema has changed.
type statement struct {
	sqliteStmt
	text string
	used int64
}

// discard ends the statement. It reports nothing: an error here would be that of the statement's last run, which
// whoever ran it has.
func (s *statement) discard() { _ = s.Close() }

// keepingConn is, like every [driver.Conn], used by one goroutine at a time.
type keepingConn struct {
	sqliteConn
	idle map[string]*statement // those that nobody uses now, by their text
	uses int64
}

// ExecContext implements [driver.ExecerContext].
func (c *keepingConn) ExecContext(ctx context.Context, query string, args []driver.NamedValue) (driver.Result, error) {
	if !worthKeeping(query) {
		return c.sqliteConn.ExecContext(ctx, query, args)
	}
	s, err := c.take(ctx, query)
	if err != nil {
		return nil, err
	}
	result, err := s.ExecContext(ctx, args)
	if err != nil {
		s.discard()
		return nil, err
	}
	c.keep(s)
	return result, nil
}

// QueryContext implements [driver.QueryerContext]. The statement belongs to the rows until they are closed.
func (c *keepingConn) QueryContext(ctx context.Context, query string, args []driver.NamedValue) (driver.Rows, error) {
	if !worthKeeping(query) {
		return c.sqliteConn.QueryContext(ctx, query, args)
	}
	s, err := c.take(ctx, query)
	if err != nil {
		return nil, err
	}
	rows, err := s.QueryContext(ctx, args)
	if err != nil {
		s.discard()
		return nil, err
	}
	return &keptRows{sqliteRows: rows.(sqliteRows), conn: c, statement: s}, nil
}

// take returns the statement of the text that is idle, and makes one if there is none: also if the only one is busy
// with rows that are being read.
func (c *keepingConn) take(ctx context.Context, text string) (*statement, error) {
	if s, ok := c.idle[text]; ok {
		delete(c.idle, text)
		return s, nil
	}
	prepared, err := c.PrepareContext(ctx, text)
	if err != nil {
		return nil, err
	}
	return &statement{sqliteStmt: prepared.(sqliteStmt), text: text}, nil
}

// keep takes a statement back that ran without an error, which SQLite has reset. What has failed does not come here:
// it is rare, and compiling it anew is simpler than knowing what the failure left behind.
func (c *keepingConn) keep(s *statement) {
	if _, ok := c.idle[s.text]; ok {
		s.discard()
		return
	}
	if len(c.idle) == keptStatements {
		oldest := s
		for _, other := range c.idle {
			if oldest == s || other.used < oldest.used {
				oldest = other
			}
		}
		delete(c.idle, oldest.text)
		oldest.discard()
	}
	c.uses++
	s.used = c.uses
	c.idle[s.text] = s
}

// Close implements [driver.Conn].
func (c *keepingConn) Close() error {
	for _, s := range c.idle {
		s.discard()
	}
	clear(c.idle)
	return c.sqliteConn.Close()
}

// keptRows give their statement back when they are closed.
type keptRows struct {
	sqliteRows
	conn      *keepingConn
	statement *statement // nil once closed
}

// Close implements [driver.Rows]. Its error is that of the step that ended the reading, if one failed.
func (r *keptRows) Close() error {
	s := r.statement
	if s == nil {
		return nil
	}
	r.statement = nil
	if err := r.sqliteRows.Close(); err != nil {
		s.discard()
		return err
	}
	r.conn.keep(s)
	return nil
}

// worthKeeping tells whether a text is one statement that reads or writes rows. Scripts, changes of the schema and
// pragmas come once, and what a pragma does may depend on when it is compiled.
func worthKeeping(query string) bool {
	if len(query) > keptLength || strings.Contains(query, ";") {
		return false
	}
	for _, verb := range []string{"SELECT", "INSERT", "UPDATE", "DELETE", "WITH"} {
		if begins(query, verb) {
			return true
		}
	}
	return false
}

// begins tells whether the first word of a statement, or its beginning, is the verb.
func begins(query, verb string) bool {
	query = strings.TrimLeft(query, " \t\r\n")
	return len(query) >= len(verb) && strings.EqualFold(query[:len(verb)], verb)
}
