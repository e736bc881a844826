package kuaidi100

import (
	"context"
	"encoding/json"
	"net/http"
	"net/http/httptest"
	"net/url"
	"testing"
	"time"

	"aftercare.dev/services/logistics/domain"
)

// noon is a Monday, 12:00 in China.
var noon = time.Date(2026, 11, 23, 4, 0, 0, 0, time.UTC)

func testConfig(base string) Config {
	return Config{
		BaseURL: base, Key: "KEY", Secret: "SECRET", Customer: "CUSTOMER", CallbackBaseURL: "https://shop.example",
		Timeout: 2 * time.Second, PickupCarrier: "jd", Cargo: "日用品",
	}
}

// serve answers every call with body and keeps the last path and form.
func serve(t *testing.T, status int, body string) (*Client, func() (string, url.Values)) {
	t.Helper()
	var path string
	var form url.Values
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if err := r.ParseForm(); err != nil {
			t.Error(err)
		}
		path, form = r.URL.Path, r.PostForm
		w.WriteHeader(status)
		_, _ = w.Write([]byte(body))
	}))
	t.Cleanup(server.Close)
	client, err := New(testConfig(server.URL), func() time.Time { return noon })
	if err != nil {
		t.Fatal(err)
	}
	return client, func() (string, url.Values) { return path, form }
}

func booking() domain.Booking {
	start := time.Date(2026, 11, 24, 9, 0, 0, 0, domain.China)
	return domain.Booking{
		Carrier: "jd", Slot: domain.Slot{Start: start, End: start.Add(2 * time.Hour)}, WeightGrams: 1500,
		Sender:    domain.Contact{Name: "张三", Phone: "13800000000", Province: "广东省", City: "深圳市", District: "南山区", Street: "科技南十二路2号 A&B"},
		Receiver:  domain.Contact{Name: "仓库", Phone: "075500000000", Province: "浙江省", City: "杭州市", Street: "一号库"},
		Reference: "case_1-1", Number: "sh1", Token: "t0ken", Salt: "s4lt",
	}
}

func TestABookingIsSignedAndSaysWhatTheDocumentAsks(t *testing.T) {
	t.Parallel()
	client, last := serve(t, 200, `{"result":true,"returnCode":"200","message":"成功","data":{"taskId":"T1","orderId":"O1","kuaidinum":"jd001"}}`)
	report, err := client.Book(context.Background(), booking())
	if err != nil {
		t.Fatal(err)
	}
	want := domain.Report{
		Order: domain.OrderRef{TaskID: "T1", OrderID: "O1"}, Carrier: "jd", TrackingNumber: "JD001",
		Seen: domain.Observation{State: domain.Booked},
	}
	if report.Order != want.Order || report.TrackingNumber != want.TrackingNumber || report.Seen != want.Seen {
		t.Errorf("report = %+v, want %+v", report, want)
	}
	path, form := last()
	if path != "/order/borderapi.do" || form.Get("method") != "bOrder" || form.Get("key") != "KEY" || form.Get("t") != "1795406400000" {
		t.Errorf("called %s with method %s, key %s, t %s", path, form.Get("method"), form.Get("key"), form.Get("t"))
	}
	if got := sign(form.Get("param"), form.Get("t"), "KEY", "SECRET"); form.Get("sign") != got {
		t.Errorf("sign = %s, want %s", form.Get("sign"), got)
	}
	var param map[string]string
	if err := json.Unmarshal([]byte(form.Get("param")), &param); err != nil {
		t.Fatal(err)
	}
	for key, want := range map[string]string{
		"kuaidicom": "jd", "sendManName": "张三", "sendManMobile": "13800000000",
		"sendManPrintAddr": "广东省深圳市南山区科技南十二路2号 A&B", "recManPrintAddr": "浙江省杭州市一号库",
		"callBackUrl":     "https://shop.example/callbacks/kuaidi100/t0ken",
		"pollCallBackUrl": "https://shop.example/callbacks/kuaidi100/t0ken",
		"op":              "1", "salt": "s4lt", "payment": "SHIPPER", "weight": "1.5", "remark": "case_1-1", "thirdOrderId": "sh1",
		"dayType": "明天", "pickupStartTime": "09:00", "pickupEndTime": "11:00", "cargo": "日用品",
	} {
		if param[key] != want {
			t.Errorf("%s = %q, want %q", key, param[key], want)
		}
	}
}

func TestEachReturnCodeSaysWhatMayHaveHappened(t *testing.T) {
	t.Parallel()
	for body, want := range map[string]domain.Trouble{
		`{"result":false,"returnCode":"400","message":"参数错误"}`:  domain.Refusal,
		`{"result":false,"returnCode":"500","message":"服务器错误"}`: domain.Unknown,
		`{"result":false,"returnCode":501,"message":"重复提交"}`:    domain.Duplicate,
		`{"result":false,"returnCode":"503","message":"签名"}`:    domain.Misconfigured,
		`{"result":false,"returnCode":"600","message":"余额"}`:    domain.Misconfigured,
		`{"result":false,"returnCode":"601","message":"过期"}`:    domain.Misconfigured,
		`{"result":true,"returnCode":"200","data":{}}`:          domain.Unknown,
		`{"result":true,"returnCode":"200"}`:                    domain.Unknown,
		`<html>gateway</html>`:                                  domain.Unknown,
		``:                                                      domain.Unknown,
	} {
		client, _ := serve(t, 200, body)
		_, err := client.Book(context.Background(), booking())
		if err == nil || domain.TroubleOf(err) != want {
			t.Errorf("%s: trouble %d (%v), want %d", body, domain.TroubleOf(err), err, want)
		}
	}
	for status, want := range map[int]domain.Trouble{
		502: domain.Unknown, 429: domain.NotDone, 404: domain.Misconfigured, 302: domain.Misconfigured,
	} {
		client, _ := serve(t, status, "")
		_, err := client.Book(context.Background(), booking())
		if domain.TroubleOf(err) != want {
			t.Errorf("status %d: trouble %d, want %d", status, domain.TroubleOf(err), want)
		}
	}
}

func TestALostAnswerIsUnknownAndAClosedDoorIsNotDone(t *testing.T) {
	t.Parallel()
	server := httptest.NewServer(http.HandlerFunc(func(http.ResponseWriter, *http.Request) { panic(http.ErrAbortHandler) }))
	t.Cleanup(server.Close)
	client, err := New(testConfig(server.URL), func() time.Time { return noon })
	if err != nil {
		t.Fatal(err)
	}
	if _, err := client.Book(context.Background(), booking()); domain.TroubleOf(err) != domain.Unknown {
		t.Errorf("lost answer: %v", err)
	}
	server.Close()
	if _, err := client.Book(context.Background(), booking()); domain.TroubleOf(err) != domain.NotDone {
		t.Errorf("closed door: %v", err)
	}
}

func TestDetailTellsStateCourierAndSettledFreight(t *testing.T) {
	t.Parallel()
	client, last := serve(t, 200, `{"result":true,"returnCode":"200","data":{"taskId":"T1","orderId":"O1","kuaidiCom":"jd","kuaidiNum":"JD001",
		"status":15,"courierName":"李师傅","courierMobile":"139","freight":"12.50"}}`)
	report, err := client.Detail(context.Background(), domain.OrderRef{TaskID: "T1", OrderID: "O1"})
	if err != nil {
		t.Fatal(err)
	}
	if report.Seen.State != domain.PickedUp || report.FreightFen != 1250 || report.Freight != domain.FreightTotal ||
		report.CourierName != "李师傅" || report.TrackingNumber != "JD001" {
		t.Errorf("report = %+v", report)
	}
	if _, form := last(); form.Get("method") != "detail" || form.Get("param") != `{"taskId":"T1"}` {
		t.Errorf("asked %s %s", form.Get("method"), form.Get("param"))
	}
}

func TestCancelAndRescheduleNameTheOrder(t *testing.T) {
	t.Parallel()
	client, last := serve(t, 200, `{"result":true,"returnCode":"200","message":"成功"}`)
	order := domain.OrderRef{TaskID: "T1", OrderID: "O1"}
	if err := client.Cancel(context.Background(), order); err != nil {
		t.Fatal(err)
	}
	if _, form := last(); form.Get("method") != "cancel" || form.Get("param") != `{"taskId":"T1","orderId":"O1","cancelMsg":"不需要取件了"}` {
		t.Errorf("asked %s %s", form.Get("method"), form.Get("param"))
	}
	if err := client.Reschedule(context.Background(), order, booking().Slot); err != nil {
		t.Fatal(err)
	}
	if _, form := last(); form.Get("method") != "modifyOrder" ||
		form.Get("param") != `{"taskId":"T1","orderId":"O1","dayType":"明天","pickupStartTime":"09:00","pickupEndTime":"11:00"}` {
		t.Errorf("asked %s %s", form.Get("method"), form.Get("param"))
	}
}

func TestSubscribingTwiceIsNoError(t *testing.T) {
	t.Parallel()
	for body, want := range map[string]domain.Trouble{
		`{"result":true,"returnCode":"200"}`:  -1,
		`{"result":false,"returnCode":"501"}`: -1,
		`{"result":false,"returnCode":"701"}`: domain.Refusal,
		`{"result":false,"returnCode":"600"}`: domain.Misconfigured,
		`{"result":false,"returnCode":"500"}`: domain.NotDone,
	} {
		client, last := serve(t, 200, body)
		err := client.Subscribe(context.Background(), "shunfeng", "SF123456", "138", "t0ken", "s4lt")
		if (err == nil) != (want == -1) || (err != nil && domain.TroubleOf(err) != want) {
			t.Errorf("%s: %v", body, err)
		}
		path, form := last()
		wantParam := `{"company":"shunfeng","number":"SF123456","key":"KEY","parameters":{"callbackurl":"https://shop.example/callbacks/kuaidi100/t0ken","salt":"s4lt","resultv2":"1","phone":"138"}}`
		if path != "/poll" || form.Get("schema") != "json" || form.Get("param") != wantParam {
			t.Errorf("asked %s %s", path, form.Get("param"))
		}
	}
}

func TestQueryTellsTheWayOrThatNothingIsKnown(t *testing.T) {
	t.Parallel()
	client, last := serve(t, 200, `{"message":"ok","nu":"YT1","ischeck":"0","com":"yuantong","status":"200","state":"5","data":[
		{"time":"2026-11-23 10:00:00","ftime":"2026-11-23 10:00:00","context":"派件中"},
		{"time":"2026-11-22 18:30:00","context":"已揽收"},{"time":"soon","context":"?"}]}`)
	report, err := client.Query(context.Background(), "yuantong", "YT1", "")
	if err != nil {
		t.Fatal(err)
	}
	at := time.Date(2026, 11, 23, 2, 0, 0, 0, time.UTC)
	if report.Seen != (domain.Observation{State: domain.OutForDelivery, At: at}) || len(report.Scans) != 2 {
		t.Errorf("report = %+v", report)
	}
	if path, form := last(); path != "/poll/query.do" || form.Get("sign") != sign(form.Get("param"), "KEY", "CUSTOMER") {
		t.Errorf("asked %s signed %s", path, form.Get("sign"))
	}
	client, _ = serve(t, 200, `{"result":false,"returnCode":"500","message":"查询无结果，请隔段时间再查"}`)
	if report, err := client.Query(context.Background(), "yuantong", "YT1", ""); err != nil || report.Seen.State != "" {
		t.Errorf("nothing known: %+v, %v", report, err)
	}
}

func TestACallbackAddressThatIsTooLongStopsTheProcess(t *testing.T) {
	t.Parallel()
	cfg := testConfig("http://localhost")
	cfg.CallbackBaseURL = "https://" + string(make([]byte, 160)) + ".example"
	if _, err := New(cfg, time.Now); err == nil {
		t.Error("no error")
	}
}

func TestYuanAreReadWithoutRounding(t *testing.T) {
	t.Parallel()
	for text, want := range map[string]int64{
		"12.5": 1250, "0.01": 1, "8": 800, "8.0": 800, "8.500": 850, "0": 0, "123456789.99": 12345678999,
		"": -1, "1.005": -1, "-1": -1, "1e3": -1, ".5": -1, "1.2.3": -1, "9999999999": -1, "１": -1,
	} {
		got, err := parseFen(text)
		if (err != nil) != (want < 0) || (err == nil && got != want) {
			t.Errorf("parseFen(%q) = %d, %v, want %d", text, got, err, want)
		}
	}
}
