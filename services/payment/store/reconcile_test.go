package store

import (
	"fmt"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"gorm.io/gorm"

	"aftercare.dev/services/payment/domain"
	"aftercare.dev/services/platform/database"
	"aftercare.dev/services/platform/database/databasetest"
	"aftercare.dev/services/platform/problem"
)

func outsideOf(number string, amount int64) domain.Difference {
	return domain.Difference{
		Kind: domain.UnknownRefund, Provider: "wechatpay", BillDate: "2026-01-01", MerchantID: merchant, OrderID: "o1", PaymentID: "p1",
		RefundNumber: number, Occurrence: number, Reference: number, PaymentReference: "T00001", Currency: "CNY", ProviderAmount: amount,
	}
}

func TestRefundsAndWhatIsPaidOutsideAtTheSameMomentAreToldApartToTheCent(t *testing.T) {
	databasetest.Each(t, Migrations(), func(t *testing.T, db *gorm.DB) {
		s := New(db, time.Now)
		one := order()
		one.Payments[0].Amount, one.Payments = 1000, one.Payments[:1]
		one.Lines = []domain.LineAmount{{LineID: "l1", Amount: 1000}}
		_, err := s.Reserve(t.Context(), merchant, "first", ask(t, "o1", map[string]int64{"l1": 100}), one)
		require.NoError(t, err)
		var group sync.WaitGroup
		for i := range 11 {
			group.Go(func() {
				_, err := s.Reserve(t.Context(), merchant, fmt.Sprintf("r%d", i), ask(t, "o1", map[string]int64{"l1": 100}), one)
				if err != nil && !problem.HasCode(err, "exceeds_paid") {
					t.Error(err)
				}
			})
			if i%2 == 0 {
				group.Go(func() {
					// Each is found by two processes.
					number := fmt.Sprintf("W%d", i/4)
					if err := s.RecordOutside(t.Context(), outsideOf(number, 150), 150, domain.Order{}); err != nil {
						t.Error(err)
					}
				})
			}
		}
		group.Wait()

		_, payments := refundedOf(t, db, "o1")
		found, _, err := s.Differences(t.Context(), merchant, DifferenceFilter{Limit: 10})
		require.NoError(t, err)
		require.Len(t, found, 3)
		overpaid := int64(0)
		for _, d := range found {
			overpaid += d.Overpaid
		}
		sum := payments["p1"] + 3*150
		require.Equal(t, max(0, sum-1000), overpaid, "refunds %d", payments["p1"])
		require.Greater(t, sum, int64(900), "what was left is not kept from anybody")
		var booked int64
		require.NoError(t, db.Model(&entryRow{}).Where("merchant_id = ? AND kind = ? AND credit_account = ?",
			merchant, domain.KindRefundOutside, domain.Clearing("wechatpay")).Select("SUM(amount)").Scan(&booked).Error)
		require.Equal(t, int64(450), booked)
	})
}

// TestTheGuardHoldsWithoutTheReadBeforeIt takes from a payment as a transaction would that has read too early.
func TestTheGuardHoldsWithoutTheReadBeforeIt(t *testing.T) {
	databasetest.Each(t, Migrations(), func(t *testing.T, db *gorm.DB) {
		s := New(db, time.Now)
		require.NoError(t, s.RecordOutside(t.Context(), outsideOf("W1", 650), 650, order()))
		payments, err := paymentsOf(db, merchant, "o1")
		require.NoError(t, err)
		require.Equal(t, int64(50), payments[0].left())
		for amount, want := range map[int64]int64{51: 0, 50: 1} {
			taken := db.Model(&paidPayment{}).Where("merchant_id = ? AND order_id = ? AND payment_id = ? AND refunded + ? + "+outside+" <= paid",
				merchant, "o1", "p1", amount, merchant, "o1", "p1").Update("next_attempt_at", 1)
			require.NoError(t, taken.Error)
			require.Equal(t, want, taken.RowsAffected, "%d", amount)
		}
	})
}

func TestAReturnedSuccessIsOnRecordOrNotAtAllWithTheState(t *testing.T) {
	databasetest.Each(t, Migrations(), func(t *testing.T, db *gorm.DB) {
		s := New(db, time.Now)
		r, err := s.Reserve(t.Context(), merchant, "r1", ask(t, "o1", map[string]int64{"l1": 100}), order())
		require.NoError(t, err)
		paid := r.Parts[0]
		paid.State, paid.SucceededAt = domain.PartSucceeded, time.Now()
		_, _, err = s.Record(t.Context(), r, r.Parts[0], paid, Attempt{Op: "query", Outcome: domain.OutcomeDone})
		require.NoError(t, err)
		r, err = s.Refund(t.Context(), merchant, "r1")
		require.NoError(t, err)
		back := r.Parts[0]
		back.State, back.Reopened, back.SucceededAt = domain.PartAbnormal, true, time.Time{}

		require.NoError(t, db.Exec("ALTER TABLE differences RENAME TO away").Error)
		_, _, err = s.Record(t.Context(), r, r.Parts[0], back, Attempt{Op: "query", Outcome: domain.OutcomeDone})
		require.Error(t, err)
		still, err := s.Refund(t.Context(), merchant, "r1")
		require.NoError(t, err)
		require.Equal(t, domain.PartSucceeded, still.Parts[0].State, "a change that cannot be told does not happen")

		require.NoError(t, db.Exec("ALTER TABLE away RENAME TO differences").Error)
		var group sync.WaitGroup
		for range 4 { // several learn it at once
			group.Go(func() {
				_, _, err := s.Record(t.Context(), r, r.Parts[0], back, Attempt{Op: "query", Outcome: domain.OutcomeDone})
				if err != nil {
					t.Error(err)
				}
			})
		}
		group.Wait()
		found, _, err := s.AllDifferences(database.AcrossMerchants(t.Context()), DifferenceFilter{Limit: 10})
		require.NoError(t, err)
		require.Len(t, found, 1)
		require.Equal(t, domain.Returned, found[0].Kind)
	})
}

func TestASuccessThatWasTakenBackWhileARelease01WasToldIsOnRecordAfterwards(t *testing.T) {
	taken := func(t *testing.T, db *gorm.DB, s *Store, state domain.PartState) {
		t.Helper()
		_, err := s.Reserve(t.Context(), merchant, "r1", ask(t, "o1", map[string]int64{"l1": 1}), order())
		require.NoError(t, err)
		// What that release writes: it knows neither the ledger nor differences.
		require.NoError(t, db.Exec("UPDATE refund_parts SET state = ?, attention = 'abnormal_account', reopened = ?, version = version + 1 WHERE merchant_id = ?",
			string(state), true, merchant).Error)
	}
	returned := func(t *testing.T, s *Store) int {
		t.Helper()
		found, _, err := s.Differences(t.Context(), merchant, DifferenceFilter{Limit: 10})
		require.NoError(t, err)
		return len(found)
	}
	for name, test := range map[string]struct {
		state domain.PartState
		learn bool // this release hears of the refund before the catching up
		want  int
	}{
		"nobody has dealt with it": {domain.PartAbnormal, false, 1},
		"it has changed since":     {domain.PartAbnormal, true, 1},
		"it was paid by hand":      {domain.PartPaidManually, false, 0},
	} {
		t.Run(name, func(t *testing.T) {
			databasetest.Each(t, Migrations(), func(t *testing.T, db *gorm.DB) {
				s := New(db, time.Now)
				taken(t, db, s, test.state)
				if test.learn {
					r, err := s.Refund(t.Context(), merchant, "r1")
					require.NoError(t, err)
					after := r.Parts[0]
					after.State, after.Attention = domain.PartClosed, domain.Closed
					_, _, err = s.Record(t.Context(), r, r.Parts[0], after, Attempt{Op: "query", Outcome: domain.OutcomeDone})
					require.NoError(t, err)
				}
				for range 2 {
					_, err := s.CatchUp(t.Context())
					require.NoError(t, err)
				}
				require.Equal(t, test.want, returned(t, s))
			})
		})
	}
}
