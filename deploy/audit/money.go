package audit

import (
	"context"
	"database/sql"
	"errors"

	"aftercare.dev/deploy/sandbox/payment"
)

// The states of a part of a refund, and of a refund.
const (
	reserved     = "reserved"
	processing   = "processing"
	unknown      = "unknown"
	succeeded    = "succeeded"
	closed       = "closed"
	abnormal     = "abnormal"
	refused      = "refused"
	paidManually = "paid_manually"
	voided       = "voided"
)

// agrees tells whether a part of a refund may be in a state when the provider's journal has the refund in another, empty
// if it has none.
func agrees(state, journal string) bool {
	switch state {
	case succeeded:
		return journal == payment.Success
	case reserved, refused:
		return journal == ""
	case processing, unknown:
		return journal == payment.Processing
	case abnormal:
		return journal == payment.Abnormal
	case closed:
		return journal == payment.Closed
	case paidManually, voided:
		return journal != payment.Success && journal != payment.Processing
	default:
		return false
	}
}

// checkRefunds holds each refund number against the provider's journal, both ways.
func (a *auditor) checkRefunds() {
	for number, p := range a.parts {
		there, sent := a.paid[number]
		switch {
		case sent && (there.amount != p.amount || there.total != p.total || there.trade != p.reference):
			a.find(Wrong, "refund", number, "the provider has %d of %d for %s, the refund is %d of %d for %s",
				there.amount, there.total, there.trade, p.amount, p.total, p.reference)
		case agrees(p.state, there.status):
		case there.status == payment.Success && (p.state == paidManually || p.state == voided):
			a.find(Doubled, "refund", number, "the provider paid it although it is %s", p.state)
		case p.state == succeeded:
			a.find(Lost, "refund", number, "it counts as paid, the provider says %q", there.status)
		case there.status == payment.Success:
			a.find(Stuck, "refund", number, "the provider has paid it, and it is still %s", p.state)
		default:
			a.find(Wrong, "refund", number, "it is %s, the provider says %q", p.state, there.status)
		}
	}
	for number, there := range a.paid {
		if _, known := a.parts[number]; !known && !a.knownOutside(number, there) {
			a.find(Doubled, "refund", number, "the provider has a refund of %d, %s, that nobody knows of", there.amount, there.status)
		}
	}
	a.checkIntents()
}

// checkIntents holds the parts of each refund together, and the refunds of each case.
func (a *auditor) checkIntents() {
	byCase := map[id]int64{}
	for key, r := range a.refunds {
		sum, moved := int64(0), int64(0)
		for _, number := range r.parts {
			p := a.parts[number]
			sum += p.amount
			if p.state == succeeded || p.state == paidManually {
				moved += p.amount
			}
		}
		c := id{key.merchant, r.caseID}
		byCase[c] += moved
		if sum != r.amount {
			a.find(Wrong, "refund", key, "its parts add up to %d, it is %d", sum, r.amount)
		}
		if final := r.state == succeeded || r.state == paidManually; final && moved != r.amount {
			a.find(Lost, "refund", key, "it is %s, and %d of %d moved", r.state, moved, r.amount)
		}
		if a.cases[c] == nil {
			a.find(Wrong, "refund", key, "its case %s is not known", c)
		}
	}
	for key, c := range a.cases {
		a.checkCaseMoney(key, c, byCase[key])
	}
}

// checkCaseMoney holds what a case says against what moved for it.
func (a *auditor) checkCaseMoney(key id, c *record, moved int64) {
	shown := int64(0)
	if c.document.Refund != nil {
		shown = c.document.Refund.Amount.Amount
		if settled := c.document.Refund.Refunded; settled != nil {
			shown = settled.Amount
		}
	}
	if c.status != "closed" {
		return
	}
	switch c.outcome {
	case "refunded", "partly_refunded":
		switch {
		case moved > shown:
			a.find(Doubled, "case money", key, "it is worth %d, and %d was paid", shown, moved)
		case moved < shown || moved == 0:
			a.find(Lost, "case money", key, "it ended %s with %d, and %d was paid", c.outcome, shown, moved)
		}
	case "expired":
		if moved > 0 {
			a.find(Wrong, "case money", key, "it expired, and %d was paid", moved)
		}
	default:
		if moved > 0 && moved != shown {
			a.find(Wrong, "case money", key, "it ended %s with %d, and %d was paid", c.outcome, shown, moved)
		}
	}
}

// readLimits holds what was taken from each line and payment against what was paid for it.
func (a *auditor) readLimits(ctx context.Context, db *sql.DB) error {
	const lines = `SELECT l.merchant_id, l.order_id, l.line_id, l.paid, l.refunded, COALESCE(t.taken, 0)
		FROM paid_lines l LEFT JOIN (
			SELECT r.merchant_id, r.order_id, rl.line_id, SUM(rl.amount - rl.released) AS taken
			FROM refunds r JOIN refund_lines rl ON rl.merchant_id = r.merchant_id AND rl.refund_id = r.refund_id
			GROUP BY r.merchant_id, r.order_id, rl.line_id
		) t ON t.merchant_id = l.merchant_id AND t.order_id = l.order_id AND t.line_id = l.line_id
		WHERE l.refunded <> COALESCE(t.taken, 0) OR l.refunded > l.paid`
	// What was refunded outside counts, too, but for what it was beyond what was left.
	const payments = `SELECT p.merchant_id, p.order_id, p.payment_id, p.paid, p.refunded, COALESCE(t.taken, 0)
		FROM paid_payments p LEFT JOIN (
			SELECT merchant_id, order_id, payment_id, SUM(amount) AS taken FROM refund_parts WHERE state <> 'voided'
			GROUP BY merchant_id, order_id, payment_id
		) t ON t.merchant_id = p.merchant_id AND t.order_id = p.order_id AND t.payment_id = p.payment_id
		LEFT JOIN (
			SELECT merchant_id, order_id, payment_id, SUM(amount) AS more FROM outside_refunds GROUP BY merchant_id, order_id, payment_id
		) o ON o.merchant_id = p.merchant_id AND o.order_id = p.order_id AND o.payment_id = p.payment_id
		LEFT JOIN (
			SELECT merchant_id, order_id, payment_id, SUM(overpaid) AS beyond FROM differences GROUP BY merchant_id, order_id, payment_id
		) d ON d.merchant_id = p.merchant_id AND d.order_id = p.order_id AND d.payment_id = p.payment_id
		WHERE p.refunded <> COALESCE(t.taken, 0) OR p.refunded + COALESCE(o.more, 0) - COALESCE(d.beyond, 0) > p.paid`
	var err error
	for what, query := range map[string]string{"line": lines, "payment": payments} {
		err = errors.Join(err, rows(ctx, db, query, func(scan func(...any) error) error {
			var o id
			var name string
			var paid, refunded, taken int64
			err := scan(&o.merchant, &o.id, &name, &paid, &refunded, &taken)
			a.find(Wrong, "limit", o, "of %s %s %d was paid, %d counts as refunded, and refunds took %d", what, name, paid, refunded, taken)
			return err
		}))
	}
	return err
}

// checkLimits holds what the provider paid for each payment against what it was worth.
func (a *auditor) checkLimits() {
	paid, total := map[string]int64{}, map[string]int64{}
	for _, there := range a.paid {
		total[there.trade] = there.total
		if there.status == payment.Success {
			paid[there.trade] += there.amount
		}
	}
	for trade, sum := range paid {
		if sum > total[trade] {
			a.find(Doubled, "limit", trade, "the provider paid %d back of %d", sum, total[trade])
		}
	}
}

// checkWorth computes what the units that each case returned are worth.
func (a *auditor) checkWorth() {
	deducted := map[id]int64{}
	sure := map[id]bool{}
	for _, e := range a.expected {
		key := id{e.MerchantID, e.CaseID}
		deducted[key], sure[key] = e.Deducted, e.Accepted != nil
	}
	for key, r := range a.refunds {
		c := id{key.merchant, r.caseID}
		o := a.orders[id{key.merchant, r.orderID}]
		if !sure[c] || o == nil {
			continue
		}
		worth := int64(0)
		for _, h := range o.held {
			if h.caseID == r.caseID && h.state == "returned" {
				worth += o.lines[h.line].worth(h.from, h.to)
			}
		}
		// A deduction falls away when the buyer contests it with success. The freight out comes with the last unit.
		full, least := worth, worth-deducted[c]
		if r.amount != full && r.amount != least && o.completing != r.caseID {
			a.find(Wrong, "worth", key, "its units are worth %d, less %d; the refund is %d", worth, deducted[c], r.amount)
		}
		if o.completing == r.caseID && r.amount < least {
			a.find(Wrong, "worth", key, "its units are worth %d, less %d, and the freight; the refund is %d", worth, deducted[c], r.amount)
		}
	}
}

// worth is what the units from one number to another are worth, in minor units: what was paid for all up to the one, less
// what was paid for all up to the other, each rounded down. The parts of a line add up to what was paid for it.
func (l soldLine) worth(from, to int64) int64 {
	if l.quantity == 0 {
		return 0
	}
	return l.paid*to/l.quantity - l.paid*from/l.quantity
}
