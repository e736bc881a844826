// Package store keeps policies, applications, judgements, cases with their timelines, notes and what
// is known of evidence, on SQLite and on the MySQL family.
//
// Every method takes the merchant, and rows of another merchant do not exist for it. Errors are the
// problems of package domain, or internal ones with the failed step in front. All methods are safe for
// concurrent use by any number of processes.
package store

import (
	"context"
	"embed"
	"io/fs"
	"time"

	"gorm.io/gorm"

	"aftercare.dev/services/cases/domain"
	"aftercare.dev/services/platform/database"
)

//go:embed migrations/*.sql
var migrations embed.FS

// Migrations returns the schema, for database.Migrate.
func Migrations() fs.FS { return database.Sub(migrations, "migrations") }

// ofCase is the predicate of everything that belongs to a case.
const ofCase = "merchant_id = ? AND case_id = ?"

// Store is safe for concurrent use.
type Store struct {
	db  *gorm.DB
	now func() time.Time
}

// New returns a store on a migrated database.
func New(db *gorm.DB, now func() time.Time) *Store {
	return &Store{db: db, now: now}
}

// read is the handle for statements outside a transaction.
func (s *Store) read(ctx context.Context) *gorm.DB { return s.db.WithContext(ctx) }

func caseNotFound() error {
	return domain.Fault(domain.CodeCaseNotFound, "", "there is no such case")
}
