package callbacks_test

import (
	"context"
	"crypto/ed25519"
	"crypto/rand"
	"crypto/x509"
	"encoding/json"
	"encoding/pem"
	"fmt"
	"io"
	"log/slog"
	"net"
	"net/http"
	"net/http/httptest"
	"net/url"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"go.temporal.io/sdk/client"

	"aftercare.dev/gateway"
	"aftercare.dev/services/logistics"
	logisticsapi "aftercare.dev/services/logistics/api"
	"aftercare.dev/services/payment"
	paymentapi "aftercare.dev/services/payment/api"
	"aftercare.dev/services/payment/wechatpay/wechatpaytest"
	"aftercare.dev/services/platform/config"
	"aftercare.dev/services/platform/httpclient"
	"aftercare.dev/services/platform/money"
)

const (
	merchant     = "m1"
	serviceToken = "between-us"
	insurerToken = "tok3n"
)

// house is a gateway with the real payment and logistics services, a case c1 of order o1 that waits for a courier, a refund and
// the insurer, and a Temporal that takes note of who is woken.
type house struct {
	*require.Assertions
	t         *testing.T
	url       string
	temporal  *bell
	outside   *outside
	platform  *wechatpaytest.Platform
	payment   *paymentapi.ClientWithResponses
	logistics *logisticsapi.ClientWithResponses
}

// bell is a Temporal that rings.
type bell struct {
	client.Client
	mu    sync.Mutex
	woken []string
}

func (b *bell) SignalWorkflow(_ context.Context, workflowID, _, name string, content any) error {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.woken = append(b.woken, fmt.Sprintf("%s %s %+v", workflowID, name, content))
	return nil
}

// rung returns who was woken since the last time.
func (b *bell) rung() []string {
	b.mu.Lock()
	defer b.mu.Unlock()
	woken := b.woken
	b.woken = nil
	return woken
}

// outside is the order service, kuaidi100 and the insurer, as far as the case needs them.
type outside struct {
	mu      sync.Mutex
	salt    string // of the parcel's callbacks
	token   string // in their address
	detail  string // what kuaidi100 says of the parcel
	claimed bool
}

func (o *outside) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	o.mu.Lock()
	defer o.mu.Unlock()
	raw, _ := io.ReadAll(r.Body)
	w.Header().Set("Content-Type", "application/json")
	_, _ = io.WriteString(w, o.answer(r.URL.Path, string(raw)))
}

func (o *outside) answer(path, body string) string {
	switch {
	case strings.HasSuffix(path, "/contact"):
		return `{"name":"A","phone":"13800000000","payer_reference":"openid-1","province":"P","city":"C","district":"D","street":"S"}`
	case strings.HasPrefix(path, "/v1/merchants/"):
		return `{"order_id":"o1","merchant_id":"m1","buyer_id":"b1","version":1,"currency":"CNY","channel":"online","placed_at":"2026-11-01T00:00:00Z",
			"lines":[{"line_id":"l1","sku":"cup","quantity":1,"paid":{"amount":1000,"currency":"CNY"},"reserved_quantity":0,"returned_quantity":0,"no_return_confirmed":false}],
			"discounts":[],"freight":{"amount":0,"currency":"CNY"},"paid":{"amount":1000,"currency":"CNY"},"deliveries":[],"freight_insurance":true,
			"payments":[{"payment_id":"p1","provider":"wechatpay","provider_reference":"T00001","amount":{"amount":1000,"currency":"CNY"},"paid_at":"2026-11-01T00:00:00Z"}]}`
	case path == "/order/borderapi.do":
		form, _ := url.ParseQuery(body)
		if form.Get("method") != "bOrder" {
			return o.detail
		}
		var param map[string]string
		_ = json.Unmarshal([]byte(form.Get("param")), &param)
		o.salt, o.token = param["salt"], param["callBackUrl"][strings.LastIndex(param["callBackUrl"], "/")+1:]
		return `{"result":true,"returnCode":"200","data":{"taskId":"T1","orderId":"O1","kuaidinum":""}}`
	case path == "/poll/query.do":
		return `{"result":false,"returnCode":"500"}`
	case path == "/cgi-bin/stable_token":
		return `{"access_token":"token","expires_in":7200}`
	case strings.HasSuffix(path, "createorder"):
		return `{"errcode":0,"policy_no":"P1","insurance_end_date":"2099-01-01 00:00:00","estimate_amount":1000}`
	case strings.HasSuffix(path, "claim"):
		o.claimed = true
		return `{"errcode":0,"report_no":"R1"}`
	case o.claimed:
		return `{"errcode":0,"list":[{"order_no":"pay1","policy_no":"P1","report_no":"R1","status":4,"estimate_amount":1000}]}`
	}
	return `{"errcode":0,"list":[{"order_no":"pay1","policy_no":"P1","status":2,"estimate_amount":1000}]}`
}

func newHouse(t *testing.T) *house {
	h := &house{Assertions: require.New(t), t: t, temporal: &bell{}, outside: &outside{}, platform: wechatpaytest.New(t, time.Now)}
	world := httptest.NewServer(h.outside)
	t.Cleanup(world.Close)
	h.startPayment(world.URL)
	h.startLogistics(world.URL)
	public, _, err := ed25519.GenerateKey(rand.Reader)
	h.NoError(err)
	cfg, err := config.Load[gateway.Config]("", []string{
		"SERVICE_TOKEN=" + serviceToken, "JWT_ISSUER=tests", "JWT_AUDIENCE=aftercare", "JWT_PUBLIC_KEYS=" + publicPEM(h, public),
		"ORDER_URL=" + world.URL, "CASES_URL=" + world.URL, "NOTIFICATION_URL=" + world.URL,
		"LOGISTICS_URL=" + strings.TrimSuffix(h.logistics.ClientInterface.(*logisticsapi.Client).Server, "/"),
		"PAYMENT_URL=" + strings.TrimSuffix(h.payment.ClientInterface.(*paymentapi.Client).Server, "/"),
	})
	h.NoError(err)
	service, err := gateway.New(t.Context(), cfg, h.temporal, slog.New(slog.DiscardHandler))
	h.NoError(err)
	server := httptest.NewServer(service.Handler())
	t.Cleanup(server.Close)
	h.url = server.URL
	return h
}

func publicPEM(h *house, key any) string {
	der, err := x509.MarshalPKIXPublicKey(key)
	h.NoError(err)
	return string(pem.EncodeToMemory(&pem.Block{Type: "PUBLIC KEY", Bytes: der}))
}

// running serves on a free port until the test ends, and returns the address.
func (h *house) running(run func(context.Context, net.Listener) error) string {
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	h.NoError(err)
	ctx, stop := context.WithCancel(context.WithoutCancel(h.t.Context()))
	ended := make(chan error, 1)
	go func() { ended <- run(ctx, listener) }()
	h.t.Cleanup(func() {
		stop()
		require.NoError(h.t, <-ended)
	})
	return "http://" + listener.Addr().String()
}

func (h *house) startPayment(world string) {
	private, err := x509.MarshalPKCS8PrivateKey(wechatpaytest.MerchantKey())
	h.NoError(err)
	cfg, err := config.Load[payment.Config]("", []string{
		"SERVICE_TOKEN=" + serviceToken, "PAYMENT_DATABASE_DSN=" + filepath.Join(h.t.TempDir(), "payment.db"), "ORDER_URL=" + world,
		"WECHATPAY_BASE_URL=" + h.platform.URL, "WECHATPAY_MCHID=" + wechatpaytest.MerchantID,
		"WECHATPAY_MERCHANT_SERIAL=" + wechatpaytest.MerchantSerial,
		"WECHATPAY_PRIVATE_KEY=" + string(pem.EncodeToMemory(&pem.Block{Type: "PRIVATE KEY", Bytes: private})),
		"WECHATPAY_PLATFORM_SERIAL=" + wechatpaytest.PlatformSerial,
		"WECHATPAY_PLATFORM_PUBLIC_KEY=" + publicPEM(h, &wechatpaytest.PlatformKey().PublicKey),
		"WECHATPAY_APIV3_KEY=" + wechatpaytest.APIv3Key, "WECHATPAY_NOTIFY_URL=https://shop.example/notify",
	})
	h.NoError(err)
	service, err := payment.New(h.t.Context(), cfg, slog.New(slog.DiscardHandler))
	h.NoError(err)
	at := h.running(service.Run)
	h.payment, err = paymentapi.NewClientWithResponses(at, paymentapi.WithHTTPClient(httpclient.New(httpclient.Options{BaseURL: at, Token: serviceToken})))
	h.NoError(err)
}

func (h *house) startLogistics(world string) {
	cfg, err := config.Load[logistics.Config]("", []string{
		"SERVICE_TOKEN=" + serviceToken, "LOGISTICS_DATABASE_DSN=" + filepath.Join(h.t.TempDir(), "logistics.db"), "ORDER_URL=" + world,
		"KUAIDI100_BASE_URL=" + world, "KUAIDI100_KEY=K", "KUAIDI100_SECRET=S", "KUAIDI100_CUSTOMER=C",
		"FREIGHT_INSURANCE_BASE_URL=" + world, "FREIGHT_INSURANCE_APP_ID=wx", "FREIGHT_INSURANCE_APP_SECRET=x",
		"FREIGHT_INSURANCE_CALLBACK_TOKEN=" + insurerToken, "LOGISTICS_QUERY_INTERVAL=0s",
	})
	h.NoError(err)
	service, err := logistics.New(h.t.Context(), cfg, slog.New(slog.DiscardHandler))
	h.NoError(err)
	at := h.running(service.Run)
	h.logistics, err = logisticsapi.NewClientWithResponses(at, logisticsapi.WithHTTPClient(httpclient.New(httpclient.Options{BaseURL: at, Token: serviceToken})))
	h.NoError(err)
}

// refund is one that the provider is working on.
func (h *house) refund() wechatpaytest.Refund {
	reserved, err := h.payment.ReserveRefundWithResponse(h.t.Context(), merchant, "c1-1", paymentapi.RefundInput{
		CaseID: "c1", OrderID: "o1", Currency: "CNY", Reason: "no_reason",
		Lines: []paymentapi.LineAmount{{LineID: "l1", Amount: money.Money{Amount: 500, Currency: "CNY"}}},
	})
	h.NoError(err)
	h.NotNil(reserved.JSON200, string(reserved.Body))
	_, err = h.payment.SubmitRefundWithResponse(h.t.Context(), merchant, "c1-1")
	h.NoError(err)
	return h.platform.Refunds()[0]
}

// parcel books a courier; claim, beside that, insures the order and files a claim.
func (h *house) parcel() {
	ctx := h.t.Context()
	_, err := h.logistics.PutReturnAddressWithResponse(ctx, merchant, logisticsapi.Contact{
		Name: "W", Phone: "0571000000", Province: "P", City: "C", Street: "S",
	})
	h.NoError(err)
	created, err := h.logistics.CreateShipmentWithResponse(ctx, merchant, "c1-s1", logisticsapi.ShipmentInput{
		CaseID: "c1", OrderID: "o1", Direction: logisticsapi.ToWarehouse, Method: logisticsapi.ShipmentMethodPickup,
	})
	h.NoError(err)
	h.NotNil(created.JSON200, string(created.Body))
}

func (h *house) claim() {
	ctx := h.t.Context()
	insured, err := h.logistics.InsureOrderWithResponse(ctx, merchant, "o1", logisticsapi.InsureOrderInput{
		PaymentReference: "pay1", PaidAt: time.Now(), Paid: money.Money{Amount: 1000, Currency: "CNY"}, Carrier: "shunfeng", TrackingNumber: "SF1",
	})
	h.NoError(err)
	h.NotNil(insured.JSON200, string(insured.Body))
	h.parcel()
	h.outside.mu.Lock()
	h.outside.detail = `{"result":true,"returnCode":"200","data":{"taskId":"T1","orderId":"O1","kuaidiCom":"jd","kuaidiNum":"JD1","status":10}}`
	h.outside.mu.Unlock()
	refresh := true
	_, err = h.logistics.GetShipmentWithResponse(ctx, merchant, "c1-s1", &logisticsapi.GetShipmentParams{Refresh: &refresh})
	h.NoError(err)
	filed, err := h.logistics.FileInsuranceClaimWithResponse(ctx, merchant, "c1", logisticsapi.InsuranceClaimInput{OrderID: "o1", ShipmentID: "c1-s1"})
	h.NoError(err)
	h.NotNil(filed.JSON200, string(filed.Body))
}

// sent is what somebody posts to the gateway.
type sent struct {
	path    string
	headers map[string]string
	body    string
}

func (h *house) post(t *testing.T, s sent) (status int, body string) {
	t.Helper()
	request, err := http.NewRequestWithContext(t.Context(), http.MethodPost, h.url+s.path, strings.NewReader(s.body))
	require.NoError(t, err)
	for name, value := range s.headers {
		request.Header.Set(name, value)
	}
	answer, err := http.DefaultClient.Do(request)
	require.NoError(t, err)
	defer answer.Body.Close()
	content, err := io.ReadAll(answer.Body)
	require.NoError(t, err)
	return answer.StatusCode, string(content)
}
