package database

import (
	"database/sql"
	"errors"
	"fmt"
	"path/filepath"
	"strings"

	"github.com/XSAM/otelsql"
	"go.opentelemetry.io/otel/attribute"
	"go.opentelemetry.io/otel/metric"
	"gorm.io/driver/mysql"
	"gorm.io/gorm"
)

// poolStats measures the connections of a database while it is open. It is a plugin of GORM, so that Close finds it.
type poolStats struct{ registrations []metric.Registration }

const poolStatsName = "aftercare:pool_stats"

// Name implements [gorm.Plugin].
func (*poolStats) Name() string { return poolStatsName }

// Initialize implements [gorm.Plugin].
func (s *poolStats) Initialize(db *gorm.DB) error {
	if p, ok := db.ConnPool.(*sqlitePool); ok {
		return errors.Join(
			s.watch(p.write, append(about(SQLite, p.name), attribute.String("pool", "write"))),
			s.watch(p.read, append(about(SQLite, p.name), attribute.String("pool", "read"))))
	}
	pool, err := db.DB()
	if err != nil {
		return err
	}
	name := ""
	if dialector, ok := db.Dialector.(*mysql.Dialector); ok {
		name = dialector.DSNConfig.DBName
	}
	return s.watch(pool, append(about(MySQL, name), attribute.String("pool", "all")))
}

func (s *poolStats) watch(pool *sql.DB, attributes []attribute.KeyValue) error {
	registration, err := otelsql.RegisterDBStatsMetrics(pool, otelsql.WithAttributes(attributes...))
	if err != nil {
		return fmt.Errorf("measure connections: %w", err)
	}
	s.registrations = append(s.registrations, registration)
	return nil
}

// unwatch ends what Initialize began.
func unwatch(db *gorm.DB) error {
	s, ok := db.Plugins[poolStatsName].(*poolStats)
	if !ok {
		return nil
	}
	var errs []error
	for _, registration := range s.registrations {
		errs = append(errs, registration.Unregister())
	}
	return errors.Join(errs...)
}

// about says of which database a span or a measurement is: by its name on the server, or that of its file.
func about(system, name string) []attribute.KeyValue {
	return []attribute.KeyValue{attribute.String("db.system.name", system), attribute.String("db.namespace", name)}
}

func fileName(path string) string {
	return strings.TrimSuffix(filepath.Base(path), filepath.Ext(path))
}
