package twin_test

import (
	"context"
	"fmt"
	"log/slog"
	"os"
	"reflect"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	temporalclient "go.temporal.io/sdk/client"
	"go.temporal.io/sdk/worker"

	"aftercare.dev/deploy/bench/twin"
	"aftercare.dev/deploy/client"
	"aftercare.dev/deploy/standalone"
	gateway "aftercare.dev/gateway/api"
	cases "aftercare.dev/services/cases/api"
	logistics "aftercare.dev/services/logistics/api"
	orders "aftercare.dev/services/order/api"
	"aftercare.dev/services/platform/config"
	"aftercare.dev/services/platform/httpclient"
	"aftercare.dev/services/platform/ids"
	"aftercare.dev/services/platform/money"
	"aftercare.dev/workflows/contract"
	"aftercare.dev/workflows/dial"
	productworker "aftercare.dev/workflows/worker"
)

// system is the product as all tests use it.
var system *standalone.System

const merchant = "m-twin"

// slowly is how many seconds pass outside in one: a refund is paid after 150 ms. It is rare then that a provider calls back
// before the workflow task begins that follows the call, so that there is a task less.
const slowly = 2000

// patience is how long a case may take on a busy machine.
const patience = 30 * time.Second

func TestMain(m *testing.M) {
	code, err := inside(m.Run)
	if err != nil {
		fmt.Fprintln(os.Stderr, "twin:", err)
		code = 1
	}
	os.Exit(code)
}

func inside(run func() int) (code int, err error) {
	dir, err := os.MkdirTemp("", "aftercare-twin-")
	if err != nil {
		return 1, err
	}
	defer func() { _ = os.RemoveAll(dir) }()
	const free = "127.0.0.1:0"
	system, err = standalone.Start(context.Background(), standalone.Config{
		Dir: dir, GatewayAddr: free, TemporalAddr: free, UIAddr: free, SandboxAddr: free, MailAddr: free, TimeScale: slowly,
	}, slog.New(slog.DiscardHandler))
	if err != nil {
		return 1, err
	}
	defer system.Stop()
	return run(), nil
}

// dialed is a client like those of the product.
func dialed(t *testing.T) temporalclient.Client {
	t.Helper()
	options := temporalclient.Options{HostPort: system.Temporal, Namespace: "aftercare"}
	require.NoError(t, dial.Complete(&options, dial.Config{}, slog.New(slog.DiscardHandler)))
	c, err := temporalclient.DialContext(soon(t), options)
	require.NoError(t, err)
	t.Cleanup(c.Close)
	return c
}

// productOptions are those of the product's workers.
func productOptions(t *testing.T) worker.Options {
	t.Helper()
	cfg, err := config.Load[productworker.Config]("", []string{"SERVICE_TOKEN=" + strings.Repeat("x", 40)})
	require.NoError(t, err)
	return cfg.Options()
}

// soon is a context for what must not take longer than patience.
func soon(t *testing.T) context.Context {
	t.Helper()
	ctx, stop := context.WithTimeout(t.Context(), patience)
	t.Cleanup(stop)
	return ctx
}

// plainReturn takes a case of the product from its filing to its end, and returns the id of its workflow.
func plainReturn(t *testing.T) string {
	t.Helper()
	ctx := soon(t)
	staff, err := client.Door{URL: system.GatewayURL, Keys: system.Keys}.Hire(merchant)
	require.NoError(t, err)
	furnish(ctx, t)
	id := ids.New("o")
	sold, err := staff.Storefront.PutOrderWithResponse(ctx, id, order(id[2:]))
	require.NoError(t, err)
	require.NoError(t, httpclient.CheckStatus(sold.StatusCode(), sold.Body))
	c, err := staff.Storefront.Open(ctx, ids.New("key"), gateway.CaseInput{
		OrderID: id, Type: "return_refund", Reason: "size_color_dislike", Lines: []cases.LineQuantity{{LineID: "jacket", Quantity: 1}},
	})
	require.NoError(t, err)
	for c.Stage != cases.StageClosed {
		c, err = staff.Advance(ctx, c)
		require.NoError(t, err)
	}
	return ended(ctx, t, contract.CaseWorkflowID(merchant, c.CaseID))
}

// ended waits for the end of a workflow, which comes a moment after that of its case.
func ended(ctx context.Context, t *testing.T, workflowID string) string {
	t.Helper()
	require.NoError(t, dialed(t).GetWorkflow(ctx, workflowID, "").Get(ctx, nil))
	return workflowID
}

func furnish(ctx context.Context, t *testing.T) {
	t.Helper()
	administrator, err := client.As(system.GatewayURL, system.Keys, merchant, "administrator", "administrator-1")
	require.NoError(t, err)
	answer, err := administrator.PutReturnAddressWithResponse(ctx, logistics.Contact{
		Name: "Warehouse", Phone: "0571-88886666", Province: "Zhejiang", City: "Hangzhou", Street: "Cangqian 1",
	})
	require.NoError(t, err)
	require.NoError(t, httpclient.CheckStatus(answer.StatusCode(), answer.Body))
}

func order(number string) orders.OrderInput {
	now := time.Now().UTC()
	cny := money.Money{Amount: 79800, Currency: "CNY"}
	return orders.OrderInput{
		BuyerID: "buyer-" + number, Currency: "CNY", PlacedAt: now.Add(-48 * time.Hour), FreightInsurance: new(false),
		Lines:    []orders.OrderLineInput{{LineID: "jacket", Sku: "JKT", Title: new("Down jacket"), Quantity: 2, Amount: cny}},
		Payments: []orders.Payment{{PaymentID: "p1", Provider: orders.Wechatpay, ProviderReference: "P" + number, Amount: cny, PaidAt: now.Add(-47 * time.Hour)}},
		Contact:  &orders.Contact{Name: new("Li Lei"), Language: new(orders.En), PayerReference: new("payer-" + number)},
		Deliveries: &[]orders.Delivery{{
			DeliveryID: "d1", Carrier: "shunfeng", TrackingNumber: "SF" + number, ShippedAt: now.Add(-44 * time.Hour), DeliveredAt: new(now.Add(-20 * time.Hour)),
		}},
	}
}

// learned are some plain returns of the product: the shape of the last of them, and what they leave in Temporal.
func learned(t *testing.T, c temporalclient.Client) (twin.Shape, twin.Footprint) {
	t.Helper()
	var (
		shape   twin.Shape
		product twin.Footprint
	)
	for range 3 {
		id := plainReturn(t)
		one, err := twin.Measure(soon(t), c, id)
		require.NoError(t, err)
		product = product.Plus(one)
		shape, err = twin.Learn(soon(t), c, id)
		require.NoError(t, err)
	}
	return shape, product
}

// at starts workers of a shape and returns how to stop them; they stop at the end of the test anyway.
func at(t *testing.T, c temporalclient.Client, shape twin.Shape) (stop func()) {
	t.Helper()
	workers := twin.NewWorkers(c, shape, productOptions(t))
	require.NoError(t, workers.Start())
	stopped := false
	stop = func() {
		if !stopped {
			stopped = true
			require.NoError(t, workers.Stop())
		}
	}
	t.Cleanup(stop)
	return stop
}

// played are some cases of the twin.
func played(t *testing.T, c temporalclient.Client, shape twin.Shape) twin.Footprint {
	t.Helper()
	ctx := soon(t)
	driver, err := twin.NewDriver(c, shape)
	require.NoError(t, err)
	var all twin.Footprint
	for range 3 {
		id := ids.New("case")
		require.NoError(t, driver.Case(ctx, id))
		one, err := twin.Measure(ctx, c, driver.WorkflowID(id))
		require.NoError(t, err)
		all = all.Plus(one)
	}
	return all
}

// doings are the events of a case that workflows bring about or wait for, of each workflow in order of their types: with
// their numbers, and without the tasks in which it happened, which a busy machine may split or join.
func doings(t *testing.T, c temporalclient.Client, workflowID string) [][]string {
	t.Helper()
	all, err := twin.Histories(soon(t), c, workflowID)
	require.NoError(t, err)
	var found [][]string
	for _, h := range all {
		var kinds []string
		for _, event := range h.Events {
			if kind := event.GetEventType().String(); !strings.HasPrefix(kind, "WorkflowTask") {
				kinds = append(kinds, kind)
			}
		}
		slices.Sort(kinds)
		found = append(found, kinds)
	}
	return found
}

// rounds is how often a test may try what a busy machine can spoil: it can make one workflow task of two.
const rounds = 4

// settles plays until a case of the product and one of the twin did the same.
func settles(t *testing.T, play func() (product, twin [][]string)) {
	t.Helper()
	var product, twins [][]string
	for range rounds {
		if product, twins = play(); reflect.DeepEqual(product, twins) {
			break
		}
	}
	require.NotEmpty(t, product)
	require.Equal(t, product, twins)
}
