package store

import (
	"fmt"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"gorm.io/gorm"

	"aftercare.dev/services/payment/domain"
	"aftercare.dev/services/platform/database/databasetest"
	"aftercare.dev/services/platform/problem"
)

func advance(id string, amount int64) domain.Booking {
	return domain.Booking{
		MerchantID: merchant, ID: id, Kind: domain.KindAdvance, CaseID: "case1", Cause: "lost_parcel", Bearer: domain.BearerCarrier,
		Currency: "CNY", Amount: amount, Via: "wechatpay",
	}
}

func balancesBy(t testing.TB, s *Store) map[string][2]int64 {
	t.Helper()
	found, err := s.Balances(t.Context(), merchant)
	require.NoError(t, err)
	by, sums := map[string][2]int64{}, map[string]int64{}
	for _, b := range found {
		sums[b.Currency] += b.Balance()
		sums["pending "+b.Currency] += b.Pending
		if b.Balance() != 0 || b.Pending != 0 {
			by[string(b.Account)+" "+b.Currency] = [2]int64{b.Balance(), b.Pending}
		}
	}
	for currency, sum := range sums {
		require.Zero(t, sum, currency)
	}
	return by
}

func TestBalancesTellWhereTheMoneyIsAndSumToZero(t *testing.T) {
	databasetest.Each(t, Migrations(), func(t *testing.T, db *gorm.DB) {
		s := New(db, time.Now)
		require.Empty(t, balancesBy(t, s))
		for _, id := range []string{"paid", "held", "void", "back"} {
			reserveFive(t, s, id)
		}
		told(t, s, "paid", 0, domain.ProviderSucceeded)
		told(t, s, "back", 0, domain.ProviderSucceeded)
		told(t, s, "back", 0, domain.ProviderAbnormal)
		decide(t, s, refuse(t, s, "void"), domain.ResolveVoid, domain.Part.Voided)
		dollars := advance("b1", 700)
		dollars.Currency = "USD"
		_, err := s.Book(t.Context(), dollars, domain.BookPost)
		require.NoError(t, err)
		require.Equal(t, map[string][2]int64{
			"merchant_expense CNY": {10, 5}, "buyer_payable CNY": {-5, -5}, "provider_clearing:wechatpay CNY": {-5, 0},
			"advance USD": {700, 0}, "provider_clearing:wechatpay USD": {-700, 0},
		}, balancesBy(t, s))
		others, err := s.Balances(t.Context(), "m2")
		require.NoError(t, err)
		require.Empty(t, others)
	})
}

func TestEntriesArePagedInTheOrderOfBooking(t *testing.T) {
	databasetest.Each(t, Migrations(), func(t *testing.T, db *gorm.DB) {
		now := time.Date(2026, 1, 1, 0, 0, 0, 0, time.UTC)
		s := New(db, func() time.Time { return now })
		for i := range 4 {
			if i == 2 {
				now = now.Add(time.Hour)
			}
			_, err := s.Book(t.Context(), advance(fmt.Sprintf("b%d", i), 5), domain.BookPost)
			require.NoError(t, err)
		}
		var seen []string
		filter := EntryFilter{CaseID: "case1", Account: domain.BuyerPayable, Limit: 3}
		for {
			page, more, err := s.Entries(t.Context(), merchant, filter)
			require.NoError(t, err)
			for _, e := range page {
				seen = append(seen, e.ID())
			}
			if !more {
				break
			}
			filter.After = PlaceOf(page[len(page)-1])
		}
		require.Equal(t, []string{
			"b0/hold", "b0/post", "b0/settle.1", "b1/hold", "b1/post", "b1/settle.1",
			"b2/hold", "b2/post", "b2/settle.1", "b3/hold", "b3/post", "b3/settle.1",
		}, seen)
		for name, test := range map[string]struct {
			filter EntryFilter
			want   int
		}{
			"of one side":    {EntryFilter{Account: domain.Clearing("wechatpay")}, 4},
			"of a case":      {EntryFilter{CaseID: "case2"}, 0},
			"from then":      {EntryFilter{From: now}, 6},
			"before then":    {EntryFilter{To: now}, 6},
			"from and after": {EntryFilter{From: now, After: EntryPlace{At: now, Subject: "b2", Step: "post"}}, 4},
		} {
			test.filter.Limit = 100
			page, more, err := s.Entries(t.Context(), merchant, test.filter)
			require.NoError(t, err, name)
			require.False(t, more, name)
			require.Len(t, page, test.want, name)
		}
		others, _, err := s.Entries(t.Context(), "m2", EntryFilter{Limit: 1})
		require.NoError(t, err)
		require.Empty(t, others)
	})
}

func TestStatementsOfPeriodsFitTogether(t *testing.T) {
	databasetest.Each(t, Migrations(), func(t *testing.T, db *gorm.DB) {
		start := time.Date(2026, 1, 1, 0, 0, 0, 0, time.UTC)
		now := start
		s := New(db, func() time.Time { return now })
		reserveFive(t, s, "r1")
		now = start.Add(24 * time.Hour) // at the very edge, in the second period
		told(t, s, "r1", 0, domain.ProviderSucceeded)
		now = start.Add(49 * time.Hour)
		told(t, s, "r1", 0, domain.ProviderClosed)
		closing := map[domain.Account]int64{}
		entries := 0
		for day := range 3 {
			from := start.Add(time.Duration(day) * 24 * time.Hour)
			statement, err := s.Statement(t.Context(), merchant, "CNY", from, from.Add(24*time.Hour))
			require.NoError(t, err)
			entries += len(statement.Entries)
			var sum, debits, credits int64
			for _, a := range statement.Accounts() {
				require.Equal(t, closing[a.Account], a.Opening, "%s on day %d", a.Account, day)
				closing[a.Account] = a.Closing()
				sum, debits, credits = sum+a.Closing(), debits+a.Debits, credits+a.Credits
			}
			require.Zero(t, sum)
			require.Equal(t, debits, credits)
		}
		require.Equal(t, 4, entries)
		require.Equal(t, map[domain.Account]int64{domain.MerchantExpense: 5, domain.BuyerPayable: -5, domain.Clearing("wechatpay"): 0}, closing)
		empty, err := s.Statement(t.Context(), merchant, "USD", start, now.Add(time.Hour))
		require.NoError(t, err)
		require.Empty(t, empty.Entries)
		require.Empty(t, empty.Accounts())
	})
}

func TestABookingGoesForwardOnlyAndIsBookedOnce(t *testing.T) {
	type step struct {
		phase domain.BookingPhase
		state domain.BookingState
		code  string
	}
	for name, steps := range map[string][]step{
		"at once":     {{domain.BookPost, "posted", ""}, {domain.BookPost, "posted", ""}, {domain.BookReserve, "posted", ""}, {domain.BookVoid, "", "booking_not_reserved"}},
		"in two":      {{domain.BookReserve, "reserved", ""}, {domain.BookReverse, "", "booking_not_posted"}, {domain.BookPost, "posted", ""}, {domain.BookOwe, "posted", ""}},
		"owed before": {{domain.BookReserve, "reserved", ""}, {domain.BookOwe, "owed", ""}, {domain.BookVoid, "", "booking_not_reserved"}, {domain.BookPost, "posted", ""}},
		"given up":    {{domain.BookReserve, "reserved", ""}, {domain.BookVoid, "voided", ""}, {domain.BookVoid, "voided", ""}, {domain.BookPost, "", "booking_voided"}, {domain.BookReverse, "", "booking_not_posted"}},
		"undone":      {{domain.BookPost, "posted", ""}, {domain.BookReverse, "reversed", ""}, {domain.BookReverse, "reversed", ""}, {domain.BookPost, "reversed", ""}},
		"written off": {{domain.BookOwe, "owed", ""}, {domain.BookReverse, "reversed", ""}},
		"not there":   {{domain.BookVoid, "", "booking_not_found"}, {domain.BookReverse, "", "booking_not_found"}},
	} {
		t.Run(name, func(t *testing.T) {
			databasetest.Each(t, Migrations(), func(t *testing.T, db *gorm.DB) {
				s := New(db, time.Now)
				for _, kind := range []domain.Kind{domain.KindAdvance, domain.KindCompensation, domain.KindRecovery} {
					booking := advance(string(kind), 5)
					booking.Kind, booking.Recovers = kind, domain.Advance
					for i, step := range steps {
						thread, err := s.Book(t.Context(), booking, step.phase)
						if step.code != "" {
							require.True(t, problem.HasCode(err, step.code), "step %d: %v", i, err)
							continue
						}
						require.NoError(t, err)
						require.Equal(t, step.state, thread.State(), "step %d", i)
					}
				}
				balancesBy(t, s)
			})
		})
	}
}

func TestABookingOfAnotherContentIsRefused(t *testing.T) {
	databasetest.Each(t, Migrations(), func(t *testing.T, db *gorm.DB) {
		s := New(db, time.Now)
		_, err := s.Book(t.Context(), advance("b1", 5), domain.BookPost)
		require.NoError(t, err)
		for name, change := range map[string]func(*domain.Booking){
			"amount":   func(b *domain.Booking) { b.Amount = 6 },
			"currency": func(b *domain.Booking) { b.Currency = "USD" },
			"case":     func(b *domain.Booking) { b.CaseID = "case2" },
			"bearer":   func(b *domain.Booking) { b.Bearer = domain.BearerPlatform },
			"cause":    func(b *domain.Booking) { b.Cause = "damage" },
			"kind":     func(b *domain.Booking) { b.Kind = domain.KindCompensation },
			"via":      func(b *domain.Booking) { b.Via = domain.ViaManual },
		} {
			other := advance("b1", 5)
			change(&other)
			_, err := s.Book(t.Context(), other, domain.BookPost)
			require.True(t, problem.HasCode(err, "booking_differs"), "%s: %v", name, err)
		}
		elsewhere := advance("b1", 9)
		elsewhere.MerchantID = "m2"
		_, err = s.Book(t.Context(), elsewhere, domain.BookPost)
		require.NoError(t, err, "another merchant's booking of the same id")
	})
}

func TestABookingMadeByManyAtOnceIsOne(t *testing.T) {
	databasetest.Each(t, Migrations(), func(t *testing.T, db *gorm.DB) {
		s := New(db, time.Now)
		var group sync.WaitGroup
		for i := range 32 {
			phase := []domain.BookingPhase{domain.BookReserve, domain.BookPost}[i%2]
			group.Go(func() {
				if _, err := s.Book(t.Context(), advance("b1", 5), phase); err != nil {
					t.Error(err)
				}
			})
		}
		group.Wait()
		require.Equal(t, map[string][2]int64{"advance CNY": {5, 0}, "provider_clearing:wechatpay CNY": {-5, 0}}, balancesBy(t, s))
	})
}
