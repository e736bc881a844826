package store_test

import (
	"context"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
	"gorm.io/gorm"

	"aftercare.dev/services/order/domain"
	"aftercare.dev/services/order/store"
	"aftercare.dev/services/platform/database/databasetest"
)

// costs runs fn and tells how many statements it took at most.
func costs(t *testing.T, db *gorm.DB, most int, fn func()) {
	t.Helper()
	made := databasetest.Statements(t, db)
	fn()
	statements := made()
	require.LessOrEqual(t, len(statements), most, strings.Join(statements, "\n"))
}

func TestReservingAndSettlingAUnitCostsAtMostEightStatements(t *testing.T) {
	onBoth(t, func(t *testing.T, s *store.Store, db *gorm.DB) {
		put(t, s, "o-1", draft())
		costs(t, db, 4, func() { reserve(t, s, "o-1", "case-1", units("A", 1)) })
		costs(t, db, 4, func() { settle(t, s, "o-1", "case-1", units("A", 1)) })
	})
}

func TestSettlingTheLastUnitOfAnOrderCostsOneStatementMore(t *testing.T) {
	onBoth(t, func(t *testing.T, s *store.Store, db *gorm.DB) {
		order := draft()
		order.Lines, order.Payments[0].Amount = order.Lines[:1], cny(100)
		put(t, s, "o-1", order)
		reserve(t, s, "o-1", "case-1", units("A", 10))
		costs(t, db, 5, func() { require.True(t, settle(t, s, "o-1", "case-1", units("A", 10)).CompletesOrder) })
		costs(t, db, 1, func() { require.True(t, settle(t, s, "o-1", "case-1", units("A", 10)).CompletesOrder) })
	})
}

func TestReadingAnOrderOrItsContactCostsOneStatement(t *testing.T) {
	onBoth(t, func(t *testing.T, s *store.Store, db *gorm.DB) {
		put(t, s, "o-1", draft())
		reserve(t, s, "o-1", "case-1", units("A", 1))
		costs(t, db, 1, func() { require.NotEmpty(t, get(t, s, "o-1").Held) })
		costs(t, db, 1, func() {
			_, err := s.Contact(context.Background(), merchant, "o-1")
			require.NoError(t, err)
		})
	})
}

func TestAnOrderIsReadWithItsOwnIdsAndUnitsAndNobodyElses(t *testing.T) {
	onBoth(t, func(t *testing.T, s *store.Store, _ *gorm.DB) {
		ctx := context.Background()
		put(t, s, "o-1", draft())
		put(t, s, "o-2", draft())
		reserve(t, s, "o-2", "case-1", units("A", 2))
		reserve(t, s, "o-1", "case-2", units("B", 1))
		for _, buyer := range []string{"", "buyer-1"} {
			record, err := s.Get(ctx, merchant, "o-1", buyer)
			require.NoError(t, err)
			require.Equal(t, [2]string{merchant, "o-1"}, [2]string{record.MerchantID, record.OrderID})
			require.Equal(t, map[string]domain.Held{"B": {Reserved: ranges(0, 1)}}, record.Held)
		}
		_, err := s.Get(ctx, merchant, "o-1", "buyer-2")
		wantCode(t, err, domain.CodeOrderNotFound)
		_, err = s.Get(ctx, "m-2", "o-1", "")
		wantCode(t, err, domain.CodeOrderNotFound)
	})
}

func TestOfTwoRequestsOfACaseForDifferentLinesOneCounts(t *testing.T) {
	onBoth(t, func(t *testing.T, s *store.Store, _ *gorm.DB) {
		order := draft()
		order.Lines[0].Quantity, order.Lines[1].Quantity = 20, 20
		put(t, s, "o-1", order)
		for round := range 10 {
			caseID := "case-" + string(rune('a'+round))
			made := 0
			for _, err := range atOnce(4, func(i int) error {
				_, err := s.Reserve(context.Background(), merchant, "o-1", caseID, []domain.LineQuantity{units([]string{"A", "B"}[i%2], 1)})
				return err
			}) {
				if err == nil {
					made++
					continue
				}
				wantCode(t, err, domain.CodeReservationDiffers)
			}
			require.Equal(t, 2, made, "the one that won, and its repetition")
		}
		held := get(t, s, "o-1").Held
		require.EqualValues(t, 10, domain.Count(held["A"].Reserved)+domain.Count(held["B"].Reserved))
		// What is counted is what is held: all that is left can be had, and no more.
		left := func(line string) int64 { return 20 - domain.Count(held[line].Reserved) }
		_, err := s.Reserve(context.Background(), merchant, "o-1", "more", []domain.LineQuantity{units("A", left("A")+1)})
		wantCode(t, err, domain.CodeUnitsNotAvailable)
		reserve(t, s, "o-1", "rest", units("A", left("A")), units("B", left("B")))
	})
}

func TestASettlementKeepsWholeLinesAndPartsOfLines(t *testing.T) {
	onBoth(t, func(t *testing.T, s *store.Store, _ *gorm.DB) {
		put(t, s, "o-1", draft())
		reserve(t, s, "o-1", "other", units("A", 2), units("B", 1))
		reserve(t, s, "o-1", "case-1", units("A", 4), units("B", 2))
		settle(t, s, "o-1", "case-1", units("A", 3), units("B", 2))
		held := get(t, s, "o-1").Held
		require.Equal(t, domain.Held{Reserved: ranges(0, 2), Returned: ranges(2, 5)}, held["A"])
		require.Equal(t, domain.Held{Reserved: ranges(0, 1), Returned: ranges(1, 3)}, held["B"])
	})
}
