package database

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"time"

	driversql "github.com/go-sql-driver/mysql"
	"gorm.io/gorm"
	"modernc.org/sqlite"
	sqlite3 "modernc.org/sqlite/lib"

	"aftercare.dev/services/platform/crash"
)

// attempts is how often [InTx] tries in all; with the backoff below that is about two seconds.
const attempts = 10

// InTx runs fn in a transaction, commits if it returns nil and rolls back otherwise, also on a panic.
//
// A transaction that the engine gave up for the sake of another (deadlock, lock wait, busy) is tried
// again, a bounded number of times. So fn may run several times: it must do nothing but work on tx, and
// set variables of its caller from scratch. In fn use only tx: on SQLite a write through the outer db
// would wait for the very transaction that it is in, for ever.
//
// Called with a transaction for db it is a part of that one: a failure of fn undoes fn alone, and the
// outermost InTx tries again.
//
// If the commit itself fails, nobody knows whether it was carried out; repeating is safe for a write
// that is idempotent by its key.
func InTx(ctx context.Context, db *gorm.DB, fn func(tx *gorm.DB) error) error {
	if _, within := db.Statement.ConnPool.(gorm.TxCommitter); within {
		// The engine gave up the outer transaction too, so that one has to be tried again.
		return db.WithContext(ctx).Transaction(fn)
	}
	for attempt := 1; ; attempt++ {
		err := db.WithContext(ctx).Transaction(uncommitted(fn))
		if err == nil {
			crash.Here(crash.AfterCommit)
			return nil
		}
		if !isTransient(err) {
			return err
		}
		if attempt == attempts {
			return fmt.Errorf("transaction gave up after %d attempts: %w", attempts, err)
		}
		if waitErr := pause(ctx, attempt); waitErr != nil {
			return errors.Join(waitErr, err)
		}
	}
}

// pause waits a random part of 5, 10, 20 … 500 ms.
func pause(ctx context.Context, attempt int) error {
	limit := min(5*time.Millisecond<<(attempt-1), 500*time.Millisecond)
	timer := time.NewTimer(time.Duration(1 + rand.Int64N(int64(limit))))
	defer timer.Stop()
	select {
	case <-ctx.Done():
		return ctx.Err()
	case <-timer.C:
		return nil
	}
}

// isTransient tells whether the same transaction may well succeed next time.
func isTransient(err error) bool {
	if errors.Is(err, ErrRetry) {
		return true
	}
	switch mysqlCode(err) {
	case 1213, // deadlock
		1205, // lock wait timeout
		1020: // record has changed since last read, MariaDB's snapshot isolation
		return true
	}
	switch sqliteCode(err) & 0xff {
	case sqlite3.SQLITE_BUSY, sqlite3.SQLITE_LOCKED:
		return true
	}
	return false
}

// IsDuplicate tells whether a unique or primary key refused the row.
func IsDuplicate(err error) bool {
	if errors.Is(err, gorm.ErrDuplicatedKey) || mysqlCode(err) == 1062 {
		return true
	}
	code := sqliteCode(err)
	return code == sqlite3.SQLITE_CONSTRAINT_UNIQUE || code == sqlite3.SQLITE_CONSTRAINT_PRIMARYKEY
}

// IsCheckViolation tells whether a CHECK constraint refused the row.
func IsCheckViolation(err error) bool {
	if errors.Is(err, gorm.ErrCheckConstraintViolated) {
		return true
	}
	code := mysqlCode(err)
	return code == 3819 || code == 4025 || // MySQL, MariaDB
		sqliteCode(err) == sqlite3.SQLITE_CONSTRAINT_CHECK
}

// IsForeignKeyViolation tells whether a foreign key refused the change.
func IsForeignKeyViolation(err error) bool {
	if errors.Is(err, gorm.ErrForeignKeyViolated) {
		return true
	}
	code := mysqlCode(err)
	return code == 1451 || code == 1452 || sqliteCode(err) == sqlite3.SQLITE_CONSTRAINT_FOREIGNKEY
}

// IsNotFound tells whether First, Take or Last found no row.
func IsNotFound(err error) bool { return errors.Is(err, gorm.ErrRecordNotFound) }

func mysqlCode(err error) uint16 {
	var e *driversql.MySQLError
	if errors.As(err, &e) {
		return e.Number
	}
	return 0
}

func sqliteCode(err error) int {
	var e *sqlite.Error
	if errors.As(err, &e) {
		return e.Code()
	}
	return 0
}
