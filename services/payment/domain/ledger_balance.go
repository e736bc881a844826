package domain

import (
	"cmp"
	"slices"
)

// Balance is an account in one currency, in minor units.
type Balance struct {
	Account  Account
	Currency string
	// Debits and Credits are what counts.
	Debits, Credits int64
	// Pending is debits less credits of what is reserved, neither posted nor voided.
	Pending int64
}

// Balance is debits less credits.
func (b Balance) Balance() int64 { return b.Debits - b.Credits }

// Balances adds entries up. The zero value is empty.
type Balances struct {
	of map[accountIn]*Balance
}

type accountIn struct {
	account  Account
	currency string
}

// Add counts an amount that moved in a phase.
func (b *Balances) Add(currency string, phase Phase, leg Leg, amount int64) {
	debit, credit := b.at(leg.Debit, currency), b.at(leg.Credit, currency)
	switch phase {
	case PhaseReserve:
		debit.Pending += amount
		credit.Pending -= amount
		return
	case PhasePost, PhaseVoid:
		debit.Pending -= amount
		credit.Pending += amount
	case PhaseBook, PhaseReversal:
	}
	if phase != PhaseVoid {
		debit.Debits += amount
		credit.Credits += amount
	}
}

func (b *Balances) at(account Account, currency string) *Balance {
	if b.of == nil {
		b.of = map[accountIn]*Balance{}
	}
	key := accountIn{account, currency}
	if b.of[key] == nil {
		b.of[key] = &Balance{Account: account, Currency: currency}
	}
	return b.of[key]
}

// Sorted returns the balances by currency and account.
func (b *Balances) Sorted() []Balance {
	sorted := make([]Balance, 0, len(b.of))
	for _, balance := range b.of {
		sorted = append(sorted, *balance)
	}
	slices.SortFunc(sorted, func(x, y Balance) int {
		return cmp.Or(cmp.Compare(x.Currency, y.Currency), cmp.Compare(x.Account, y.Account))
	})
	return sorted
}
