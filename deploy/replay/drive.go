package replay

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"strconv"
	"sync"
	"time"

	"golang.org/x/sync/errgroup"

	"aftercare.dev/deploy/client"
	gateway "aftercare.dev/gateway/api"
	cases "aftercare.dev/services/cases/api"
	order "aftercare.dev/services/order/api"
	"aftercare.dev/services/platform/httpclient"
	"aftercare.dev/services/platform/money"
	"aftercare.dev/services/platform/problem"
)

// currency of the exports.
const currency = "GBP"

// Shop is the system that the export is replayed on, as its storefront, warehouse and administrator see it.
type Shop struct {
	client.Staff
	Administrator *client.Client
	// Merchant is the tenant; it is part of what the payment provider sees.
	Merchant string
}

// Prepare publishes the policy of the shop: no window, because the data is older than any, and no person for what is
// returned without a reason.
func (s Shop) Prepare(ctx context.Context) error {
	answer, err := s.Administrator.GetPolicyWithResponse(ctx, nil)
	if err != nil {
		return err
	}
	current, err := httpclient.Check(answer.StatusCode(), answer.Body, answer.JSON200)
	if err != nil {
		return fmt.Errorf("read the policy: %w", err)
	}
	policy := current.Policy
	policy.Windows = cases.Windows{}
	policy.Review = cases.ReviewRules{AutoApprove: []cases.ReasonGroup{cases.ReasonGroupNoReason}}
	stored, err := s.Administrator.PutPolicyWithResponse(ctx, policy)
	if err != nil {
		return err
	}
	if _, err := httpclient.Check(stored.StatusCode(), stored.Body, stored.JSON200); err != nil {
		return fmt.Errorf("publish the policy: %w", err)
	}
	return nil
}

// batch is how many orders go in one request.
const batch = 200

// Load sends the orders, a batch a request. It can be repeated: the same order again changes nothing.
func (s Shop) Load(ctx context.Context, orders []*Order, done func(int)) error {
	group, ctx := errgroup.WithContext(ctx)
	group.SetLimit(2)
	for start := 0; start < len(orders); start += batch {
		some := orders[start:min(start+batch, len(orders))]
		group.Go(func() error {
			if err := client.Persist(ctx, patience, func() error { return s.load(ctx, some) }); err != nil {
				return err
			}
			done(len(some))
			return nil
		})
	}
	return group.Wait()
}

func (s Shop) load(ctx context.Context, orders []*Order) error {
	var lines bytes.Buffer
	encoder := json.NewEncoder(&lines)
	for _, o := range orders {
		if err := encoder.Encode(s.order(o)); err != nil {
			return err
		}
	}
	answer, err := s.Storefront.PutOrders(ctx, &lines)
	if err != nil {
		return err
	}
	defer func() { _ = answer.Close() }()
	results := json.NewDecoder(answer)
	stored := 0
	for {
		var result struct {
			OrderID string          `json:"order_id"`
			Result  string          `json:"result"`
			Problem json.RawMessage `json:"problem"`
		}
		err := results.Decode(&result)
		if errors.Is(err, io.EOF) {
			break
		}
		if err != nil {
			return fmt.Errorf("read the answer to a batch of orders: %w", err)
		}
		if len(result.Problem) > 0 {
			return problem.Decode(http.StatusUnprocessableEntity, result.Problem)
		}
		stored++
	}
	if stored != len(orders) {
		return &httpclient.TransportError{}
	}
	return nil
}

// wireOrder is an order as the bulk load takes it.
type wireOrder struct {
	OrderID string `json:"order_id"`
	order.OrderInput
}

func (s Shop) order(o *Order) wireOrder {
	at := o.Lines[0].At
	in := order.OrderInput{BuyerID: buyer(o.Customer), Currency: currency, PlacedAt: at}
	var paid int64
	for _, l := range o.Lines {
		line := order.OrderLineInput{
			LineID: lineID(l.Line), Sku: l.Stock, Quantity: l.Quantity, Amount: money.Money{Amount: l.Total, Currency: currency},
		}
		if l.Title != "" {
			line.Title = &l.Title
		}
		in.Lines = append(in.Lines, line)
		paid += l.Total
	}
	in.Payments = []order.Payment{{
		PaymentID: "p1", Provider: order.Wechatpay, ProviderReference: "pay-" + o.ID, PaidAt: at,
		Amount: money.Money{Amount: paid, Currency: currency},
	}}
	return wireOrder{OrderID: o.ID, OrderInput: in}
}

// guest is the buyer of invoices without a customer.
const guest = "guest"

func buyer(customer string) string {
	if customer == "" {
		return guest
	}
	return customer
}

func lineID(line int) string { return "row-" + strconv.Itoa(line) }

// Result is how a return ended.
type Result struct {
	CaseID   string
	Closed   bool
	Refunded int64
}

// patience bounds one step: the system may be killed and started again on the way.
const patience = 10 * time.Minute

// Drive files the returns and drives each case to its end, many side by side. It can be repeated after a crash on
// either side: a case is filed once, and goes on from where it is.
func (s Shop) Drive(ctx context.Context, returns []Return, atOnce int, done func(Result)) error {
	group, ctx := errgroup.WithContext(ctx)
	group.SetLimit(atOnce)
	var mu sync.Mutex
	for _, r := range returns {
		group.Go(func() error {
			result, err := s.drive(ctx, r)
			if err != nil {
				return fmt.Errorf("the return of line %d on order %s: %w", r.Credit.Line, r.Order, err)
			}
			mu.Lock()
			defer mu.Unlock()
			done(result)
			return nil
		})
	}
	return group.Wait()
}

func (s Shop) drive(ctx context.Context, r Return) (Result, error) {
	key := fmt.Sprintf("credit-%s-%d-%s", r.Credit.Invoice, r.Credit.Line, r.Order)
	in := gateway.CaseInput{OrderID: r.Order, Type: cases.ReturnRefund, Reason: cases.ReasonNoLongerWanted}
	for _, l := range r.Lines {
		in.Lines = append(in.Lines, cases.LineQuantity{LineID: lineID(l.Line), Quantity: l.Quantity})
	}
	var found cases.Case
	err := client.Persist(ctx, patience, func() (err error) {
		found, err = s.Storefront.Open(ctx, key, in)
		return err
	})
	for err == nil && found.Status == cases.StatusOpen {
		err = client.Persist(ctx, patience, func() error {
			next, err := s.Advance(ctx, found)
			if err == nil { // else the case as it was known is still the one to go on with
				found = next
			}
			return err
		})
	}
	result := Result{CaseID: found.CaseID, Closed: found.Status == cases.StatusClosed}
	if found.Refund != nil && found.Refund.State == "succeeded" {
		result.Refunded = found.Refund.Amount.Amount
	}
	return result, err
}
