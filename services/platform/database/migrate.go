package database

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"io/fs"
	"slices"
	"strings"
	"time"

	"github.com/pressly/goose/v3"
	"gorm.io/gorm"
)

// binaryCollation compares text byte by byte, as SQLite does.
const binaryCollation = "utf8mb4_bin"

// Migrate brings the schema up to date with the SQL files of schema: embed them with
// //go:embed migrations/*.sql and pass [Sub] of it. Files are named 00001_what.sql and begin with the
// line "-- +goose Up". Several instances may start at once: one migrates, the others wait. A program
// that meets a newer schema leaves it as it is; the error is that of [CheckSchema].
//
// One set of files serves both engines. What works on both: BIGINT, INTEGER, VARCHAR(n), LONGTEXT,
// BOOLEAN; inline PRIMARY KEY, UNIQUE (…), CHECK (…) and FOREIGN KEY; CREATE INDEX as a statement of its
// own; ALTER TABLE … ADD COLUMN; `backticks` around reserved words. What does not: AUTO_INCREMENT, inline
// INDEX or KEY, COLLATE, ENGINE, ON UPDATE, DEFAULT on LONGTEXT. What is compared or indexed is VARCHAR.
// A migration that has to differ, such as a trigger, is two files with the engine's name before the end:
// 00003_what.sqlite.sql and 00003_what.mysql.sql.
//
// MySQL cannot roll back a CREATE or ALTER; so that a migration that was interrupted can run again, each
// file does one thing, and tables are made by CREATE TABLE IF NOT EXISTS. On MySQL new tables get the
// collation utf8mb4_bin by making it the database's default.
func Migrate(ctx context.Context, db *gorm.DB, schema Schema) error {
	known, err := schema.versions()
	if err != nil {
		return fmt.Errorf("migrate %s: %w", schema.Service, err)
	}
	state, err := readState(ctx, db)
	if err != nil {
		return fmt.Errorf("migrate %s: %w", schema.Service, err)
	}
	if err := state.foreign(schema, known); err != nil {
		return err
	}
	// What is up to date is not touched: a user who may not change tables can start the service.
	if !state.current(known) {
		if err := migrate(ctx, db, schema, slices.Max(known)); err != nil {
			return fmt.Errorf("migrate %s: %w", schema.Service, err)
		}
	}
	return CheckSchema(ctx, db, schema)
}

// MigrateAlone opens the database, migrates it and closes it: the command "migrate" of a service.
func MigrateAlone(ctx context.Context, cfg Config, schema Schema) error {
	db, err := Open(ctx, cfg)
	if err != nil {
		return fmt.Errorf("%s: %w", schema.Service, err)
	}
	err = Migrate(ctx, db, schema)
	if err == nil {
		var now state
		if now, err = readState(ctx, db); err == nil {
			db.Logger.Info(ctx, "the schema of %s is at version %d", schema.Service, now.version())
		}
	}
	return errors.Join(err, Close(db))
}

func migrate(ctx context.Context, db *gorm.DB, schema Schema, goal int64) error {
	if err := announce(ctx, db, schema, goal); err != nil {
		return err
	}
	pool, err := db.DB()
	if err != nil {
		return err
	}
	files := engineFiles{schema.Files, db.Name()}
	if db.Name() == MySQL {
		return wayOut(migrateMySQL(ctx, db, pool, files))
	}
	return migrateSQLite(ctx, pool, files)
}

// engineFiles are the migrations of one engine: all but those that are named for another.
type engineFiles struct {
	fs.FS
	engine string
}

// ReadDir implements [fs.ReadDirFS].
func (f engineFiles) ReadDir(name string) ([]fs.DirEntry, error) {
	entries, err := fs.ReadDir(f.FS, name)
	return slices.DeleteFunc(entries, func(e fs.DirEntry) bool { return f.foreign(e.Name()) }), err
}

func (f engineFiles) foreign(name string) bool {
	for _, engine := range []string{SQLite, MySQL} {
		if engine != f.engine && strings.HasSuffix(name, "."+engine+".sql") {
			return true
		}
	}
	return false
}

// wayOut adds to what MySQL says of a trigger that it does not let us make how it would.
func wayOut(err error) error {
	switch mysqlCode(err) {
	case 1419: // binary log, and no SUPER
		return fmt.Errorf("the server keeps a binary log and lets only an administrator make triggers: "+
			"set log_bin_trust_function_creators=1 on it, or run migrate once as a user with SUPER: %w", err)
	case 1142: // the command is denied
		return fmt.Errorf("the user of the migration lacks a privilege: it needs CREATE, ALTER, INDEX, DROP, REFERENCES and TRIGGER on the database: %w", err)
	}
	return err
}

// Sub is fs.Sub for embedded directories, which are known to be there: it panics if the name is wrong.
func Sub(embedded fs.FS, directory string) fs.FS {
	sub, err := fs.Sub(embedded, directory)
	if err != nil {
		panic(err)
	}
	return sub
}

func migrateMySQL(ctx context.Context, db *gorm.DB, pool *sql.DB, migrations fs.FS) error {
	provider, err := goose.NewProvider(goose.DialectMySQL, pool, migrations,
		goose.WithSessionLocker(namedLock{}), goose.WithDisableGlobalRegistry(true))
	if err != nil {
		return err
	}
	// This makes the table of versions under the lock. Up looks at it before it takes the lock, and would stumble over one
	// that another process is making.
	if _, err := provider.GetDBVersion(ctx); err != nil {
		return err
	}
	for {
		_, err := provider.Up(ctx)
		done, ok := doneBefore(err, migrations)
		if !ok {
			return err
		}
		db.Logger.Warn(ctx, "migration %d was interrupted after its work was done: it is recorded now", done)
		if err := recordDone(ctx, pool, done); err != nil {
			return errors.Join(err, fmt.Errorf("record migration %d", done))
		}
	}
}

// doneBefore recognises a migration that was interrupted between its statement, which MySQL commits by
// itself, and the record of it: a file of one statement that cannot make what is there already.
func doneBefore(err error, migrations fs.FS) (version int64, ok bool) {
	var partial *goose.PartialError
	if !errors.As(err, &partial) {
		return 0, false
	}
	switch mysqlCode(partial.Err) {
	case 1060, // column
		1061, // index
		1091: // what should be dropped is gone
	default:
		return 0, false
	}
	text, readErr := fs.ReadFile(migrations, partial.Failed.Source.Path)
	return partial.Failed.Source.Version, readErr == nil && strings.Count(string(text), ";") == 1
}

// recordDone may run in several instances at once.
func recordDone(ctx context.Context, pool *sql.DB, version int64) error {
	const insert = `INSERT INTO goose_db_version (version_id, is_applied) SELECT ?, TRUE FROM DUAL
		WHERE NOT EXISTS (SELECT 1 FROM goose_db_version AS g WHERE g.version_id = ?)`
	_, err := pool.ExecContext(ctx, insert, version, version)
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

// migrateSQLite relies on each migration being one transaction with its record, which can be made once: if
// another process is migrating the same file, ours fails and rolls back, and the next attempt goes on from
// where the other is.
func migrateSQLite(ctx context.Context, pool *sql.DB, migrations fs.FS) error {
	provider, err := goose.NewProvider(goose.DialectSQLite3, pool, migrations, goose.WithDisableGlobalRegistry(true))
	if err != nil {
		return err
	}
	reached := int64(-1)
	for attempt := 1; ; attempt++ {
		version, err := upSQLite(ctx, pool, provider)
		if err == nil {
			return nil
		}
		if version > reached {
			reached, attempt = version, 1 // somebody makes progress
		}
		if attempt == attempts || !overtaken(err) {
			return err
		}
		if waitErr := pause(ctx, attempt); waitErr != nil {
			return errors.Join(waitErr, err)
		}
	}
}

// upSQLite returns the version that it began at.
func upSQLite(ctx context.Context, pool *sql.DB, provider *goose.Provider) (version int64, err error) {
	if version, err = provider.GetDBVersion(ctx); err != nil { // which makes the table of versions
		return -1, err
	}
	if err := recordOnce(ctx, pool); err != nil {
		return version, err
	}
	_, err = provider.Up(ctx)
	return version, err
}

// recordOnce makes the record of a migration unique. Where the first release was started several times at
// once, there may be more of them.
func recordOnce(ctx context.Context, pool *sql.DB) error {
	tx, err := pool.BeginTx(ctx, nil)
	if err != nil {
		return err
	}
	for _, statement := range []string{
		"DELETE FROM goose_db_version WHERE id NOT IN (SELECT MIN(id) FROM goose_db_version GROUP BY version_id)",
		"CREATE UNIQUE INDEX IF NOT EXISTS goose_db_version_once ON goose_db_version (version_id)",
	} {
		if _, err := tx.ExecContext(ctx, statement); err != nil {
			return errors.Join(err, tx.Rollback())
		}
	}
	return tx.Commit()
}

// overtaken tells whether a migration failed in a way that another instance's success explains.
func overtaken(err error) bool {
	text := err.Error()
	return isTransient(err) || IsDuplicate(err) || strings.Contains(text, "already exists") || strings.Contains(text, "duplicate column name")
}
