package database

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"slices"
	"strings"

	"github.com/pressly/goose/v3"
	"gorm.io/gorm"
	"gorm.io/gorm/clause"
)

// Schema is what a program knows of the tables of its service, and what it promises about them.
//
// A version is the number of the newest migration. Programs of two releases may work on one schema at a
// time, while an upgrade or its undoing goes on; which ones, the database itself says: Migrate writes the
// version it goes to, and ServesFrom, into the table schema_serves before it changes anything.
type Schema struct {
	// Service is the name of the service's program, as people call it: "order".
	Service string
	// Files has the migrations at its root, see [Migrate].
	Files fs.FS
	// ServesFrom is the oldest version whose program still works after these migrations: the newest
	// version of the release before this one, or an older one. It moves up with each release that has
	// migrations, never further.
	ServesFrom int64
}

// versions lists the migrations of the program, oldest first.
func (s Schema) versions() ([]int64, error) {
	names, err := fs.Glob(s.Files, "*.sql")
	if err != nil {
		return nil, err
	}
	if len(names) == 0 {
		return nil, errors.New("there are no migrations")
	}
	versions := make([]int64, len(names))
	for i, name := range names {
		if versions[i], err = goose.NumericComponent(name); err != nil {
			return nil, fmt.Errorf("%s: %w", name, err)
		}
	}
	slices.Sort(versions)
	return slices.Compact(versions), nil // a migration may have a file for each engine
}

// Prepare migrates if migrate says so, and makes sure in any case that the program fits the schema:
// what a service does before it takes requests.
func Prepare(ctx context.Context, db *gorm.DB, schema Schema, migrate bool) error {
	if migrate {
		return Migrate(ctx, db, schema)
	}
	return CheckSchema(ctx, db, schema)
}

// CheckSchema returns nil if the program works on the schema as it is, and otherwise a sentence that
// says what to do. It only reads.
func CheckSchema(ctx context.Context, db *gorm.DB, schema Schema) error {
	known, err := schema.versions()
	if err != nil {
		return fmt.Errorf("check the schema of %s: %w", schema.Service, err)
	}
	state, err := readState(ctx, db)
	if err != nil {
		return fmt.Errorf("check the schema of %s: %w", schema.Service, err)
	}
	if err := state.foreign(schema, known); err != nil {
		return err
	}
	return state.tooOld(schema, known)
}

// state is what a database says of its schema.
type state struct {
	applied []int64
	// goal is the version that was migrated to last, and servesFrom what was promised for it. A
	// database that was migrated by the first release says nothing of either.
	goal, servesFrom int64
}

func (s state) version() int64 {
	if len(s.applied) == 0 {
		return 0
	}
	return slices.Max(s.applied)
}

// missing lists the program's migrations that the database does not have.
func (s state) missing(known []int64) []int64 {
	return slices.DeleteFunc(slices.Clone(known), func(v int64) bool { return slices.Contains(s.applied, v) })
}

// current tells whether there is nothing for this program to do.
func (s state) current(known []int64) bool {
	return len(s.missing(known)) == 0 && s.goal >= slices.Max(known)
}

// foreign says why this program cannot even migrate. A migration that has begun counts as done: from
// then on its promise holds, not the one before.
func (s state) foreign(schema Schema, known []int64) error {
	if missing := s.missing(known); len(missing) > 0 && missing[0] < s.version() {
		return fmt.Errorf("the schema of %s is at version %d but lacks migration %d: it was made by another line of releases, which this program cannot continue",
			schema.Service, s.version(), missing[0])
	}
	newest, reached := slices.Max(known), max(s.version(), s.goal)
	serves := s.servesFrom
	if s.goal < reached {
		serves = reached // by a program that promised nothing
	}
	if reached <= newest || serves <= newest {
		return nil
	}
	return fmt.Errorf("the schema of %s is at version %d and serves programs from version %d on, this program knows %d: run a newer release of %s",
		schema.Service, reached, serves, newest, schema.Service)
}

func (s state) tooOld(schema Schema, known []int64) error {
	missing, version, newest := s.missing(known), s.version(), slices.Max(known)
	if len(missing) == 0 {
		return nil
	}
	name := schema.Service
	advice := fmt.Sprintf("run `%s migrate` first, or set %s_MIGRATE=true", name, strings.ToUpper(name))
	switch {
	case s.goal > version:
		return fmt.Errorf("the schema of %s is at version %d on its way to %d, this program needs %d: wait for `%s migrate` to finish, or run it again",
			name, version, s.goal, newest, name)
	case version == 0:
		return fmt.Errorf("the schema of %s is empty, this program needs version %d: %s", name, newest, advice)
	}
	return fmt.Errorf("the schema of %s is at version %d, this program needs %d: %s", name, version, newest, advice)
}

// promise is the one row of the table schema_serves.
type promise struct {
	ID         int64 `gorm:"primaryKey;autoIncrement:false"`
	Version    int64
	ServesFrom int64
}

// TableName implements GORM's Tabler.
func (promise) TableName() string { return promises }

const promises = "schema_serves"

// announce writes down where a migration goes, before it goes there. A program that knows less than
// one before it changes nothing.
func announce(ctx context.Context, db *gorm.DB, schema Schema, goal int64) error {
	// The one table of ours that no migration makes: it must be there before the first one.
	table := "CREATE TABLE IF NOT EXISTS " + promises +
		" (id BIGINT NOT NULL PRIMARY KEY, version BIGINT NOT NULL, serves_from BIGINT NOT NULL)"
	if err := db.WithContext(ctx).Exec(table).Error; err != nil {
		return err
	}
	return InTx(ctx, db, func(tx *gorm.DB) error {
		if err := tx.Clauses(clause.OnConflict{DoNothing: true}).Create(&promise{ID: 1}).Error; err != nil {
			return err
		}
		return tx.Model(&promise{}).Where("id = 1 AND version < ?", goal).
			Updates(map[string]any{"version": goal, "serves_from": schema.ServesFrom}).Error
	})
}

func readState(ctx context.Context, db *gorm.DB) (state, error) {
	var s state
	db = db.WithContext(ctx)
	there, err := hasTable(db, goose.DefaultTablename)
	if err != nil {
		return s, err
	}
	if there {
		// Version 0 is goose's own mark.
		err := db.Table(goose.DefaultTablename).Where("is_applied AND version_id > 0").Pluck("version_id", &s.applied).Error
		if err != nil {
			return s, err
		}
	}
	if there, err = hasTable(db, promises); err != nil || !there {
		return s, err
	}
	var rows []promise
	if err := db.Find(&rows).Error; err != nil {
		return s, err
	}
	for _, row := range rows {
		s.goal, s.servesFrom = row.Version, row.ServesFrom
	}
	return s, nil
}

func hasTable(db *gorm.DB, name string) (bool, error) {
	query := "SELECT COUNT(*) FROM sqlite_master WHERE type = 'table' AND name = ?"
	if db.Name() == MySQL {
		query = "SELECT COUNT(*) FROM information_schema.tables WHERE table_schema = DATABASE() AND table_name = ?"
	}
	var found int64
	err := db.Raw(query, name).Scan(&found).Error
	return found > 0, err
}
