package database

import (
	"errors"
	"strconv"

	"gorm.io/gorm"
	"gorm.io/gorm/callbacks"
	"gorm.io/gorm/clause"
	"gorm.io/gorm/logger"
	"gorm.io/gorm/migrator"
	"gorm.io/gorm/schema"
	"modernc.org/sqlite"
	sqlite3 "modernc.org/sqlite/lib"
)

// sqliteDialector is GORM's view of SQLite.
//
// It is our own because the published dialect without cgo brings a fork of the driver, which registers
// the same driver name as the original; a program with both, such as one that embeds Temporal, would
// panic before main. It makes no tables: migrations do.
type sqliteDialector struct {
	pool *sqlitePool
}

// Name implements [gorm.Dialector].
func (d *sqliteDialector) Name() string { return SQLite }

// Initialize implements [gorm.Dialector].
func (d *sqliteDialector) Initialize(db *gorm.DB) error {
	db.ConnPool = d.pool
	callbacks.RegisterDefaultCallbacks(db, &callbacks.Config{
		CreateClauses:        []string{"INSERT", "VALUES", "ON CONFLICT", "RETURNING"},
		UpdateClauses:        []string{"UPDATE", "SET", "FROM", "WHERE", "RETURNING"},
		DeleteClauses:        []string{"DELETE", "FROM", "WHERE", "RETURNING"},
		LastInsertIDReversed: true,
	})
	db.ClauseBuilders["LIMIT"] = buildLimit
	// There are no row locks: a transaction that writes has the whole file.
	db.ClauseBuilders["FOR"] = func(c clause.Clause, builder clause.Builder) {
		if _, ok := c.Expression.(clause.Locking); !ok {
			c.Build(builder)
		}
	}
	return nil
}

// buildLimit writes an OFFSET only behind a LIMIT, which SQLite asks for.
func buildLimit(c clause.Clause, builder clause.Builder) {
	limit, ok := c.Expression.(clause.Limit)
	if !ok {
		return
	}
	rows := -1
	if limit.Limit != nil && *limit.Limit >= 0 {
		rows = *limit.Limit
	}
	if rows < 0 && limit.Offset <= 0 {
		return
	}
	_, _ = builder.WriteString("LIMIT " + strconv.Itoa(rows))
	if limit.Offset > 0 {
		_, _ = builder.WriteString(" OFFSET " + strconv.Itoa(limit.Offset))
	}
}

// Translate implements [gorm.ErrorTranslator].
func (d *sqliteDialector) Translate(err error) error {
	var e *sqlite.Error
	if !errors.As(err, &e) {
		return err
	}
	switch e.Code() {
	case sqlite3.SQLITE_CONSTRAINT_UNIQUE, sqlite3.SQLITE_CONSTRAINT_PRIMARYKEY:
		return gorm.ErrDuplicatedKey
	case sqlite3.SQLITE_CONSTRAINT_FOREIGNKEY:
		return gorm.ErrForeignKeyViolated
	case sqlite3.SQLITE_CONSTRAINT_CHECK:
		return gorm.ErrCheckConstraintViolated
	}
	return err
}

// Migrator implements [gorm.Dialector], for questions such as HasTable; it does not build schemas.
func (d *sqliteDialector) Migrator(db *gorm.DB) gorm.Migrator {
	return migrator.Migrator{Config: migrator.Config{DB: db, Dialector: d, CreateIndexAfterCreateTable: true}}
}

// DataTypeOf implements [gorm.Dialector].
func (d *sqliteDialector) DataTypeOf(field *schema.Field) string {
	switch field.DataType {
	case schema.Bool, schema.Int, schema.Uint:
		return "integer"
	case schema.Float:
		return "real"
	case schema.String:
		return "text"
	case schema.Bytes:
		return "blob"
	default:
		return string(field.DataType)
	}
}

// DefaultValueOf implements [gorm.Dialector].
func (d *sqliteDialector) DefaultValueOf(*schema.Field) clause.Expression {
	return clause.Expr{SQL: "NULL"}
}

// BindVarTo implements [gorm.Dialector].
func (d *sqliteDialector) BindVarTo(writer clause.Writer, _ *gorm.Statement, _ any) {
	_ = writer.WriteByte('?')
}

// QuoteTo implements [gorm.Dialector]: table.column becomes `table`.`column`.
func (d *sqliteDialector) QuoteTo(writer clause.Writer, name string) {
	_ = writer.WriteByte('`')
	for i := range len(name) {
		switch name[i] {
		case '.':
			_, _ = writer.WriteString("`.`")
		case '`':
			_, _ = writer.WriteString("``")
		default:
			_ = writer.WriteByte(name[i])
		}
	}
	_ = writer.WriteByte('`')
}

// Explain implements [gorm.Dialector].
func (d *sqliteDialector) Explain(statement string, vars ...any) string {
	return logger.ExplainSQL(statement, nil, `'`, vars...)
}

// SavePoint implements [gorm.SavePointerDialectorInterface].
func (d *sqliteDialector) SavePoint(tx *gorm.DB, name string) error {
	return tx.Exec("SAVEPOINT " + name).Error
}

// RollbackTo implements [gorm.SavePointerDialectorInterface].
func (d *sqliteDialector) RollbackTo(tx *gorm.DB, name string) error {
	return tx.Exec("ROLLBACK TO SAVEPOINT " + name).Error
}
