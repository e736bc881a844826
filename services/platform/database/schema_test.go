package database_test

import (
	"fmt"
	"log/slog"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"testing/fstest"

	"gorm.io/gorm"

	"aftercare.dev/services/platform/config"
	"aftercare.dev/services/platform/database"
	"aftercare.dev/services/platform/database/databasetest"
)

// upTo is the schema of a release with that many migrations: a table, a column, then indexes.
func upTo(version int, servesFrom int64) database.Schema {
	files := fstest.MapFS{}
	for v := 1; v <= version; v++ {
		statement := fmt.Sprintf("CREATE INDEX things_%d ON things (id)", v)
		switch v {
		case 1:
			statement = "CREATE TABLE IF NOT EXISTS things (id VARCHAR(64) NOT NULL PRIMARY KEY)"
		case 2:
			statement = "ALTER TABLE things ADD COLUMN name VARCHAR(64) NULL"
		}
		files[fmt.Sprintf("%05d_step.sql", v)] = &fstest.MapFile{Data: []byte("-- +goose Up\n" + statement + ";\n")}
	}
	return database.Schema{Service: "order", Files: files, ServesFrom: servesFrom}
}

func without(schema database.Schema, version int) database.Schema {
	delete(schema.Files.(fstest.MapFS), fmt.Sprintf("%05d_step.sql", version))
	return schema
}

// breaking has a last migration that no engine takes.
func breaking(schema database.Schema, version int) database.Schema {
	schema.Files.(fstest.MapFS)[fmt.Sprintf("%05d_step.sql", version)].Data = []byte("-- +goose Up\nALTER TABLE nothing ADD COLUMN x BIGINT;\n")
	return schema
}

// empty are the configurations of an empty database on each engine.
var empty = map[string]func(t *testing.T) database.Config{
	database.SQLite: func(t *testing.T) database.Config {
		t.Helper()
		return database.Config{Driver: database.SQLite, DSN: config.Secret(filepath.Join(t.TempDir(), "x.db"))}
	},
	database.MySQL: func(t *testing.T) database.Config {
		t.Helper()
		return database.Config{Driver: database.MySQL, DSN: config.Secret(databasetest.NewMySQL(t)), MaxOpen: 1}
	},
}

// onEmpty runs the test on both engines, before any migration.
func onEmpty(t *testing.T, test func(t *testing.T, db *gorm.DB)) {
	t.Helper()
	for name, configOf := range empty {
		t.Run(name, func(t *testing.T) {
			cfg := configOf(t)
			cfg.Logger = slog.New(slog.DiscardHandler)
			db, err := database.Open(t.Context(), cfg)
			if err != nil {
				t.Fatal(err)
			}
			t.Cleanup(func() {
				if err := database.Close(db); err != nil {
					t.Error(err)
				}
			})
			test(t, db)
		})
	}
}

func TestAProgramStartsOnlyOnASchemaThatItKnows(t *testing.T) {
	tests := map[string]struct {
		there   []database.Schema // migrated one after the other
		program database.Schema
		want    string
	}{
		"an empty database": {
			nil, upTo(5, 4),
			"the schema of order is empty, this program needs version 5: run `order migrate` first, or set ORDER_MIGRATE=true",
		},
		"its own schema": {[]database.Schema{upTo(5, 4)}, upTo(5, 4), ""},
		"a schema of the release before": {
			[]database.Schema{upTo(4, 3)},
			upTo(5, 4),
			"the schema of order is at version 4, this program needs 5: run `order migrate` first, or set ORDER_MIGRATE=true",
		},
		"a newer schema that still serves it": {[]database.Schema{upTo(4, 3), upTo(7, 5)}, upTo(5, 4), ""},
		"a newer schema that does not": {
			[]database.Schema{upTo(5, 4), upTo(7, 6)},
			upTo(5, 4),
			"the schema of order is at version 7 and serves programs from version 6 on, this program knows 5: run a newer release of order",
		},
		"one release further, and then it does not": {
			[]database.Schema{upTo(6, 5), upTo(7, 6)},
			upTo(5, 4),
			"the schema of order is at version 7 and serves programs from version 6 on, this program knows 5: run a newer release of order",
		},
		"a schema of another line of releases": {
			[]database.Schema{without(upTo(5, 4), 3)},
			upTo(4, 3),
			"the schema of order is at version 5 but lacks migration 3: it was made by another line of releases, which this program cannot continue",
		},
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			onEmpty(t, func(t *testing.T, db *gorm.DB) {
				for _, schema := range test.there {
					if err := database.Migrate(t.Context(), db, schema); err != nil {
						t.Fatal(err)
					}
				}
				says(t, database.CheckSchema(t.Context(), db, test.program), test.want)
			})
		})
	}
}

func TestASchemaThatPromisesNothingServesOnlyItsOwnProgram(t *testing.T) {
	onEmpty(t, func(t *testing.T, db *gorm.DB) {
		// As the first release left it, which wrote no promises.
		mustMigrate(t, db, upTo(5, 0))
		mustExec(t, db, "DROP TABLE schema_serves")
		says(t, database.CheckSchema(t.Context(), db, upTo(5, 4)), "")
		says(t, database.CheckSchema(t.Context(), db, upTo(4, 3)),
			"the schema of order is at version 5 and serves programs from version 5 on, this program knows 4: run a newer release of order")
		mustMigrate(t, db, upTo(5, 4))
		says(t, database.CheckSchema(t.Context(), db, upTo(4, 3)), "")
	})
}

func TestAnOlderProgramLeavesANewerSchemaAsItIs(t *testing.T) {
	onEmpty(t, func(t *testing.T, db *gorm.DB) {
		mustMigrate(t, db, upTo(7, 5))
		mustMigrate(t, db, upTo(5, 0))
		says(t, database.CheckSchema(t.Context(), db, upTo(5, 0)), "")
		const refused = "the schema of order is at version 7 and serves programs from version 5 on, this program knows 4: run a newer release of order"
		says(t, database.Migrate(t.Context(), db, upTo(4, 0)), refused)
		says(t, database.CheckSchema(t.Context(), db, upTo(4, 0)), refused)
	})
}

func TestProgramsOfTwoReleasesMayMigrateAtOnce(t *testing.T) {
	for name, configOf := range empty {
		t.Run(name, func(t *testing.T) {
			cfg := configOf(t)
			cfg.Logger = slog.New(slog.DiscardHandler)
			var running sync.WaitGroup
			for i := range 8 {
				running.Go(func() {
					if err := database.MigrateAlone(t.Context(), cfg, upTo(5+2*(i%2), 4)); err != nil {
						t.Error(err)
					}
				})
			}
			running.Wait()
			db, err := database.Open(t.Context(), cfg)
			if err != nil {
				t.Fatal(err)
			}
			defer database.Close(db)
			var applied []int64
			err = db.Table("goose_db_version").Where("version_id > 0").Order("version_id").Pluck("version_id", &applied).Error
			if err != nil || fmt.Sprint(applied) != "[1 2 3 4 5 6 7]" {
				t.Errorf("applied %v, %v: want each migration once", applied, err)
			}
			says(t, database.CheckSchema(t.Context(), db, upTo(7, 4)), "")
		})
	}
}

func TestAMigrationThatStopsHalfWaySaysSoAndRunsAgain(t *testing.T) {
	onEmpty(t, func(t *testing.T, db *gorm.DB) {
		mustMigrate(t, db, upTo(3, 2))
		if err := database.Migrate(t.Context(), db, breaking(upTo(5, 3), 5)); err == nil || !strings.HasPrefix(err.Error(), "migrate order: ") {
			t.Fatalf("got %v", err)
		}
		says(t, database.CheckSchema(t.Context(), db, upTo(5, 3)),
			"the schema of order is at version 4 on its way to 5, this program needs 5: wait for `order migrate` to finish, or run it again")
		// The promise holds from the beginning, so that nobody starts who would be surprised half way.
		says(t, database.CheckSchema(t.Context(), db, upTo(3, 2)), "")
		says(t, database.CheckSchema(t.Context(), db, upTo(2, 1)),
			"the schema of order is at version 5 and serves programs from version 3 on, this program knows 2: run a newer release of order")
		mustMigrate(t, db, upTo(5, 3))
	})
}

// A process can die after MySQL has committed a statement and before its migration is recorded. (On SQLite
// both are one transaction.)
func TestAMigrationThatWasDoneButNotRecordedIsRecorded(t *testing.T) {
	for name, version := range map[string]int{"a table": 1, "a column": 2, "an index": 3} {
		t.Run(name, func(t *testing.T) {
			db := databasetest.MySQL(t, upTo(version, 0))
			mustExec(t, db, fmt.Sprintf("DELETE FROM goose_db_version WHERE version_id = %d", version))
			mustMigrate(t, db, upTo(version+1, 0))
			says(t, database.CheckSchema(t.Context(), db, upTo(version+1, 0)), "")
		})
	}
}

// The first release, started several times at once on one file, could record a migration twice.
func TestAMigrationThatIsRecordedTwiceIsNoHindrance(t *testing.T) {
	db := databasetest.SQLite(t, upTo(2, 0))
	mustExec(t, db, "DROP INDEX goose_db_version_once")
	mustExec(t, db, "INSERT INTO goose_db_version (version_id, is_applied) VALUES (1, TRUE)")
	mustMigrate(t, db, upTo(3, 2))
	says(t, database.CheckSchema(t.Context(), db, upTo(3, 2)), "")
}

func TestPrepareMigratesOnlyIfAsked(t *testing.T) {
	onEmpty(t, func(t *testing.T, db *gorm.DB) {
		if err := database.Prepare(t.Context(), db, upTo(3, 0), false); err == nil {
			t.Error("an empty database was accepted")
		}
		says(t, database.Prepare(t.Context(), db, upTo(3, 0), true), "")
		says(t, database.Prepare(t.Context(), db, upTo(3, 0), false), "")
	})
}

func mustMigrate(t *testing.T, db *gorm.DB, schema database.Schema) {
	t.Helper()
	says(t, database.Migrate(t.Context(), db, schema), "")
}

func mustExec(t *testing.T, db *gorm.DB, statement string) {
	t.Helper()
	if err := db.Exec(statement).Error; err != nil {
		t.Fatal(err)
	}
}

// says compares an error with a sentence; the empty one is no error.
func says(t *testing.T, err error, want string) {
	t.Helper()
	got := ""
	if err != nil {
		got = err.Error()
	}
	if got != want {
		t.Errorf("got  %s\nwant %s", got, want)
	}
}
