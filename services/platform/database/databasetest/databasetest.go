// Package databasetest runs the tests of a store on both engines.
package databasetest

import (
	"context"
	"crypto/rand"
	"database/sql"
	"log/slog"
	"os"
	"path/filepath"
	"strings"
	"testing"

	driversql "github.com/go-sql-driver/mysql"
	"gorm.io/gorm"

	"aftercare.dev/services/platform/config"
	"aftercare.dev/services/platform/database"
)

// Each runs the test as the subtests "sqlite" and "mysql", each on a fresh, migrated database that is
// gone afterwards.
//
// The server for "mysql" is named by MYSQL_TEST_DSN, whose user may create databases. Without it the
// subtest is skipped on a developer's machine and fails where CI=true, so that nobody believes in a
// test that did not run.
//
// Whatever the test does with the store, a statement on a merchant's table that is not bound to a merchant
// fails it: see [database.AcrossMerchants].
func Each(t *testing.T, schema database.Schema, test func(t *testing.T, db *gorm.DB)) {
	t.Helper()
	t.Run(database.SQLite, func(t *testing.T) { test(t, SQLite(t, schema)) })
	t.Run(database.MySQL, func(t *testing.T) { test(t, MySQL(t, schema)) })
}

// SQLite returns a migrated database in a temporary file. It does not wait for the disk: a test has no
// power failures.
func SQLite(t testing.TB, schema database.Schema) *gorm.DB {
	t.Helper()
	path := filepath.Join(t.TempDir(), "test.db")
	return open(t, schema, database.Config{
		Driver: database.SQLite, DSN: config.Secret(path + "?_pragma=synchronous(OFF)"), MaxOpen: 8,
	})
}

// MySQL returns a migrated database of its own on the server of MYSQL_TEST_DSN; without one it skips or
// fails like [Each].
func MySQL(t testing.TB, schema database.Schema) *gorm.DB {
	t.Helper()
	return open(t, schema, database.Config{Driver: database.MySQL, DSN: config.Secret(NewMySQL(t)), MaxOpen: 16})
}

// NewMySQL creates an empty database that is dropped when the test ends, and returns its DSN.
func NewMySQL(t testing.TB) string {
	t.Helper()
	dsn := os.Getenv("MYSQL_TEST_DSN")
	if dsn == "" {
		if os.Getenv("CI") == "true" {
			t.Fatal("MYSQL_TEST_DSN is not set, so the store is not tested on MySQL: run the tests with `make test`.")
		}
		t.Skip("MYSQL_TEST_DSN is not set: run `make test`, which starts a server for the tests.")
	}
	options, err := driversql.ParseDSN(dsn)
	if err != nil {
		t.Fatal("MYSQL_TEST_DSN is malformed, expected user:password@tcp(host:3306)/.")
	}
	options.DBName = ""
	server, err := sql.Open("mysql", options.FormatDSN())
	if err != nil {
		t.Fatalf("open the server of MYSQL_TEST_DSN: %v", err)
	}
	name := "test_" + strings.ToLower(rand.Text())
	if _, err := server.ExecContext(t.Context(), "CREATE DATABASE "+name); err != nil {
		t.Fatalf("create a database on the server of MYSQL_TEST_DSN: %v", err)
	}
	t.Cleanup(func() {
		if _, err := server.ExecContext(context.Background(), "DROP DATABASE "+name); err != nil {
			t.Errorf("drop the test's database: %v", err)
		}
		if err := server.Close(); err != nil {
			t.Errorf("close the test's server: %v", err)
		}
	})
	options.DBName = name
	return options.FormatDSN()
}

func open(t testing.TB, schema database.Schema, cfg database.Config) *gorm.DB {
	t.Helper()
	cfg.Logger = slog.New(slog.NewTextHandler(t.Output(), &slog.HandlerOptions{Level: slog.LevelWarn}))
	db, err := database.Open(t.Context(), cfg)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := database.Close(db); err != nil {
			t.Errorf("close the test's database: %v", err)
		}
	})
	if err := database.Migrate(t.Context(), db, schema); err != nil {
		t.Fatal(err)
	}
	watch(t, db)
	return db
}
