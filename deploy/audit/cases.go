package audit

import (
	"context"
	"fmt"
	"slices"
	"time"

	"aftercare.dev/gateway/api"
	cases "aftercare.dev/services/cases/api"
	"aftercare.dev/services/platform/httpclient"
)

// standing is what an open case says of itself at the gateway.
type standing struct {
	stage string
	// waits is empty if a person or a clock is named that ends the wait, else what is wrong.
	waits string
}

// late is how long a deadline may be over before nothing has come of it.
const late = 2 * time.Minute

// readOpen reads all open cases as people see them.
func (a *auditor) readOpen(ctx context.Context) error {
	a.open = map[id]standing{}
	for _, merchant := range a.Merchants {
		staff, err := a.Door.As(merchant, "administrator", "audit")
		if err != nil {
			return err
		}
		status, limit := cases.StatusOpen, 100
		params := &api.ListCasesParams{Status: &status, Limit: &limit}
		for more := true; more; {
			answer, err := staff.ListCasesWithResponse(ctx, params)
			if err != nil {
				return err
			}
			page, err := httpclient.Check(answer.StatusCode(), answer.Body, answer.JSON200)
			if err != nil {
				return err
			}
			for _, c := range page.Items {
				a.open[id{merchant, c.CaseID}] = standing{stage: string(c.Stage), waits: silent(c, time.Now())}
			}
			params.Cursor, more = page.NextCursor, page.NextCursor != nil
		}
	}
	return nil
}

// people are the roles that act on their own.
var people = []string{"storefront", "buyer", "agent", "warehouse", "finance", "operator", "administrator"}

// silent says why nobody and nothing ends the wait of a case; empty if somebody or something does.
func silent(c cases.Case, now time.Time) string {
	named := "nobody is expected and no clock runs"
	for _, next := range c.NextActions {
		if next.Deadline != nil {
			if over := now.Sub(*next.Deadline); over > late {
				named = fmt.Sprintf("%s should have been over %s ago", next.Action, over.Round(time.Second))
				continue
			}
			return ""
		}
		// A withdrawal is the buyer's right and nothing that anybody waits for.
		if next.Action != "withdraw" && slices.ContainsFunc(next.Actors, func(role string) bool { return slices.Contains(people, role) }) {
			return ""
		}
	}
	return named
}

// checkCases holds what people see against what is recorded.
func (a *auditor) checkCases() {
	for key, c := range a.cases {
		at, listed := a.open[key]
		switch {
		case c.status == "open" && !listed && slices.Contains(a.Merchants, key.merchant):
			a.find(Wrong, "case", key, "it is open and not listed as open")
		case c.status == "closed" && listed:
			a.find(Wrong, "case", key, "it is closed and listed as open")
		case listed && at.waits != "":
			a.find(Stuck, "case", key, "in %s %s", at.stage, at.waits)
		case listed:
			a.report.Waiting++
		}
		if c.status == "closed" && c.outcome == "" {
			a.find(Wrong, "case", key, "it is closed without an outcome")
		}
	}
}

// checkTimelines counts what can happen once.
func (a *auditor) checkTimelines() {
	for key, c := range a.cases {
		if c.entries != c.version || c.lastEntry != c.version {
			a.find(Lost, "timeline", key, "it has %d entries up to number %d, the case is at version %d", c.entries, c.lastEntry, c.version)
		}
		again := c.told["case.reopened"]
		for kind, most := range map[string]int64{
			"case.opened": 1, "case.closed": 1 + again, "case.withdrawn": 1,
			"refund.submitted": 1, "refund.succeeded": 1 + again, "insurance.claimed": 1, "insurance.paid": 1,
		} {
			if c.told[kind] > most {
				a.find(Doubled, "timeline", key, "%s is told %d times", kind, c.told[kind])
			}
		}
		if c.told["case.opened"] == 0 {
			a.find(Lost, "timeline", key, "case.opened is not told")
		}
		// Two things that are wrong at once are two entries and one more end.
		if ends := c.told["case.closed"]; c.status == "closed" && (ends > 1+again || ends < 1+min(again, 1)) {
			a.find(Wrong, "timeline", key, "it is closed, case.closed is told %d times", c.told["case.closed"])
		}
	}
}

// checkExpected holds the cases against what those who filed them know.
func (a *auditor) checkExpected() {
	seen := map[id]bool{}
	for _, e := range a.expected {
		key := id{e.MerchantID, e.CaseID}
		if seen[key] {
			a.find(Doubled, "filing", key, "two filings have the same case")
		}
		seen[key] = true
		c := a.cases[key]
		switch {
		case c == nil:
			a.find(Lost, "filing", key, "it was accepted and is not recorded")
			continue
		case c.orderID != e.OrderID:
			a.find(Wrong, "filing", key, "it was filed for order %s and is about %s", e.OrderID, c.orderID)
		case c.status == "open":
			if !e.Open {
				a.find(Stuck, "filing", key, "it did not come to its end, it is %s", c.stage)
			}
			continue
		case len(e.Outcomes) > 0 && !slices.Contains(e.Outcomes, c.outcome):
			a.find(Wrong, "filing", key, "it ended %s, expected %v", c.outcome, e.Outcomes)
		}
		a.checkUnits(key, c, e)
	}
	for key := range a.cases {
		if len(a.expected) > 0 && slices.Contains(a.Merchants, key.merchant) && !seen[key] {
			a.find(Doubled, "filing", key, "nobody filed it")
		}
	}
}

// checkUnits holds what a case returned for good against what the warehouse accepted.
func (a *auditor) checkUnits(key id, c *record, e Expected) {
	o := a.orders[id{key.merchant, c.orderID}]
	if o == nil || e.Accepted == nil {
		return
	}
	returned := map[string]int64{}
	for _, h := range o.held {
		if h.caseID == key.id && h.state == "returned" {
			returned[h.line] += h.to - h.from
		}
	}
	paid := c.outcome == "refunded" || c.outcome == "partly_refunded"
	for line, accepted := range e.Accepted {
		switch got := returned[line]; {
		case paid && got != accepted:
			a.find(Wrong, "stock", key, "%d of %s were accepted, %d count as returned", accepted, line, got)
		case got != 0 && (c.outcome == "withdrawn" || c.outcome == "rejected" || c.outcome == "expired"):
			a.find(Wrong, "stock", key, "it ended %s, and %d of %s count as returned", c.outcome, got, line)
		}
	}
}
