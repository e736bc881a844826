package store_test

import (
	"fmt"
	"os"
	"testing"
	"time"

	"gorm.io/gorm"

	"aftercare.dev/services/cases/domain"
	"aftercare.dev/services/cases/store"
	"aftercare.dev/services/platform/database"
	"aftercare.dev/services/platform/database/databasetest"
)

// eachEngine runs the benchmark on SQLite, and on MySQL where there is a server.
func eachEngine(b *testing.B, bench func(b *testing.B, s *store.Store, db *gorm.DB)) {
	b.Helper()
	on := func(db *gorm.DB) func(b *testing.B) {
		return func(b *testing.B) { bench(b, store.New(db, func() time.Time { return start }), db) }
	}
	b.Run(database.SQLite, on(databasetest.SQLite(b, store.Migrations())))
	if os.Getenv("MYSQL_TEST_DSN") != "" {
		b.Run(database.MySQL, on(databasetest.MySQL(b, store.Migrations())))
	}
}

// BenchmarkRecordStep is the hot path: a step with one entry of a case that exists.
func BenchmarkRecordStep(b *testing.B) {
	eachEngine(b, func(b *testing.B, s *store.Store, _ *gorm.DB) {
		caseID, _, err := s.StoreApplication(b.Context(), merchant, fmt.Sprint("key-", b.N), asked("b1"), nil)
		if err != nil {
			b.Fatal(err)
		}
		var number int64
		for b.Loop() {
			number++
			entry := domain.Entry{Number: number, Type: "case.reminded", At: start, Audience: domain.Everyone}
			step, err := domain.NewStep([]domain.Entry{entry}, state(), 0)
			if err != nil {
				b.Fatal(err)
			}
			if _, err := s.RecordStep(b.Context(), merchant, caseID, step); err != nil {
				b.Fatal(err)
			}
		}
	})
}

// BenchmarkListAmongAMillion lists in the ways that people and queues do, among a million cases of one
// merchant of which every twentieth is open.
func BenchmarkListAmongAMillion(b *testing.B) {
	yes := true
	eachEngine(b, func(b *testing.B, s *store.Store, db *gorm.DB) {
		fill(b, db, 1_000_000)
		for name, q := range map[string]store.Query{
			"newest":                  {},
			"buyer":                   {BuyerID: "b000123"},
			"buyer by deadline":       {BuyerID: "b000123", ByDeadline: true},
			"order":                   {OrderID: "o0000123"},
			"stage":                   {Stage: "inspecting"},
			"outcome":                 {Outcome: "rejected"},
			"queue of many":           {Awaiting: domain.RolesOf("buyer"), ByDeadline: true},
			"queue of one":            {Awaiting: domain.RolesOf("finance"), ByDeadline: true},
			"queue of none":           {Awaiting: domain.RolesOf("warehouse")},
			"queue of none in stage":  {Stage: "inspecting", Awaiting: domain.RolesOf("finance"), ByDeadline: true},
			"attention by deadline":   {NeedsAttention: &yes, ByDeadline: true},
			"prefix of every case id": {Prefix: "case_"},
			"prefix of an order id":   {Prefix: "o00012"},
			"prefix of a tracking":    {Prefix: "SF000012"},
		} {
			q.Limit = 50
			b.Run(name, func(b *testing.B) {
				for b.Loop() {
					if _, _, err := s.List(b.Context(), merchant, q); err != nil {
						b.Fatal(err)
					}
				}
			})
		}
	})
}

func fill(b *testing.B, db *gorm.DB, n int) {
	b.Helper()
	stages := []string{"reviewing", "waiting_shipment", "in_transit", "inspecting", "refunding"}
	rows := make([]store.Case, 0, 1000)
	for i := range n {
		at := start.Add(time.Duration(i) * time.Second)
		c := store.Case{
			MerchantID: merchant, CaseID: fmt.Sprintf("case_%026d", i), OrderID: fmt.Sprintf("o%07d", i*7919%n), BuyerID: fmt.Sprintf("b%06d", i*7919%n/5),
			Type: "return_refund", Reason: "other", Channel: "web", TrackingNumber: fmt.Sprintf("SF%08d", i*104729%n), Version: 10,
			Stage: "closed", Status: "closed", Outcome: "refunded", Deadline: 1<<63 - 1,
			OpenedAt: database.At(at), UpdatedAt: database.At(at), ClosedAt: database.NullAt(at),
		}
		c.Document.V = []byte(`{}`)
		if i%100 == 1 {
			c.Outcome = "rejected"
		}
		if i%20 == 0 {
			c.Stage, c.Status, c.Outcome, c.ClosedAt = stages[i/20%5], "open", "", database.NullTime{}
			c.Deadline, c.Awaiting = at.Add(48*time.Hour).UnixMicro(), domain.RolesOf("buyer")
		}
		if i == 20 {
			c.Awaiting, c.NeedsAttention = domain.RolesOf("finance"), 1
		}
		if rows = append(rows, c); len(rows) == cap(rows) || i == n-1 {
			if err := db.Create(&rows).Error; err != nil {
				b.Fatal(err)
			}
			rows = rows[:0]
		}
	}
}
