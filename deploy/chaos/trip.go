package chaos

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"slices"
	"sync"
	"time"

	"aftercare.dev/deploy/audit"
	"aftercare.dev/deploy/client"
	gateway "aftercare.dev/gateway/api"
	cases "aftercare.dev/services/cases/api"
	"aftercare.dev/services/platform/problem"
)

// patience is how long a person asks for the same thing.
const patience = 5 * time.Minute

// trip is one case on its way. It is for one goroutine.
type trip struct {
	customer *customer
	path     path
	lines    []cases.LineQuantity
	// key names the filing, and tracking the parcels of the case.
	key, tracking string
	// together is how many times at once it is filed, all with the same key.
	together int
	expected audit.Expected

	// acted counts the actions that were taken, since is when the case came to its stage, as it was seen.
	acted map[string]int
	stage cases.Stage
	since time.Time
	// struck is when the clock struck for it last.
	struck time.Time
	// rules are those that are in force, ruled how many there were, outcome is how the case ended.
	rules   []string
	ruled   int
	outcome string
	// ended is set at the first end of a case that has two, and reopened when it was open after that. upsetAt is when its money
	// was last meddled with, or explained.
	ended, reopened, madeOutside bool
	upsetAt                      time.Time
	// withdrawn, inspected, upheld and so on are what was decided, in the words of the outcome.
	withdrawn, finallyRejected, voided, given, paidAnyway bool
	accepted                                              map[string]int64
}

// errLeft says that a case is left as it is: someone or a clock will go on with it when the test is over.
var errLeft = errors.New("left")

// giveUp is how long a case may take, overdue how long a person waits for a system before they act themselves, and stroke
// after how long in one stage the clock strikes, again and again: news that were lost are asked for then.
const (
	giveUp  = 12 * time.Minute
	overdue = 30 * time.Second
	stroke  = 2 * time.Minute
	// briskStroke is the same for those who are in a hurry.
	briskStroke = 15 * time.Second
)

// travel files the case and does whatever it waits for, to its end.
func (t *trip) travel(ctx context.Context) error {
	ctx, stop := context.WithTimeout(ctx, giveUp)
	defer stop()
	defer func() { t.release(context.WithoutCancel(ctx)) }()
	if err := t.arrange(ctx, t.path.moneyFaults(), t.payments("out_trade_no")); err != nil {
		return err
	}
	found, err := t.file(ctx)
	if err != nil {
		return err
	}
	t.expected.CaseID = found.CaseID
	if err := t.arrange(ctx, t.path.parcelFaults(), []map[string]string{{"remark": found.CaseID + "-s1"}}); err != nil {
		return err
	}
	return t.finish(ctx)
}

// finish does whatever the case waits for, to its end.
func (t *trip) finish(ctx context.Context) error {
	for pause := time.Duration(0); ; {
		found, err := t.read(ctx, t.expected.CaseID, pause)
		if err != nil {
			return err
		}
		if found.Stage != t.stage {
			t.stage, t.since, t.struck = found.Stage, time.Now(), time.Now()
		}
		t.strike(ctx, found)
		did, over := false, false
		if found.Status == cases.StatusClosed {
			over, err = t.closed(ctx, found)
		} else {
			t.reopened = t.ended
			did, err = t.advance(ctx, found)
		}
		switch {
		case err != nil || over:
			return err
		case did:
			pause = 0
		default:
			pause = min(pause+200*time.Millisecond, time.Second)
		}
	}
}

// strike has the clock strike for a case that stands still.
func (t *trip) strike(ctx context.Context, c cases.Case) {
	if time.Since(t.struck) < t.customer.shop.stroke {
		return
	}
	t.struck = time.Now()
	shipmentID := ""
	if c.Shipment != nil {
		shipmentID = c.Shipment.ShipmentID
	}
	t.customer.shop.clock.Strike(ctx, c.MerchantID, c.CaseID, shipmentID)
}

// read reads the case after a pause.
func (t *trip) read(ctx context.Context, id string, pause time.Duration) (cases.Case, error) {
	select {
	case <-ctx.Done():
		return cases.Case{}, fmt.Errorf("it is %s since %s: %w", t.stage, time.Since(t.since).Round(time.Second), ctx.Err())
	case <-time.After(pause):
	}
	var found cases.Case
	err := t.as("storefront").Ask(ctx, http.MethodGet, "/v1/cases/"+id, "", nil, &found)
	return found, err
}

func (t *trip) as(role string) client.Person { return t.customer.shop.people[role] }

// file files the case, as often at once as it is to be, and checks that it is one.
func (t *trip) file(ctx context.Context) (cases.Case, error) {
	found, errs := make([]cases.Case, t.together), make([]error, t.together)
	var filing sync.WaitGroup
	for i := range t.together {
		filing.Go(func() { found[i], errs[i] = t.fileOnce(ctx) })
	}
	filing.Wait()
	for _, c := range found {
		if c.CaseID != found[0].CaseID && errors.Join(errs...) == nil {
			return cases.Case{}, fmt.Errorf("the same filing is the cases %s and %s", found[0].CaseID, c.CaseID)
		}
	}
	return found[0], errors.Join(errs...)
}

func (t *trip) fileOnce(ctx context.Context) (cases.Case, error) {
	var found cases.Case
	status, err := t.as("storefront").Answer(ctx, http.MethodPost, "/v1/cases", t.key, gateway.CaseInput{
		OrderID: t.customer.orderID, Type: cases.ReturnRefund, Reason: t.path.Reason, Lines: t.lines,
	}, &found)
	if err != nil || status != http.StatusAccepted {
		return found, err
	}
	// It is durable, and can be read once it is judged.
	for id := found.CaseID; ; {
		if found, err = t.read(ctx, id, 500*time.Millisecond); err == nil || !refusedWith(err, http.StatusNotFound) {
			return found, err
		}
	}
}

// do takes an action on the case. False means that it is not possible now, or that somebody was faster.
func (t *trip) do(ctx context.Context, role, action string, body any) (bool, error) {
	if body == nil {
		body = map[string]any{}
	}
	key := fmt.Sprintf("%s-%s-%d", t.expected.CaseID, action, t.acted[action])
	err := t.as(role).Ask(ctx, http.MethodPost, "/v1/cases/"+t.expected.CaseID+"/"+action, key, body, nil)
	if refusedWith(err, http.StatusConflict) {
		return false, nil
	}
	if err != nil {
		return false, fmt.Errorf("%s: %w", action, err)
	}
	t.acted[action]++
	return true, nil
}

// waitsFor tells whether a case offers an action.
func waitsFor(c cases.Case, action string) bool {
	return slices.ContainsFunc(c.NextActions, func(next cases.NextAction) bool { return next.Action == action })
}

// arrange has the outside world misbehave towards this case.
func (t *trip) arrange(ctx context.Context, faults []fault, matches []map[string]string) error {
	for i, f := range faults {
		for k, match := range matches {
			name := fmt.Sprintf("%s-%s-%d-%d", t.key, f.System, i, k)
			if err := t.customer.outside.rule(ctx, name, f, match); err != nil {
				return fmt.Errorf("have the %s misbehave: %w", f.System, err)
			}
			t.rules = append(t.rules, name)
			t.ruled++
		}
	}
	return nil
}

// release ends the misbehaviour.
func (t *trip) release(ctx context.Context) {
	for _, name := range t.rules {
		// A rule that stays in force is about this case alone.
		_ = t.customer.outside.forget(ctx, name)
	}
	t.rules = nil
}

// payments are how rules know the refunds of the case: by the payment's number, which each system has under a name of its
// own. That of the insurer is the number of the policy, too.
func (t *trip) payments(name string) []map[string]string {
	var matches []map[string]string
	for _, p := range t.customer.order.Payments {
		matches = append(matches, map[string]string{name: p.ProviderReference})
	}
	return matches
}

func (p path) moneyFaults() []fault {
	faults := slices.DeleteFunc(slices.Clone(p.Faults), func(f fault) bool { return f.System != "payment" })
	if p.Outcome != "" {
		faults = append(faults, fault{System: "payment", Operation: "refund", Effect: "outcome", Outcome: p.Outcome})
	}
	return faults
}

func (p path) insurerFaults() []fault {
	return slices.DeleteFunc(slices.Clone(p.Faults), func(f fault) bool { return f.System != "insurer" })
}

func (p path) parcelFaults() []fault {
	faults := slices.DeleteFunc(slices.Clone(p.Faults), func(f fault) bool { return f.System != "carrier" })
	if p.Parcel != "" && p.Pickup {
		faults = append(faults, fault{System: "carrier", Operation: "bOrder", Effect: "outcome", Outcome: p.Parcel})
	}
	return faults
}

// expect says how the case must have ended, by what was decided.
func (t *trip) expect() {
	e := &t.expected
	switch {
	case t.path.Silent:
		e.Outcomes = []string{"expired"}
	case t.withdrawn && t.paidAnyway:
		e.Outcomes = []string{"withdrawn", "refunded"}
	case t.withdrawn:
		e.Outcomes = []string{"withdrawn"}
	case t.voided:
		// Of an order with two payments the provider may have paid one back.
		e.Outcomes = []string{"resolved", "partly_refunded"}
	case t.given:
		e.Outcomes = []string{"resolved"}
	case t.finallyRejected:
		e.Outcomes = []string{"rejected"}
	default:
		t.expectMoney()
	}
}

// expectMoney says what a case must have ended with that came to its refund.
func (t *trip) expectMoney() {
	e := &t.expected
	if t.accepted == nil {
		t.accepted = map[string]int64{}
		for _, l := range t.lines {
			t.accepted[l.LineID] = l.Quantity
		}
	}
	all, none := true, true
	for _, l := range t.lines {
		all, none = all && t.accepted[l.LineID] == l.Quantity, none && t.accepted[l.LineID] == 0
	}
	e.Accepted = t.accepted
	switch {
	case none:
		e.Outcomes = []string{"rejected"}
	case all && e.Deducted == 0:
		e.Outcomes = []string{"refunded"}
	default:
		e.Outcomes = []string{"partly_refunded"}
	}
}

// refusedWith tells that a request was answered with a refusal of this status.
func refusedWith(err error, status int) bool {
	p, ok := problem.As(err)
	return ok && p.Status == status
}
