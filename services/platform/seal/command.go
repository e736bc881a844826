package seal

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"os"

	"gorm.io/gorm"

	"aftercare.dev/services/platform/config"
	"aftercare.dev/services/platform/database"
	"aftercare.dev/services/platform/process"
)

// Work is what the command "reseal" does in a service's database.
type Work func(ctx context.Context, db *gorm.DB, s *Sealer) (Report, error)

// Of is the work of a service that has nothing but sealed columns.
func Of(tables func(*Sealer) []Table) Work {
	return func(ctx context.Context, db *gorm.DB, s *Sealer) (Report, error) { return s.Reseal(ctx, db, tables(s)) }
}

// Command is the command "reseal" of a service whose database is in variables that begin with prefix, such as
// ORDER_DATABASE_. The schema must be that of this program.
func Command(prefix string, schema database.Schema, work Work) process.Command {
	return process.Command{
		Name: "reseal",
		Does: "seal people's data with the first of PERSONAL_DATA_KEYS; needs " + prefix + "…",
		Run: func(ctx context.Context, log *slog.Logger) error {
			cfg, err := config.Load[Config]("", os.Environ())
			if err != nil {
				return err
			}
			store, err := config.Load[database.Config](prefix, os.Environ())
			if err != nil {
				return err
			}
			store.Logger = log
			return Alone(ctx, cfg, store, schema, work, log)
		},
	}
}

// Alone opens the database, checks its schema, does the work and closes.
func Alone(ctx context.Context, cfg Config, store database.Config, schema database.Schema, work Work, log *slog.Logger) (err error) {
	s, err := New(cfg)
	if err != nil {
		return err
	}
	if !s.Sealing() {
		return ErrPlain
	}
	db, err := database.Open(ctx, store)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, database.Close(db)) }()
	if err := database.Prepare(ctx, db, schema, false); err != nil {
		return err
	}
	done, err := work(ctx, db, s)
	log.InfoContext(ctx, "resealed", "rows", done.Rows, "changed", done.Changed)
	if err != nil {
		return fmt.Errorf("%w; run it again to go on", err)
	}
	return nil
}

// Warn says at the start that people's data is written as plain text, if it is.
func Warn(log *slog.Logger, s *Sealer) {
	if !s.Sealing() {
		log.Warn("people's data is stored as plain text: set PERSONAL_DATA_KEYS, and PERSONAL_DATA_SEAL to true")
	}
}
