package database

import (
	"context"
	"database/sql/driver"
	"errors"
	"fmt"

	"github.com/XSAM/otelsql"
	driversql "github.com/go-sql-driver/mysql"
	"gorm.io/driver/mysql"
	"gorm.io/gorm"
)

// session is what every connection starts with, whatever the server's defaults are.
//
// READ COMMITTED: correctness rests on constraints and guarded updates, which see the latest committed
// row in any isolation, so the snapshot of REPEATABLE READ would buy nothing; and without its gap locks
// inserts into the same index rarely deadlock. Strict mode: a value that does not fit is an error, not
// a shorter value. A row lock is waited for 10 s, not 50: a client has given up by then.
const session = `SET SESSION TRANSACTION ISOLATION LEVEL READ COMMITTED`

const sessionVariables = `SET SESSION sql_mode = 'STRICT_ALL_TABLES,NO_ENGINE_SUBSTITUTION,ERROR_FOR_DIVISION_BY_ZERO', ` +
	`SESSION innodb_lock_wait_timeout = 10`

func openMySQL(ctx context.Context, cfg Config) (gorm.Dialector, error) {
	options, err := driversql.ParseDSN(string(cfg.DSN))
	if err != nil {
		// The driver's text may repeat the DSN, which has a password.
		return nil, errors.New("the DSN of MySQL is malformed, expected user:password@tcp(host:3306)/database")
	}
	if options.DBName == "" {
		return nil, errors.New("the DSN of MySQL names no database, expected user:password@tcp(host:3306)/database")
	}
	// See the package comment.
	options.ClientFoundRows = false
	options.Collation = binaryCollation
	// One round trip for each statement, and nothing prepared on the server: batches and lists of every
	// length are statements of their own, and would use up max_prepared_stmt_count.
	options.InterpolateParams = true
	connector, err := driversql.NewConnector(options)
	if err != nil {
		return nil, fmt.Errorf("the DSN of MySQL cannot be used: %w", err)
	}
	pool := otelsql.OpenDB(&prepared{connector}, traceOptions(MySQL, options.DBName)...)
	pool.SetMaxOpenConns(cfg.MaxOpen)
	pool.SetMaxIdleConns(cfg.MaxIdle)
	pool.SetConnMaxLifetime(cfg.MaxLifetime)
	if err := pool.PingContext(ctx); err != nil {
		return nil, errors.Join(fmt.Errorf("MySQL does not answer: %w", err), pool.Close())
	}
	return mysql.New(mysql.Config{Conn: pool, DSNConfig: options}), nil
}

// prepared sets up each new connection.
type prepared struct{ driver.Connector }

func (c *prepared) Connect(ctx context.Context) (driver.Conn, error) {
	conn, err := c.Connector.Connect(ctx)
	if err != nil {
		return nil, err
	}
	for _, statement := range []string{session, sessionVariables} {
		if _, err := conn.(driver.ExecerContext).ExecContext(ctx, statement, nil); err != nil {
			return nil, errors.Join(fmt.Errorf("set up the connection: %w", err), conn.Close())
		}
	}
	return conn, nil
}
