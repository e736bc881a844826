package payment_test

import (
	"context"
	"crypto/x509"
	"encoding/json"
	"encoding/pem"
	"errors"
	"log/slog"
	"net"
	"net/http"
	"net/http/httptest"
	"path/filepath"
	"strings"
	"testing"
	"time"

	orderapi "aftercare.dev/services/order/api"
	"aftercare.dev/services/payment"
	"aftercare.dev/services/payment/api"
	"aftercare.dev/services/payment/wechatpay/wechatpaytest"
	"aftercare.dev/services/platform/config"
	"aftercare.dev/services/platform/httpclient"
	"aftercare.dev/services/platform/money"
	"aftercare.dev/services/platform/problem"
)

const (
	token    = "service-token"
	merchant = "m1"
)

func cny(amount int64) money.Money { return money.Money{Amount: amount, Currency: "CNY"} }

// orderService answers getOrder with one order, to callers with the token.
func orderService(t testing.TB) string {
	t.Helper()
	mux := http.NewServeMux()
	mux.HandleFunc("GET /v1/merchants/m1/orders/o1", func(w http.ResponseWriter, r *http.Request) {
		if r.Header.Get("Authorization") != "Bearer "+token {
			w.WriteHeader(http.StatusUnauthorized)
			return
		}
		w.Header().Set("Content-Type", "application/json")
		_ = json.NewEncoder(w).Encode(orderapi.Order{
			OrderID: "o1", MerchantID: merchant, Version: 1, Currency: "CNY", Freight: cny(100), Paid: cny(1000),
			Lines:    []orderapi.OrderLine{{LineID: "l1", Paid: cny(900)}},
			Payments: []orderapi.Payment{{PaymentID: "p1", Provider: "wechatpay", ProviderReference: "T00001", Amount: cny(1000)}},
		})
	})
	mux.HandleFunc("GET /v1/payments", func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Content-Type", "application/json")
		_ = json.NewEncoder(w).Encode(orderapi.PaymentOwner{MerchantID: merchant, OrderID: "o1", PaymentID: "p1"})
	})
	server := httptest.NewServer(mux)
	t.Cleanup(server.Close)
	return server.URL
}

func environ(t testing.TB, platformURL string) []string {
	t.Helper()
	private, err := x509.MarshalPKCS8PrivateKey(wechatpaytest.MerchantKey())
	if err != nil {
		t.Fatal(err)
	}
	public, err := x509.MarshalPKIXPublicKey(&wechatpaytest.PlatformKey().PublicKey)
	if err != nil {
		t.Fatal(err)
	}
	return []string{
		"SERVICE_TOKEN=" + token,
		"PAYMENT_DATABASE_DSN=" + filepath.Join(t.TempDir(), "payment.db"),
		"ORDER_URL=" + orderService(t),
		"WECHATPAY_BASE_URL=" + platformURL,
		"WECHATPAY_MCHID=" + wechatpaytest.MerchantID,
		"WECHATPAY_MERCHANT_SERIAL=" + wechatpaytest.MerchantSerial,
		"WECHATPAY_PRIVATE_KEY=" + string(pem.EncodeToMemory(&pem.Block{Type: "PRIVATE KEY", Bytes: private})),
		"WECHATPAY_PLATFORM_SERIAL=" + wechatpaytest.PlatformSerial,
		"WECHATPAY_PLATFORM_PUBLIC_KEY=" + string(pem.EncodeToMemory(&pem.Block{Type: "PUBLIC KEY", Bytes: public})),
		"WECHATPAY_APIV3_KEY=" + wechatpaytest.APIv3Key,
		"WECHATPAY_NOTIFY_URL=https://shop.example/notify",
		"WECHATPAY_MIN_REFUND_GAP=0s",
	}
}

// start runs the service as a process would and returns a client of its contract.
func start(t testing.TB) (*api.ClientWithResponses, *wechatpaytest.Platform) {
	t.Helper()
	platform := wechatpaytest.New(t, time.Now)
	cfg, err := config.Load[payment.Config]("", environ(t, platform.URL))
	if err != nil {
		t.Fatal(err)
	}
	service, err := payment.New(t.Context(), cfg, slog.New(slog.DiscardHandler))
	if err != nil {
		t.Fatal(err)
	}
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	ctx, stop := context.WithCancel(context.WithoutCancel(t.Context()))
	ended := make(chan error, 1)
	go func() { ended <- service.Run(ctx, listener) }()
	t.Cleanup(func() {
		stop()
		if err := <-ended; err != nil {
			t.Errorf("service ended with %v", err)
		}
	})
	url := "http://" + listener.Addr().String()
	client, err := api.NewClientWithResponses(url, api.WithHTTPClient(httpclient.New(httpclient.Options{BaseURL: url, Token: token})))
	if err != nil {
		t.Fatal(err)
	}
	return client, platform
}

func reserve(t testing.TB, client *api.ClientWithResponses, refundID string, line int64) (api.Refund, error) {
	t.Helper()
	freight := cny(50)
	answer, err := client.ReserveRefundWithResponse(t.Context(), merchant, refundID, api.RefundInput{
		CaseID: "case1", OrderID: "o1", Currency: "CNY", Reason: "no_reason", Freight: &freight,
		Lines: []api.LineAmount{{LineID: "l1", Amount: cny(line)}},
	})
	if err != nil {
		t.Fatal(err)
	}
	return httpclient.Check(answer.StatusCode(), answer.Body, answer.JSON200)
}

func TestRefundGoesItsWholeWayThroughTheContract(t *testing.T) {
	client, platform := start(t)
	reserved, err := reserve(t, client, "case1:1", 450)
	if err != nil || reserved.State != api.RefundStateReserved || reserved.Amount != cny(500) {
		t.Fatalf("reserved %+v, error %v", reserved, err)
	}
	submitted, err := client.SubmitRefundWithResponse(t.Context(), merchant, "case1:1")
	if err != nil || submitted.JSON200 == nil || submitted.JSON200.State != api.RefundStateProcessing {
		t.Fatalf("submitted %s, error %v", submitted.Body, err)
	}
	platform.Set(reserved.Parts[0].RefundNumber, func(r *wechatpaytest.Refund) { r.Status = "SUCCESS" })
	refresh := true
	got, err := client.GetRefundWithResponse(t.Context(), merchant, "case1:1", &api.GetRefundParams{Refresh: &refresh})
	if err != nil || got.JSON200 == nil || got.JSON200.State != api.RefundStateSucceeded || got.JSON200.Refunded != cny(500) {
		t.Fatalf("got %s, error %v", got.Body, err)
	}
	if bad := platform.BadSignatures(); len(bad) > 0 {
		t.Errorf("the platform did not believe: %v", bad)
	}
}

func TestRefundBeyondWhatWasPaidNamesWhatIsLeftOnTheWire(t *testing.T) {
	client, _ := start(t)
	_, err := reserve(t, client, "case1:1", 901)
	refusal, ok := problem.As(err)
	if !ok || refusal.Status != http.StatusUnprocessableEntity || refusal.Code != "exceeds_paid" {
		t.Fatalf("error is %v", err)
	}
	text, err := json.Marshal(refusal.Meta["refundable"])
	if err != nil {
		t.Fatal(err)
	}
	want := `{"freight":{"amount":100,"currency":"CNY"},"lines":[{"amount":{"amount":900,"currency":"CNY"},"line_id":"l1"}],` +
		`"payments":[{"amount":{"amount":1000,"currency":"CNY"},"payment_id":"p1"}]}`
	if string(text) != want {
		t.Errorf("refundable is %s", text)
	}
}

func TestListPagesByCursor(t *testing.T) {
	client, _ := start(t)
	for _, id := range []string{"r1", "r2", "r3"} {
		// Freight is 100 in all, so that only two of them fit.
		if _, err := reserve(t, client, id, 10); err != nil && id != "r3" {
			t.Fatal(err)
		}
	}
	limit, caseID := 1, "case1"
	first, err := client.ListRefundsWithResponse(t.Context(), merchant, &api.ListRefundsParams{CaseID: &caseID, Limit: &limit})
	if err != nil || first.JSON200 == nil || first.JSON200.NextCursor == nil || first.JSON200.Items[0].RefundID != "r1" {
		t.Fatalf("first page %s, error %v", first.Body, err)
	}
	second, err := client.ListRefundsWithResponse(t.Context(), merchant, &api.ListRefundsParams{CaseID: &caseID, Limit: &limit, Cursor: first.JSON200.NextCursor})
	if err != nil || second.JSON200 == nil || second.JSON200.NextCursor != nil || second.JSON200.Items[0].RefundID != "r2" {
		t.Fatalf("second page %s, error %v", second.Body, err)
	}
	wrong := "2"
	third, err := client.ListRefundsWithResponse(t.Context(), merchant, &api.ListRefundsParams{Cursor: &wrong})
	if err != nil || third.StatusCode() != http.StatusBadRequest {
		t.Errorf("malformed cursor: %s, error %v", third.Body, err)
	}
}

func TestCallbackWakesTheCaseIfItIsAuthenticAndIsRefusedIfNot(t *testing.T) {
	client, platform := start(t)
	reserved, err := reserve(t, client, "case1:1", 450)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := client.SubmitRefundWithResponse(t.Context(), merchant, "case1:1"); err != nil {
		t.Fatal(err)
	}
	held := platform.Refunds()[0]
	held.Status = "SUCCESS"
	body := wechatpaytest.Notification("EV1", wechatpaytest.MerchantID, held)
	other := held
	other.Refund--
	sign := wechatpaytest.Sign
	now, key, serial := time.Now(), wechatpaytest.PlatformKey(), wechatpaytest.PlatformSerial
	good := sign(key, serial, now, body)
	lower := map[string]string{}
	for name, value := range good {
		lower[strings.ToLower(name)] = value
	}
	for _, test := range []struct {
		name    string
		headers map[string]string
		body    []byte
		status  int
	}{
		{"authentic", good, body, http.StatusOK},
		{"repeated", good, body, http.StatusOK},
		{"headers in lower case", lower, body, http.StatusOK},
		{"forged", sign(wechatpaytest.MerchantKey(), serial, now, body), body, http.StatusUnauthorized},
		{"unknown serial", sign(key, "OTHER", now, body), body, http.StatusUnauthorized},
		{"old", sign(key, serial, now.Add(-6*time.Minute), body), body, http.StatusUnauthorized},
		{"another body under the signature", good, wechatpaytest.Notification("EV1", wechatpaytest.MerchantID, other), http.StatusUnauthorized},
		{"unsigned", map[string]string{}, body, http.StatusUnauthorized},
	} {
		t.Run(test.name, func(t *testing.T) {
			answer, err := client.ReceivePaymentCallbackWithResponse(t.Context(), api.Callback{Headers: test.headers, Body: test.body})
			if err != nil || answer.JSON200 == nil {
				t.Fatalf("answer %s, error %v", answer.Body, err)
			}
			told := *answer.JSON200
			if told.Status != test.status {
				t.Fatalf("provider is answered %d %s", told.Status, told.Body)
			}
			if test.status != http.StatusOK {
				if len(told.Events) != 0 {
					t.Errorf("woke %+v", told.Events)
				}
				return
			}
			want := api.CaseEvent{EventID: reserved.Parts[0].RefundNumber + ":succeeded", MerchantID: merchant, CaseID: "case1", Subject: "case1:1"}
			if len(told.Events) != 1 || told.Events[0] != want {
				t.Errorf("events are %+v", told.Events)
			}
		})
	}
	after, err := client.GetRefundWithResponse(t.Context(), merchant, "case1:1", nil)
	if err != nil || after.JSON200 == nil || after.JSON200.State != api.RefundStateProcessing {
		t.Errorf("a notification moved the refund: %s, error %v", after.Body, err)
	}
}

func TestRequestThatBreaksTheContractIsRefusedWithTheField(t *testing.T) {
	client, _ := start(t)
	for name, body := range map[string]string{
		"unknown field": `{"case_id":"c","order_id":"o1","currency":"CNY","reason":"r","lines":[],"amount":1}`,
		"below zero":    `{"case_id":"c","order_id":"o1","currency":"CNY","reason":"r","lines":[{"line_id":"l1","amount":{"amount":-1,"currency":"CNY"}}]}`,
		"no reason":     `{"case_id":"c","order_id":"o1","currency":"CNY","lines":[]}`,
	} {
		t.Run(name, func(t *testing.T) {
			answer, err := client.ReserveRefundWithBodyWithResponse(t.Context(), merchant, "r1", "application/json", strings.NewReader(body))
			if err != nil || answer.StatusCode() != http.StatusBadRequest {
				t.Errorf("answer %s, error %v", answer.Body, err)
			}
		})
	}
}

func TestWrongSettingStopsTheServiceWithASentenceThatNamesIt(t *testing.T) {
	for _, test := range []struct{ variable, value string }{
		{"WECHATPAY_PRIVATE_KEY", "-----BEGIN"},
		{"WECHATPAY_PLATFORM_PUBLIC_KEY", "key"},
		{"WECHATPAY_PLATFORM_PUBLIC_KEY", ""},
		{"WECHATPAY_PLATFORM_SERIAL", "A,B"},
		{"WECHATPAY_APIV3_KEY", "short"},
		{"WECHATPAY_TIMEOUT", "9s"},
		{"WECHATPAY_BASE_URL", "api.mch.weixin.qq.com"},
		{"WECHATPAY_MIN_REFUND_GAP", "a minute"},
	} {
		t.Run(test.variable, func(t *testing.T) {
			cfg, err := config.Load[payment.Config]("", append(environ(t, "http://127.0.0.1:1"), test.variable+"="+test.value))
			if err == nil {
				_, err = payment.New(t.Context(), cfg, slog.New(slog.DiscardHandler))
			}
			wrong, ok := errors.AsType[*config.Error](err)
			if !ok || !strings.HasPrefix(wrong.Sentence, "WECHATPAY_") {
				t.Fatalf("error is %v", err)
			}
			if strings.Contains(wrong.Sentence, "BEGIN") {
				t.Errorf("the sentence shows a key: %s", wrong.Sentence)
			}
		})
	}
}
