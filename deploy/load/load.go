// Package load keeps a shop busy: shoppers who buy, return and are paid, one case after the other, through the public API
// alone. It counts every request that was not answered as it should be, so that a deployment can be changed, killed and
// upgraded under it and the claim "nobody noticed" is a number.
package load

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"sync"
	"time"

	"aftercare.dev/deploy/client"
	gateway "aftercare.dev/gateway/api"
	cases "aftercare.dev/services/cases/api"
	logistics "aftercare.dev/services/logistics/api"
	order "aftercare.dev/services/order/api"
	"aftercare.dev/services/platform/httpclient"
	"aftercare.dev/services/platform/ids"
	"aftercare.dev/services/platform/money"
)

// Options say who shops where.
type Options struct {
	// URL is the gateway, Keys sign the tokens.
	URL  string
	Keys client.Signer
	// Merchant is the tenant; one that nobody else uses makes the report the whole truth about it.
	Merchant string
	// Shoppers is how many cases are under way at once.
	Shoppers int
	// Waiting is how many cases are filed at the start that wait for a person, who does not come. In the end they must
	// still wait, before the eyes of that person and with a deadline.
	Waiting int
	// Patience is how long a case may take to its end, over all restarts of the system. 0 means ten minutes.
	Patience time.Duration
	// Closed, if set, is told of each case that has ended. It is called by several goroutines.
	Closed func(cases.Case)
}

// Report is what the shoppers lived through.
type Report struct {
	// Requests were made, and Failed of them got no answer or a wrong one. Failures are the first of these, in words.
	Requests int64    `json:"requests"`
	Failed   int64    `json:"failed"`
	Failures []string `json:"failures,omitempty"`
	// Filed cases were taken by the gateway, Closed of them came to their end with the whole sum refunded.
	Filed  int `json:"filed"`
	Closed int `json:"closed"`
	// Waiting cases were filed and still wait where they should.
	Waiting int `json:"waiting"`
	// Refunded is what the cases say was paid, in minor units.
	Refunded int64 `json:"refunded_minor"`
	// Lost are the cases that did not end, or not as they should.
	Lost []string `json:"lost,omitempty"`
	// FirstClosedMillis is how long it took from the start to the first case that ended.
	FirstClosedMillis int64 `json:"first_closed_ms"`
}

// price of the one thing that is sold, in minor units.
const price = 39900

const currency = "CNY"

// reasons are those of the shoppers: one that the policy approves by itself, and one that an agent judges.
var reasons = []cases.Reason{cases.ReasonSizeColorDislike, cases.ReasonDefective}

// crowd is the shoppers at work.
type crowd struct {
	Options
	staff         client.Staff
	administrator *client.Client
	counter       *counter
	begun         time.Time

	mu     sync.Mutex
	report Report
}

// Run shops until ctx ends, then brings the open cases to their end and reports. A shopper tries again what failed,
// so that one failure does not hide the next. The error says that shopping could not begin.
func Run(ctx context.Context, o Options) (Report, error) {
	if o.Patience == 0 {
		o.Patience = 10 * time.Minute
	}
	c := &crowd{Options: o, counter: newCounter(), begun: time.Now()}
	door := client.Door{URL: o.URL, Keys: o.Keys, Transport: c.counter}
	var err error
	if c.staff, err = door.Hire(o.Merchant); err != nil {
		return Report{}, err
	}
	if c.administrator, err = door.As(o.Merchant, "administrator", "load"); err != nil {
		return Report{}, err
	}
	if err := client.Persist(ctx, o.Patience, func() error { return c.settle(ctx) }); err != nil {
		return Report{}, err
	}
	waiting := c.leave(ctx)
	var shopping sync.WaitGroup
	for n := range o.Shoppers {
		shopping.Go(func() {
			for ctx.Err() == nil {
				c.shop(ctx, n)
			}
		})
	}
	shopping.Wait()
	c.revisit(context.WithoutCancel(ctx), waiting)
	c.counter.into(&c.report)
	return c.report, nil
}

// settle gives the merchant an address that goods come back to.
func (c *crowd) settle(ctx context.Context) error {
	answer, err := c.administrator.PutReturnAddressWithResponse(ctx, logistics.Contact{
		Name: "Warehouse", Phone: "0571-88886666", Province: "Zhejiang", City: "Hangzhou", Street: "Cangqian 1",
	})
	if err != nil {
		return err
	}
	if err := httpclient.CheckStatus(answer.StatusCode(), answer.Body); err != nil {
		return fmt.Errorf("set the return address: %w", err)
	}
	return nil
}

// shop is one case from the order to the money. What was filed is brought to its end even if ctx ends meanwhile.
func (c *crowd) shop(ctx context.Context, shopper int) {
	ctx, stop := context.WithTimeout(context.WithoutCancel(ctx), c.Patience)
	defer stop()
	id := ids.New("o")
	if err := client.Persist(ctx, c.Patience, func() error { return c.buy(ctx, id, shopper) }); err != nil {
		c.lose("order "+id, err)
		return
	}
	found, err := c.file(ctx, id, reasons[shopper%len(reasons)])
	if err != nil {
		c.lose("return of "+id, err)
		return
	}
	c.count(func(r *Report) { r.Filed++ })
	for err == nil && found.Status == cases.StatusOpen {
		err = client.Persist(ctx, c.Patience, func() error {
			next, err := c.staff.Advance(ctx, found)
			if err == nil { // else the case as it was known is still the one to go on with
				found = next
			}
			return err
		})
		c.lookAround(ctx, found.CaseID)
	}
	if err == nil && (found.Refund == nil || found.Refund.State != "succeeded" || found.Refund.Amount.Amount != price) {
		err = errors.New("it ended without the whole sum refunded")
	}
	if err != nil {
		c.lose(found.CaseID, err)
		return
	}
	c.close(found)
}

// file returns an order, for a reason that the policy or a person judges.
func (c *crowd) file(ctx context.Context, id string, reason cases.Reason) (found cases.Case, err error) {
	err = client.Persist(ctx, c.Patience, func() (err error) {
		found, err = c.staff.Storefront.Open(ctx, "return-"+id, gateway.CaseInput{
			OrderID: id, Type: cases.ReturnRefund, Reason: reason, Lines: []cases.LineQuantity{{LineID: "1", Quantity: 1}},
		})
		return err
	})
	return found, err
}

// leave files the cases that will wait, and returns their ids.
func (c *crowd) leave(ctx context.Context) []string {
	ids := make([]string, 0, c.Waiting)
	for range c.Waiting {
		id, err := c.abandon(ctx)
		if err != nil {
			c.lose("a case to be left alone", err)
			continue
		}
		ids = append(ids, id)
	}
	return ids
}

// abandon files a return that an agent has to judge.
func (c *crowd) abandon(ctx context.Context) (string, error) {
	id := ids.New("o")
	if err := client.Persist(ctx, c.Patience, func() error { return c.buy(ctx, id, 0) }); err != nil {
		return "", err
	}
	found, err := c.file(ctx, id, cases.ReasonDefective)
	return found.CaseID, err
}

// revisit looks after the cases that were left alone.
func (c *crowd) revisit(ctx context.Context, waiting []string) {
	for _, id := range waiting {
		var found cases.Case
		err := client.Persist(ctx, c.Patience, func() (err error) {
			found, err = c.staff.Storefront.Case(ctx, id)
			return err
		})
		if err == nil && (found.Stage != cases.StageReviewing || found.Attention != nil || !expects(found, "agent")) {
			err = fmt.Errorf("it was left to an agent and is now %s", found.Stage)
		}
		if err != nil {
			c.lose(id, err)
			continue
		}
		c.report.Waiting++
	}
}

// expects tells whether a case says that somebody has to act, and until when.
func expects(found cases.Case, role string) bool {
	return slices.ContainsFunc(found.NextActions, func(next cases.NextAction) bool {
		return next.Deadline != nil && slices.Contains(next.Actors, role)
	})
}

func (c *crowd) buy(ctx context.Context, id string, shopper int) error {
	now := time.Now().UTC()
	worth := money.Money{Amount: price, Currency: currency}
	delivered := now.Add(-20 * time.Hour)
	answer, err := c.staff.Storefront.PutOrderWithResponse(ctx, id, order.OrderInput{
		BuyerID: fmt.Sprintf("shopper-%d", shopper), Currency: currency, PlacedAt: now.Add(-48 * time.Hour).Truncate(time.Hour),
		Lines: []order.OrderLineInput{{LineID: "1", Sku: "JKT", Quantity: 1, Amount: worth}},
		Payments: []order.Payment{{
			PaymentID: "p1", Provider: order.Wechatpay, ProviderReference: "P" + id[2:], Amount: worth, PaidAt: now.Add(-47 * time.Hour).Truncate(time.Hour),
		}},
		Deliveries: &[]order.Delivery{{
			DeliveryID: "d1", Carrier: "shunfeng", TrackingNumber: "SF" + id[2:], ShippedAt: now.Add(-44 * time.Hour).Truncate(time.Hour),
			DeliveredAt: new(delivered.Truncate(time.Hour)),
		}},
	})
	if err != nil {
		return err
	}
	return httpclient.CheckStatus(answer.StatusCode(), answer.Body)
}

// lookAround reads what people look at between two steps. What fails is counted where the requests pass.
func (c *crowd) lookAround(ctx context.Context, id string) {
	open := cases.StatusOpen
	_, _ = c.staff.Agent.ListCasesWithResponse(ctx, &gateway.ListCasesParams{Status: &open})
	_, _ = c.staff.Storefront.GetTimelineWithResponse(ctx, id, nil)
}

func (c *crowd) close(found cases.Case) {
	c.count(func(r *Report) {
		r.Closed++
		r.Refunded += found.Refund.Amount.Amount
		if r.FirstClosedMillis == 0 {
			r.FirstClosedMillis = time.Since(c.begun).Milliseconds()
		}
	})
	if c.Closed != nil {
		c.Closed(found)
	}
}

func (c *crowd) lose(what string, err error) {
	c.count(func(r *Report) { r.Lost = append(r.Lost, what+": "+err.Error()) })
}

func (c *crowd) count(change func(*Report)) {
	c.mu.Lock()
	defer c.mu.Unlock()
	change(&c.report)
}
