package chaos

import (
	"context"
	"fmt"
	"math/rand/v2"
	"net/http"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"aftercare.dev/deploy/audit"
	"aftercare.dev/deploy/client"
	gateway "aftercare.dev/gateway/api"
	cases "aftercare.dev/services/cases/api"
	order "aftercare.dev/services/order/api"
	"aftercare.dev/services/platform/httpclient"
	"aftercare.dev/services/platform/ids"
)

// race is a house with two gateways, each asked directly, and the same people at both.
type race struct {
	*runner
	t     *testing.T
	doors [2]shop
	round int
}

func newRace(t *testing.T) *race {
	x := &race{runner: house(t, Options{Seed: 1, Instances: 2, TimeScale: 40_000}), t: t}
	for i, name := range []string{"gateway-1", "gateway-2"} {
		door := client.Door{URL: x.house.Process(name).URL, Keys: x.house.Keys, Transport: httpclient.NewTransport()}
		var err error
		x.doors[i], err = open(t.Context(), door, x.clock, x.slow.merchant)
		require.NoError(t, err)
	}
	return x
}

// sell is an order that nobody has asked to return yet.
func (x *race) sell() *customer {
	x.t.Helper()
	x.round++
	random := rand.New(rand.NewPCG(uint64(x.round), uint64(time.Now().UnixNano())))
	c := &customer{shop: x.slow, outside: x.outside, orderID: ids.New("o"), order: sale(random, false)}
	err := x.slow.people["storefront"].Ask(x.t.Context(), http.MethodPut, "/v1/orders/"+c.orderID, "", c.order, nil)
	require.NoError(x.t, err)
	return c
}

// filed is a case for units of a line.
func (x *race) filed(c *customer, way path, line string, quantity int64) *trip {
	x.t.Helper()
	t := c.add(rand.New(rand.NewPCG(uint64(x.round), uint64(len(c.trips)))), way, line, quantity)
	t.together = 1
	found, err := t.file(x.t.Context())
	require.NoError(x.t, err)
	t.expected.CaseID = found.CaseID
	return t
}

// until takes a case to a stage.
func (x *race) until(t *trip, stage cases.Stage) {
	x.t.Helper()
	for begun := time.Now(); ; {
		found, err := t.read(x.t.Context(), t.expected.CaseID, 50*time.Millisecond)
		require.NoError(x.t, err)
		if found.Stage == stage && (stage != cases.StageInspecting || waitsFor(found, "inspect")) {
			return
		}
		require.Less(x.t, time.Since(begun), time.Minute, "it is still %s", found.Stage)
		_, err = t.advance(x.t.Context(), found)
		require.NoError(x.t, err)
	}
}

// answered is what one of those who asked at once was answered.
type answered struct {
	status int
	err    error
	found  cases.Case
}

// atOnce asks n times together, by turns at both gateways. Nobody asks twice.
func (x *race) atOnce(n int, ask func(i int, at shop) (client.Person, string, string, any)) []answered {
	answers := make([]answered, n)
	begin := make(chan struct{})
	var asking sync.WaitGroup
	for i := range n {
		who, path, key, body := ask(i, x.doors[i%2])
		asking.Go(func() {
			<-begin
			answers[i].status, answers[i].err = who.Answer(x.t.Context(), http.MethodPost, path, key, body, &answers[i].found)
		})
	}
	close(begin)
	asking.Wait()
	return answers
}

// act is what somebody does on a case.
type act struct {
	role, action string
	body         any
}

// against has two do something on one case at once, one at each gateway, and returns who did it.
func (x *race) against(t *trip, one, other act) [2]bool {
	x.t.Helper()
	acts := [2]act{one, other}
	answers := x.atOnce(2, func(i int, at shop) (client.Person, string, string, any) {
		return at.people[acts[i].role], "/v1/cases/" + t.expected.CaseID + "/" + acts[i].action, ids.New("key"), acts[i].body
	})
	var did [2]bool
	for i, a := range answers {
		if did[i] = a.err == nil; !did[i] {
			require.Truef(x.t, refusedWith(a.err, http.StatusConflict), "%s: %v", acts[i].action, a.err)
		}
	}
	return did
}

// ends takes a case to its end, which is one of the outcomes.
func (x *race) ends(t *trip, outcomes ...string) {
	x.t.Helper()
	ctx, stop := context.WithTimeout(x.t.Context(), 2*time.Minute)
	defer stop()
	require.NoError(x.t, t.finish(ctx))
	require.Contains(x.t, outcomes, t.outcome)
	t.expected.Outcomes = []string{t.outcome}
	x.expected = append(x.expected, t.expected)
}

var nothing = map[string]any{}

func TestRacesOnOneOrderThroughTwoGatewaysHaveOneWinner(t *testing.T) {
	x := newRace(t)
	t.Run("the same filing many times at once is one case", x.sameFiling)
	t.Run("the last unit goes to one case", x.lastUnit)
	t.Run("partial refunds at once add up to what was paid", x.partialRefunds)
	t.Run("of two reviewers one decides", x.twoReviewers)
	t.Run("withdrawing against the pickup", x.withdrawAgainstPickup)
	t.Run("withdrawing against the refund", x.withdrawAgainstRefund)
	if t.Failed() {
		return // what is left on the way is no news
	}
	report, err := audit.Settled(t.Context(), audit.Of(x.house, x.slow.merchant, x.hasty.merchant), x.expected, settling)
	require.NoError(t, err)
	require.Zerof(t, report.Violations, "%+v", report.First)
}

func (x *race) sameFiling(t *testing.T) {
	c := x.sell()
	key := ids.New("key")
	input := gateway.CaseInput{
		OrderID: c.orderID, Type: cases.ReturnRefund, Reason: byPerson, Lines: []cases.LineQuantity{{LineID: jacket, Quantity: 1}},
	}
	for _, a := range x.atOnce(20, func(_ int, at shop) (client.Person, string, string, any) {
		return at.people["storefront"], "/v1/cases", key, input
	}) {
		require.NoError(t, a.err)
		if len(c.trips) == 0 {
			filed := c.add(rand.New(rand.NewPCG(1, 1)), path{Reason: byPerson}, jacket, 1)
			filed.expected.CaseID = a.found.CaseID
		}
		require.Equal(t, c.trips[0].expected.CaseID, a.found.CaseID)
	}
	x.ends(c.trips[0], "refunded")
}

func (x *race) lastUnit(t *testing.T) {
	c := x.sell()
	won := 0
	for _, a := range x.atOnce(8, func(_ int, at shop) (client.Person, string, string, any) {
		return at.people["storefront"], "/v1/cases", ids.New("key"), gateway.CaseInput{
			OrderID: c.orderID, Type: cases.ReturnRefund, Reason: byRule, Lines: []cases.LineQuantity{{LineID: scarf, Quantity: 1}},
		}
	}) {
		if a.err != nil {
			require.True(t, refusedWith(a.err, http.StatusConflict), a.err)
			continue
		}
		won++
		filed := c.add(rand.New(rand.NewPCG(2, 2)), path{Reason: byRule}, scarf, 1)
		filed.expected.CaseID = a.found.CaseID
	}
	require.Equal(t, 1, won)
	x.ends(c.trips[0], "refunded")
}

func (x *race) partialRefunds(t *testing.T) {
	c := x.sell()
	for range jackets {
		x.filed(c, path{Reason: byRule}, jacket, 1)
	}
	x.filed(c, path{Reason: byRule}, scarf, 1)
	for _, one := range c.trips {
		x.until(one, cases.StageInspecting)
	}
	for _, a := range x.atOnce(len(c.trips), func(i int, at shop) (client.Person, string, string, any) {
		line := c.trips[i].lines[0]
		return at.people["warehouse"], "/v1/cases/" + c.trips[i].expected.CaseID + "/inspect", ids.New("key"), map[string]any{"lines": []map[string]any{
			{"line_id": line.LineID, "accepted_quantity": 1, "rejected_quantity": 0, "condition": gateway.Intact},
		}}
	}) {
		require.NoError(t, a.err)
	}
	sum := int64(0)
	for _, one := range c.trips {
		x.ends(one, "refunded")
		found, err := one.read(t.Context(), one.expected.CaseID, 0)
		require.NoError(t, err)
		sum += found.Refund.Amount.Amount
	}
	require.Equal(t, int64(jacketsPaid+scarfPaid), sum)
	var counted order.Order
	err := x.slow.people["storefront"].Ask(t.Context(), http.MethodGet, "/v1/orders/"+c.orderID, "", nil, &counted)
	require.NoError(t, err)
	for _, l := range counted.Lines {
		require.Equal(t, l.Quantity, l.ReturnedQuantity)
	}
}

func (x *race) twoReviewers(t *testing.T) {
	for n := range 3 {
		one := x.filed(x.sell(), path{Reason: byPerson}, jacket, 1)
		did := x.against(one, act{"agent", "approve", nothing}, act{"agent", "reject", map[string]any{"reason": "used"}})
		require.NotEqual(t, did[0], did[1], fmt.Sprint("round ", n))
		x.ends(one, "refunded")
	}
}

func (x *race) withdrawAgainstPickup(t *testing.T) {
	for range 3 {
		one := x.filed(x.sell(), path{Reason: byRule, Pickup: true}, jacket, 1)
		did := x.against(one, act{"storefront", "book-pickup", nothing}, act{"storefront", "withdraw", nothing})
		for begun := time.Now(); !did[1]; {
			// While another action is carried out the buyer is asked to wait. Before the courier comes and after, they may withdraw.
			require.Less(t, time.Since(begun), time.Minute)
			var err error
			did[1], err = one.do(t.Context(), "storefront", "withdraw", nil)
			require.NoError(t, err)
		}
		one.withdrawn = true
		x.ends(one, "withdrawn")
	}
}

func (x *race) withdrawAgainstRefund(t *testing.T) {
	for range 3 {
		one := x.filed(x.sell(), path{Reason: byRule}, jacket, 1)
		x.until(one, cases.StageInspecting)
		did := x.against(one, act{"storefront", "withdraw", nothing}, act{"warehouse", "inspect", map[string]any{"lines": []map[string]any{
			{"line_id": jacket, "accepted_quantity": 1, "rejected_quantity": 0, "condition": gateway.Intact},
		}}})
		require.NotEqual(t, did[0], did[1])
		one.withdrawn = did[0]
		if did[0] {
			x.ends(one, "withdrawn")
		} else {
			x.ends(one, "refunded")
		}
	}
}
