package replay

import (
	"errors"
	"io"
	"slices"
)

// Order is an invoice of one customer.
type Order struct {
	ID       string
	Customer string
	Lines    []*Purchase
}

// Plan is what an export asks for.
type Plan struct {
	// Orders are those to load, in the order of the file.
	Orders []*Order
	// Returns are the cases to file, in the order of the file.
	Returns []Return
	// Credits counts the credit-note lines that were matched.
	Credits int
	// Unmatched are credit-note lines that no purchase covers in full.
	Unmatched []Row
	Rejected  []Rejected
	// Expected is the money for all returns, in pence.
	Expected int64
}

// Read plans an export. A limit stops after so many matched credit-note lines and keeps only the orders that they need;
// 0 means everything.
func Read(export *Export, limit int) (*Plan, error) {
	plan := &Plan{}
	matcher := NewMatcher()
	orders := map[string]*Order{}
	for limit == 0 || plan.Credits < limit {
		row, rejected, err := export.Next()
		if errors.Is(err, io.EOF) {
			break
		}
		switch {
		case err != nil:
			return nil, err
		case rejected != nil:
			plan.Rejected = append(plan.Rejected, *rejected)
		case row.Credit:
			plan.credit(row, matcher.Match(row))
		default:
			id := orderID(orders, row)
			purchase := &Purchase{Row: row, Order: id}
			order, known := orders[id]
			if !known {
				order = &Order{ID: id, Customer: row.Customer}
				orders[id] = order
				plan.Orders = append(plan.Orders, order)
			}
			order.Lines = append(order.Lines, purchase)
			matcher.Bought(purchase)
		}
	}
	if limit > 0 {
		plan.keepNeeded()
	}
	return plan, nil
}

// orderID is the invoice, or invoice and customer where one invoice has several.
func orderID(orders map[string]*Order, row Row) string {
	if first, known := orders[row.Invoice]; known && first.Customer != row.Customer {
		return row.Invoice + "-" + row.Customer
	}
	return row.Invoice
}

func (p *Plan) credit(row Row, returns []Return) {
	if len(returns) == 0 {
		p.Unmatched = append(p.Unmatched, row)
		return
	}
	p.Credits++
	p.Returns = append(p.Returns, returns...)
	for _, r := range returns {
		p.Expected += r.Expected
	}
}

func (p *Plan) keepNeeded() {
	needed := map[string]bool{}
	for _, r := range p.Returns {
		needed[r.Order] = true
	}
	p.Orders = slices.DeleteFunc(p.Orders, func(o *Order) bool { return !needed[o.ID] })
}
