package seal

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"strings"

	"gorm.io/gorm"

	"aftercare.dev/services/platform/database"
)

// Table says which columns of a table are sealed.
type Table struct {
	Name string
	// Key is the primary key: text columns, the merchant first.
	Key []string
	// Columns are the sealed ones, text that may be NULL.
	Columns []string
	// Index is a column that follows from the first of Columns; nil if there is none.
	Index *Index
}

// Index is a column with a blind index.
type Index struct {
	Column string
	// Of returns the index for a merchant and the opened text.
	Of func(merchantID, text string) (string, error)
}

// Report counts what was done.
type Report struct {
	// Rows were looked at, because something of them is not as it would be written today.
	Rows int
	// Changed were written anew; the others were changed by somebody else meanwhile.
	Changed int
}

// rowsAtOnce is how many rows are read before they are written.
const rowsAtOnce = 200

// ErrPlain means that there is nothing to seal with.
var ErrPlain = errors.New("set PERSONAL_DATA_KEYS, and PERSONAL_DATA_SEAL to true: nothing is sealed otherwise")

// Reseal seals with the first key what is plain or sealed with another, and renews what the index key made.
// It can be stopped at any time and goes on where it was, because it looks only for what is still to do. It
// works beside running programs: a row that somebody changes meanwhile is theirs.
func (s *Sealer) Reseal(ctx context.Context, db *gorm.DB, tables []Table) (Report, error) {
	var total Report
	// The rows of all merchants, one after the other.
	ctx = database.AcrossMerchants(ctx)
	if !s.Sealing() {
		return total, ErrPlain
	}
	for _, table := range tables {
		done, err := s.resealTable(ctx, db, table)
		total = total.And(done)
		if err != nil {
			return total, fmt.Errorf("reseal %s: %w", table.Name, err)
		}
	}
	return total, nil
}

func (s *Sealer) resealTable(ctx context.Context, db *gorm.DB, t Table) (Report, error) {
	var done Report
	var after []string
	for {
		rows, err := s.outdated(ctx, db, t, after)
		if err != nil || len(rows) == 0 {
			return done, err
		}
		for _, row := range rows {
			changed, err := s.resealRow(ctx, db, t, row)
			if err != nil {
				return done, err
			}
			done.Rows++
			if changed {
				done.Changed++
			}
		}
		after = rows[len(rows)-1].key
	}
}

// row is what is to be written anew.
type row struct {
	key, values []string
	index       string
}

// outdated reads the next rows of which something is to do, in the order of the key.
func (s *Sealer) outdated(ctx context.Context, db *gorm.DB, t Table, after []string) ([]row, error) {
	columns := append(append([]string{}, t.Key...), t.Columns...)
	var wanted []string
	var args []any
	for _, column := range t.Columns {
		wanted = append(wanted, "("+column+" <> '' AND "+column+" NOT LIKE ?)")
		args = append(args, prefix+s.sealing+":%")
	}
	if t.Index != nil {
		columns = append(columns, t.Index.Column)
		if s.Indexes() {
			wanted = append(wanted, t.Index.Column+" NOT LIKE ?")
			args = append(args, s.indexMark()+"%")
		}
	}
	query := db.WithContext(ctx).Table(t.Name).Select(columns).Where("("+strings.Join(wanted, " OR ")+")", args...)
	if after != nil {
		condition, values := beyond(t.Key, after)
		query = query.Where(condition, values...)
	}
	found, err := query.Order(strings.Join(t.Key, ", ")).Limit(rowsAtOnce).Rows()
	if err != nil {
		return nil, err
	}
	defer func() { _ = found.Close() }()
	var rows []row
	for found.Next() {
		one, err := scan(found, len(columns), len(t.Key), len(t.Columns))
		if err != nil {
			return nil, err
		}
		rows = append(rows, one)
	}
	return rows, found.Err()
}

func scan(found *sql.Rows, columns, keys, values int) (row, error) {
	texts := make([]sql.NullString, columns)
	into := make([]any, columns)
	for i := range texts {
		into[i] = &texts[i]
	}
	if err := found.Scan(into...); err != nil {
		return row{}, err
	}
	var r row
	for i, text := range texts {
		switch {
		case i < keys:
			r.key = append(r.key, text.String)
		case i < keys+values:
			r.values = append(r.values, text.String)
		default:
			r.index = text.String
		}
	}
	return r, nil
}

// beyond is the condition for keys after one, in a form that both engines answer from the primary key.
func beyond(columns, after []string) (string, []any) {
	if len(columns) == 1 {
		return columns[0] + " > ?", []any{after[0]}
	}
	rest, args := beyond(columns[1:], after[1:])
	return fmt.Sprintf("%s >= ? AND (%s > ? OR (%s))", columns[0], columns[0], rest), append([]any{after[0], after[0]}, args...)
}

// resealRow writes a row anew if it is still as it was read.
func (s *Sealer) resealRow(ctx context.Context, db *gorm.DB, t Table, r row) (bool, error) {
	updates := map[string]any{}
	update := db.WithContext(ctx).Table(t.Name)
	for i, column := range t.Key {
		update = update.Where(column+" = ?", r.key[i])
	}
	for i, column := range t.Columns {
		place := In(t.Name, column, r.key...)
		text, err := s.Open(place, r.values[i])
		if err != nil {
			return false, err
		}
		if i == 0 && t.Index != nil && s.Indexes() {
			if updates[t.Index.Column], err = t.Index.Of(r.key[0], text); err != nil {
				return false, err
			}
		}
		if s.current(r.values[i]) {
			continue
		}
		if updates[column], err = s.Seal(place, text); err != nil {
			return false, err
		}
		update = update.Where(column+" = ?", r.values[i])
	}
	if t.Index != nil {
		update = update.Where(t.Index.Column+" = ?", r.index)
	}
	done := update.Updates(updates)
	return done.RowsAffected == 1, done.Error
}

// And adds two reports up.
func (r Report) And(more Report) Report {
	return Report{Rows: r.Rows + more.Rows, Changed: r.Changed + more.Changed}
}
