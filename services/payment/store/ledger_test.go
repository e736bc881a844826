package store

import (
	"fmt"
	"io/fs"
	"sync"
	"testing"
	"testing/fstest"
	"time"

	"github.com/stretchr/testify/require"
	"gorm.io/gorm"

	"aftercare.dev/services/payment/domain"
	"aftercare.dev/services/platform/database"
	"aftercare.dev/services/platform/database/databasetest"
)

// booked reads the steps of a refund number with what they move, in the order of their names.
func booked(t testing.TB, db *gorm.DB, subject string) map[string]string {
	t.Helper()
	found, err := threads(db, merchant, []string{subject})
	require.NoError(t, err)
	steps := map[string]string{}
	for _, e := range found[subject] {
		steps[e.Step] = fmt.Sprintf("%s %s<-%s %d", e.Phase, e.Leg.Debit, e.Leg.Credit, e.Amount)
	}
	return steps
}

// told is the provider's word about a part, stored.
func told(t testing.TB, s *Store, refundID string, i int, status domain.ProviderStatus) domain.Refund {
	t.Helper()
	r, err := s.Refund(t.Context(), merchant, refundID)
	require.NoError(t, err)
	p := r.Parts[i]
	after := p.Told(domain.ProviderRefund{
		RefundNumber: p.RefundNumber, PaymentReference: p.PaymentReference, Reference: "50", Status: status,
		Amount: p.Amount, PaymentTotal: p.PaymentTotal, Currency: p.Currency,
	}, time.Now())
	_, _, err = s.Record(t.Context(), r, p, after, Attempt{Op: "query", Outcome: domain.OutcomeDone, Code: after.Code})
	require.NoError(t, err)
	r, err = s.Refund(t.Context(), merchant, refundID)
	require.NoError(t, err)
	return r
}

func decide(t testing.TB, s *Store, r domain.Refund, kind domain.ResolutionKind, change func(domain.Part) domain.Part) {
	t.Helper()
	_, err := s.Resolve(t.Context(), r, domain.Resolution{Kind: kind, ActorID: "finance1"}, change)
	require.NoError(t, err)
}

// guardsAreInTheLedger: what payments gave back or hold for it is what the ledger says that it costs.
func guardsAreInTheLedger(t testing.TB, db *gorm.DB) {
	t.Helper()
	var refunded, inLedger int64
	require.NoError(t, db.Raw("SELECT SUM(refunded) FROM paid_payments WHERE merchant_id = ?", merchant).Scan(&refunded).Error)
	balances, err := New(db, time.Now).Balances(t.Context(), merchant)
	require.NoError(t, err)
	for _, b := range balances {
		if b.Account == domain.MerchantExpense {
			inLedger += b.Balance() + b.Pending
		}
	}
	require.Equal(t, refunded, inLedger)
}

const (
	owing = "merchant_expense<-buyer_payable 5"
	byWay = "book buyer_payable<-provider_clearing:wechatpay 5"
)

func reserveFive(t testing.TB, s *Store, refundID string) domain.Refund {
	t.Helper()
	one := order()
	one.Payments = one.Payments[:1]
	r, err := s.Reserve(t.Context(), merchant, refundID, ask(t, "o1", map[string]int64{"l1": 5}), one)
	require.NoError(t, err)
	return r
}

func TestARefundIsBookedOnceForEachThingThatHappensToIt(t *testing.T) {
	databasetest.Each(t, Migrations(), func(t *testing.T, db *gorm.DB) {
		s := New(db, time.Now)
		number := reserveFive(t, s, "r1").Parts[0].RefundNumber
		reserveFive(t, s, "r1")
		want := map[string]string{"hold": "reserve " + owing}
		require.Equal(t, want, booked(t, db, number))

		told(t, s, "r1", 0, domain.ProviderProcessing)
		require.Equal(t, want, booked(t, db, number), "a refund under way")

		told(t, s, "r1", 0, domain.ProviderSucceeded)
		told(t, s, "r1", 0, domain.ProviderSucceeded)
		want["post"], want["settle.1"] = "post "+owing, byWay
		require.Equal(t, want, booked(t, db, number), "a success")

		told(t, s, "r1", 0, domain.ProviderAbnormal)
		told(t, s, "r1", 0, domain.ProviderAbnormal)
		want["settle.1.back"] = "reversal provider_clearing:wechatpay<-buyer_payable 5"
		require.Equal(t, want, booked(t, db, number), "a success that was taken back")

		told(t, s, "r1", 0, domain.ProviderSucceeded)
		want["settle.2"] = byWay
		require.Equal(t, want, booked(t, db, number), "a success after all")

		r := told(t, s, "r1", 0, domain.ProviderClosed)
		decide(t, s, r, domain.ResolveVoid, domain.Part.Voided)
		want["settle.2.back"] = "reversal provider_clearing:wechatpay<-buyer_payable 5"
		want["post.back"] = "reversal buyer_payable<-merchant_expense 5"
		require.Equal(t, want, booked(t, db, number), "given up after all")
	})
}

func TestWhatFinanceDecidesIsBookedWithTheDecision(t *testing.T) {
	databasetest.Each(t, Migrations(), func(t *testing.T, db *gorm.DB) {
		s := New(db, time.Now)
		byHand, up := reserveFive(t, s, "r1").Parts[0].RefundNumber, reserveFive(t, s, "r2").Parts[0].RefundNumber
		decide(t, s, refuse(t, s, "r1"), domain.ResolveManualTransfer, func(p domain.Part) domain.Part { return p.PaidManually(time.Now()) })
		decide(t, s, refuse(t, s, "r2"), domain.ResolveVoid, domain.Part.Voided)
		require.Equal(t, map[string]string{
			"hold": "reserve " + owing, "post": "post " + owing, "settle.1": "book buyer_payable<-provider_clearing:manual 5",
		}, booked(t, db, byHand))
		require.Equal(t, map[string]string{"hold": "reserve " + owing, "void": "void " + owing}, booked(t, db, up))
	})
}

func TestAChangeThatCannotBeBookedDoesNotHappen(t *testing.T) {
	databasetest.Each(t, Migrations(), func(t *testing.T, db *gorm.DB) {
		s := New(db, time.Now)
		r := reserveFive(t, s, "r1")
		number := r.Parts[0].RefundNumber
		stray := rowOf(domain.Entry{
			Matter: r.Matter(r.Parts[0]), Step: "settle.1", At: time.Now(), Phase: domain.PhaseBook,
			Leg: domain.Leg{Debit: domain.BuyerPayable, Credit: domain.Clearing("wechatpay")},
		})
		require.NoError(t, db.Create(&stray).Error)
		p := r.Parts[0]
		after := p
		after.State = domain.PartSucceeded
		_, _, err := s.Record(t.Context(), r, p, after, Attempt{Op: "query", Outcome: domain.OutcomeDone})
		require.True(t, database.IsDuplicate(err), "%v", err)
		now, err := s.Refund(t.Context(), merchant, "r1")
		require.NoError(t, err)
		require.Equal(t, p, now.Parts[0])
		require.NotContains(t, booked(t, db, number), "post")
	})
}

func TestTheDatabaseKeepsTheLedgerAsItWasWritten(t *testing.T) {
	databasetest.Each(t, Migrations(), func(t *testing.T, db *gorm.DB) {
		s := New(db, time.Now)
		number := reserveFive(t, s, "r1").Parts[0].RefundNumber
		before := booked(t, db, number)
		for _, statement := range []string{
			"UPDATE ledger_entries SET amount = 6", "UPDATE ledger_entries SET cause = cause", "DELETE FROM ledger_entries",
		} {
			require.ErrorContains(t, db.Exec(statement).Error, "book a reversal", statement)
		}
		require.Equal(t, before, booked(t, db, number))
	})
}

func TestTheDatabaseRefusesEntriesThatMakeNoSense(t *testing.T) {
	databasetest.Each(t, Migrations(), func(t *testing.T, db *gorm.DB) {
		s := New(db, time.Now)
		paid, held := reserveFive(t, s, "r1"), reserveFive(t, s, "r2")
		told(t, s, "r1", 0, domain.ProviderSucceeded)
		owingLeg := domain.Leg{Debit: domain.MerchantExpense, Credit: domain.BuyerPayable}
		paying := domain.Leg{Debit: domain.BuyerPayable, Credit: domain.Clearing("wechatpay")}
		entry := func(r domain.Refund, step string, phase domain.Phase, leg domain.Leg, change func(*domain.Entry)) domain.Entry {
			e := domain.Entry{Matter: r.Matter(r.Parts[0]), Step: step, At: time.Now(), Phase: phase, Leg: leg}
			change(&e)
			return e
		}
		for name, e := range map[string]domain.Entry{
			"no amount":             entry(held, "book", domain.PhaseBook, paying, func(e *domain.Entry) { e.Amount = 0 }),
			"one account":           entry(held, "book", domain.PhaseBook, domain.Leg{Debit: "fee", Credit: "fee"}, func(*domain.Entry) {}),
			"no bearer":             entry(held, "book", domain.PhaseBook, paying, func(e *domain.Entry) { e.Bearer = "" }),
			"no case":               entry(held, "book", domain.PhaseBook, paying, func(e *domain.Entry) { e.CaseID = "" }),
			"no cause":              entry(held, "book", domain.PhaseBook, paying, func(e *domain.Entry) { e.Cause = "" }),
			"a phase of its own":    entry(held, "book", "gift", paying, func(*domain.Entry) {}),
			"a second reserve":      entry(held, "hold", domain.PhaseReserve, owingLeg, func(*domain.Entry) {}),
			"a reserve by the way":  entry(held, "again", domain.PhaseReserve, owingLeg, func(*domain.Entry) {}),
			"a post of nothing":     entry(held, "post", domain.PhasePost, owingLeg, func(*domain.Entry) {}),
			"a post of more":        entry(held, "post", domain.PhasePost, owingLeg, func(e *domain.Entry) { e.Resolves, e.Amount = "hold", 6 }),
			"a post elsewhere":      entry(held, "post", domain.PhasePost, paying, func(e *domain.Entry) { e.Resolves = "hold" }),
			"a void after a post":   entry(paid, "void", domain.PhaseVoid, owingLeg, func(e *domain.Entry) { e.Resolves = "hold" }),
			"a void of a payment":   entry(paid, "void", domain.PhaseVoid, paying, func(e *domain.Entry) { e.Resolves = "settle.1" }),
			"a reversal of nothing": entry(held, "settle.1.back", domain.PhaseReversal, reversed(paying), func(e *domain.Entry) { e.Reverses = "settle.1" }),
			"a reversal of less":    entry(paid, "settle.1.back", domain.PhaseReversal, reversed(paying), func(e *domain.Entry) { e.Reverses, e.Amount = "settle.1", 4 }),
			"a reversal forward":    entry(paid, "settle.1.back", domain.PhaseReversal, paying, func(e *domain.Entry) { e.Reverses = "settle.1" }),
			"a reversal of reserve": entry(held, "hold.back", domain.PhaseReversal, reversed(owingLeg), func(e *domain.Entry) { e.Reverses = "hold" }),
			"another's reversal": entry(held, "settle.1.back", domain.PhaseReversal, reversed(paying), func(e *domain.Entry) {
				e.Subject, e.Reverses, e.MerchantID = paid.Parts[0].RefundNumber, "settle.1", "m2"
			}),
			"a reversal in disguise": entry(paid, "undo", domain.PhaseReversal, reversed(paying), func(e *domain.Entry) { e.Reverses = "settle.1" }),
		} {
			row := rowOf(e)
			require.Error(t, db.Create(&row).Error, name)
		}
		told(t, s, "r1", 0, domain.ProviderAbnormal)
		twice := rowOf(entry(paid, "settle.1.again.back", domain.PhaseReversal, reversed(paying), func(e *domain.Entry) { e.Reverses = "settle.1" }))
		require.True(t, database.IsDuplicate(db.Create(&twice).Error), "a second reversal")
		back := rowOf(entry(paid, "back.back", domain.PhaseReversal, paying, func(e *domain.Entry) { e.Reverses = "settle.1.back" }))
		require.True(t, database.IsCheckViolation(db.Create(&back).Error), "a reversal of a reversal")
	})
}

func reversed(l domain.Leg) domain.Leg { return domain.Leg{Debit: l.Credit, Credit: l.Debit} }

func TestARefundMadeOutsideIsBookedOnce(t *testing.T) {
	databasetest.Each(t, Migrations(), func(t *testing.T, db *gorm.DB) {
		s := New(db, time.Now)
		outside := domain.OutsideRefund{MerchantID: merchant, RefundNumber: "50300001*by|hand", Provider: "wechatpay", Currency: "CNY", Amount: 5}
		for range 2 {
			require.NoError(t, database.InTx(t.Context(), db, func(tx *gorm.DB) error { return s.bookOutside(tx, outside) }))
		}
		require.Equal(t, map[string]string{"hold": "reserve " + owing, "post": "post " + owing, "settle.1": byWay}, booked(t, db, outside.RefundNumber))
	})
}

// asBefore stores a refund as a program of release 0.1 does, which knows nothing of the ledger.
func asBefore(t testing.TB, db *gorm.DB, i int, state domain.PartState, reopened bool) string {
	t.Helper()
	number, id := fmt.Sprintf("rf_old%d", i), fmt.Sprintf("old%d", i)
	require.NoError(t, db.Exec(`INSERT INTO refunds (merchant_id, refund_id, case_id, order_id, currency, amount, reason, request_hash,
		state, resolution, resolved_by, transfer_reference, created_at, updated_at, version) VALUES (?, ?, 'case1', 'o1', 'CNY', 5, '', '', '', '', '', '', 1000000, 3000000, 1)`,
		merchant, id).Error)
	require.NoError(t, db.Exec(`INSERT INTO refund_parts (refund_number, merchant_id, refund_id, order_id, payment_id, provider, payment_reference,
		payment_total, amount, state, attention, reopened, provider_reference, code, succeeded_at, version)
		VALUES (?, ?, ?, 'o1', 'p1', 'wechatpay', 'T1', 5, 5, ?, '', ?, '', '', ?, 3)`,
		number, merchant, id, string(state), reopened, map[bool]any{true: int64(2000000)}[state == domain.PartSucceeded]).Error)
	return number
}

func TestRefundsFromBeforeTheLedgerAreBookedOnce(t *testing.T) {
	databasetest.Each(t, Migrations(), func(t *testing.T, db *gorm.DB) {
		s := New(db, time.Now)
		paid := asBefore(t, db, 1, domain.PartSucceeded, false)
		back := asBefore(t, db, 2, domain.PartAbnormal, true)
		void := asBefore(t, db, 3, domain.PartVoided, false)
		for i := range 2 * batch {
			asBefore(t, db, 10+i, domain.PartProcessing, false)
		}
		var mu sync.Mutex
		var group sync.WaitGroup
		total := 0
		for range 4 {
			group.Go(func() {
				n, err := s.CatchUp(t.Context())
				mu.Lock()
				defer mu.Unlock()
				total += n
				if err != nil {
					t.Error(err)
				}
			})
		}
		group.Wait()
		require.Equal(t, 3+2*batch, total)
		require.Equal(t, map[string]string{"hold": "reserve " + owing, "post": "post " + owing, "settle.1": byWay}, booked(t, db, paid))
		require.Equal(t, map[string]string{"hold": "reserve " + owing, "post": "post " + owing}, booked(t, db, back))
		require.Equal(t, map[string]string{"hold": "reserve " + owing, "void": "void " + owing}, booked(t, db, void))
		found, err := threads(db, merchant, []string{paid})
		require.NoError(t, err)
		at := map[string]int64{}
		for _, e := range found[paid] {
			at[e.Step] = e.At.Unix()
		}
		require.Equal(t, map[string]int64{"hold": 1, "post": 2, "settle.1": 2}, at, "entries have the time of what they tell")
		again, err := s.CatchUp(t.Context())
		require.NoError(t, err)
		require.Zero(t, again)
	})
}

func TestARefundThatAnOldProgramMovedIsBookedByTheNextChange(t *testing.T) {
	databasetest.Each(t, Migrations(), func(t *testing.T, db *gorm.DB) {
		s := New(db, time.Now)
		number := reserveFive(t, s, "r1").Parts[0].RefundNumber
		require.NoError(t, db.Exec("UPDATE refund_parts SET state = 'succeeded', version = version + 1 WHERE refund_number = ?", number).Error)
		require.Len(t, booked(t, db, number), 1)
		told(t, s, "r1", 0, domain.ProviderAbnormal)
		require.Equal(t, map[string]string{"hold": "reserve " + owing, "post": "post " + owing}, booked(t, db, number))
		n, err := s.CatchUp(t.Context())
		require.NoError(t, err)
		require.Zero(t, n)
	})
}

func TestADatabaseOfTheReleaseBeforeIsBroughtIntoTheLedger(t *testing.T) {
	before := Migrations()
	first := fstest.MapFS{}
	for _, name := range []string{"00001_init.sql", "00002_refunds_unsettled.sql"} {
		text, err := fs.ReadFile(before.Files, name)
		require.NoError(t, err)
		first[name] = &fstest.MapFile{Data: text}
	}
	before.Files = first
	databasetest.Each(t, before, func(t *testing.T, db *gorm.DB) {
		paid, held := asBefore(t, db, 1, domain.PartSucceeded, false), asBefore(t, db, 2, domain.PartUnknown, false)
		require.NoError(t, database.Migrate(t.Context(), db, Migrations()))
		n, err := New(db, time.Now).CatchUp(t.Context())
		require.NoError(t, err)
		require.Equal(t, 2, n)
		require.Len(t, booked(t, db, paid), 3)
		require.Len(t, booked(t, db, held), 1)
	})
}
