package audit

import (
	"context"
	"database/sql"
	"strings"

	"aftercare.dev/deploy/sandbox/payment"
)

// The accounts of the ledger that tell where the money of a refund is. What a provider paid is in the first, followed by
// the provider's name.
const (
	clearing = "provider_clearing:"
	manual   = clearing + "manual"
	payable  = "buyer_payable"
)

// refundOutside is the kind of what is booked about a refund that was made on the provider's pages.
const refundOutside = "refund_outside"

// thread is what is booked about one refund number or booking.
type thread struct {
	caseID, bearer, currency, kind    string
	amount                            int64
	reserves, posts, voids, reversals int
	// throughProvider and byHand have reached the buyer, owed has not.
	throughProvider, byHand, owed int64
}

// checkLedger adds the ledger up, and holds each refund number in it against the provider's journal.
func (a *auditor) checkLedger(ctx context.Context) error {
	threads := map[id]*thread{}
	balances := map[[3]string]int64{}
	err := a.in(ctx, "payment", func(db *sql.DB) error {
		return rows(ctx, db, `SELECT merchant_id, subject, phase, kind, case_id, bearer, debit_account, credit_account, currency, amount
			FROM ledger_entries`, func(scan func(...any) error) error {
			var key id
			var phase, kind, caseID, bearer, debit, credit, currency string
			var amount int64
			if err := scan(&key.merchant, &key.id, &phase, &kind, &caseID, &bearer, &debit, &credit, &currency, &amount); err != nil {
				return err
			}
			a.report.LedgerEntries++
			t := threads[key]
			if t == nil {
				t = &thread{caseID: caseID, amount: amount, bearer: bearer, currency: currency, kind: kind}
				threads[key] = t
			}
			if t.amount != amount || t.caseID != caseID || t.bearer != bearer || t.currency != currency || t.kind != kind {
				a.find(Wrong, "ledger", key, "its entries do not speak of the same money")
			}
			t.count(phase, debit, credit, amount)
			if phase != "reserve" && phase != "void" {
				balances[[3]string{key.merchant, currency, debit}] += amount
				balances[[3]string{key.merchant, currency, credit}] -= amount
			}
			return nil
		})
	})
	if err != nil {
		return err
	}
	for _, balance := range balances {
		a.report.LedgerSum += balance
	}
	if a.report.LedgerSum != 0 {
		a.find(Wrong, "ledger", "", "all accounts add up to %d", a.report.LedgerSum)
	}
	a.holdThreads(threads)
	return nil
}

func (t *thread) count(phase, debit, credit string, amount int64) {
	switch phase {
	case "reserve":
		t.reserves++
		return
	case "void":
		t.voids++
		return
	case "post":
		t.posts++
	case "reversal":
		t.reversals++
	}
	for account, change := range map[string]int64{debit: -amount, credit: amount} {
		switch {
		case account == manual:
			t.byHand += change
		case strings.HasPrefix(account, clearing):
			t.throughProvider += change
		case account == payable:
			t.owed += change
		}
	}
}

// holdThreads holds what is booked about each refund number against its part and the provider's journal, both ways.
func (a *auditor) holdThreads(threads map[id]*thread) {
	for number, p := range a.parts {
		t := threads[id{p.refund.merchant, number}]
		if t == nil {
			a.find(Lost, "ledger", number, "the refund is %s, nothing is booked", p.state)
			continue
		}
		paid := int64(0)
		if a.paid[number].status == payment.Success {
			paid = a.paid[number].amount
		}
		byHand := int64(0)
		if p.state == paidManually {
			byHand = p.amount
		}
		over := p.state == succeeded || p.state == paidManually || p.state == voided
		switch {
		case t.throughProvider != paid:
			a.find(Wrong, "ledger", number, "the provider paid %d, the ledger says %d", paid, t.throughProvider)
		case t.byHand != byHand:
			a.find(Wrong, "ledger", number, "%d were transferred by hand, the ledger says %d", byHand, t.byHand)
		case t.reserves != 1 || t.posts+t.voids > 1:
			a.find(Wrong, "ledger", number, "it is reserved %d times, posted %d times and voided %d times", t.reserves, t.posts, t.voids)
		case over && t.posts+t.voids != 1:
			a.find(Stuck, "ledger", number, "the refund is %s, what was reserved is still pending", p.state)
		case over && t.owed != 0:
			a.find(Stuck, "ledger", number, "the refund is %s, the buyer is still owed %d", p.state, t.owed)
		case a.paid[number].takenBack && t.reversals == 0:
			a.find(Wrong, "ledger", number, "the provider took %d back, and the ledger has no reversal", p.amount)
		case t.kind != "refund" || t.caseID == "" || t.bearer == "":
			a.find(Wrong, "ledger", number, "its entries do not name a refund, its case and bearer")
		}
	}
	a.holdOutside(threads)
	for key, t := range threads {
		if _, ours := a.parts[key.id]; !ours && t.throughProvider != 0 && a.paid[key.id].status != payment.Success {
			a.find(Wrong, "ledger", key, "%d are booked as paid by a provider, who knows of nothing", t.throughProvider)
		}
		if t.caseID != "" && a.cases[id{key.merchant, t.caseID}] == nil {
			a.find(Wrong, "ledger", key, "its case %s is not known", t.caseID)
		}
	}
}

// holdOutside holds what is booked about refunds outside against the provider's journal: each is booked once, as paid.
func (a *auditor) holdOutside(threads map[id]*thread) {
	for number, o := range a.outside {
		t := threads[id{o.merchant, number}]
		switch {
		case t == nil:
			a.find(Lost, "ledger", number, "%d were refunded outside, nothing is booked", o.amount)
		case t.kind != refundOutside || t.caseID == "" || t.bearer == "":
			a.find(Wrong, "ledger", number, "its entries do not name a refund outside, its case and bearer")
		case t.throughProvider != a.paid[number].amount || t.posts != 1 || t.owed != 0:
			a.find(Wrong, "ledger", number, "the provider paid %d outside, the ledger says %d in %d posts and owes %d",
				a.paid[number].amount, t.throughProvider, t.posts, t.owed)
		}
	}
	for key, t := range threads {
		if o, known := a.outside[key.id]; t.kind == refundOutside && (!known || o.merchant != key.merchant) {
			a.find(Doubled, "ledger", key, "%d are booked as refunded outside, and were not", t.amount)
		}
	}
}
