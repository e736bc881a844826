package database_test

import (
	"errors"
	"path/filepath"
	"sync"
	"testing"
	"testing/fstest"
	"time"

	"gorm.io/gorm"
	"gorm.io/gorm/clause"

	"aftercare.dev/services/platform/config"
	"aftercare.dev/services/platform/database"
	"aftercare.dev/services/platform/database/databasetest"
)

var migrations = database.Schema{Service: "payment", Files: fstest.MapFS{
	"00001_payments.sql": {Data: []byte(`-- +goose Up
CREATE TABLE IF NOT EXISTS payments (
    id         VARCHAR(64) NOT NULL PRIMARY KEY,
    merchant   VARCHAR(64) NOT NULL,
    paid       BIGINT NOT NULL,
    refunded   BIGINT NOT NULL,
    version    BIGINT NOT NULL,
    details    LONGTEXT NOT NULL,
    created_at BIGINT NOT NULL,
    updated_at BIGINT NOT NULL,
    closed_at  BIGINT NULL,
    CONSTRAINT payments_not_over CHECK (refunded <= paid)
);
`)},
	"00002_refunds.sql": {Data: []byte(`-- +goose Up
CREATE TABLE IF NOT EXISTS refunds (
    id         VARCHAR(64) NOT NULL PRIMARY KEY,
    payment_id VARCHAR(64) NOT NULL,
    ` + "`key`" + ` VARCHAR(64) NOT NULL,
    UNIQUE (payment_id, ` + "`key`" + `),
    FOREIGN KEY (payment_id) REFERENCES payments (id)
);
`)},
	"00003_refunds_by_key.sql": {Data: []byte("-- +goose Up\nCREATE INDEX refunds_by_key ON refunds (`key`);\n")},
}}

type details struct {
	Channel string   `json:"channel"`
	Lines   []string `json:"lines"`
}

type payment struct {
	ID        string `gorm:"primaryKey"`
	Merchant  string
	Paid      int64
	Refunded  int64
	Version   int64
	Details   database.JSON[details]
	CreatedAt database.Time
	UpdatedAt database.Time
	ClosedAt  database.NullTime
}

type refund struct {
	ID        string `gorm:"primaryKey"`
	PaymentID string
	Key       string
}

func samplePayment() payment {
	at := database.At(time.Date(2026, 11, 21, 8, 30, 0, 123456789, time.FixedZone("CST", 8*3600)))
	return payment{
		ID: "pay_1", Merchant: "m1", Paid: 1000, Version: 1,
		Details:   database.AsJSON(details{Channel: "wechat", Lines: []string{"甲", "😀"}}),
		CreatedAt: at, UpdatedAt: at,
	}
}

func create(t *testing.T, db *gorm.DB, value any) {
	t.Helper()
	if err := db.Create(value).Error; err != nil {
		t.Fatal(err)
	}
}

func TestARowReadsBackAsItWasWritten(t *testing.T) {
	databasetest.Each(t, migrations, func(t *testing.T, db *gorm.DB) {
		written := samplePayment()
		create(t, db, &written)

		var read payment
		if err := db.First(&read, "id = ?", "pay_1").Error; err != nil {
			t.Fatal(err)
		}
		if !read.CreatedAt.Equal(written.CreatedAt.Time) || read.CreatedAt.Nanosecond() != 123456000 {
			t.Errorf("created at %v, want %v to the microsecond", read.CreatedAt, written.CreatedAt)
		}
		if read.ClosedAt.Valid {
			t.Errorf("closed at %v, want NULL", read.ClosedAt)
		}
		if got := read.Details.V; got.Channel != "wechat" || len(got.Lines) != 2 || got.Lines[1] != "😀" {
			t.Errorf("details %+v", got)
		}

		closed := time.Now()
		update := db.Model(&payment{}).Where("id = ?", "pay_1").
			Updates(map[string]any{"closed_at": database.NullAt(closed), "version": gorm.Expr("version + 1")})
		if update.Error != nil || update.RowsAffected != 1 {
			t.Fatalf("update: %v, %d rows", update.Error, update.RowsAffected)
		}
		if err := db.First(&read, "id = ?", "pay_1").Error; err != nil {
			t.Fatal(err)
		}
		if at := read.ClosedAt.Ptr(); at == nil || !at.Equal(closed.Truncate(time.Microsecond)) {
			t.Errorf("closed at %v, want %v", at, closed)
		}
		if !read.UpdatedAt.Equal(written.UpdatedAt.Time) {
			t.Errorf("updated_at changed by itself to %v", read.UpdatedAt)
		}
	})
}

func TestRefusalsAreRecognisedOnBothEngines(t *testing.T) {
	databasetest.Each(t, migrations, func(t *testing.T, db *gorm.DB) {
		first := samplePayment()
		create(t, db, &first)
		create(t, db, &refund{ID: "r1", PaymentID: "pay_1", Key: "k"})

		tests := map[string]struct {
			err error
			is  func(error) bool
		}{
			"a primary key twice":          {db.Create(&payment{ID: "pay_1"}).Error, database.IsDuplicate},
			"a unique key twice":           {db.Create(&refund{ID: "r2", PaymentID: "pay_1", Key: "k"}).Error, database.IsDuplicate},
			"a check that does not hold":   {db.Exec("UPDATE payments SET refunded = paid + 1").Error, database.IsCheckViolation},
			"a reference to nothing":       {db.Create(&refund{ID: "r3", PaymentID: "none", Key: "k"}).Error, database.IsForeignKeyViolation},
			"a row that is not there":      {db.First(&payment{}, "id = ?", "none").Error, database.IsNotFound},
			"a duplicate in a transaction": {database.InTx(t.Context(), db, func(tx *gorm.DB) error { return tx.Create(&refund{ID: "r1"}).Error }), database.IsDuplicate},
		}
		for name, test := range tests {
			t.Run(name, func(t *testing.T) {
				if !test.is(test.err) {
					t.Errorf("got %v", test.err)
				}
			})
		}
	})
}

func TestKeysDifferInCase(t *testing.T) {
	databasetest.Each(t, migrations, func(t *testing.T, db *gorm.DB) {
		first := samplePayment()
		create(t, db, &first)
		for _, id := range []string{"PAY_1", "Pay_1", "päy_1", "pay_1é"} {
			other := samplePayment()
			other.ID = id
			create(t, db, &other)
		}
		var found []payment
		if err := db.Find(&found, "id = ?", "PAY_1").Error; err != nil || len(found) != 1 {
			t.Errorf("found %d rows, %v", len(found), err)
		}
	})
}

func TestInsertingWhatIsThereCountsNoRow(t *testing.T) {
	databasetest.Each(t, migrations, func(t *testing.T, db *gorm.DB) {
		for i, want := range []int64{1, 0} {
			value := samplePayment()
			insert := db.Clauses(clause.OnConflict{DoNothing: true}).Create(&value)
			if insert.Error != nil || insert.RowsAffected != want {
				t.Errorf("insert %d: %v, %d rows, want %d", i+1, insert.Error, insert.RowsAffected, want)
			}
		}
	})
}

func TestAGuardedUpdateNeverRefundsMoreThanWasPaid(t *testing.T) {
	databasetest.Each(t, migrations, func(t *testing.T, db *gorm.DB) {
		value := samplePayment()
		create(t, db, &value)

		var (
			running  sync.WaitGroup
			mu       sync.Mutex
			accepted int
		)
		for i := range 32 {
			running.Go(func() {
				err := database.InTx(t.Context(), db, func(tx *gorm.DB) error {
					if err := tx.Create(&refund{ID: string(rune('A' + i)), PaymentID: "pay_1", Key: string(rune('A' + i))}).Error; err != nil {
						return err
					}
					update := tx.Model(&payment{}).Where("id = ? AND refunded + ? <= paid", "pay_1", 90).
						Updates(map[string]any{"refunded": gorm.Expr("refunded + ?", 90), "version": gorm.Expr("version + 1")})
					if update.Error == nil && update.RowsAffected == 0 {
						return errRefused
					}
					return update.Error
				})
				mu.Lock()
				defer mu.Unlock()
				switch {
				case err == nil:
					accepted++
				case !errors.Is(err, errRefused):
					t.Errorf("got %v", err)
				}
			})
		}
		running.Wait()

		var refunds int64
		if err := db.Model(&refund{}).Count(&refunds).Error; err != nil {
			t.Fatal(err)
		}
		if accepted != 11 || refunds != 11 {
			t.Errorf("accepted %d, stored %d, want 11", accepted, refunds)
		}
	})
}

var errRefused = errors.New("refused")

func TestATransactionThatLosesADeadlockIsTriedAgain(t *testing.T) {
	databasetest.Each(t, migrations, func(t *testing.T, db *gorm.DB) {
		for _, id := range []string{"a", "b"} {
			value := samplePayment()
			value.ID = id
			create(t, db, &value)
		}
		// Each locks its first row, waits for the other to have done so once, and asks for the second.
		var locked, running sync.WaitGroup
		locked.Add(2)
		for _, order := range [][]string{{"a", "b"}, {"b", "a"}} {
			first := true
			running.Go(func() {
				err := database.InTx(t.Context(), db, func(tx *gorm.DB) error {
					for i, id := range order {
						if err := tx.Exec("UPDATE payments SET version = version + 1 WHERE id = ?", id).Error; err != nil {
							return err
						}
						if i == 0 && first {
							first = false
							locked.Done()
							if db.Name() == database.MySQL { // SQLite has one writer: the other cannot even begin
								locked.Wait()
							}
						}
					}
					return nil
				})
				if err != nil {
					t.Error(err)
				}
			})
		}
		running.Wait()
		var versions []int64
		if err := db.Model(&payment{}).Order("id").Pluck("version", &versions).Error; err != nil {
			t.Fatal(err)
		}
		if len(versions) != 2 || versions[0] != 3 || versions[1] != 3 {
			t.Errorf("versions %v, want both 3: each transaction once", versions)
		}
	})
}

func TestInTxKeepsNothingOfAFailure(t *testing.T) {
	databasetest.Each(t, migrations, func(t *testing.T, db *gorm.DB) {
		tests := map[string]func(tx *gorm.DB) error{
			"an error":                      func(*gorm.DB) error { return errRefused },
			"a violated check":              func(tx *gorm.DB) error { return tx.Exec("UPDATE payments SET refunded = paid + 1").Error },
			"a request to retry, for ever":  func(*gorm.DB) error { return database.ErrRetry },
			"a statement that is malformed": func(tx *gorm.DB) error { return tx.Exec("SELEKT 1").Error },
		}
		for name, fail := range tests {
			t.Run(name, func(t *testing.T) {
				err := database.InTx(t.Context(), db, func(tx *gorm.DB) error {
					value := samplePayment()
					if err := tx.Create(&value).Error; err != nil {
						return err
					}
					return fail(tx)
				})
				if err == nil {
					t.Error("no error")
				}
				var count int64
				if err := db.Model(&payment{}).Count(&count).Error; err != nil || count != 0 {
					t.Errorf("%d rows are left, %v", count, err)
				}
			})
		}
	})
}

func TestAnInnerTransactionCanFailAlone(t *testing.T) {
	databasetest.Each(t, migrations, func(t *testing.T, db *gorm.DB) {
		attempts := 0
		err := database.InTx(t.Context(), db, func(tx *gorm.DB) error {
			attempts++
			value := samplePayment()
			if err := tx.Create(&value).Error; err != nil {
				return err
			}
			err := database.InTx(t.Context(), tx, func(inner *gorm.DB) error {
				return errors.Join(inner.Create(&refund{ID: "r1", PaymentID: "pay_1"}).Error, database.ErrRetry)
			})
			if attempts == 1 {
				return err
			}
			return nil
		})
		var payments, refunds int64
		err = errors.Join(err, db.Model(&payment{}).Count(&payments).Error, db.Model(&refund{}).Count(&refunds).Error)
		if err != nil || attempts != 2 || payments != 1 || refunds != 0 {
			t.Errorf("%d attempts, %d payments, %d refunds, %v", attempts, payments, refunds, err)
		}
	})
}

func TestReadersDoNotWaitForAWriter(t *testing.T) {
	databasetest.Each(t, migrations, func(t *testing.T, db *gorm.DB) {
		err := database.InTx(t.Context(), db, func(tx *gorm.DB) error {
			value := samplePayment()
			if err := tx.Create(&value).Error; err != nil {
				return err
			}
			var outside, inside int64
			if err := errors.Join(db.Model(&payment{}).Count(&outside).Error, tx.Model(&payment{}).Count(&inside).Error); err != nil {
				return err
			}
			if outside != 0 || inside != 1 {
				t.Errorf("outside sees %d rows, inside %d", outside, inside)
			}
			return nil
		})
		if err != nil {
			t.Fatal(err)
		}
	})
}

func TestAWrongConfigurationIsExplained(t *testing.T) {
	tests := map[string]struct {
		cfg  database.Config
		want string
	}{
		"an unknown driver": {database.Config{Driver: "postgres"}, `open database: the driver is "postgres", expected sqlite or mysql`},
		"no file":           {database.Config{Driver: "sqlite", DSN: ":memory:"}, "open database: the DSN of SQLite must be the path of a file"},
		"a malformed DSN":   {database.Config{Driver: "mysql", DSN: "root:secret@nowhere"}, "open database: the DSN of MySQL is malformed, expected user:password@tcp(host:3306)/database"},
		"no database":       {database.Config{Driver: "mysql", DSN: "root:secret@tcp(x:1)/"}, "open database: the DSN of MySQL names no database, expected user:password@tcp(host:3306)/database"},
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			_, err := database.Open(t.Context(), test.cfg)
			if err == nil || err.Error() != test.want {
				t.Errorf("got  %v\nwant %s", err, test.want)
			}
		})
	}
}

func TestTheConfigurationComesFromTheEnvironment(t *testing.T) {
	cfg, err := config.Load[database.Config]("DB_", []string{"DB_DSN=a.db"})
	if err != nil || cfg.Driver != database.SQLite || cfg.DSN != "a.db" || cfg.MaxOpen != 16 {
		t.Errorf("got %+v, %v", cfg, err)
	}
	_, err = config.Load[database.Config]("DB_", []string{"DB_DRIVER=oracle", "DB_DSN=a.db"})
	if err == nil || err.Error() != `DB_DRIVER is "oracle", expected one of sqlite, mysql` {
		t.Errorf("got %v", err)
	}
}

func BenchmarkCommit(b *testing.B) {
	for _, mode := range []string{"FULL", "NORMAL", "OFF"} {
		b.Run(mode, func(b *testing.B) {
			db, err := database.Open(b.Context(), database.Config{
				Driver: database.SQLite,
				DSN:    config.Secret(filepath.Join(b.TempDir(), "x.db") + "?_pragma=synchronous(" + mode + ")"),
			})
			if err != nil {
				b.Fatal(err)
			}
			defer database.Close(db)
			if err := database.Migrate(b.Context(), db, migrations); err != nil {
				b.Fatal(err)
			}
			value := samplePayment()
			if err := db.Create(&value).Error; err != nil {
				b.Fatal(err)
			}
			for b.Loop() {
				err := database.InTx(b.Context(), db, func(tx *gorm.DB) error {
					return tx.Exec("UPDATE payments SET version = version + 1 WHERE id = 'pay_1'").Error
				})
				if err != nil {
					b.Fatal(err)
				}
			}
		})
	}
}
