package logistics

import (
	"bytes"
	"context"
	"crypto/md5"
	"crypto/sha1"
	"encoding/json"
	"fmt"
	"io"
	"io/fs"
	"log/slog"
	"net"
	"net/http"
	"net/http/httptest"
	"net/url"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"aftercare.dev/services/logistics/api"
	"aftercare.dev/services/logistics/domain"
	handlers "aftercare.dev/services/logistics/http"
	"aftercare.dev/services/platform/config"
	"aftercare.dev/services/platform/httpclient"
	"aftercare.dev/services/platform/money"
	"aftercare.dev/services/platform/problem"
)

// outside is the order service, the carrier and the insurer, as far as one parcel needs them.
type outside struct {
	mu      sync.Mutex
	salt    string
	token   string
	detail  string
	covered int
}

func (o *outside) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	o.mu.Lock()
	defer o.mu.Unlock()
	w.Header().Set("Content-Type", "application/json")
	raw, _ := io.ReadAll(r.Body)
	switch path := r.URL.Path; {
	case strings.HasSuffix(path, "/contact"):
		_, _ = io.WriteString(w, `{"name":"Zhang San","phone":"13800000000","payer_reference":"openid-1","province":"广东省","city":"深圳市","district":"南山区","street":"`+street+`"}`)
	case strings.HasPrefix(path, "/v1/merchants/"):
		_, _ = io.WriteString(w, `{"order_id":"o1","merchant_id":"m1","buyer_id":"b1","version":1,"currency":"CNY","channel":"online",
			"placed_at":"2026-11-01T00:00:00Z","lines":[{"line_id":"l1","sku":"cup","quantity":1,"paid":{"amount":9900,"currency":"CNY"},
			"reserved_quantity":0,"returned_quantity":0,"no_return_confirmed":false}],"discounts":[],"freight":{"amount":0,"currency":"CNY"},
			"paid":{"amount":9900,"currency":"CNY"},"payments":[],"deliveries":[],"freight_insurance":true}`)
	case path == "/order/borderapi.do":
		form, _ := url.ParseQuery(string(raw))
		if form.Get("method") == "bOrder" {
			var param map[string]string
			_ = json.Unmarshal([]byte(form.Get("param")), &param)
			o.salt, o.token = param["salt"], param["callBackUrl"][strings.LastIndex(param["callBackUrl"], "/")+1:]
			_, _ = io.WriteString(w, `{"result":true,"returnCode":"200","data":{"taskId":"T1","orderId":"O1","kuaidinum":""}}`)
			return
		}
		_, _ = io.WriteString(w, o.detail)
	case path == "/poll/query.do":
		_, _ = io.WriteString(w, `{"result":false,"returnCode":"500"}`)
	case path == "/cgi-bin/stable_token":
		_, _ = io.WriteString(w, `{"access_token":"token","expires_in":7200}`)
	case strings.HasSuffix(path, "createorder"):
		o.covered = 2
		_, _ = io.WriteString(w, `{"errcode":0,"policy_no":"P1","insurance_end_date":"2099-01-01 00:00:00","estimate_amount":1000}`)
	case strings.HasSuffix(path, "claim"):
		o.covered = 5
		_, _ = io.WriteString(w, `{"errcode":0,"report_no":"R1"}`)
	default:
		_, _ = fmt.Fprintf(w, `{"errcode":0,"list":[{"order_no":"pay1","policy_no":"P1","report_no":"R1","status":%d,"estimate_amount":1000,"pay_finish_time":1795406400}]}`, o.covered)
	}
}

const street = "Planted Street 42"

// start runs a whole service and returns a client of it and the world around it. At the end it looks for
// personal data in the log.
func start(t *testing.T) (*api.ClientWithResponses, *outside) {
	t.Helper()
	world := &outside{}
	server := httptest.NewServer(world)
	t.Cleanup(server.Close)
	cfg, err := config.Load[Config]("", []string{
		"LOGISTICS_DATABASE_DSN=" + filepath.Join(t.TempDir(), "logistics.db"), "SERVICE_TOKEN=service",
		"ORDER_URL=" + server.URL, "KUAIDI100_BASE_URL=" + server.URL, "KUAIDI100_KEY=K", "KUAIDI100_SECRET=S", "KUAIDI100_CUSTOMER=C",
		"FREIGHT_INSURANCE_BASE_URL=" + server.URL, "FREIGHT_INSURANCE_APP_ID=wx", "FREIGHT_INSURANCE_APP_SECRET=x",
		"FREIGHT_INSURANCE_CALLBACK_TOKEN=tok3n", "LOGISTICS_QUERY_INTERVAL=0s",
	})
	if err != nil {
		t.Fatal(err)
	}
	var log bytes.Buffer
	service, err := New(context.Background(), cfg, slog.New(slog.NewTextHandler(&log, &slog.HandlerOptions{Level: slog.LevelDebug})))
	if err != nil {
		t.Fatal(err)
	}
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	ctx, stop := context.WithCancel(context.Background())
	ended := make(chan error, 1)
	go func() { ended <- service.Run(ctx, listener) }()
	t.Cleanup(func() {
		stop()
		if err := <-ended; err != nil {
			t.Error(err)
		}
		for _, planted := range []string{"Zhang San", "13800000000", street, "openid-1"} {
			if strings.Contains(log.String(), planted) {
				t.Errorf("the log has %q", planted)
			}
		}
	})
	base := "http://" + listener.Addr().String()
	client, err := api.NewClientWithResponses(base, api.WithHTTPClient(httpclient.New(httpclient.Options{BaseURL: base, Token: "service"})))
	if err != nil {
		t.Fatal(err)
	}
	return client, world
}

// must stops the test if a call got no answer.
func must[T any](value T, err error) T {
	if err != nil {
		panic(err)
	}
	return value
}

func checked[T any](t *testing.T, status int, body []byte, ok *T) T {
	t.Helper()
	value, err := httpclient.Check(status, body, ok)
	if err != nil {
		t.Fatal(err)
	}
	return value
}

func TestAReturnIsPickedUpDeliveredAndItsFreightPaidThroughTheContract(t *testing.T) {
	t.Parallel()
	client, world := start(t)
	ctx := context.Background()

	missing := must(client.CreateShipmentWithResponse(ctx, "m1", "s1", shipmentInput()))
	refused := problem.Decode(missing.StatusCode(), missing.Body)
	if refused.Status != http.StatusConflict || refused.Code != domain.CodeReturnAddressMissing {
		t.Fatalf("no return address: %v", refused)
	}
	put := must(client.PutReturnAddressWithResponse(ctx, "m1", api.Contact{
		Name: "Warehouse", Phone: "0571000000", Province: "浙江省", City: "杭州市", Street: "一号库",
	}))
	checked(t, put.StatusCode(), put.Body, put.JSON200)

	paid := money.Money{Amount: 9900, Currency: "CNY"}
	insured := must(client.InsureOrderWithResponse(ctx, "m1", "o1", api.InsureOrderInput{
		PaymentReference: "pay1", PaidAt: time.Now(), Paid: paid, Carrier: "shunfeng", TrackingNumber: "SF1",
	}))
	if policy := checked(t, insured.StatusCode(), insured.Body, insured.JSON200); policy.State != api.InsurancePolicyStateActive {
		t.Fatalf("policy %+v", policy)
	}

	created := must(client.CreateShipmentWithResponse(ctx, "m1", "s1", shipmentInput()))
	if s := checked(t, created.StatusCode(), created.Body, created.JSON200); s.State != api.ShipmentStateBooked || s.Slot == nil {
		t.Fatalf("shipment %+v", s)
	}

	want := api.CaseEvent{EventID: "s1:picked_up", MerchantID: "m1", CaseID: "c1", Subject: "s1"}
	for range 2 {
		if answer := push(t, client, world, 10); answer.Status != http.StatusOK || len(answer.Events) != 1 || answer.Events[0] != want {
			t.Errorf("callback: %+v", answer)
		}
	}
	world.mu.Lock()
	world.detail = `{"result":true,"returnCode":"200","data":{"taskId":"T1","orderId":"O1","kuaidiCom":"jd","kuaidiNum":"JD1","status":13}}`
	world.mu.Unlock()
	refresh := true
	got := must(client.GetShipmentWithResponse(ctx, "m1", "s1", &api.GetShipmentParams{Refresh: &refresh}))
	if s := checked(t, got.StatusCode(), got.Body, got.JSON200); s.State != api.ShipmentStateDelivered || *s.TrackingNumber != "JD1" {
		t.Fatalf("shipment %+v", s)
	}

	filed := must(client.FileInsuranceClaimWithResponse(ctx, "m1", "c1", api.InsuranceClaimInput{OrderID: "o1", ShipmentID: "s1"}))
	if c := checked(t, filed.StatusCode(), filed.Body, filed.JSON200); c.State != api.InsuranceClaimStateFiled {
		t.Fatalf("claim %+v", c)
	}
	if answer := decided(t, client, "tok3n"); answer.Body != "success" || len(answer.Events) != 1 || answer.Events[0].CaseID != "c1" {
		t.Errorf("insurer's push: %+v", answer)
	}
	if answer := decided(t, client, "guess"); answer.Status != http.StatusForbidden || len(answer.Events) != 0 {
		t.Errorf("forged insurer's push: %+v", answer)
	}
	asked := must(client.GetInsuranceClaimWithResponse(ctx, "m1", "c1", &api.GetInsuranceClaimParams{Refresh: &refresh}))
	if c := checked(t, asked.StatusCode(), asked.Body, asked.JSON200); c.State != api.InsuranceClaimStatePaid || c.Payout.Amount != 1000 {
		t.Errorf("claim %+v", c)
	}
}

func shipmentInput() api.ShipmentInput {
	return api.ShipmentInput{CaseID: "c1", OrderID: "o1", Direction: api.ToWarehouse, Method: api.ShipmentMethodPickup}
}

// push sends what kuaidi100 would.
func push(t *testing.T, client *api.ClientWithResponses, world *outside, status int) api.CallbackAnswer {
	t.Helper()
	world.mu.Lock()
	token, salt := world.token, world.salt
	world.mu.Unlock()
	param := fmt.Sprintf(`{"kuaidicom":"jd","kuaidinum":"JD1","data":{"orderId":"O1","status":%d}}`, status)
	body := url.Values{"taskId": {"T1"}, "param": {param}, "sign": {fmt.Sprintf("%X", md5.Sum([]byte(param+salt)))}}.Encode()
	answer := must(client.ReceiveCarrierCallbackWithResponse(context.Background(), token,
		api.Callback{Headers: map[string]string{}, Query: "", Body: []byte(body)}))
	return checked(t, answer.StatusCode(), answer.Body, answer.JSON200)
}

// decided sends what the insurer would.
func decided(t *testing.T, client *api.ClientWithResponses, token string) api.CallbackAnswer {
	t.Helper()
	timestamp := strconv.FormatInt(time.Now().Unix(), 10)
	parts := []string{token, timestamp, "n"}
	slices.Sort(parts)
	answer := must(client.ReceiveInsurerCallbackWithResponse(context.Background(), api.Callback{
		Headers: map[string]string{}, Query: fmt.Sprintf("timestamp=%s&nonce=n&signature=%x", timestamp, sha1.Sum([]byte(strings.Join(parts, "")))),
		Body: []byte(`{"Event":"wxainsurance_claim_result","upload_event":{"OrderNo":"pay1","Status":5}}`),
	}))
	return checked(t, answer.StatusCode(), answer.Body, answer.JSON200)
}

func TestForgedCarrierCallbacksAreAnsweredInTheProvidersWordsAndChangeNothing(t *testing.T) {
	t.Parallel()
	client, _ := start(t)
	answer := must(client.ReceiveCarrierCallbackWithResponse(context.Background(), "nobody",
		api.Callback{Headers: map[string]string{}, Query: "", Body: []byte("param=x&sign=y")}))
	got := checked(t, answer.StatusCode(), answer.Body, answer.JSON200)
	if got.Status != http.StatusBadRequest || !strings.Contains(got.Body, `"result":false`) || len(got.Events) != 0 {
		t.Errorf("%+v", got)
	}
}

func TestEveryRefusalHasATitleInBothLanguages(t *testing.T) {
	t.Parallel()
	titles := func(file string) map[string]string {
		raw, err := fs.ReadFile(handlers.Catalog(), file)
		if err != nil {
			t.Fatal(err)
		}
		var out map[string]string
		if err := json.Unmarshal(raw, &out); err != nil {
			t.Fatal(err)
		}
		return out
	}
	en, zh := titles("en.json"), titles("zh-CN.json")
	for code := range en {
		if zh[code] == "" {
			t.Errorf("%s has no Chinese title", code)
		}
	}
	if len(en) != len(zh) {
		t.Errorf("%d titles in English, %d in Chinese", len(en), len(zh))
	}
}
