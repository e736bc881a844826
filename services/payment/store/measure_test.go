package store

import (
	"testing"
	"time"

	"gorm.io/gorm"

	"aftercare.dev/services/payment/domain"
	"aftercare.dev/services/platform/database/databasetest"
)

func TestUnsettledRefundsAreCountedByStateAndSettledOnesAreNot(t *testing.T) {
	databasetest.Each(t, Migrations(), func(t *testing.T, db *gorm.DB) {
		at := time.Date(2026, 11, 1, 8, 0, 0, 0, time.UTC)
		s := New(db, func() time.Time { return at })
		first := at
		for _, id := range []string{"r1", "r2", "r3"} {
			if _, err := s.Reserve(t.Context(), merchant, id, ask(t, "o1", map[string]int64{"l1": 100}), order()); err != nil {
				t.Fatal(err)
			}
			at = at.Add(time.Hour)
		}
		refuse(t, s, "r2")
		for _, p := range refuse(t, s, "r3").Parts {
			r, err := s.Refund(t.Context(), merchant, "r3")
			if err != nil {
				t.Fatal(err)
			}
			if _, _, err := s.Record(t.Context(), r, p, p.PaidManually(at), Attempt{Op: "manual_transfer"}); err != nil {
				t.Fatal(err)
			}
		}

		found, err := s.Unsettled(t.Context())
		if err != nil || len(found) != 2 {
			t.Fatalf("%+v, %v", found, err)
		}
		for _, m := range found {
			want := Measure{MerchantID: merchant, Sort: string(domain.RefundReserved), Count: 1, Oldest: m.Oldest}
			oldest := first
			if m.Sort != string(domain.RefundReserved) {
				want.Sort, oldest = string(domain.RefundNeedsAttention), first.Add(time.Hour)
			}
			if m != want || !m.Oldest.Equal(oldest) {
				t.Errorf("%+v, want %+v since %s", m, want, oldest)
			}
		}
	})
}

func TestDifferencesAreCountedByKindUntilSomebodyResolvesThem(t *testing.T) {
	databasetest.Each(t, Migrations(), func(t *testing.T, db *gorm.DB) {
		at := time.Date(2026, 11, 1, 8, 0, 0, 0, time.UTC)
		s := New(db, func() time.Time { return at })
		first := at
		for _, number := range []string{"rf_1", "rf_2", "rf_3"} {
			err := s.AddDifference(t.Context(), domain.Difference{
				Kind: domain.AmountDiffers, Provider: "wechatpay", MerchantID: merchant, RefundNumber: number, Currency: "CNY",
			})
			if err != nil {
				t.Fatal(err)
			}
			at = at.Add(time.Hour)
		}
		var rows []differenceRow
		if err := db.Where("merchant_id = ?", merchant).Order("created_at").Find(&rows).Error; err != nil {
			t.Fatal(err)
		}
		if _, err := s.ResolveDifference(t.Context(), merchant, rows[2].DifferenceID, "f1", ""); err != nil {
			t.Fatal(err)
		}

		found, err := s.Unresolved(t.Context())
		if err != nil || len(found) != 1 {
			t.Fatalf("%+v, %v", found, err)
		}
		want := Measure{MerchantID: merchant, Sort: string(domain.AmountDiffers), Count: 2, Oldest: found[0].Oldest}
		if found[0] != want || !found[0].Oldest.Equal(first) {
			t.Errorf("got %+v, want %+v since %s", found[0], want, first)
		}
	})
}
