package database

import (
	"errors"

	"gorm.io/gorm"

	"aftercare.dev/services/platform/crash"
)

// uncommitted is fn with the crash point before its commit.
func uncommitted(fn func(tx *gorm.DB) error) func(tx *gorm.DB) error {
	if !crash.Enabled {
		return fn
	}
	return func(tx *gorm.DB) error {
		if err := fn(tx); err != nil {
			return err
		}
		crash.Here(crash.BeforeCommit)
		return nil
	}
}

// passStatements has every write that is no part of a transaction pass a crash point before and after it.
func passStatements(db *gorm.DB) error {
	at := func(place crash.Place) func(*gorm.DB) {
		return func(db *gorm.DB) {
			if _, within := db.Statement.ConnPool.(gorm.TxCommitter); !within {
				crash.Here(place)
			}
		}
	}
	const before, after = "aftercare:crash_before", "aftercare:crash_after"
	on := db.Callback()
	return errors.Join(
		on.Create().Before("gorm:create").Register(before, at(crash.BeforeStatement)),
		on.Create().After("gorm:create").Register(after, at(crash.AfterStatement)),
		on.Update().Before("gorm:update").Register(before, at(crash.BeforeStatement)),
		on.Update().After("gorm:update").Register(after, at(crash.AfterStatement)),
		on.Delete().Before("gorm:delete").Register(before, at(crash.BeforeStatement)),
		on.Delete().After("gorm:delete").Register(after, at(crash.AfterStatement)),
		on.Raw().Before("gorm:raw").Register(before, at(crash.BeforeStatement)),
		on.Raw().After("gorm:raw").Register(after, at(crash.AfterStatement)),
	)
}
