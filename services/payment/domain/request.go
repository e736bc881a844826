// Package domain holds the rules of refunds: what may be asked, how an amount is split over the
// payments of an order, and how a part of a refund moves from reserved to settled. It does no I/O.
package domain

import (
	"cmp"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"slices"

	"aftercare.dev/services/platform/money"
	"aftercare.dev/services/platform/problem"
)

// MaxLines is how many lines one refund may name; the contract says the same.
const MaxLines = 2000

// FreightLine is the id under which the freight of an order is guarded like one of its lines. No
// order line can have it: ids of the contract begin with a letter or a digit.
const FreightLine = "_freight"

// LineAmount is what to give back for one line, in minor units of the request's currency.
type LineAmount struct {
	LineID string `json:"line_id"`
	Amount int64  `json:"amount"`
}

// Request is what a caller asks to refund. Use [NewRequest]. The JSON names are those of [Request.Hash],
// which is stored: they stay when a field is renamed.
type Request struct {
	CaseID   string `json:"case_id"`
	OrderID  string `json:"order_id"`
	Currency string `json:"currency"`
	Reason   string `json:"reason"`
	// Lines are sorted by id, unique, and above zero; the freight is among them as [FreightLine].
	// Every transaction takes its rows in this order, so that two of them never wait for each other.
	Lines []LineAmount `json:"lines"`
	// Total of the lines, above zero.
	Total int64 `json:"total"`
}

// Asked is an amount as it came from outside.
type Asked struct {
	LineID string
	Amount money.Money
}

// NewRequest checks what was asked. Lines of zero are dropped. It refuses, with the field named, a
// line that is named twice, an amount below zero or in another currency, and a refund of nothing.
func NewRequest(caseID, orderID, currency, reason string, lines []Asked, freight *money.Money) (Request, error) {
	if err := money.ValidateCurrency(currency); err != nil {
		return Request{}, problem.Invalid("currency", "must be three capital letters, such as CNY")
	}
	if len(lines) > MaxLines {
		return Request{}, problem.Invalid("lines", fmt.Sprintf("must be %d at most; split the refund", MaxLines))
	}
	r := Request{CaseID: caseID, OrderID: orderID, Currency: currency, Reason: reason}
	total := money.Money{Currency: currency}
	add := func(field, lineID string, amount money.Money) error {
		if amount.IsNegative() {
			return problem.Invalid(field, "must not be below zero")
		}
		sum, err := total.Add(amount)
		if err != nil {
			return problem.Invalid(field, "must be in "+currency+", the currency of the refund, and within the limits of an amount")
		}
		total = sum
		if amount.IsPositive() {
			r.Lines = append(r.Lines, LineAmount{LineID: lineID, Amount: amount.Amount})
		}
		return nil
	}
	seen := make(map[string]bool, len(lines))
	for i, line := range lines {
		if seen[line.LineID] || line.LineID == FreightLine {
			return Request{}, problem.Invalid(fmt.Sprintf("lines[%d].line_id", i), "is named twice; add the amounts up")
		}
		seen[line.LineID] = true
		if err := add(fmt.Sprintf("lines[%d].amount", i), line.LineID, line.Amount); err != nil {
			return Request{}, err
		}
	}
	if freight != nil {
		if err := add("freight", FreightLine, *freight); err != nil {
			return Request{}, err
		}
	}
	if total.IsZero() {
		return Request{}, problem.Unprocessable("nothing_to_refund", "the amounts add up to zero; there is nothing to refund")
	}
	slices.SortFunc(r.Lines, func(a, b LineAmount) int { return cmp.Compare(a.LineID, b.LineID) })
	r.Total = total.Amount
	return r, nil
}

// Hash identifies the content: requests that mean the same have the same hash, whatever the order of
// their lines.
func (r Request) Hash() string {
	canonical, err := json.Marshal(r)
	if err != nil {
		panic(err) // strings and numbers always encode
	}
	sum := sha256.Sum256(canonical)
	return hex.EncodeToString(sum[:])
}
