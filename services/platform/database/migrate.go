package database

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"io/fs"
	"strings"
	"time"

	"github.com/pressly/goose/v3"
	"gorm.io/gorm"
)

// binaryCollation compares text byte by byte, as SQLite does.
const binaryCollation = "utf8mb4_bin"

// Migrate brings the schema up to date with the SQL files at the root of migrations: embed them with
// //go:embed migrations/*.sql and pass [Sub] of it. Files are named 00001_what.sql and begin with the
// line "-- +goose Up". Several instances may start at once: one migrates, the others wait.
//
// One set of files serves both engines. What works on both: BIGINT, INTEGER, VARCHAR(n), LONGTEXT,
// BOOLEAN; inline PRIMARY KEY, UNIQUE (…), CHECK (…) and FOREIGN KEY; CREATE INDEX as a statement of its
// own; ALTER TABLE … ADD COLUMN; `backticks` around reserved words. What does not: AUTO_INCREMENT, inline
// INDEX or KEY, COLLATE, ENGINE, ON UPDATE, DEFAULT on LONGTEXT. What is compared or indexed is VARCHAR.
//
// MySQL cannot roll back a CREATE or ALTER; so that a migration that was interrupted can run again, each
// file does one thing, and tables are made by CREATE TABLE IF NOT EXISTS. On MySQL new tables get the
// collation utf8mb4_bin by making it the database's default.
func Migrate(ctx context.Context, db *gorm.DB, migrations fs.FS) error {
	pool, err := db.DB()
	if err != nil {
		return fmt.Errorf("migrate: %w", err)
	}
	if db.Name() == MySQL {
		err = migrateMySQL(ctx, pool, migrations)
	} else {
		err = migrateSQLite(ctx, pool, migrations)
	}
	if err != nil {
		return fmt.Errorf("migrate: %w", err)
	}
	return nil
}

// Sub is fs.Sub for embedded directories, which are known to be there: it panics if the name is wrong.
func Sub(embedded fs.FS, directory string) fs.FS {
	sub, err := fs.Sub(embedded, directory)
	if err != nil {
		panic(err)
	}
	return sub
}

func migrateMySQL(ctx context.Context, pool *sql.DB, migrations fs.FS) error {
	provider, err := goose.NewProvider(goose.DialectMySQL, pool, migrations,
		goose.WithSessionLocker(namedLock{}), goose.WithDisableGlobalRegistry(true))
	if err != nil {
		return err
	}
	_, err = provider.Up(ctx)
	return err
}

// namedLock holds a lock of the server, on goose's own connection, while migrations run. It ends with
// the connection, so that a process that dies does not keep the others waiting.
type namedLock struct{}

const lockWait = 5 * time.Minute

// SessionLock implements goose's lock.SessionLocker.
func (namedLock) SessionLock(ctx context.Context, conn *sql.Conn) error {
	var got sql.NullInt64
	// Lock names belong to the server and are at most 64 characters.
	row := conn.QueryRowContext(ctx, "SELECT GET_LOCK(CONCAT('migrate:', LEFT(SHA1(DATABASE()), 40)), ?)", int(lockWait.Seconds()))
	if err := row.Scan(&got); err != nil {
		return fmt.Errorf("wait for other instances: %w", err)
	}
	if got.Int64 != 1 {
		return fmt.Errorf("another instance has been migrating for more than %s", lockWait)
	}
	return collate(ctx, conn)
}

// SessionUnlock implements goose's lock.SessionLocker.
func (namedLock) SessionUnlock(ctx context.Context, conn *sql.Conn) error {
	var released sql.NullInt64
	return conn.QueryRowContext(ctx, "SELECT RELEASE_LOCK(CONCAT('migrate:', LEFT(SHA1(DATABASE()), 40)))").Scan(&released)
}

// collate makes the database compare text byte by byte in tables to come.
func collate(ctx context.Context, conn *sql.Conn) error {
	var name, collation string
	if err := conn.QueryRowContext(ctx, "SELECT DATABASE(), @@collation_database").Scan(&name, &collation); err != nil {
		return err
	}
	if collation == binaryCollation {
		return nil
	}
	quoted := "`" + strings.ReplaceAll(name, "`", "``") + "`"
	alter := "ALTER DATABASE " + quoted + " CHARACTER SET utf8mb4 COLLATE " + binaryCollation //nolint:gosec // the name is the database's own, and quoted
	if _, err := conn.ExecContext(ctx, alter); err != nil {
		return fmt.Errorf("the database's collation is %s, expected %s, and it cannot be changed: %w", collation, binaryCollation, err)
	}
	return nil
}

// migrateSQLite relies on migrations being transactions: if another process is migrating the same file,
// ours fails and rolls back, and the next attempt finds the work done.
func migrateSQLite(ctx context.Context, pool *sql.DB, migrations fs.FS) error {
	for attempt := 1; ; attempt++ {
		provider, err := goose.NewProvider(goose.DialectSQLite3, pool, migrations, goose.WithDisableGlobalRegistry(true))
		if err != nil {
			return err
		}
		if _, err = provider.Up(ctx); err == nil {
			return nil
		}
		if attempt == attempts || !overtaken(err) {
			return err
		}
		if waitErr := pause(ctx, attempt); waitErr != nil {
			return errors.Join(waitErr, err)
		}
	}
}

// overtaken tells whether a migration failed in a way that another instance's success explains.
func overtaken(err error) bool {
	text := err.Error()
	return isTransient(err) || strings.Contains(text, "already exists") || strings.Contains(text, "duplicate column name")
}
