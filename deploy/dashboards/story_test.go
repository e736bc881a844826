package dashboards

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net/http"
	"time"

	"go.temporal.io/sdk/activity"
	"go.temporal.io/sdk/client"
	"go.temporal.io/sdk/temporal"
	"go.temporal.io/sdk/worker"
	"go.temporal.io/sdk/workflow"

	api "aftercare.dev/deploy/client"
	"aftercare.dev/deploy/demo"
	"aftercare.dev/deploy/sandbox"
	embedded "aftercare.dev/deploy/temporal"
	gateway "aftercare.dev/gateway/api"
	cases "aftercare.dev/services/cases/api"
	logistics "aftercare.dev/services/logistics/api"
	order "aftercare.dev/services/order/api"
	"aftercare.dev/services/platform/httpclient"
	"aftercare.dev/services/platform/ids"
	"aftercare.dev/services/platform/money"
	"aftercare.dev/workflows/contract"
	"aftercare.dev/workflows/dial"
)

// A whole case with its refund, as the demo tells it.
func tellADemo(ctx context.Context) error {
	return demo.Run(ctx, demo.Options{URL: shared.GatewayURL, UI: shared.UIURL, Keys: shared.Keys, Out: io.Discard, Patience: 2 * time.Minute})
}

// shop is a merchant with one person for each role.
type shop struct{ storefront, warehouse, administrator *api.Client }

func open(merchant string) (s shop, err error) {
	for role, who := range map[string]**api.Client{"storefront": &s.storefront, "warehouse": &s.warehouse, "administrator": &s.administrator} {
		made, failed := api.As(shared.GatewayURL, shared.Keys, merchant, role, role)
		*who, err = made, errors.Join(err, failed)
	}
	return s, err
}

const worth = 39900

// sell sets the shop up and sells a jacket; the trade is the payment's number.
func (s shop) sell(ctx context.Context) (orderID, trade string, err error) {
	address, err := s.administrator.PutReturnAddressWithResponse(ctx, logistics.Contact{
		Name: "Warehouse", Phone: "0571-88886666", Province: "Zhejiang", City: "Hangzhou", Street: "Cangqian 1",
	})
	if err == nil {
		err = httpclient.CheckStatus(address.StatusCode(), address.Body)
	}
	if err != nil {
		return "", "", err
	}
	now := time.Now().UTC()
	orderID, trade = ids.New("o"), "B"+ids.New("t")[2:]
	price, category, delivered := money.Money{Amount: worth, Currency: "CNY"}, "apparel", now.Add(-20*time.Hour)
	answer, err := s.storefront.PutOrderWithResponse(ctx, orderID, order.OrderInput{
		BuyerID: "b1", Currency: "CNY", PlacedAt: now.Add(-48 * time.Hour),
		Lines: []order.OrderLineInput{{LineID: "jacket", Sku: "JKT", Category: &category, Quantity: 1, Amount: price}},
		Payments: []order.Payment{
			{PaymentID: "p1", Provider: order.Wechatpay, ProviderReference: trade, Amount: price, PaidAt: now.Add(-47 * time.Hour)},
		},
		Deliveries: &[]order.Delivery{{
			DeliveryID: "d1", Carrier: "shunfeng", TrackingNumber: "SF" + trade, ShippedAt: now.Add(-44 * time.Hour), DeliveredAt: &delivered,
		}},
	})
	if err != nil {
		return "", "", err
	}
	return orderID, trade, httpclient.CheckStatus(answer.StatusCode(), answer.Body)
}

func (s shop) file(ctx context.Context, orderID string) (cases.Case, error) {
	return s.storefront.Open(ctx, ids.New("key"), gateway.CaseInput{
		OrderID: orderID, Type: cases.ReturnRefund, Reason: cases.ReasonSizeColorDislike,
		Lines: []cases.LineQuantity{{LineID: "jacket", Quantity: 1}},
	})
}

func missADeadline(ctx context.Context) error {
	_, err := late(ctx, "late")
	return err
}

// late returns a case that ended because the buyer did not send anything in time.
func late(ctx context.Context, merchant string) (cases.Case, error) {
	s, err := open(merchant)
	if err != nil {
		return cases.Case{}, err
	}
	policy, err := s.administrator.GetPolicyWithResponse(ctx, nil)
	if err != nil {
		return cases.Case{}, err
	}
	clocks := policy.JSON200.Policy
	clocks.Clocks.ShipSeconds, clocks.Clocks.ShipReminderSeconds = 1, []int64{}
	put, err := s.administrator.PutPolicyWithResponse(ctx, clocks)
	if err == nil {
		err = httpclient.CheckStatus(put.StatusCode(), put.Body)
	}
	if err != nil {
		return cases.Case{}, fmt.Errorf("put the policy: %w", err)
	}
	orderID, _, err := s.sell(ctx)
	if err != nil {
		return cases.Case{}, err
	}
	filed, err := s.file(ctx, orderID)
	if err != nil {
		return cases.Case{}, err
	}
	return s.storefront.Until(ctx, filed.CaseID, func(c cases.Case) bool { return c.Status == cases.StatusClosed })
}

// A case that needs attention because the merchant's account is empty.
func runOutOfMoney(ctx context.Context) error {
	s, err := open("poor")
	if err != nil {
		return err
	}
	orderID, trade, err := s.sell(ctx)
	if err != nil {
		return err
	}
	err = outside(ctx, "/control/rules", map[string]any{
		"system": "payment", "operation": "refund", "match": map[string]any{"out_trade_no": trade}, "effect": "outcome", "outcome": "NOT_ENOUGH",
	})
	if err != nil {
		return err
	}
	caseID, err := s.handIn(ctx, orderID)
	if err != nil {
		return err
	}
	_, err = s.storefront.Until(ctx, caseID, func(c cases.Case) bool { return c.Attention != nil })
	return err
}

// A success that the bank takes back when the case is closed: a difference that nobody resolves.
func comeBack(ctx context.Context) error {
	s, err := open("unlucky")
	if err != nil {
		return err
	}
	orderID, _, err := s.sell(ctx)
	if err != nil {
		return err
	}
	caseID, err := s.handIn(ctx, orderID)
	if err != nil {
		return err
	}
	if _, err := s.storefront.Until(ctx, caseID, func(c cases.Case) bool { return c.Status == cases.StatusClosed }); err != nil {
		return err
	}
	refunds, err := s.storefront.ListRefundsWithResponse(ctx, &gateway.ListRefundsParams{CaseID: &caseID})
	if err == nil {
		err = httpclient.CheckStatus(refunds.StatusCode(), refunds.Body)
	}
	if err != nil {
		return fmt.Errorf("list refunds: %w", err)
	}
	number := refunds.JSON200.Items[0].Parts[0].RefundNumber
	return outside(ctx, "/control/payment/refunds/"+number+"/return", map[string]any{"mchid": sandbox.DefaultMerchants[0]})
}

// outside has the outside world do something.
func outside(ctx context.Context, path string, what map[string]any) error {
	body, err := json.Marshal(what)
	if err != nil {
		return err
	}
	request, err := http.NewRequestWithContext(ctx, http.MethodPost, shared.SandboxURL+path, bytes.NewReader(body))
	if err != nil {
		return err
	}
	answer, err := http.DefaultClient.Do(request)
	if err != nil {
		return err
	}
	return errors.Join(answer.Body.Close(), httpclient.CheckStatus(answer.StatusCode, nil))
}

// handIn files a return whose goods are at the warehouse and in order.
func (s shop) handIn(ctx context.Context, orderID string) (caseID string, err error) {
	filed, err := s.file(ctx, orderID)
	if err != nil {
		return "", err
	}
	received, err := s.warehouse.ReceiveParcelWithResponse(ctx, filed.CaseID, nil, gateway.ReceiveAction{})
	if err == nil {
		err = httpclient.CheckStatus(received.StatusCode(), received.Body)
	}
	if err != nil {
		return "", fmt.Errorf("receive: %w", err)
	}
	disposition := gateway.RestockNew
	inspected, err := s.warehouse.InspectGoodsWithResponse(ctx, filed.CaseID, nil, gateway.InspectAction{Lines: []gateway.InspectedLine{
		{LineID: "jacket", AcceptedQuantity: 1, Condition: gateway.Intact, Disposition: &disposition},
	}})
	if err == nil {
		err = httpclient.CheckStatus(inspected.StatusCode(), inspected.Body)
	}
	if err != nil {
		return "", fmt.Errorf("inspect: %w", err)
	}
	return filed.CaseID, nil
}

// dialed is a client like those of the product.
func dialed() (client.Client, error) {
	options := client.Options{HostPort: shared.Temporal, Namespace: embedded.DefaultNamespace}
	if err := dial.Complete(&options, dial.Config{}, slog.New(slog.DiscardHandler)); err != nil {
		return nil, err
	}
	return client.Dial(options)
}

// A worker in which everything fails: the SDK counts that in the same way whatever the workflow is.
func failInEveryWay(ctx context.Context) error {
	c, err := dialed()
	if err != nil {
		return err
	}
	defer c.Close()
	const queue = "broken"
	// An activity that its own worker takes at once never waits for one.
	w := worker.New(c, queue, worker.Options{DisableEagerActivities: true})
	w.RegisterActivityWithOptions(func(context.Context) error {
		worker.PurgeStickyWorkflowCache()
		return errors.New("always")
	}, activity.RegisterOptions{Name: "fail"})
	panics := make(chan struct{}, 1)
	w.RegisterWorkflowWithOptions(func(ctx workflow.Context) error {
		once := &temporal.RetryPolicy{MaximumAttempts: 1}
		activities := workflow.WithActivityOptions(ctx, workflow.ActivityOptions{StartToCloseTimeout: time.Second, RetryPolicy: once})
		local := workflow.WithLocalActivityOptions(ctx, workflow.LocalActivityOptions{StartToCloseTimeout: time.Second, RetryPolicy: once})
		failed := errors.Join(
			workflow.ExecuteActivity(activities, "fail").Get(ctx, nil), workflow.ExecuteLocalActivity(local, "fail").Get(ctx, nil))
		select {
		case panics <- struct{}{}:
			panic("a defect that the next attempt does not have")
		default:
			return failed
		}
	}, workflow.RegisterOptions{Name: "Broken"})
	if err := w.Start(); err != nil {
		return err
	}
	defer w.Stop()
	run, err := c.ExecuteWorkflow(ctx, client.StartWorkflowOptions{TaskQueue: queue}, "Broken")
	if err != nil {
		return err
	}
	if run.Get(ctx, nil) == nil {
		return errors.New("the workflow did not fail")
	}
	if _, err := c.DescribeWorkflowExecution(ctx, "nobody", ""); err == nil {
		return errors.New("there is a workflow that nobody started")
	}
	return nil
}

// A sweep, now and not when its schedule says.
func sweep(ctx context.Context) error {
	c, err := dialed()
	if err != nil {
		return err
	}
	defer c.Close()
	return c.ScheduleClient().GetHandle(ctx, contract.SweepID).Trigger(ctx, client.ScheduleTriggerOptions{})
}

// live goes through everything that the dashboards and alerts tell of.
func live(ctx context.Context) error {
	stories := []func(context.Context) error{tellADemo, missADeadline, runOutOfMoney, comeBack, failInEveryWay, sweep}
	failed := make(chan error, len(stories))
	for _, story := range stories {
		go func() { failed <- story(ctx) }()
	}
	var err error
	for range stories {
		err = errors.Join(err, <-failed)
	}
	return err
}
