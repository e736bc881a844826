package temporal

import (
	"fmt"
	"slices"
	"strings"

	"go.temporal.io/server/common/config"
	"go.temporal.io/server/common/log"
	"go.temporal.io/server/common/metrics"
	"go.temporal.io/server/common/persistence/sql"
	"go.temporal.io/server/common/persistence/sql/sqlplugin"
	"go.temporal.io/server/common/resolver"
	"go.temporal.io/server/schema/sqlite"
)

// openAdmin returns the server's own connection to the database: the SQLite plugin keeps one per
// database for the life of the process, and everything here goes through it.
func openAdmin(cfg *config.SQL) (sqlplugin.AdminDB, error) {
	db, err := sql.NewSQLAdminDB(sqlplugin.DbKindMain, cfg, resolver.NewNoopResolver(),
		log.NewNoopLogger(), metrics.NoopMetricsHandler)
	if err != nil {
		return nil, databaseError(err)
	}
	return db, nil
}

// createSchema creates the tables of an empty database, all or none of them. The plugin itself does
// this for a database in memory.
func createSchema(cfg *config.SQL) error {
	db, err := openAdmin(cfg)
	if err != nil {
		return err
	}
	defer db.Close()
	tables, err := db.ListTables(cfg.DatabaseName)
	if err != nil {
		return databaseError(err)
	}
	if slices.Contains(tables, "namespaces") {
		return nil
	}
	if err := db.Exec("PRAGMA journal_mode = WAL"); err != nil {
		return databaseError(err)
	}
	// There is one connection, so these statements are one transaction.
	if err := db.Exec("BEGIN IMMEDIATE"); err != nil {
		return databaseError(err)
	}
	if err := sqlite.SetupSchemaOnDB(db); err != nil {
		_ = db.Exec("ROLLBACK")
		return databaseError(err)
	}
	return databaseError(db.Exec("COMMIT"))
}

// checkpoint moves everything from the write-ahead log into the database file, so that a copy of this
// one file is a whole backup once the server has stopped.
func checkpoint(cfg *config.SQL) error {
	db, err := openAdmin(cfg)
	if err != nil {
		return err
	}
	defer db.Close()
	return databaseError(db.Exec("PRAGMA wal_checkpoint(TRUNCATE)"))
}

func databaseError(err error) error {
	switch {
	case err == nil:
		return nil
	case strings.Contains(err.Error(), "database is locked"):
		return fmt.Errorf("temporal: the database is in use by another process: %w", err)
	default:
		return fmt.Errorf("temporal: database: %w", err)
	}
}
