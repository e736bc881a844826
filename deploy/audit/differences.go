package audit

import (
	"context"
	"database/sql"
	"errors"

	"aftercare.dev/deploy/sandbox/payment"
)

// outside is a refund that the payment service has found at the provider without having asked for it.
type outside struct {
	merchant string
	amount   int64
}

// difference is something about which the payment service and the provider do not agree.
type difference struct {
	of                  id // its case
	kind, state, number string
}

// The kinds of differences that the outside world gives cause for, and the state of one that is done with.
const (
	returned = "returned"
	unasked  = "unknown_refund"
	resolved = "resolved"
)

func (a *auditor) readDifferences(ctx context.Context, db *sql.DB) error {
	a.outside, a.differs = map[string]outside{}, nil
	return errors.Join(
		rows(ctx, db, "SELECT refund_number, merchant_id, amount FROM outside_refunds", func(scan func(...any) error) error {
			var number string
			var o outside
			err := scan(&number, &o.merchant, &o.amount)
			if _, again := a.outside[number]; again {
				a.find(Doubled, "outside", number, "a refund outside is written down twice")
			}
			a.outside[number] = o
			return err
		}),
		rows(ctx, db, "SELECT merchant_id, case_id, kind, state, refund_number FROM differences", func(scan func(...any) error) error {
			var d difference
			err := scan(&d.of.merchant, &d.of.id, &d.kind, &d.state, &d.number)
			a.differs = append(a.differs, d)
			return err
		}),
	)
}

// knownOutside tells whether a refund that is none of ours was made on the provider's pages, and is known as that.
func (a *auditor) knownOutside(number string, there paidOut) bool {
	_, known := a.outside[number]
	return known && there.outside
}

// checkOutside holds what counts as refunded outside against the provider's journal.
func (a *auditor) checkOutside() {
	for number, o := range a.outside {
		switch there := a.paid[number]; {
		case !there.outside || there.status != payment.Success:
			a.find(Wrong, "outside", number, "%d count as refunded outside, the provider says %q", o.amount, there.status)
		case there.amount != o.amount:
			a.find(Wrong, "outside", number, "the provider paid %d outside, %d count", there.amount, o.amount)
		}
	}
}

// checkDifferences holds what the payment service found different against the provider's journal, both ways: each success
// that was taken back and each refund outside is found once, and nothing else is.
func (a *auditor) checkDifferences() {
	found := map[[2]string]int{}
	for _, d := range a.differs {
		found[[2]string{d.kind, d.number}]++
		there := a.paid[d.number]
		if caused := d.kind == returned && there.takenBack || d.kind == unasked && there.outside; !caused {
			a.find(Wrong, "difference", d.number, "%s is found, and the provider gave no cause for it", d.kind)
		}
		if c := a.cases[d.of]; c == nil {
			a.find(Lost, "difference", d.number, "%s is found, and its case %s is not known", d.kind, d.of)
		} else if c.status == "closed" && d.state != resolved {
			a.find(Stuck, "difference", d.number, "%s is %s, and its case %s is closed", d.kind, d.state, d.of)
		}
	}
	for number, there := range a.paid {
		if !there.outside && !there.takenBack {
			continue
		}
		kind := returned
		if there.outside {
			kind = unasked
		}
		switch n := found[[2]string{kind, number}]; {
		case n == 0:
			a.find(Lost, "difference", number, "%s, and nobody has found that", kind)
		case n > 1:
			a.find(Doubled, "difference", number, "%s is found %d times", kind, n)
		}
	}
}
