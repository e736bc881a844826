package bench

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"slices"
	"time"

	"aftercare.dev/deploy/bench/measure"
	"aftercare.dev/deploy/bench/report"
	"aftercare.dev/deploy/bench/twin"
	"aftercare.dev/deploy/client"
	gateway "aftercare.dev/gateway/api"
	cases "aftercare.dev/services/cases/api"
	orders "aftercare.dev/services/order/api"
	"aftercare.dev/services/platform/httpclient"
	"aftercare.dev/services/platform/ids"
	"aftercare.dev/services/platform/money"
)

// post measures how long it takes to open a case, and beside it the least that could open one. The cases stay open.
func (r *runner) post(ctx context.Context, h *house) error {
	if _, err := r.learn(ctx, h); err != nil {
		return err
	}
	if err := h.child.do(ctx, request{Bare: &h.bare}); err != nil {
		return fmt.Errorf("start the workers of bare cases: %w", err)
	}
	storefront, err := h.door.As(h.shop.Merchant, "storefront", "storefront-1")
	if err != nil {
		return err
	}
	o := r.Plan.Post
	load := report.Load{Loop: report.Open, Share: o.Share, PerSecond: o.Share * h.highest}
	p := poster{house: h, storefront: storefront, load: load, length: o.Turn}
	// Pools and caches are warm before it counts.
	for _, whose := range []measure.Turn{measure.A, measure.B} {
		if _, err := p.turn(ctx, whose); err != nil {
			return err
		}
	}
	product, bare := make([]measure.Latencies, o.Pairs), make([]measure.Latencies, o.Pairs)
	_, err = inTurns(o.Pairs, func(whose measure.Turn, at int) error {
		name, into := "POST /v1/cases", &product[at]
		if whose == measure.B {
			name, into = "bare", &bare[at]
		}
		*into, err = p.turn(ctx, whose)
		r.tell("%s: %s, %s, pair %d of %d: p50 %s, p99 %s", h.setUp, name, said(load), at+1, o.Pairs, into.Percentile(50), into.Percentile(99))
		return err
	})
	if err != nil {
		return err
	}
	r.result.Posts = append(r.result.Posts, report.Post{
		SetUp: h.setUp, Load: load, Product: report.Latency(slices.Concat(product...).Summary()), Bare: report.Latency(slices.Concat(bare...).Summary()),
		P99: report.Interval(measure.RatioOfP99(product, bare, r.Seed)),
	})
	return nil
}

// poster opens cases.
type poster struct {
	*house
	storefront *client.Client
	load       report.Load
	length     time.Duration
}

// turn opens cases of the product or bare ones, and returns how long each took. None may fail.
func (p poster) turn(ctx context.Context, whose measure.Turn) (measure.Latencies, error) {
	open := func(ctx context.Context) error { return twin.OpenBare(ctx, p.client, ids.New("case")) }
	if whose == measure.A {
		sold, err := p.sell(ctx, int(p.load.PerSecond*p.length.Seconds())+1)
		if err != nil {
			return nil, err
		}
		open = func(ctx context.Context) error { return p.file(ctx, <-sold) }
	}
	run := drive(ctx, p.load, p.length, open)
	if err := ctx.Err(); err != nil {
		return nil, err
	}
	if run.Failed > 0 || run.Done == 0 {
		return nil, fmt.Errorf("%d of %d cases were not opened: %s", run.Failed, run.Failed+run.Done, run.FirstError)
	}
	return run.Latencies, settle(ctx)
}

// sellers is how many orders are put at once.
const sellers = 4

// sell puts orders that cases can be opened for.
func (p poster) sell(ctx context.Context, number int) (<-chan string, error) {
	sold, due := make(chan string, number), make(chan string, number)
	for range number {
		due <- ids.New("o")
	}
	close(due)
	errs := make(chan error, sellers)
	for range sellers {
		go func() {
			for id := range due {
				if err := client.Persist(ctx, patience, func() error { return p.sellOne(ctx, id) }); err != nil {
					errs <- err
					return
				}
				sold <- id
			}
			errs <- nil
		}()
	}
	var all []error
	for range sellers {
		all = append(all, <-errs)
	}
	return sold, errors.Join(all...)
}

func (p poster) sellOne(ctx context.Context, id string) error {
	now, number := time.Now().UTC(), id[2:]
	worth := money.Money{Amount: 39900, Currency: "CNY"}
	said, err := p.storefront.PutOrderWithResponse(ctx, id, orders.OrderInput{
		BuyerID: "buyer-" + number, Currency: worth.Currency, PlacedAt: now.Add(-48 * time.Hour), FreightInsurance: new(false),
		Lines: []orders.OrderLineInput{{LineID: "jacket", Sku: "JKT", Title: new("Down jacket"), Quantity: 1, Amount: worth}},
		Payments: []orders.Payment{{
			PaymentID: "p1", Provider: orders.Wechatpay, ProviderReference: "P" + number, Amount: worth, PaidAt: now.Add(-47 * time.Hour),
		}},
		Deliveries: &[]orders.Delivery{{
			DeliveryID: "d1", Carrier: "shunfeng", TrackingNumber: "SF" + number, ShippedAt: now.Add(-44 * time.Hour), DeliveredAt: new(now.Add(-20 * time.Hour)),
		}},
	})
	if err != nil {
		return err
	}
	return httpclient.CheckStatus(said.StatusCode(), said.Body)
}

// file opens a case, which is either judged at once or promised.
func (p poster) file(ctx context.Context, orderID string) error {
	said, err := p.storefront.OpenCaseWithResponse(ctx, &gateway.OpenCaseParams{IdempotencyKey: "file-" + orderID}, gateway.CaseInput{
		OrderID: orderID, Type: "return_refund", Reason: "size_color_dislike", Lines: []cases.LineQuantity{{LineID: "jacket", Quantity: 1}},
	})
	if err != nil {
		return err
	}
	if said.StatusCode() == http.StatusAccepted {
		return nil
	}
	return httpclient.CheckStatus(said.StatusCode(), said.Body)
}
