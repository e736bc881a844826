// Package money is exact arithmetic on amounts in minor units: 1999 CNY is ¥19.99.
//
// An amount is bounded by [Max], so that a sum of a thousand amounts still fits an int64;
// every operation that could leave the bound returns an error instead of a wrong number.
// Nothing here rounds twice: what is split adds up to what was there.
package money

import (
	"encoding/json"
	"errors"
	"fmt"
)

// Max is the largest absolute amount in minor units that a [Money] may hold: nine trillion
// units of a currency with two decimals. A thousand of them still fit an int64.
const Max int64 = 9_000_000_000_000_00

var (
	// ErrCurrency says that two amounts are not in the same currency.
	ErrCurrency = errors.New("amounts are in different currencies")
	// ErrRange says that an amount is beyond [Max] in either direction.
	ErrRange = errors.New("amount is out of range")
	// ErrInvalidCurrency says that a currency is not three upper-case letters.
	ErrInvalidCurrency = errors.New("currency must be three upper-case letters")
)

// Money is an amount in minor units of a currency, in the shape that every contract of the
// house uses on the wire. The zero value is no money in no currency and is invalid: use [New].
type Money struct {
	// Amount counts minor units (fen, cents); it may be negative.
	Amount int64 `json:"amount"`
	// Currency is an ISO 4217 code, such as CNY.
	Currency string `json:"currency"`
}

// New returns the amount, or an error if the currency is malformed or the amount is beyond [Max].
func New(amount int64, currency string) (Money, error) {
	m := Money{Amount: amount, Currency: currency}
	if err := m.Validate(); err != nil {
		return Money{}, err
	}
	return m, nil
}

// Zero returns no money in the currency.
func Zero(currency string) (Money, error) {
	return New(0, currency)
}

// Validate tells whether the amount could have come from [New]; use it on what was decoded.
func (m Money) Validate() error {
	if err := ValidateCurrency(m.Currency); err != nil {
		return err
	}
	if m.Amount > Max || m.Amount < -Max {
		return fmt.Errorf("%w: %d", ErrRange, m.Amount)
	}
	return nil
}

// ValidateCurrency tells whether the code has the form of ISO 4217. It does not look it up in a list,
// because a list inside a program is out of date one day.
func ValidateCurrency(code string) error {
	if len(code) != 3 {
		return fmt.Errorf("%w: %q", ErrInvalidCurrency, code)
	}
	for i := range len(code) {
		if code[i] < 'A' || code[i] > 'Z' {
			return fmt.Errorf("%w: %q", ErrInvalidCurrency, code)
		}
	}
	return nil
}

// Add returns m + other.
func (m Money) Add(other Money) (Money, error) {
	return m.plus(other.Amount, other)
}

// Sub returns m − other, which may be negative.
func (m Money) Sub(other Money) (Money, error) {
	return m.plus(-other.Amount, other)
}

// plus relies on the bound: two amounts within it cannot overflow an int64.
func (m Money) plus(amount int64, other Money) (Money, error) {
	if err := m.Validate(); err != nil {
		return Money{}, err
	}
	if err := other.Validate(); err != nil {
		return Money{}, err
	}
	if m.Currency != other.Currency {
		return Money{}, fmt.Errorf("%w: %s and %s", ErrCurrency, m.Currency, other.Currency)
	}
	return New(m.Amount+amount, m.Currency)
}

// Compare returns −1, 0 or +1 as m is less than, equal to or greater than other.
func (m Money) Compare(other Money) (int, error) {
	difference, err := m.Sub(other)
	switch {
	case err != nil:
		return 0, err
	case difference.Amount < 0:
		return -1, nil
	case difference.Amount > 0:
		return +1, nil
	}
	return 0, nil
}

// IsZero tells whether there is no money, whatever the currency.
func (m Money) IsZero() bool { return m.Amount == 0 }

// IsNegative tells whether the amount is below zero.
func (m Money) IsNegative() bool { return m.Amount < 0 }

// IsPositive tells whether the amount is above zero.
func (m Money) IsPositive() bool { return m.Amount > 0 }

// String prints minor units and currency, "1999 CNY", for logs; it is no price tag, because the
// number of decimals belongs to the currency and the reader's language.
func (m Money) String() string {
	return fmt.Sprintf("%d %s", m.Amount, m.Currency)
}

// UnmarshalJSON refuses what [New] refuses, so that a decoded amount is a valid one.
func (m *Money) UnmarshalJSON(data []byte) error {
	var wire struct {
		Amount   *int64 `json:"amount"`
		Currency string `json:"currency"`
	}
	if err := json.Unmarshal(data, &wire); err != nil {
		return fmt.Errorf("money: %w", err)
	}
	if wire.Amount == nil {
		return errors.New("money: amount is missing")
	}
	decoded, err := New(*wire.Amount, wire.Currency)
	if err != nil {
		return fmt.Errorf("money: %w", err)
	}
	*m = decoded
	return nil
}
