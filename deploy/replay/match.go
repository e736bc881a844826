package replay

import (
	"cmp"
	"slices"

	"aftercare.dev/services/platform/money"
)

// Purchase is a line of an order, with the units that were not given back yet.
type Purchase struct {
	Row
	// Order is the id of the order that the line is in.
	Order string
	left  int64
}

// Return is what a credit draws on one order: one case.
type Return struct {
	// Credit is the line of the credit note.
	Credit   Row
	Order    string
	Customer string
	Lines    []ReturnLine
	// Expected is the money for its units, in pence.
	Expected int64
}

// ReturnLine is some units of one line of the order.
type ReturnLine struct {
	Line     int
	Quantity int64
}

// Matcher knows what every customer bought and finds what a credit gives back.
type Matcher struct {
	bought map[key][]*Purchase
	sorted map[key]bool
}

type key struct{ customer, stock string }

// NewMatcher returns a matcher that knows no purchases.
func NewMatcher() *Matcher {
	return &Matcher{bought: map[key][]*Purchase{}, sorted: map[key]bool{}}
}

// Bought adds a purchase.
func (m *Matcher) Bought(p *Purchase) {
	p.left = p.Quantity
	k := key{p.Customer, p.Stock}
	m.bought[k] = append(m.bought[k], p)
	m.sorted[k] = false
}

// Match draws a credit from the customer's earlier purchases of the product, newest first; of two at the same time the
// later row first. It returns a case for each order that it draws on, or nothing and takes nothing if the purchases do
// not cover it.
func (m *Matcher) Match(credit Row) []Return {
	earlier := m.earlier(credit)
	var covered int64
	for _, p := range earlier {
		covered += p.left
	}
	if covered < credit.Quantity {
		return nil
	}
	var returns []Return
	need := credit.Quantity
	for _, p := range earlier {
		if need == 0 {
			break
		}
		units := min(p.left, need)
		if units == 0 {
			continue
		}
		from := p.Quantity - p.left
		p.left -= units
		need -= units
		i := slices.IndexFunc(returns, func(r Return) bool { return r.Order == p.Order })
		if i < 0 {
			i = len(returns)
			returns = append(returns, Return{Credit: credit, Order: p.Order, Customer: p.Customer})
		}
		returns[i].Lines = append(returns[i].Lines, ReturnLine{Line: p.Line, Quantity: units})
		returns[i].Expected += money.Units(p.Total, p.Quantity, from, from+units)
	}
	return returns
}

// earlier are the purchases before a credit, newest first. Time decides, then the place in the file.
func (m *Matcher) earlier(credit Row) []*Purchase {
	k := key{credit.Customer, credit.Stock}
	bought := m.bought[k]
	if !m.sorted[k] {
		slices.SortFunc(bought, func(a, b *Purchase) int { return -compare(a.Row, b.Row) })
		m.sorted[k] = true
	}
	first := slices.IndexFunc(bought, func(p *Purchase) bool { return compare(p.Row, credit) < 0 })
	if first < 0 {
		return nil
	}
	return bought[first:]
}

func compare(a, b Row) int { return cmp.Or(a.At.Compare(b.At), cmp.Compare(a.Line, b.Line)) }
