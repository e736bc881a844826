package database

import (
	"context"
	"database/sql"
	"database/sql/driver"
	"path/filepath"
	"strconv"
	"testing"

	"github.com/stretchr/testify/require"
	"modernc.org/sqlite"
)

// BenchmarkStatements says what an insert in a transaction and two reads cost when the statements are compiled anew, as
// the driver does it, and when they are kept. Nothing waits for the disk.
func BenchmarkStatements(b *testing.B) {
	const (
		table = `CREATE TABLE entries (merchant_id VARCHAR(64) NOT NULL, case_id VARCHAR(64) NOT NULL, number BIGINT NOT NULL,
			kind VARCHAR(32) NOT NULL, actor VARCHAR(64) NOT NULL, currency VARCHAR(3) NOT NULL, amount BIGINT NOT NULL,
			document LONGTEXT NOT NULL, stored_at BIGINT NOT NULL, closed_at BIGINT,
			PRIMARY KEY (merchant_id, case_id, number), CHECK (amount >= 0))`
		index  = "CREATE INDEX entries_by_actor ON entries (merchant_id, actor, stored_at)"
		insert = "INSERT INTO `entries` (`merchant_id`,`case_id`,`number`,`kind`,`actor`,`currency`,`amount`,`document`,`stored_at`,`closed_at`) " +
			"VALUES (?,?,?,?,?,?,?,?,?,?) ON CONFLICT (`merchant_id`,`case_id`,`number`) DO NOTHING"
		one    = "SELECT * FROM `entries` WHERE merchant_id = ? AND case_id = ? AND number = ? ORDER BY `entries`.`number` LIMIT 1"
		newest = "SELECT e.case_id, e.number, e.amount FROM entries AS e JOIN entries AS f ON f.merchant_id = e.merchant_id AND f.case_id = e.case_id " +
			"AND f.number = 1 WHERE e.merchant_id = ? AND e.actor = ? AND e.stored_at > ? ORDER BY e.stored_at DESC LIMIT 2"
	)
	number := 0
	add := func(ctx context.Context, db *sql.DB) error {
		number++
		tx, err := db.BeginTx(ctx, nil)
		if err != nil {
			return err
		}
		if _, err := tx.ExecContext(ctx, insert, "m1", "case", number, "opened", strconv.Itoa(number%100), "CNY", 1000, `{"lines":["甲"]}`, number, nil); err != nil {
			return err
		}
		return tx.Commit()
	}
	read := func(query string, args ...any) func(context.Context, *sql.DB) error {
		return func(ctx context.Context, db *sql.DB) error {
			rows, err := db.QueryContext(ctx, query, args...)
			if err != nil {
				return err
			}
			defer rows.Close()
			for rows.Next() {
				continue
			}
			return rows.Err()
		}
	}
	work := []struct {
		name string
		do   func(context.Context, *sql.DB) error
	}{
		{"insert in a transaction", add},
		{"select by key", read(one, "m1", "case", 7)},
		{"select with a join", read(newest, "m1", "7", 0)},
	}
	for _, way := range []string{"compiled", "kept"} {
		connector, err := sqlite.NewConnector("file:" + filepath.Join(b.TempDir(), way+".db") +
			"?_pragma=journal_mode(WAL)&_pragma=synchronous(OFF)&_txlock=immediate")
		require.NoError(b, err)
		if way == "kept" {
			connector = driver.Connector(keepingConnector{connector})
		}
		db := sql.OpenDB(connector)
		db.SetMaxOpenConns(1)
		for _, change := range []string{table, index} {
			_, err := db.ExecContext(b.Context(), change)
			require.NoError(b, err)
		}
		for number = 0; number < 1000; {
			require.NoError(b, add(b.Context(), db))
		}
		for _, w := range work {
			b.Run(w.name+"/"+way, func(b *testing.B) {
				b.ReportAllocs()
				for b.Loop() {
					if err := w.do(b.Context(), db); err != nil {
						b.Fatal(err)
					}
				}
			})
		}
		require.NoError(b, db.Close())
	}
}
