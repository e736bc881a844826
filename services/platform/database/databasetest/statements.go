package databasetest

import (
	"context"
	"fmt"
	"runtime"
	"strings"
	"sync"
	"testing"

	"gorm.io/gorm"

	"aftercare.dev/services/platform/database"
)

// watch refuses, in the name of the test, every statement of a store on a merchant's table that neither has the merchant in
// its predicate nor is marked by [database.AcrossMerchants]. Statements that a test makes by itself are its own business.
func watch(t testing.TB, db *gorm.DB) {
	t.Helper()
	tables, err := ofMerchants(t.Context(), db)
	if err != nil {
		t.Fatal(err)
	}
	var (
		mu       sync.Mutex
		findings = map[string]string{}
	)
	t.Cleanup(func() {
		mu.Lock()
		defer mu.Unlock()
		for _, finding := range findings {
			t.Error(finding)
		}
	})
	each(t, db, "databasetest:merchant", func(ctx context.Context, statement string) {
		table := unscoped(statement, tables)
		if table == "" || database.IsAcrossMerchants(ctx) {
			return
		}
		place, ofTest := caller()
		if ofTest {
			return
		}
		mu.Lock()
		defer mu.Unlock()
		findings[place] = fmt.Sprintf(
			"%s: a statement on %s is not bound to a merchant: put merchant_id into its predicate, or mark it with database.AcrossMerchants if it is for all of them\n%s",
			place, table, statement)
	})
}

// Statements returns the SQL of every statement that is made from now on, with placeholders in place of values, oldest
// first; the function may be called again and again.
func Statements(t testing.TB, db *gorm.DB) func() []string {
	t.Helper()
	var (
		mu   sync.Mutex
		made []string
	)
	each(t, db, "databasetest:statements", func(_ context.Context, statement string) {
		mu.Lock()
		defer mu.Unlock()
		made = append(made, statement)
	})
	return func() []string {
		mu.Lock()
		defer mu.Unlock()
		taken := made
		made = nil
		return taken
	}
}

// each calls fn after every statement.
func each(t testing.TB, db *gorm.DB, name string, fn func(ctx context.Context, statement string)) {
	t.Helper()
	hook := func(tx *gorm.DB) {
		if statement := tx.Statement.SQL.String(); statement != "" {
			fn(tx.Statement.Context, statement)
		}
	}
	on := db.Callback()
	for kind, register := range map[string]func(string, func(*gorm.DB)) error{
		"create": on.Create().After("*").Register, "query": on.Query().After("*").Register,
		"update": on.Update().After("*").Register, "delete": on.Delete().After("*").Register,
		"row": on.Row().After("*").Register, "raw": on.Raw().After("*").Register,
	} {
		if err := register(name, hook); err != nil {
			t.Fatalf("watch the statements of %s: %v", kind, err)
		}
	}
}

// ofMerchants are the tables that have a column for the merchant.
func ofMerchants(ctx context.Context, db *gorm.DB) ([]string, error) {
	query := "SELECT m.name FROM sqlite_master AS m JOIN pragma_table_info(m.name) AS c WHERE m.type = 'table' AND c.name = ?"
	if db.Name() == database.MySQL {
		query = "SELECT table_name FROM information_schema.columns WHERE table_schema = DATABASE() AND column_name = ?"
	}
	var tables []string
	err := db.WithContext(ctx).Raw(query, tenant).Scan(&tables).Error
	return tables, err
}

// caller is where the statement was made: the first place that is neither GORM's nor the platform's.
func caller() (place string, ofTest bool) {
	var counters [64]uintptr
	frames := runtime.CallersFrames(counters[:runtime.Callers(2, counters[:])])
	for {
		frame, more := frames.Next()
		test := strings.HasSuffix(frame.File, "_test.go")
		ours := strings.HasPrefix(frame.Function, "aftercare.dev/") && !strings.HasPrefix(frame.Function, "aftercare.dev/services/platform/database")
		if test || ours {
			return fmt.Sprintf("%s:%d", frame.File[strings.LastIndex(frame.File, "/")+1:], frame.Line), test
		}
		if !more {
			return "somewhere", false
		}
	}
}
