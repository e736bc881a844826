package store

import (
	"fmt"
	"maps"
	"slices"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"gorm.io/gorm"
	"pgregory.net/rapid"

	"aftercare.dev/services/payment/domain"
	"aftercare.dev/services/platform/database/databasetest"
	"aftercare.dev/services/platform/ids"
	"aftercare.dev/services/platform/problem"
)

func TestOneOfManyClaimsOfAPaymentWinsUntilTheGapHasPassed(t *testing.T) {
	databasetest.Each(t, Migrations(), func(t *testing.T, db *gorm.DB) {
		now := time.Date(2026, 1, 1, 0, 0, 0, 0, time.UTC)
		s := New(db, func() time.Time { return now })
		one := order()
		one.Payments[0].Amount, one.Payments = 1000, one.Payments[:1]
		var refunds []domain.Refund
		for i := range 8 {
			r, err := s.Reserve(t.Context(), merchant, fmt.Sprintf("r%d", i), ask(t, "o1", map[string]int64{"l1": 10}), one)
			if err != nil {
				t.Fatal(err)
			}
			refunds = append(refunds, r)
		}
		race := func() (won []Slot) {
			var mu sync.Mutex
			var group sync.WaitGroup
			for i := range 64 {
				group.Go(func() {
					r := refunds[i%len(refunds)]
					slot, ok, err := s.Claim(t.Context(), r, r.Parts[0], 30*time.Second, time.Minute)
					if err != nil {
						t.Error(err)
					}
					if ok {
						mu.Lock()
						won = append(won, slot)
						mu.Unlock()
					}
				})
			}
			group.Wait()
			return won
		}
		won := race()
		if len(won) != 1 {
			t.Fatalf("%d claims won", len(won))
		}
		if err := s.Release(t.Context(), won[0], now.Add(time.Minute)); err != nil {
			t.Fatal(err)
		}
		if again := race(); len(again) != 0 {
			t.Errorf("%d claims won before the gap has passed", len(again))
		}
		waiting, err := s.Refund(t.Context(), merchant, "r7")
		if err != nil || !waiting.NextAttemptAt.Equal(now.Add(time.Minute)) {
			t.Errorf("next attempt at %v, error %v", waiting.NextAttemptAt, err)
		}
		now = now.Add(time.Minute)
		if again := race(); len(again) != 1 {
			t.Errorf("%d claims won after the gap", len(again))
		}
	})
}

func TestLostSlotCannotBeReleasedByItsFormerHolder(t *testing.T) {
	databasetest.Each(t, Migrations(), func(t *testing.T, db *gorm.DB) {
		now := time.Date(2026, 1, 1, 0, 0, 0, 0, time.UTC)
		s := New(db, func() time.Time { return now })
		r, err := s.Reserve(t.Context(), merchant, "r1", ask(t, "o1", map[string]int64{"l1": 1}), order())
		if err != nil {
			t.Fatal(err)
		}
		lost, ok, err := s.Claim(t.Context(), r, r.Parts[0], time.Second, 0)
		if err != nil || !ok || lost.Part.State != domain.PartUnknown {
			t.Fatal(ok, err)
		}
		now = now.Add(time.Second)
		held, ok, err := s.Claim(t.Context(), r, lost.Part, time.Minute, 0)
		if err != nil || !ok {
			t.Fatal(ok, err)
		}
		if err := s.Release(t.Context(), lost, now); err != nil {
			t.Fatal(err)
		}
		if _, ok, err := s.Claim(t.Context(), r, held.Part, time.Minute, 0); ok || err != nil {
			t.Errorf("the slot was free: %v, %v", ok, err)
		}
	})
}

// refuse moves all parts of a refund to refused, as a provider would.
func refuse(t testing.TB, s *Store, refundID string) domain.Refund {
	t.Helper()
	r, err := s.Refund(t.Context(), merchant, refundID)
	if err != nil {
		t.Fatal(err)
	}
	for _, p := range r.Parts {
		after := p.RefusedAfterAll(&domain.ProviderError{Code: "PARAM_ERROR", Attention: domain.Refused})
		if _, _, err := s.Record(t.Context(), r, p, after, Attempt{Op: "create", Outcome: domain.OutcomeNotDone, Code: "PARAM_ERROR"}); err != nil {
			t.Fatal(err)
		}
	}
	if r, err = s.Refund(t.Context(), merchant, refundID); err != nil {
		t.Fatal(err)
	}
	return r
}

func TestVoidByManyAtOnceGivesTheAmountBackOnce(t *testing.T) {
	databasetest.Each(t, Migrations(), func(t *testing.T, db *gorm.DB) {
		s := New(db, time.Now)
		for _, id := range []string{"r1", "r2"} {
			if _, err := s.Reserve(t.Context(), merchant, id, ask(t, "o1", map[string]int64{"l1": 200, domain.FreightLine: 30}), order()); err != nil {
				t.Fatal(err)
			}
		}
		r := refuse(t, s, "r1")
		var won atomic.Int64
		var group sync.WaitGroup
		for range 16 {
			group.Go(func() {
				_, err := s.Resolve(t.Context(), r, domain.Resolution{Kind: domain.ResolveVoid, ActorID: "a"}, domain.Part.Voided)
				switch {
				case err == nil:
					won.Add(1)
				case !problem.HasCode(err, "version_conflict"):
					t.Error(err)
				}
			})
		}
		group.Wait()
		lines, payments := refundedOf(t, db, "o1")
		if won.Load() != 1 || lines["l1"] != 200 || lines[domain.FreightLine] != 30 || payments["p1"]+payments["p2"] != 230 {
			t.Errorf("%d voids won, guards are %v and %v", won.Load(), lines, payments)
		}
	})
}

func TestAnySequenceOfReservingAndVoidingKeepsTheGuardsExact(t *testing.T) {
	databasetest.Each(t, Migrations(), func(t *testing.T, db *gorm.DB) {
		s := New(db, time.Now)
		rapid.Check(t, func(rt *rapid.T) {
			orderID := ids.New("order")
			held := map[string]domain.Refund{} // reserved and not wholly voided
			var taken int64
			for i := range rapid.IntRange(1, 8).Draw(rt, "steps") {
				if len(held) > 0 && rapid.Bool().Draw(rt, "void") {
					id := rapid.SampledFrom(slices.Sorted(maps.Keys(held))).Draw(rt, "refund")
					taken -= voidSome(t, rt, s, id)
					delete(held, id)
				} else {
					amounts := map[string]int64{
						"l1":               rapid.Int64Range(0, 400).Draw(rt, "l1"),
						"l2":               rapid.Int64Range(0, 200).Draw(rt, "l2"),
						domain.FreightLine: rapid.Int64Range(1, 60).Draw(rt, "freight"),
					}
					id := fmt.Sprintf("%s-%d", orderID, i)
					r, err := s.Reserve(t.Context(), merchant, id, ask(t, orderID, amounts), order())
					if problem.HasCode(err, "exceeds_paid") {
						continue
					}
					if err != nil {
						rt.Fatal(err)
					}
					var sum int64
					for _, p := range r.Parts {
						sum += p.Amount
					}
					if sum != r.Amount {
						rt.Fatalf("parts add up to %d, want %d", sum, r.Amount)
					}
					held[id], taken = r, taken+r.Amount
				}
				lines, payments := refundedOf(t, db, orderID)
				if lines["l1"]+lines["l2"]+lines[domain.FreightLine] != taken || payments["p1"]+payments["p2"] != taken {
					rt.Fatalf("%d is taken, guards are %v and %v", taken, lines, payments)
				}
			}
		})
		guardsAreInTheLedger(t, db)
	})
}

// voidSome voids all parts, or only the first, and returns how much that is.
func voidSome(t testing.TB, rt *rapid.T, s *Store, refundID string) (sum int64) {
	r := refuse(t, s, refundID)
	only := rapid.Bool().Draw(rt, "only the first part")
	change := func(p domain.Part) domain.Part {
		if only && p.RefundNumber != r.Parts[0].RefundNumber {
			return p
		}
		return p.Voided()
	}
	for _, p := range r.Parts {
		if change(p).State == domain.PartVoided {
			sum += p.Amount
		}
	}
	if _, err := s.Resolve(t.Context(), r, domain.Resolution{Kind: domain.ResolveVoid, ActorID: "a"}, change); err != nil {
		rt.Fatal(err)
	}
	return sum
}
