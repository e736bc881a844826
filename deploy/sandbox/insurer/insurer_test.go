package insurer_test

import (
	"encoding/json"
	"encoding/xml"
	"fmt"
	"net/http"
	"net/http/httptest"
	"strconv"
	"strings"
	"testing"
	"time"

	"aftercare.dev/deploy/sandbox/fault"
	"aftercare.dev/deploy/sandbox/insurer"
	"aftercare.dev/deploy/sandbox/internal/lab"
)

// office is the provider under test with a mini program before it.
type office struct {
	*lab.Lab
	t       *testing.T
	service *insurer.Service
	mux     *http.ServeMux
	token   string
}

func newOffice(t *testing.T) *office {
	o := &office{Lab: lab.New(t), t: t}
	o.Product.Answers(http.StatusOK, "success")
	o.open()
	o.login()
	return o
}

func (o *office) login() {
	o.t.Helper()
	o.token = o.get("/cgi-bin/token?grant_type=client_credential&appid=wx1&secret=s1").AccessToken
}

func (o *office) open() {
	o.t.Helper()
	service, err := insurer.New(insurer.Config{
		Dir: o.Dir, AppID: "wx1", AppSecret: "s1", Token: "T",
		Callback: insurer.Callback{URL: o.Product.URL + "/weixin"},
		Pickup: func(number string) (int64, bool) {
			freight, ok := map[string]int64{"cheap": 1600, "dear": 4000}[number]
			return freight, ok
		},
		Clock: o.Clock, Faults: o.Faults, Callbacks: o.Callbacks, Logger: o.Logger,
	})
	if err != nil {
		o.t.Fatal(err)
	}
	o.t.Cleanup(func() { _ = service.Close() })
	o.service, o.mux = service, http.NewServeMux()
	service.Routes(o.mux, "")
}

func (o *office) restart(downtime time.Duration) {
	o.t.Helper()
	if err := o.service.Close(); err != nil {
		o.t.Fatal(err)
	}
	o.Restart(o.t, downtime)
	o.open()
}

type item struct {
	OrderNo        string `json:"order_no"`
	Status         int    `json:"status"`
	EstimateAmount int    `json:"estimate_amount"`
	PayFailReason  string `json:"pay_fail_reason"`
	PayFinishTime  int64  `json:"pay_finish_time"`
}

type answer struct {
	ErrCode      int    `json:"errcode"`
	AccessToken  string `json:"access_token"`
	ExpiresIn    int    `json:"expires_in"`
	PolicyNo     string `json:"policy_no"`
	ReportNo     string `json:"report_no"`
	IsHomePickUp int    `json:"is_home_pick_up"`
	Total        int    `json:"total"`
	List         []item `json:"list"`
}

func (o *office) do(r *http.Request) answer {
	o.t.Helper()
	w := httptest.NewRecorder()
	o.mux.ServeHTTP(w, r)
	var a answer
	if err := json.Unmarshal(w.Body.Bytes(), &a); err != nil || w.Code != http.StatusOK {
		o.t.Fatalf("%s: %d %q", r.URL, w.Code, w.Body)
	}
	return a
}

func (o *office) get(url string) answer {
	o.t.Helper()
	return o.do(httptest.NewRequest(http.MethodGet, url, nil))
}

func (o *office) post(name, body string) answer {
	o.t.Helper()
	return o.do(httptest.NewRequest(http.MethodPost, "/wxa/business/insurance_freight/"+name+"?access_token="+o.token, strings.NewReader(body)))
}

func (o *office) order(no, delivery string) string {
	place := `{"province":"广东省","city":"广州市","county":"海珠区","address":"创业园23号"}`
	return fmt.Sprintf(`{"openid":"buyer","order_no":%q,"pay_time":%d,"pay_amount":100,"delivery_no":%q,"delivery_place":%s,"receipt_place":%s,
"product_info":{"order_path":"pages/order","goods_list":[{"name":"衣服","url":"https://shop.invalid/1.png"}]}}`, no, o.Clock.Now().Unix(), delivery, place, place)
}

func claim(openID, no, number string) string {
	return fmt.Sprintf(`{"openid":%q,"order_no":%q,"refund_delivery_no":%q,"refund_company":"SF"}`, openID, no, number)
}

func (o *office) policy(no string) item {
	o.t.Helper()
	a := o.post("getorderlist", fmt.Sprintf(`{"order_no":%q}`, no))
	if len(a.List) != 1 {
		o.t.Fatalf("%s: %d policies", no, len(a.List))
	}
	return a.List[0]
}

func TestTokens(t *testing.T) {
	o := newOffice(t)
	for url, want := range map[string]int{
		"/cgi-bin/token?grant_type=client_credential&appid=wx1&secret=s1": 0,
		"/cgi-bin/token?grant_type=client_credential&appid=wx1&secret=s2": 40125,
		"/cgi-bin/token?grant_type=client_credential&appid=wx2&secret=s1": 40013,
		"/cgi-bin/token?grant_type=password&appid=wx1&secret=s1":          40002,
	} {
		if got := o.get(url); got.ErrCode != want || (want == 0) != (got.ExpiresIn == 7200) {
			t.Errorf("%s: %+v", url, got)
		}
	}
	if got := o.post("query_open", "{}"); got.ErrCode != 0 {
		t.Errorf("good token: %+v", got)
	}
	good := o.token
	o.token = good[:len(good)-2] + "xx"
	if got := o.post("query_open", "{}"); got.ErrCode != 40001 {
		t.Errorf("tampered token: %+v", got)
	}
	o.token = good
	o.restart(0)
	if got := o.post("query_open", "{}"); got.ErrCode != 0 {
		t.Errorf("after a restart: %+v", got)
	}
	if err := o.service.ExpireTokens(); err != nil {
		t.Fatal(err)
	}
	o.restart(0)
	if got := o.post("query_open", "{}"); got.ErrCode != 42001 {
		t.Errorf("told to expire: %+v", got)
	}
	o.Clock.Advance(time.Second)
	o.login()
	if got := o.post("query_open", "{}"); got.ErrCode != 0 {
		t.Errorf("a newer token: %+v", got)
	}
	o.Clock.Advance(2*time.Hour + time.Second)
	if got := o.post("query_open", "{}"); got.ErrCode != 42001 {
		t.Errorf("two hours later: %+v", got)
	}
}

func TestOnePolicyAndOneClaimForAnOrder(t *testing.T) {
	o := newOffice(t)
	steps := []struct {
		promise, call, body string
		want                int
	}{
		{"an order is insured", "createorder", o.order("p1", "d1"), 0},
		{"and not a second time", "createorder", o.order("p1", "d9"), 2007},
		{"nor is its waybill", "createorder", o.order("p9", "d1"), 1011},
		{"an order paid long ago is not insured", "createorder", strings.Replace(o.order("p8", "d8"), strconv.FormatInt(o.Clock.Now().Unix(), 10), "1600000000", 1), 1010},
		{"an order without buyer is not insured", "createorder", strings.Replace(o.order("p8", "d8"), "buyer", "", 1), 41009},
		{"nobody claims without a policy", "claim", claim("buyer", "p7", "r1"), 2009},
		{"nobody claims for another buyer", "claim", claim("thief", "p1", "r1"), 2011},
		{"the buyer claims", "claim", claim("buyer", "p1", "r1"), 0},
		{"and not a second time", "claim", claim("buyer", "p1", "r1"), 2007},
		{"another order is insured", "createorder", o.order("p2", "d2"), 0},
		{"and cannot use the same return waybill", "claim", claim("buyer", "p2", "r1"), 1011},
	}
	for _, s := range steps {
		if got := o.post(s.call, s.body); got.ErrCode != s.want {
			t.Errorf("%s: %+v", s.promise, got)
		}
	}
}

func TestClaimsArePaidOrRefusedAndToldSigned(t *testing.T) {
	tests := []struct {
		promise, number, format string
		rejected                bool
		status, amount, pickup  int
	}{
		{"a self-shipped return is paid 10 yuan", "own", "json", false, insurer.Paid, 1000, 0},
		{"a door pickup is paid its freight", "cheap", "json", false, insurer.Paid, 1600, 1},
		{"a dear door pickup is paid up to the cap", "dear", "xml", false, insurer.Paid, 1935, 1},
		{"a rule rejects it", "own", "xml", true, insurer.Failed, 1000, 0},
	}
	for _, tt := range tests {
		t.Run(tt.promise, func(t *testing.T) {
			o := newOffice(t)
			if err := o.service.SetCallback(insurer.Callback{URL: o.Product.URL + "/weixin", Format: tt.format}); err != nil {
				t.Fatal(err)
			}
			if tt.rejected {
				o.Rule(t, fault.Rule{System: "insurer", Operation: "claim", Effect: fault.Outcome, Outcome: "rejected", Match: map[string]string{"order": "p1"}})
			}
			o.post("createorder", o.order("p1", "d1"))
			if got := o.post("claim", claim("buyer", "p1", tt.number)); got.ReportNo == "" || got.IsHomePickUp != tt.pickup {
				t.Fatalf("claim: %+v", got)
			}
			o.Clock.Advance(24*time.Hour - time.Second)
			o.login()
			if got := o.policy("p1"); got.Status != insurer.Claiming {
				t.Fatalf("before its time %+v", got)
			}
			o.Clock.Advance(time.Second)
			got := o.policy("p1")
			if got.Status != tt.status || got.EstimateAmount != tt.amount || (got.PayFinishTime > 0) == tt.rejected || (got.PayFailReason != "") != tt.rejected {
				t.Fatalf("in the end %+v", got)
			}
			events := o.Product.Take()
			if len(events) != 1 || !signedWith("T", events[0]) {
				t.Fatalf("%d events, or a bad signature", len(events))
			}
			if no, status := read(t, tt.format, events[0].Body); no != "p1" || status != tt.status {
				t.Fatalf("told %s %d", no, status)
			}
		})
	}
}

func signedWith(token string, r lab.Received) bool {
	q := func(name string) string { return strings.Join(r.Query[name], ",") }
	return q("signature") == insurer.Sign(token, q("timestamp"), q("nonce"))
}

func read(t *testing.T, format string, body []byte) (string, int) {
	t.Helper()
	var m struct {
		Event       string
		UploadEvent struct {
			OrderNo string
			Status  int
		} `json:"upload_event" xml:"upload_event"`
	}
	err := json.Unmarshal(body, &m)
	if format == "xml" {
		err = xml.Unmarshal(body, &m)
	}
	if err != nil || m.Event != "wxainsurance_claim_result" {
		t.Fatalf("%q: %v", body, err)
	}
	return m.UploadEvent.OrderNo, m.UploadEvent.Status
}

func TestTheMessagePushSignatureIsTheDocumentedOne(t *testing.T) {
	// sha1("1700000000" + "abc" + "token")
	if got := insurer.Sign("token", "1700000000", "abc"); got != "647ad420367c9ffeb10a630ca41d90f9dfefb190" {
		t.Fatalf("got %s", got)
	}
}

func TestAnUnclaimedPolicyExpires(t *testing.T) {
	o := newOffice(t)
	o.post("createorder", o.order("p1", "d1"))
	o.Clock.Advance(90*24*time.Hour + time.Second)
	o.login()
	if got := o.policy("p1"); got.Status != insurer.Expired {
		t.Fatalf("got %+v", got)
	}
	if got := o.post("claim", claim("buyer", "p1", "r1")); got.ErrCode != 1010 {
		t.Fatalf("claim: %+v", got)
	}
}

func TestEventsAreTriedThreeTimes(t *testing.T) {
	o := newOffice(t)
	o.Product.Answers(http.StatusOK, "error")
	o.post("createorder", o.order("p1", "d1"))
	o.post("claim", claim("buyer", "p1", "r1"))
	o.Clock.Advance(48 * time.Hour)
	if got := o.Product.Take(); len(got) != 3 {
		t.Fatalf("%d attempts", len(got))
	}
}

func TestAForgedEventIsBadlySigned(t *testing.T) {
	o := newOffice(t)
	o.Rule(t, fault.Rule{System: "insurer", Effect: fault.ForgeCallback})
	o.post("createorder", o.order("p1", "d1"))
	o.post("claim", claim("buyer", "p1", "r1"))
	o.Clock.Advance(0)
	got := o.Product.Take()
	if len(got) != 1 || signedWith("T", got[0]) {
		t.Fatalf("want one event with a bad signature, got %d", len(got))
	}
	if _, status := read(t, "json", got[0].Body); status != insurer.Paid {
		t.Fatalf("it says %d", status)
	}
}

func TestStateSurvivesReopening(t *testing.T) {
	o := newOffice(t)
	o.post("createorder", o.order("p1", "d1"))
	o.post("claim", claim("buyer", "p1", "r1"))
	o.restart(30 * time.Hour)
	if got := o.post("claim", claim("buyer", "p1", "r2")); got.ErrCode != 42001 {
		t.Fatalf("token after 30 hours: %+v", got)
	}
	o.login()
	o.Clock.Advance(0)
	if got := o.post("claim", claim("buyer", "p1", "r2")); got.ErrCode != 2007 {
		t.Fatalf("second claim: %+v", got)
	}
	if got := o.policy("p1"); got.Status != insurer.Paid {
		t.Fatalf("got %+v", got)
	}
	if got := o.Product.Take(); len(got) != 1 {
		t.Fatalf("%d events", len(got))
	}
	o.restart(0)
	o.Clock.Advance(time.Hour)
	if got := o.Product.Take(); len(got) != 0 {
		t.Fatalf("%d events that were accepted before", len(got))
	}
}
