package scale

import (
	"context"
	"fmt"
	"strings"

	"gorm.io/gorm"

	"aftercare.dev/services/cases/domain"
	"aftercare.dev/services/cases/store"
	"aftercare.dev/services/platform/database"
)

// batch is how many rows a statement writes. SQLite takes 32,766 values.
const batch = 500

// Fill writes the population into an empty database that has the schema of the cases service: cases, and the applications
// that they began with; no timelines.
//
// Indexes are taken away meanwhile and made anew afterwards, which takes a tenth of the time. On the MySQL family the
// server then looks at the tables, as it does by itself sooner or later. SQLite gets no statistics, because the
// product has it make none.
func Fill(ctx context.Context, db *gorm.DB, p Population) error {
	restore := []string{}
	for _, table := range []string{"cases", "applications"} {
		again, err := dropIndexes(ctx, db, table)
		if err != nil {
			return fmt.Errorf("drop the indexes of %s: %w", table, err)
		}
		restore = append(restore, again...)
	}
	if err := write(ctx, db, p); err != nil {
		return err
	}
	if db.Name() == database.MySQL {
		restore = append(restore, "ANALYZE TABLE cases, applications")
	}
	for _, statement := range restore {
		if _, err := db.ConnPool.ExecContext(ctx, statement); err != nil {
			return fmt.Errorf("%s: %w", statement, err)
		}
	}
	return nil
}

func write(ctx context.Context, db *gorm.DB, p Population) error {
	cases, applications := bulk{table: "cases", columns: caseColumns}, bulk{table: "applications", columns: applicationColumns}
	for at := range p.Cases() {
		c, err := p.Case(at)
		if err != nil {
			return err
		}
		cases.add(caseValues(c))
		applications.add(applicationValues(c))
		if (at+1)%batch != 0 && at+1 != p.Cases() {
			continue
		}
		for _, rows := range []*bulk{&cases, &applications} {
			if err := rows.write(ctx, db.ConnPool); err != nil {
				return err
			}
		}
	}
	return nil
}

// bulk are rows that are written with one statement.
type bulk struct {
	table   string
	columns []string
	rows    int
	values  []any
}

func (b *bulk) add(values []any) {
	b.rows++
	b.values = append(b.values, values...)
}

func (b *bulk) write(ctx context.Context, db gorm.ConnPool) error {
	row := "(?" + strings.Repeat(",?", len(b.columns)-1) + ")"
	statement := "INSERT INTO " + b.table + " (" + strings.Join(b.columns, ",") + ") VALUES " + row + strings.Repeat(","+row, b.rows-1)
	if _, err := db.ExecContext(ctx, statement, b.values...); err != nil {
		return fmt.Errorf("write %s: %w", b.table, err)
	}
	b.rows, b.values = 0, b.values[:0]
	return nil
}

var caseColumns = []string{
	"merchant_id", "case_id", "order_id", "buyer_id", "type", "reason", "channel", "stage", "status", "outcome", "deadline", "awaiting",
	"needs_attention", "attention_reason", "tracking_number", "document", "version", "fence", "touched", "opened_at", "updated_at", "closed_at",
}

func caseValues(c store.Case) []any {
	return []any{
		c.MerchantID, c.CaseID, c.OrderID, c.BuyerID, c.Type, c.Reason, c.Channel, c.Stage, c.Status, c.Outcome, c.Deadline, int64(c.Awaiting),
		c.NeedsAttention, c.AttentionReason, c.TrackingNumber, string(c.Document.V), c.Version, c.Fence, c.Touched, c.OpenedAt, c.UpdatedAt, c.ClosedAt,
	}
}

var applicationColumns = []string{
	"merchant_id", "case_id", "idempotency_key", "content_hash", "applicant_role", "applicant_id", "buyer_id", "order_id", "type", "reason",
	"channel", "requested_lines", "text", "evidence_ids", "created_at",
}

func applicationValues(c store.Case) []any {
	return []any{
		c.MerchantID, c.CaseID, c.CaseID, c.CaseID, domain.RoleBuyer, c.BuyerID, c.BuyerID, c.OrderID, c.Type, c.Reason,
		c.Channel, `[{"line_id":"l1","quantity":1}]`, strings.Repeat("it does not fit ", 10), "[]", c.OpenedAt,
	}
}

// dropIndexes returns the statements that make them again.
func dropIndexes(ctx context.Context, db *gorm.DB, table string) ([]string, error) {
	if db.Name() == database.MySQL {
		return dropMySQL(ctx, db, table)
	}
	var indexes []struct{ Name, SQL string }
	err := db.WithContext(ctx).Raw("SELECT name, sql FROM sqlite_master WHERE type = 'index' AND tbl_name = ? AND sql IS NOT NULL", table).
		Scan(&indexes).Error
	again := make([]string, len(indexes))
	for i, index := range indexes {
		if _, dropErr := db.ConnPool.ExecContext(ctx, "DROP INDEX "+index.Name); dropErr != nil {
			return nil, dropErr
		}
		again[i] = index.SQL
	}
	return again, err
}

// dropMySQL keeps what is unique. All indexes of a table are made in one statement, which reads the table once.
func dropMySQL(ctx context.Context, db *gorm.DB, table string) ([]string, error) {
	var indexes []struct{ Name, Columns string }
	err := db.WithContext(ctx).Raw(`SELECT index_name AS name, GROUP_CONCAT(column_name ORDER BY seq_in_index) AS columns
		FROM information_schema.statistics WHERE table_schema = DATABASE() AND table_name = ? AND non_unique = 1 GROUP BY index_name`, table).
		Scan(&indexes).Error
	if err != nil || len(indexes) == 0 {
		return nil, err
	}
	drop, add := make([]string, len(indexes)), make([]string, len(indexes))
	for i, index := range indexes {
		drop[i], add[i] = "DROP INDEX "+index.Name, fmt.Sprintf("ADD INDEX %s (%s)", index.Name, index.Columns)
	}
	alter := "ALTER TABLE " + table + " "
	_, err = db.ConnPool.ExecContext(ctx, alter+strings.Join(drop, ", "))
	return []string{alter + strings.Join(add, ", ")}, err
}
