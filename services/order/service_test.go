package order_test

import (
	"context"
	"encoding/json"
	"fmt"
	"io"
	"log/slog"
	"net"
	"net/http"
	"net/http/httptest"
	"path/filepath"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	logistics "aftercare.dev/services/logistics/api"
	"aftercare.dev/services/order"
	"aftercare.dev/services/order/api"
	"aftercare.dev/services/platform/config"
	"aftercare.dev/services/platform/database"
	"aftercare.dev/services/platform/httpclient"
	"aftercare.dev/services/platform/money"
	"aftercare.dev/services/platform/problem"
)

const token = "a-service-token"

var placed = time.Date(2026, 11, 1, 8, 30, 0, 0, time.UTC)

func cny(amount int64) money.Money { return money.Money{Amount: amount, Currency: "CNY"} }

func ptr[T any](v T) *T { return &v }

// input is an order of 10 units for 100.
func input() api.OrderInput {
	return api.OrderInput{
		BuyerID: "buyer-1", Currency: "CNY", PlacedAt: placed,
		Lines: []api.OrderLineInput{{LineID: "A", Sku: "mug", Quantity: 10, Amount: cny(100)}},
		Payments: []api.Payment{{
			PaymentID: "pay-1", Provider: api.Wechatpay, ProviderReference: "out-0001", Amount: cny(100), PaidAt: placed,
		}},
	}
}

// start runs a service on a fresh database until the test ends, and returns a client of it.
func start(t testing.TB, logisticsURL string) (*api.ClientWithResponses, string) {
	t.Helper()
	log := slog.New(slog.NewTextHandler(t.Output(), &slog.HandlerOptions{Level: slog.LevelWarn}))
	service, err := order.New(t.Context(), order.Config{
		ServiceToken: token, Migrate: true, LogisticsURL: logisticsURL,
		Database: database.Config{
			Driver: database.SQLite, DSN: config.Secret(filepath.Join(t.TempDir(), "order.db") + "?_pragma=synchronous(OFF)"),
		},
	}, log)
	if err != nil {
		t.Fatal(err)
	}
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	ctx, stop := context.WithCancel(context.Background())
	stopped := make(chan error, 1)
	go func() { stopped <- service.Run(ctx, listener) }()
	t.Cleanup(func() {
		stop()
		if err := <-stopped; err != nil {
			t.Errorf("the service stopped with: %v", err)
		}
	})
	url := "http://" + listener.Addr().String()
	client, err := api.NewClientWithResponses(url, api.WithHTTPClient(httpclient.New(httpclient.Options{BaseURL: url, Token: token})))
	if err != nil {
		t.Fatal(err)
	}
	return client, url
}

func put(t testing.TB, client *api.ClientWithResponses, orderID string, in api.OrderInput) (api.PutOrderResult, error) {
	t.Helper()
	answer, err := client.PutOrderWithResponse(t.Context(), "m-1", orderID, in)
	if err != nil {
		t.Fatal(err)
	}
	return httpclient.Check(answer.StatusCode(), answer.Body, answer.JSON200)
}

func TestAnOrderAndItsUnitsOverHTTP(t *testing.T) {
	client, _ := start(t, "http://127.0.0.1:1")
	ctx := t.Context()
	in := input()
	in.Contact = &api.Contact{Name: ptr("Li Lei"), Street: ptr("West Lake 1")}
	in.Deliveries = &[]api.Delivery{{DeliveryID: "d-1", Carrier: "sf", TrackingNumber: "SF1", ShippedAt: placed, DeliveredAt: ptr(placed.Add(time.Hour))}}
	if got, err := put(t, client, "o-1", in); err != nil || got.Result != api.Created || got.Version != 1 {
		t.Fatalf("put is %+v, %v", got, err)
	}
	if got, err := put(t, client, "o-1", in); err != nil || got.Result != api.Unchanged {
		t.Errorf("put again is %+v, %v", got, err)
	}

	reserved, err := client.ReserveUnitsWithResponse(ctx, "m-1", "o-1", "case-1", api.ReserveUnitsInput{Lines: []api.LineQuantity{{LineID: "A", Quantity: 4}}})
	if err != nil || reserved.JSON200 == nil {
		t.Fatalf("reserve is %s, %v", reserved.Body, err)
	}
	if line := reserved.JSON200.Lines[0]; line.Value != cny(40) || line.LinePaid != cny(100) || line.LineQuantity != 10 {
		t.Errorf("reserved line is %+v", line)
	}
	settled, err := client.SettleReservationWithResponse(ctx, "m-1", "o-1", "case-1", api.SettleReservationInput{Lines: []api.LineQuantity{{LineID: "A", Quantity: 3}}})
	if err != nil || settled.JSON200 == nil || settled.JSON200.State != api.Settled || settled.JSON200.Lines[0].ReturnedQuantity != 3 {
		t.Errorf("settle is %s, %v", settled.Body, err)
	}

	got, err := client.GetOrderWithResponse(ctx, "m-1", "o-1", nil)
	if err != nil || got.JSON200 == nil {
		t.Fatalf("get is %s, %v", got.Body, err)
	}
	line := got.JSON200.Lines[0]
	if line.ReturnedQuantity != 3 || line.ReservedQuantity != 0 || len(*line.FreeUnits) != 1 || (*line.FreeUnits)[0] != (api.UnitRange{From: 3, To: 10}) {
		t.Errorf("line is %+v", line)
	}
	if line.DeliveredAt == nil || !line.DeliveredAt.Equal(placed.Add(time.Hour)) || line.ShippedAt == nil {
		t.Errorf("line was shipped %v and delivered %v", line.ShippedAt, line.DeliveredAt)
	}
	if text := string(got.Body); strings.Contains(text, "Li Lei") || strings.Contains(text, "West Lake") {
		t.Errorf("the order has personal data: %s", text)
	}
	contact, err := client.GetOrderContactWithResponse(ctx, "m-1", "o-1")
	if err != nil || contact.JSON200 == nil || *contact.JSON200.Name != "Li Lei" || *contact.JSON200.Language != api.ZhCN {
		t.Errorf("contact is %s, %v", contact.Body, err)
	}
	page, err := client.ListOrdersWithResponse(ctx, "m-1", &api.ListOrdersParams{BuyerID: ptr("buyer-1")})
	if err != nil || page.JSON200 == nil || len(page.JSON200.Items) != 1 || page.JSON200.NextCursor != nil {
		t.Errorf("page is %s, %v", page.Body, err)
	}
}

func TestARefusalNamesCodeAndField(t *testing.T) {
	client, url := start(t, "http://127.0.0.1:1")
	tests := []struct {
		name        string
		change      func(*api.OrderInput)
		status      int
		code, field string
	}{
		{"against the contract", func(in *api.OrderInput) { in.Lines[0].Quantity = 0 }, http.StatusBadRequest, problem.CodeInvalid, "lines[0].quantity"},
		{"an amount out of range", func(in *api.OrderInput) { in.Payments[0].Amount.Amount = money.Max + 1 }, http.StatusBadRequest, problem.CodeInvalid, "payments[0].amount.amount"},
		{"a mix of currencies", func(in *api.OrderInput) { in.Lines[0].Amount.Currency = "USD" }, http.StatusUnprocessableEntity, "currency_mismatch", "lines[0].amount.currency"},
		{"payments that do not add up", func(in *api.OrderInput) { in.Payments[0].Amount = cny(99) }, http.StatusUnprocessableEntity, "payments_do_not_add_up", "payments"},
	}
	for _, test := range tests {
		in := input()
		test.change(&in)
		_, err := put(t, client, "o-1", in)
		e, ok := problem.As(err)
		if !ok || e.Status != test.status || e.Code != test.code || len(e.Errors) != 1 || e.Errors[0].Field != test.field {
			t.Errorf("%s: %v", test.name, err)
		}
	}

	request, err := http.NewRequestWithContext(t.Context(), http.MethodGet, url+"/v1/merchants/m-1/orders/o-1", nil)
	if err != nil {
		t.Fatal(err)
	}
	request.Header.Set("Authorization", "Bearer "+token)
	request.Header.Set("Accept-Language", "zh-CN")
	answer, err := http.DefaultClient.Do(request)
	if err != nil {
		t.Fatal(err)
	}
	defer answer.Body.Close()
	body, err := io.ReadAll(answer.Body)
	if err != nil || answer.StatusCode != http.StatusNotFound || !strings.Contains(string(body), "没有这个订单") {
		t.Errorf("answer is %d %s, %v; want a title in Chinese", answer.StatusCode, body, err)
	}
}

func TestAShippedOrderIsInsuredAlthoughLogisticsFailsAtFirst(t *testing.T) {
	type call struct {
		path  string
		input logistics.InsureOrderInput
	}
	calls := make(chan call, 8)
	var attempts atomic.Int64
	insurer := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if attempts.Add(1) == 1 {
			http.Error(w, "not now", http.StatusServiceUnavailable)
			return
		}
		c := call{path: r.Method + " " + r.URL.Path}
		if err := json.NewDecoder(r.Body).Decode(&c.input); err != nil || r.Header.Get("Authorization") != "Bearer "+token {
			t.Errorf("call has token %q, %v", r.Header.Get("Authorization"), err)
		}
		w.Header().Set("Content-Type", "application/json")
		fmt.Fprint(w, `{"order_id":"o-1","state":"pending"}`)
		calls <- c
	}))
	defer insurer.Close()

	client, _ := start(t, insurer.URL)
	in := input()
	in.FreightInsurance = ptr(true)
	in.Deliveries = &[]api.Delivery{{DeliveryID: "d-1", Carrier: "sf", TrackingNumber: "SF1", ShippedAt: placed}}
	if _, err := put(t, client, "o-1", in); err != nil {
		t.Fatal(err)
	}
	got := <-calls
	if got.path != "PUT /v1/merchants/m-1/insurance-policies/o-1" {
		t.Errorf("call is %s", got.path)
	}
	if got.input.PaymentReference != "out-0001" || got.input.Paid != cny(100) || got.input.TrackingNumber != "SF1" || !got.input.PaidAt.Equal(placed) {
		t.Errorf("input is %+v", got.input)
	}
}

func TestAWrongConfigurationIsNamed(t *testing.T) {
	_, err := config.Load[order.Config]("", []string{"ORDER_DATABASE_DSN=order.db", "LOGISTICS_URL=logistics"})
	if err == nil || !strings.Contains(err.Error(), "LOGISTICS_URL") {
		t.Errorf("error is %v", err)
	}
	if _, err := config.Load[order.Config]("", []string{"ORDER_DATABASE_DSN=order.db"}); err != nil {
		t.Errorf("the defaults are refused: %v", err)
	}
}

// BenchmarkPut loads orders of 24 lines one by one, as an adopter's first import does.
func BenchmarkPut(b *testing.B) {
	client, _ := start(b, "http://127.0.0.1:1")
	in := input()
	in.Lines, in.Payments[0].Amount = nil, cny(2400)
	for i := range 24 {
		in.Lines = append(in.Lines, api.OrderLineInput{LineID: fmt.Sprintf("L%d", i), Sku: "mug", Title: ptr("A mug"), Quantity: 10, Amount: cny(100)})
	}
	n := 0
	for b.Loop() {
		n++
		if _, err := put(b, client, fmt.Sprintf("o-%d", n), in); err != nil {
			b.Fatal(err)
		}
	}
}
