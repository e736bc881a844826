// Package database is how a service keeps its records: GORM over MySQL (or MariaDB) in production and
// over SQLite, without cgo, where nothing should have to be installed.
//
// Both engines give the same answers, if a store keeps to a few rules:
//
//   - The schema comes from one set of SQL migrations for both, see [Migrate].
//   - Whatever changes more than one row, or must be sure, goes through [InTx].
//   - RowsAffected counts rows that were changed. MySQL does not count a row that an UPDATE matched
//     but left as it was, SQLite does; so every guarded update must change something in each row that
//     it matches, such as version = version + 1. (The MySQL flag clientFoundRows would hide the
//     difference for updates, but make a DO NOTHING insert of a row that exists count as one row, as
//     if it had been written: it is switched off even if the DSN asks for it.)
//   - Text compares byte by byte, so "A" and "a" are two keys, also for a unique index.
//   - Times are [Time] and documents are [JSON]; GORM's automatic created_at and updated_at do not
//     apply to them.
package database

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"time"

	"gorm.io/gorm"

	"aftercare.dev/services/platform/config"
	"aftercare.dev/services/platform/crash"
)

// The engines.
const (
	SQLite = "sqlite"
	MySQL  = "mysql"
)

// Config says which database to use. Embed it with a prefix, such as `envPrefix:"DB_"`.
type Config struct {
	// Driver is the engine.
	Driver string `env:"DRIVER" envDefault:"sqlite" validate:"oneof=sqlite mysql"`
	// DSN is the path of a file for SQLite ("data/payment.db", with optional ?_pragma=… of the
	// driver), and "user:password@tcp(host:3306)/database" for MySQL.
	DSN config.Secret `env:"DSN,required"`
	// MaxOpen bounds the connections: all of them on MySQL, the readers on SQLite, which always has
	// one writer.
	MaxOpen int `env:"MAX_OPEN" envDefault:"16" validate:"min=1,max=1000"`
	// MaxIdle is how many stay open without work; 0 means MaxOpen.
	MaxIdle int `env:"MAX_IDLE" envDefault:"0" validate:"min=0"`
	// MaxLifetime ends connections now and then, so that a proxy or a new primary is noticed.
	MaxLifetime time.Duration `env:"MAX_LIFETIME" envDefault:"30m"`
	// SlowQuery is how long a statement may take before it is logged as a warning.
	SlowQuery time.Duration `env:"SLOW_QUERY" envDefault:"500ms"`

	// Logger hears of slow and failed statements, with placeholders in place of values. The default
	// is [slog.Default].
	Logger *slog.Logger `env:"-"`
}

// Open connects and makes sure that the database answers. Each statement is a span of the caller's
// trace, and connections and statements are measured. Close the result with [Close].
func Open(ctx context.Context, cfg Config) (*gorm.DB, error) {
	if cfg.MaxOpen <= 0 {
		cfg.MaxOpen = 16
	}
	if cfg.MaxIdle <= 0 || cfg.MaxIdle > cfg.MaxOpen {
		cfg.MaxIdle = cfg.MaxOpen
	}
	if cfg.SlowQuery <= 0 {
		cfg.SlowQuery = 500 * time.Millisecond
	}
	if cfg.Logger == nil {
		cfg.Logger = slog.Default()
	}

	var (
		dialector gorm.Dialector
		err       error
	)
	switch cfg.Driver {
	case SQLite:
		dialector, err = openSQLite(ctx, cfg)
	case MySQL:
		dialector, err = openMySQL(ctx, cfg)
	default:
		err = fmt.Errorf("the driver is %q, expected sqlite or mysql", cfg.Driver)
	}
	if err != nil {
		return nil, fmt.Errorf("open database: %w", err)
	}
	db, err := gorm.Open(dialector, &gorm.Config{
		Logger:                 &queryLogger{log: cfg.Logger, slow: cfg.SlowQuery},
		NowFunc:                func() time.Time { return time.Now().UTC() },
		TranslateError:         true,
		SkipDefaultTransaction: true,
	})
	if err != nil {
		return nil, fmt.Errorf("open database: %w", err)
	}
	if err := db.Use(&poolStats{}); err != nil {
		return nil, errors.Join(fmt.Errorf("open database: %w", err), Close(db))
	}
	if crash.Enabled {
		return db, passStatements(db)
	}
	return db, nil
}

// Close closes all connections.
func Close(db *gorm.DB) error {
	unwatched := unwatch(db)
	if p, ok := db.ConnPool.(*sqlitePool); ok {
		return errors.Join(unwatched, p.close())
	}
	pool, err := db.DB()
	if err != nil {
		return errors.Join(unwatched, err)
	}
	return errors.Join(unwatched, pool.Close())
}

// Ping tells whether the database answers: a readiness check for httpserver.
func Ping(db *gorm.DB) func(context.Context) error {
	return func(ctx context.Context) error {
		var one int
		return db.WithContext(ctx).Raw("SELECT 1").Scan(&one).Error
	}
}

// ErrRetry makes [InTx] start again when the function returns it, wrapped or not: for a conflict that
// the next attempt would not meet.
var ErrRetry = errors.New("the transaction should be tried again")
