package store

import (
	"context"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"gorm.io/gorm"
	"pgregory.net/rapid"

	"aftercare.dev/services/payment/domain"
	"aftercare.dev/services/platform/database/databasetest"
	"aftercare.dev/services/platform/ids"
	"aftercare.dev/services/platform/problem"
)

// says is the provider's word about a part.
func says(p domain.Part, status domain.ProviderStatus) domain.Part {
	return p.Told(domain.ProviderRefund{
		RefundNumber: p.RefundNumber, PaymentReference: p.PaymentReference, Reference: "50", Status: status,
		Amount: p.Amount, PaymentTotal: p.PaymentTotal, Currency: p.Currency,
		SucceededAt: time.Date(2026, 1, 1, 8, 0, 0, 123456789, time.FixedZone("", 8*60*60)),
	}, time.Now())
}

var query = Attempt{Op: "query", Outcome: domain.OutcomeDone}

// stored fails the test unless the refund is as it is stored, in its row and in what follows from it. When it may be sent
// is for who sends.
func stored(ctx context.Context, t require.TestingT, db *gorm.DB, s *Store, got domain.Refund) {
	want, err := s.Refund(ctx, merchant, got.RefundID)
	require.NoError(t, err)
	got.NextAttemptAt, want.NextAttemptAt = time.Time{}, time.Time{}
	require.Equal(t, want, got)
	var state string
	require.NoError(t, db.Model(&refundRow{}).Where("merchant_id = ? AND refund_id = ?", merchant, got.RefundID).Pluck("state", &state).Error)
	require.Equal(t, string(got.State()), state)
}

func TestWhatAStepReturnsIsWhatIsStored(t *testing.T) {
	databasetest.Each(t, Migrations(), func(t *testing.T, db *gorm.DB) {
		s := New(db, time.Now)
		rapid.Check(t, func(rt *rapid.T) {
			orderID, one := ids.New("order"), order()
			if rapid.Bool().Draw(rt, "one payment") {
				one.Payments[0].Amount, one.Payments = 1000, one.Payments[:1]
			}
			r, err := s.Reserve(t.Context(), merchant, orderID, ask(t, orderID, map[string]int64{"l1": 500}), one)
			require.NoError(rt, err)
			require.Zero(rt, r.NextAttemptAt)
			stored(t.Context(), rt, db, s, r)
			for range rapid.IntRange(1, 8).Draw(rt, "steps") {
				p, changes := rapid.SampledFrom(r.Parts).Draw(rt, "part"), r.Changes()
				if p.Sendable() {
					slot, claimed, err := s.Claim(t.Context(), r, p, time.Minute, 0)
					require.NoError(rt, err)
					require.True(rt, claimed)
					stored(t.Context(), rt, db, s, slot.Refund)
					require.True(rt, slot.Refund.Knows(slot.Part))
					after := says(slot.Part, domain.ProviderProcessing)
					if rapid.Bool().Draw(rt, "limited") {
						after = slot.Part.Failed(&domain.ProviderError{Outcome: domain.OutcomeNotDone, Code: "FREQUENCY_LIMITED"})
					}
					r, _, err = s.RecordSent(t.Context(), slot, after, query, time.Now())
					require.NoError(rt, err)
				} else {
					status := rapid.SampledFrom([]domain.ProviderStatus{domain.ProviderSucceeded, domain.ProviderAbnormal, domain.ProviderClosed}).Draw(rt, "status")
					after := says(p, status)
					if after == p {
						changes--
					}
					r, _, err = s.Record(t.Context(), r, p, after, query)
					require.NoError(rt, err)
				}
				require.Greater(rt, r.Changes(), changes)
				stored(t.Context(), rt, db, s, r)
			}
		})
	})
}

func TestPartsThatMoveAtOnceLeaveTheStateThatFollowsFromBoth(t *testing.T) {
	databasetest.Each(t, Migrations(), func(t *testing.T, db *gorm.DB) {
		s := New(db, time.Now)
		read, err := s.Reserve(t.Context(), merchant, "r1", ask(t, "o1", map[string]int64{"l1": 500}), order())
		require.NoError(t, err)
		require.Len(t, read.Parts, 2)
		// Both are told about the refund as it was before.
		half, repaid, err := s.Record(t.Context(), read, read.Parts[0], says(read.Parts[0], domain.ProviderSucceeded), query)
		require.NoError(t, err)
		require.Equal(t, Repaid{Amount: read.Parts[0].Amount}, repaid)
		stored(t.Context(), t, db, s, half)
		whole, repaid, err := s.Record(t.Context(), read, read.Parts[1], says(read.Parts[1], domain.ProviderSucceeded), query)
		require.NoError(t, err)
		require.Equal(t, Repaid{Amount: read.Parts[1].Amount, Whole: true}, repaid)
		require.Equal(t, domain.RefundSucceeded, whole.State())
		stored(t.Context(), t, db, s, whole)
	})
}

func TestAChangeOfAPartAsAProviderNamesItMovesTheWholeRefund(t *testing.T) {
	databasetest.Each(t, Migrations(), func(t *testing.T, db *gorm.DB) {
		s := New(db, time.Now)
		r, err := s.Reserve(t.Context(), merchant, "r1", ask(t, "o1", map[string]int64{"l1": 500}), order())
		require.NoError(t, err)
		named, part, found, err := s.ByNumber(t.Context(), r.Parts[1].RefundNumber)
		require.NoError(t, err)
		require.True(t, found)
		require.Equal(t, r.Parts[1], part)
		now, _, err := s.Record(t.Context(), named, part, says(part, domain.ProviderSucceeded), query)
		require.NoError(t, err)
		require.Equal(t, domain.RefundReserved, now.State(), "the other part waits")
		stored(t.Context(), t, db, s, now)
	})
}

func TestADecisionIsWrittenWithTheStateThatFollowsFromIt(t *testing.T) {
	byHand := func(p domain.Part) domain.Part { return p.PaidManually(time.Now()) }
	for _, test := range []struct {
		kind   domain.ResolutionKind
		change func(domain.Part) domain.Part
		state  domain.RefundState
	}{
		{domain.ResolveRetry, domain.Part.Retried, domain.RefundReserved},
		{domain.ResolveManualTransfer, byHand, domain.RefundPaidManually},
		{domain.ResolveVoid, domain.Part.Voided, domain.RefundVoided},
	} {
		t.Run(string(test.kind), func(t *testing.T) {
			databasetest.Each(t, Migrations(), func(t *testing.T, db *gorm.DB) {
				s := New(db, time.Now)
				_, err := s.Reserve(t.Context(), merchant, "r1", ask(t, "o1", map[string]int64{"l1": 500}), order())
				require.NoError(t, err)
				decide(t, s, refuse(t, s, "r1"), test.kind, test.change)
				now, err := s.Refund(t.Context(), merchant, "r1")
				require.NoError(t, err)
				require.Equal(t, test.state, now.State())
				stored(t.Context(), t, db, s, now)
			})
		})
	}
}

func TestAnAnswerThatComesTooLateIsOnRecordAndFreesThePayment(t *testing.T) {
	databasetest.Each(t, Migrations(), func(t *testing.T, db *gorm.DB) {
		s := New(db, time.Now)
		r := reserveFive(t, s, "r1")
		slot, claimed, err := s.Claim(t.Context(), r, r.Parts[0], time.Hour, 0)
		require.NoError(t, err)
		require.True(t, claimed)
		told(t, s, "r1", 0, domain.ProviderSucceeded)
		now, repaid, err := s.RecordSent(t.Context(), slot, says(slot.Part, domain.ProviderProcessing), Attempt{Op: "create"}, time.Now())
		require.NoError(t, err)
		require.Zero(t, repaid)
		require.Equal(t, domain.RefundSucceeded, now.State())
		stored(t.Context(), t, db, s, now)
		var attempts int64
		require.NoError(t, db.Model(&attemptRow{}).Where("merchant_id = ? AND op = 'create'", merchant).Count(&attempts).Error)
		require.Equal(t, int64(1), attempts)
		second := reserveFive(t, s, "r2")
		require.Zero(t, second.NextAttemptAt)
		_, claimed, err = s.Claim(t.Context(), second, second.Parts[0], time.Minute, 0)
		require.NoError(t, err)
		require.True(t, claimed, "the payment is free again")
	})
}

func TestARefundThatWaitsForItsPaymentSaysSoFromTheStart(t *testing.T) {
	databasetest.Each(t, Migrations(), func(t *testing.T, db *gorm.DB) {
		now := time.Date(2026, 1, 1, 0, 0, 0, 0, time.UTC)
		s := New(db, func() time.Time { return now })
		first := reserveFive(t, s, "r1")
		slot, claimed, err := s.Claim(t.Context(), first, first.Parts[0], time.Second, time.Minute)
		require.NoError(t, err)
		require.True(t, claimed)
		_, _, err = s.RecordSent(t.Context(), slot, says(slot.Part, domain.ProviderProcessing), Attempt{Op: "create"}, now.Add(time.Minute))
		require.NoError(t, err)
		require.True(t, reserveFive(t, s, "r2").NextAttemptAt.Equal(now.Add(time.Minute)))
	})
}

func TestTheFirstRefundOfAnOrderIsHeldToWhatWasPaid(t *testing.T) {
	databasetest.Each(t, Migrations(), func(t *testing.T, db *gorm.DB) {
		s := New(db, time.Now)
		for name, amounts := range map[string]map[string]int64{
			"a line":          {"l1": 601},
			"the freight":     {"l1": 1, domain.FreightLine: 101},
			"an unknown line": {"l1": 1, "l9": 1},
		} {
			_, err := s.Reserve(t.Context(), merchant, "r1", ask(t, "o1", amounts), order())
			refusal, ok := problem.As(err)
			require.True(t, ok && refusal.Code == "exceeds_paid", "%s: %v", name, err)
			left := refusal.Meta["refundable"].(refundable)
			require.Equal(t, int64(100), left.Freight.Amount, name)
			require.Equal(t, int64(600), left.Lines[0].Amount.Amount, name)
			require.Equal(t, int64(1000), left.Payments[0].Amount.Amount+left.Payments[1].Amount.Amount, name)
		}
		for _, table := range []string{"paid_orders", "paid_lines", "paid_payments", "refunds", "refund_lines", "refund_parts"} {
			var rows int64
			require.NoError(t, db.Raw("SELECT COUNT(*) FROM "+table).Scan(&rows).Error)
			require.Zero(t, rows, "%s after what was refused", table)
		}
		_, err := s.Reserve(t.Context(), merchant, "r1", ask(t, "o1", map[string]int64{"l1": 600, "l2": 300, domain.FreightLine: 100}), order())
		require.NoError(t, err)
		lines, payments := refundedOf(t, db, "o1")
		require.Equal(t, map[string]int64{"l1": 600, "l2": 300, domain.FreightLine: 100}, lines)
		require.Equal(t, map[string]int64{"p1": 700, "p2": 300}, payments)
	})
}

// Who meets an order for the first time takes from it without looking for what was paid outside.
func TestWhatIsPaidOutsideIsNotKeptOfAnOrderThatIsNotStored(t *testing.T) {
	databasetest.Each(t, Migrations(), func(t *testing.T, db *gorm.DB) {
		s := New(db, time.Now)
		require.Error(t, s.RecordOutside(t.Context(), outsideOf("W1", 650), 650, domain.Order{}))
		require.NoError(t, s.RecordOutside(t.Context(), outsideOf("W1", 650), 650, order()))
		_, err := s.Reserve(t.Context(), merchant, "r1", ask(t, "o1", map[string]int64{"l1": 351}), order())
		require.True(t, problem.HasCode(err, "exceeds_paid"), "%v", err)
		_, err = s.Reserve(t.Context(), merchant, "r1", ask(t, "o1", map[string]int64{"l1": 350}), order())
		require.NoError(t, err)
	})
}
