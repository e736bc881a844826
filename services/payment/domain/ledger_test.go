package domain

import (
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"pgregory.net/rapid"
)

var someRefund = Refund{MerchantID: "m1", CaseID: "case1", Currency: "CNY", Reason: "quality"}

// balances of a thread: what counts, and what is only set aside.
func balances(t Thread) (posted, pending map[Account]int64) {
	posted, pending = map[Account]int64{}, map[Account]int64{}
	move := func(in map[Account]int64, e Entry, amount int64) {
		in[e.Leg.Debit] += amount
		in[e.Leg.Credit] -= amount
	}
	for _, e := range t {
		switch e.Phase {
		case PhaseReserve:
			move(pending, e, e.Amount)
		case PhaseVoid:
			move(pending, e, -e.Amount)
		case PhasePost:
			move(pending, e, -e.Amount)
			move(posted, e, e.Amount)
		case PhaseBook, PhaseReversal:
			move(posted, e, e.Amount)
		}
	}
	return posted, pending
}

func TestTheLedgerTellsWhatEachPartCameTo(t *testing.T) {
	reserved, succeeded := part(PartReserved), part(PartSucceeded)
	succeeded.Provider = "wechatpay"
	reopened := part(PartClosed)
	reopened.Reopened = true
	for name, test := range map[string]struct {
		way             []Part
		posted, pending map[Account]int64
		steps           []string
	}{
		"set aside":    {[]Part{reserved}, nil, map[Account]int64{MerchantExpense: 5, BuyerPayable: -5}, []string{"hold"}},
		"under way":    {[]Part{reserved, part(PartUnknown), part(PartProcessing), part(PartRefused)}, nil, map[Account]int64{MerchantExpense: 5, BuyerPayable: -5}, []string{"hold"}},
		"paid":         {[]Part{reserved, succeeded, succeeded}, map[Account]int64{MerchantExpense: 5, "provider_clearing:wechatpay": -5}, nil, []string{"hold", "post", "settle.1"}},
		"paid by hand": {[]Part{reserved, part(PartPaidManually)}, map[Account]int64{MerchantExpense: 5, "provider_clearing:manual": -5}, nil, []string{"hold", "post", "settle.1"}},
		"given up":     {[]Part{reserved, part(PartVoided), part(PartVoided)}, nil, nil, []string{"hold", "void"}},
		"taken back":   {[]Part{reserved, succeeded, reopened}, map[Account]int64{MerchantExpense: 5, BuyerPayable: -5}, nil, []string{"hold", "post", "settle.1", "settle.1.back"}},
		"paid after all": {
			[]Part{reserved, succeeded, reopened, succeeded},
			map[Account]int64{MerchantExpense: 5, "provider_clearing:wechatpay": -5},
			nil,
			[]string{"hold", "post", "settle.1", "settle.1.back", "settle.2"},
		},
		"taken back and given up": {[]Part{reserved, succeeded, reopened, part(PartVoided)}, nil, nil, []string{"hold", "post", "settle.1", "settle.1.back", "post.back"}},
	} {
		t.Run(name, func(t *testing.T) {
			var thread Thread
			for _, p := range test.way {
				more, err := thread.Reach(someRefund.Matter(p), p.Goal(), time.Unix(1, 0))
				require.NoError(t, err)
				thread = append(thread, more...)
			}
			var steps []string
			for _, e := range thread {
				steps = append(steps, e.Step)
				require.Equal(t, "case1", e.CaseID)
				require.Equal(t, "quality", e.Cause)
				require.Equal(t, BearerMerchant, e.Bearer)
			}
			require.Equal(t, test.steps, steps)
			posted, pending := balances(thread)
			requireSame(t, test.posted, posted)
			requireSame(t, test.pending, pending)
		})
	}
}

// requireSame compares balances, where none is zero.
func requireSame(t *testing.T, want, got map[Account]int64) {
	t.Helper()
	for account, amount := range got {
		require.Equal(t, want[account], amount, account)
	}
	for account, amount := range want {
		require.Equal(t, amount, got[account], account)
	}
}

func TestWhatWasGivenUpIsNeverBookedAgain(t *testing.T) {
	matter := someRefund.Matter(part(PartReserved))
	thread, err := Thread(nil).Reach(matter, Goal{Position: Held}, time.Unix(1, 0))
	require.NoError(t, err)
	dropped, err := thread.Reach(matter, Goal{Position: Dropped}, time.Unix(2, 0))
	require.NoError(t, err)
	thread = append(thread, dropped...)
	for _, position := range []Position{Held, Owed, Settled} {
		_, err := thread.Reach(matter, Goal{Position: position}, time.Unix(3, 0))
		require.ErrorIs(t, err, ErrDropped)
	}
}

// Whatever becomes of a subject, and in whatever order: the ledger says at the end what the last goal says, a reserve
// ends once, every reversal undoes one entry, nothing sums to anything but zero, and nothing is booked twice.
func TestAnyWayThroughTheLedgerEndsWhereTheMoneyIs(t *testing.T) {
	goals := []Goal{
		{Position: Held},
		{Position: Owed},
		{Position: Settled, Paying: paying("wechatpay")},
		{Position: Settled, Paying: paying(ViaManual)},
		{Position: Dropped},
	}
	rapid.Check(t, func(t *rapid.T) {
		amount := rapid.Int64Range(1, 1<<40).Draw(t, "amount")
		p := part(PartReserved)
		p.Amount = amount
		matter := someRefund.Matter(p)
		var thread Thread
		last := Goal{}
		for _, goal := range rapid.SliceOfN(rapid.SampledFrom(goals), 1, 12).Draw(t, "goals") {
			more, err := thread.Reach(matter, goal, time.Unix(1, 0))
			if err != nil {
				if !thread.dropped() {
					t.Fatal(err)
				}
				continue
			}
			if thread = append(thread, more...); len(thread) == 0 {
				continue // giving up what was never set aside
			}
			if again, err := thread.Reach(matter, goal, time.Unix(2, 0)); err != nil || len(again) > 0 {
				t.Fatalf("the second time %v is booked as %v, %v", goal, again, err)
			}
			if goal.Position != Held || last.Position == 0 {
				last = goal
			}
			checkThread(t, thread, last, amount)
		}
	})
}

func checkThread(t *rapid.T, thread Thread, at Goal, amount int64) {
	steps, ended := map[string]Entry{}, map[string]bool{}
	for _, e := range thread {
		if _, twice := steps[e.Step]; twice {
			t.Fatalf("step %s is taken twice", e.Step)
		}
		steps[e.Step] = e
		if of := e.Resolves + e.Reverses; of != "" {
			before, found := steps[of]
			mirror := e.Phase == PhaseReversal
			if !found || ended[of] || (mirror && e.Leg != Leg{before.Leg.Credit, before.Leg.Debit}) || (!mirror && e.Leg != before.Leg) {
				t.Fatalf("%+v ends %+v", e, before)
			}
			ended[of] = true
		}
	}
	posted, pending := balances(thread)
	want, aside := map[Account]int64{}, map[Account]int64{}
	switch at.Position {
	case Held:
		aside = map[Account]int64{MerchantExpense: amount, BuyerPayable: -amount}
	case Owed:
		want = map[Account]int64{MerchantExpense: amount, BuyerPayable: -amount}
	case Settled:
		want = map[Account]int64{MerchantExpense: amount, at.Paying.Credit: -amount}
	case Dropped:
	}
	var sum int64
	for account, balance := range posted {
		sum += balance
		if balance != want[account] {
			t.Fatalf("%s is %d, want %d", account, balance, want[account])
		}
	}
	for account, balance := range pending {
		sum += balance
		if balance != aside[account] {
			t.Fatalf("%s has %d set aside, want %d", account, balance, aside[account])
		}
	}
	if sum != 0 || len(want) > 0 && posted[MerchantExpense] != amount {
		t.Fatalf("the ledger sums to %d, %v", sum, posted)
	}
}
