package chaos

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"slices"
	"time"

	cases "aftercare.dev/services/cases/api"
	notification "aftercare.dev/services/notification/api"
	payment "aftercare.dev/services/payment/api"
)

// aftermath is what the provider does with money when nobody looks any more.
type aftermath int

const (
	// none leaves it where it is.
	none aftermath = iota
	// takenBack is a success that is none: the bank has returned the money.
	takenBack
	// refundedOutside is a refund that somebody makes on the provider's pages.
	refundedOutside
)

const (
	// beyond is how much is refunded outside, in minor units. It is little, so that a repetition whose first answer was lost
	// fits into what was paid, too.
	beyond = 700
	// reminding is after how long the provider tells once more what nobody seems to know.
	reminding = 5 * time.Second
)

// closed tells whether the end of a case that is closed is its last. After the first of two the provider changes what was
// paid, and says so until the case is open again.
func (t *trip) closed(ctx context.Context, c cases.Case) (over bool, err error) {
	if t.path.Afterwards == none || t.reopened {
		t.expect()
		if c.Outcome != nil {
			t.outcome = string(*c.Outcome)
		}
		return true, t.heard(ctx)
	}
	t.ended = true
	if time.Since(t.upsetAt) < reminding {
		return false, nil
	}
	t.upsetAt = time.Now()
	if t.path.Afterwards == takenBack {
		err = t.takeBack(ctx)
	} else {
		err = t.refundOutside(ctx)
	}
	// The notification may be lost, or whoever heard of it: then the morning's comparison carries it to the case.
	t.customer.shop.clock.Morning(ctx)
	return false, err
}

// takeBack has the bank return the first part of the refund.
func (t *trip) takeBack(ctx context.Context) error {
	var refunds payment.RefundPage
	if err := t.as("finance").Ask(ctx, http.MethodGet, "/v1/refunds?case_id="+t.expected.CaseID, "", nil, &refunds); err != nil {
		return err
	}
	if len(refunds.Items) != 1 || len(refunds.Items[0].Parts) == 0 {
		return errors.New("the case has closed, and there is no refund that could come back")
	}
	return t.customer.outside.takeBack(ctx, refunds.Items[0].Parts[0].RefundNumber)
}

// refundOutside has somebody refund a little more on the provider's pages, once.
func (t *trip) refundOutside(ctx context.Context) error {
	if t.madeOutside {
		return nil
	}
	paid := t.customer.order.Payments[len(t.customer.order.Payments)-1]
	err := t.customer.outside.refund(ctx, paid.ProviderReference, beyond, paid.Amount.Amount)
	t.madeOutside = err == nil
	return err
}

// explain is finance who has looked into what the provider paid outside. Said again in the same words it is no second
// time, and the case hears it once more.
func (t *trip) explain(ctx context.Context) error {
	if time.Since(t.upsetAt) < reminding {
		return nil
	}
	t.upsetAt = time.Now()
	var found payment.DifferencePage
	if err := t.as("finance").Ask(ctx, http.MethodGet, "/v1/differences?case_id="+t.expected.CaseID, "", nil, &found); err != nil {
		return err
	}
	for _, d := range found.Items {
		if d.State == payment.Open {
			continue // the case does not know of it yet
		}
		path := "/v1/differences/" + d.DifferenceID + "/resolve"
		if err := t.as("finance").Ask(ctx, http.MethodPost, path, "", map[string]any{"note": "a gesture of the shop"}, nil); err != nil {
			return fmt.Errorf("resolve the difference: %w", err)
		}
	}
	return nil
}

// heard waits until the buyer of a case that was open again has heard of that.
func (t *trip) heard(ctx context.Context) error {
	if !t.reopened {
		return nil
	}
	buyer, err := t.customer.shop.door.Person(t.customer.shop.merchant, "buyer", t.customer.order.BuyerID, patience)
	if err != nil {
		return err
	}
	for begun := time.Now(); ; {
		var inbox notification.InboxPage
		if err := buyer.Ask(ctx, http.MethodGet, "/v1/inbox?limit=200", "", nil, &inbox); err != nil {
			return err
		}
		if slices.ContainsFunc(inbox.Items, func(m notification.InboxMessage) bool {
			return m.CaseID == t.expected.CaseID && m.Type == "case.reopened"
		}) {
			return nil
		}
		if time.Since(begun) > settling {
			return errors.New("the case was open again, and its buyer was not told")
		}
		if _, err := t.read(ctx, t.expected.CaseID, time.Second); err != nil {
			return err
		}
	}
}
