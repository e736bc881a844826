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
	"time"

	"gorm.io/gorm"

	"aftercare.dev/services/cases/domain"
	"aftercare.dev/services/platform/database"
	"aftercare.dev/services/platform/memory"
	"aftercare.dev/services/platform/outbox"
	"aftercare.dev/services/platform/seal"
)

//go:embed migrations/*.sql
var migrations embed.FS

// servesFrom is the newest version of release 0.1.0, whose program works beside this one.
const servesFrom = 1

// Migrations returns the schema, for [database.Migrate].
func Migrations() database.Schema {
	return database.Schema{Service: "cases", Files: database.Sub(migrations, "migrations"), ServesFrom: servesFrom}
}

// ofCase is the predicate of everything that belongs to a case.
const ofCase = "merchant_id = ? AND case_id = ?"

// Store is safe for concurrent use.
type Store struct {
	db     *gorm.DB
	now    func() time.Time
	sealer *seal.Sealer
	relay  *outbox.Relay
	facts  *memory.Map[caseKey, facts]
}

// New returns a store on a migrated database.
func New(db *gorm.DB, now func() time.Time) *Store {
	return &Store{db: db, now: now, facts: memory.New[caseKey, facts](remembered)}
}

// Sealing returns the store with keys: texts are sealed as the sealer says, and opened.
func (s *Store) Sealing(sealer *seal.Sealer) *Store {
	sealed := *s
	sealed.sealer = sealer
	return &sealed
}

// Announcing returns the store with the relay that delivers what it announces; without one, the relay of another process does.
func (s *Store) Announcing(relay *outbox.Relay) *Store {
	announcing := *s
	announcing.relay = relay
	return &announcing
}

// read is the handle for statements outside a transaction.
func (s *Store) read(ctx context.Context) *gorm.DB { return s.db.WithContext(ctx) }

func caseNotFound() error {
	return domain.Fault(domain.CodeCaseNotFound, "", "there is no such case")
}
