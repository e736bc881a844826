package freightinsurance

import (
	"context"
	"encoding/json"
	"errors"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"aftercare.dev/services/logistics/domain"
)

var noon = time.Date(2026, 11, 23, 4, 0, 0, 0, time.UTC)

// insurer gives out tokens "token-1", "token-2" … and answers the rest with answer.
type insurer struct {
	tokens atomic.Int64
	answer func(name, token string, body map[string]any) string
}

func (i *insurer) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	raw, _ := io.ReadAll(r.Body)
	var body map[string]any
	_ = json.Unmarshal(raw, &body)
	if r.URL.Path == "/cgi-bin/stable_token" {
		if body["appid"] != "wx1" || body["secret"] != "s3cret" || body["grant_type"] != "client_credential" {
			_, _ = io.WriteString(w, `{"errcode":40125,"errmsg":"invalid appsecret"}`)
			return
		}
		n := i.tokens.Add(1)
		_, _ = io.WriteString(w, `{"access_token":"token-`+string(rune('0'+n))+`","expires_in":7200}`)
		return
	}
	name, _ := strings.CutPrefix(r.URL.Path, "/wxa/business/insurance_freight/")
	_, _ = io.WriteString(w, i.answer(name, r.URL.Query().Get("access_token"), body))
}

func serve(t *testing.T, answer func(name, token string, body map[string]any) string) (*Client, *insurer, *time.Time) {
	t.Helper()
	i := &insurer{answer: answer}
	server := httptest.NewServer(i)
	t.Cleanup(server.Close)
	now := noon
	return New(Config{
		BaseURL: server.URL, AppID: "wx1", AppSecret: "s3cret", CallbackToken: "tok3n",
		OrderPath: "pages/order?id={order_id}", Timeout: 2 * time.Second,
	}, func() time.Time { return now }), i, &now
}

func always(body string) func(string, string, map[string]any) string {
	return func(string, string, map[string]any) string { return body }
}

func TestInsuringSaysWhatTheDocumentAsks(t *testing.T) {
	t.Parallel()
	var sent map[string]any
	client, _, _ := serve(t, func(name, token string, body map[string]any) string {
		if name != "createorder" || token != "token-1" {
			t.Errorf("called %s with %s", name, token)
		}
		sent = body
		return `{"errcode":0,"errmsg":"ok","policy_no":"P1","insurance_end_date":"2027-02-21 12:00:00","estimate_amount":1000,"premium":35}`
	})
	cover, err := client.Insure(context.Background(), domain.Insurance{
		OrderID: "o1", PaymentReference: "4200001", BuyerReference: "openid", PaidAt: noon, PaidFen: 9900, TrackingNumber: "SF1",
		From: domain.Contact{Province: "浙江省", City: "杭州市", District: "余杭区", Street: "一号库"},
		To:   domain.Contact{Province: "广东省", City: "东莞市", Street: "二路"}, Goods: []string{"茶杯"},
	})
	if err != nil {
		t.Fatal(err)
	}
	if cover.Status != domain.Covered || cover.PolicyNumber != "P1" || cover.EstimateFen != 1000 ||
		!cover.EndsAt.Equal(time.Date(2027, 2, 21, 4, 0, 0, 0, time.UTC)) {
		t.Errorf("cover = %+v", cover)
	}
	got, err := json.Marshal(sent)
	if err != nil {
		t.Fatal(err)
	}
	const want = `{"delivery_no":"SF1","delivery_place":{"address":"一号库","city":"杭州市","county":"余杭区","province":"浙江省"},` +
		`"openid":"openid","order_no":"4200001","pay_amount":9900,"pay_time":1795406400,` +
		`"product_info":{"goods_list":[{"name":"茶杯","url":""}],"order_path":"pages/order?id=o1"},` +
		`"receipt_place":{"address":"二路","city":"东莞市","county":"东莞市","province":"广东省"}}`
	if string(got) != want {
		t.Errorf("sent\n%s, want\n%s", got, want)
	}
}

func TestEachErrorCodeSaysWhetherToAskAgain(t *testing.T) {
	t.Parallel()
	for code, want := range map[string]domain.Trouble{
		"1010": domain.Refusal, "1011": domain.Refusal, "2009": domain.Refusal, "2011": domain.Refusal, "2012": domain.Refusal,
		"2021": domain.Refusal, "47001": domain.Refusal, "2007": domain.Duplicate, "-1": domain.Unknown, "1000": domain.Unknown,
		"2004": domain.Misconfigured, "2008": domain.NotDone, "45009": domain.NotDone, "40013": domain.Misconfigured,
	} {
		client, _, _ := serve(t, always(`{"errcode":`+code+`,"errmsg":"hint"}`))
		_, err := client.Claim(context.Background(), "openid", "4200001", "jd", "JD1")
		if err == nil || domain.TroubleOf(err) != want {
			t.Errorf("errcode %s: trouble %d (%v), want %d", code, domain.TroubleOf(err), err, want)
		}
	}
}

func TestOneTokenIsKeptUntilShortlyBeforeItsEnd(t *testing.T) {
	t.Parallel()
	client, insurer, now := serve(t, always(`{"errcode":0,"report_no":"R1"}`))
	for range 3 {
		if number, err := client.Claim(context.Background(), "openid", "4200001", "jd", "JD1"); err != nil || number != "R1" {
			t.Fatal(number, err)
		}
	}
	if n := insurer.tokens.Load(); n != 1 {
		t.Errorf("%d tokens, want 1", n)
	}
	*now = now.Add(7200*time.Second - tokenMargin)
	if _, err := client.Claim(context.Background(), "openid", "4200001", "jd", "JD1"); err != nil || insurer.tokens.Load() != 2 {
		t.Errorf("%d tokens, %v", insurer.tokens.Load(), err)
	}
}

func TestATokenThatTheInsurerForgotIsReplacedOnce(t *testing.T) {
	t.Parallel()
	client, insurer, _ := serve(t, func(_, token string, _ map[string]any) string {
		if token == "token-1" {
			return `{"errcode":42001,"errmsg":"access_token expired"}`
		}
		return `{"errcode":0,"report_no":"R1"}`
	})
	if _, err := client.Claim(context.Background(), "openid", "4200001", "jd", "JD1"); err != nil || insurer.tokens.Load() != 2 {
		t.Errorf("%d tokens, %v", insurer.tokens.Load(), err)
	}
	client, insurer, _ = serve(t, always(`{"errcode":42001}`))
	if _, err := client.Claim(context.Background(), "openid", "4200001", "jd", "JD1"); domain.TroubleOf(err) != domain.NotDone || insurer.tokens.Load() != 2 {
		t.Errorf("%d tokens, %v", insurer.tokens.Load(), err)
	}
}

func TestNoErrorTellsTokenOrSecret(t *testing.T) {
	t.Parallel()
	server := httptest.NewServer(http.HandlerFunc(func(_ http.ResponseWriter, _ *http.Request) {
		panic(http.ErrAbortHandler)
	}))
	t.Cleanup(server.Close)
	client := New(Config{BaseURL: server.URL, AppID: "wx1", AppSecret: "s3cret", Timeout: time.Second}, time.Now)
	client.token.token, client.token.until = "t0ken", time.Now().Add(time.Hour)
	_, err := client.Find(context.Background(), "4200001")
	if err == nil || strings.Contains(err.Error(), "t0ken") {
		t.Errorf("error %v", err)
	}
	if domain.TroubleOf(err) != domain.Unknown {
		t.Errorf("a lost answer is trouble %d", domain.TroubleOf(err))
	}
	client.token.token = ""
	if _, err = client.Find(context.Background(), "4200001"); err == nil || strings.Contains(err.Error(), "s3cret") {
		t.Errorf("error %v", err)
	}
	if domain.TroubleOf(err) != domain.NotDone {
		t.Errorf("without a token nothing can have been done, yet trouble is %d", domain.TroubleOf(err))
	}
}

func TestFindTellsHowPolicyAndClaimStand(t *testing.T) {
	t.Parallel()
	for status, want := range map[string]domain.CoverStatus{
		"2": domain.Covered, "4": domain.Claiming, "5": domain.PaidOut, "6": domain.PayoutFailed, "7": domain.Expired, "3": domain.CoverUnknown,
	} {
		client, _, _ := serve(t, always(`{"errcode":0,"total":1,"list":[{"order_no":"another","status":5},
			{"order_no":"4200001","policy_no":"P1","report_no":"R1","status":`+status+`,"estimate_amount":1000,
			"insurance_end_date":"2027-02-21 12:00:00","pay_finish_time":1795406400,"pay_fail_reason":"已达到今日商户付款额度上限"}]}`))
		cover, err := client.Find(context.Background(), "4200001")
		if err != nil || cover.Status != want || cover.ClaimNumber != "R1" || cover.EstimateFen != 1000 || !cover.PaidAt.Equal(noon) {
			t.Errorf("status %s: %+v, %v", status, cover, err)
		}
	}
	client, _, _ := serve(t, always(`{"errcode":0,"total":0,"list":[]}`))
	if cover, err := client.Find(context.Background(), "4200001"); err != nil || cover.Status != domain.NotCovered {
		t.Errorf("not insured: %+v, %v", cover, err)
	}
}

// The signature was computed with sha1sum: 1700000000, n0nce and tok3n in this order.
const goodQuery = "signature=7788e590a25b57b45d3753b454d3ac4eed87a6cf&timestamp=1700000000&nonce=n0nce"

var goodTime = time.Unix(1700000000, 0)

func TestAMessageIsBelievedOnlyWithOurToken(t *testing.T) {
	t.Parallel()
	client, _, now := serve(t, always(`{}`))
	*now = goodTime.Add(tolerance - time.Second)
	const xml = `<xml><ToUserName>gh_1</ToUserName><CreateTime>1234455555</CreateTime><MsgType>event</MsgType>
		<Event>wxainsurance_claim_result</Event><upload_event><OrderNo><![CDATA[4200001]]></OrderNo><Status>5</Status>
		<FinishTime>1234455555</FinishTime></upload_event></xml>`
	const json = `{"MsgType":"event","Event":"wxainsurance_claim_result","upload_event":{"OrderNo":"4200001","Status":6,"PayFailReason":"x"}}`
	for name, c := range map[string]struct {
		query, body string
		want        Event
		err         error
	}{
		"XML":                  {goodQuery, xml, Event{PaymentReference: "4200001", Paid: true}, nil},
		"JSON":                 {goodQuery, json, Event{PaymentReference: "4200001"}, nil},
		"another event":        {goodQuery, `<xml><Event>subscribe</Event></xml>`, Event{}, nil},
		"no signature":         {"timestamp=1700000000&nonce=n0nce", xml, Event{}, ErrForged},
		"another time":         {strings.Replace(goodQuery, "17000", "17001", 1), xml, Event{}, ErrForged},
		"no message":           {goodQuery, "", Event{}, ErrMalformed},
		"an unknown status":    {goodQuery, strings.Replace(xml, ">5<", ">9<", 1), Event{}, ErrMalformed},
		"a status of no sense": {goodQuery, strings.Replace(xml, ">5<", ">five<", 1), Event{}, ErrMalformed},
	} {
		got, err := client.ParseEvent(c.query, []byte(c.body))
		if got != c.want || !errors.Is(err, c.err) {
			t.Errorf("%s: %+v, %v, want %+v, %v", name, got, err, c.want, c.err)
		}
	}
	for _, late := range []time.Duration{tolerance, -tolerance, 24 * time.Hour} {
		*now = goodTime.Add(late)
		if _, err := client.ParseEvent(goodQuery, []byte(xml)); !errors.Is(err, ErrForged) {
			t.Errorf("%s away from its time: %v", late, err)
		}
	}
	without := New(Config{}, time.Now)
	if _, err := without.ParseEvent("signature=da39a3ee5e6b4b0d3255bfef95601890afd80709", []byte(xml)); !errors.Is(err, ErrForged) {
		t.Errorf("without a token: %v", err)
	}
}

// FuzzParseEvent holds the promise that no body makes the service panic or look for an unbounded name.
func FuzzParseEvent(f *testing.F) {
	client := New(Config{CallbackToken: "tok3n"}, func() time.Time { return goodTime })
	f.Add([]byte(`<xml><Event>wxainsurance_claim_result</Event><upload_event><OrderNo>1</OrderNo><Status>5</Status></upload_event></xml>`))
	f.Add([]byte(`{"Event":"wxainsurance_claim_result","upload_event":{"OrderNo":"1","Status":6}}`))
	f.Add([]byte(`<xml>`))
	f.Fuzz(func(t *testing.T, body []byte) {
		event, err := client.ParseEvent(goodQuery, body)
		if err != nil && !errors.Is(err, ErrMalformed) {
			t.Fatalf("an error of another kind: %v", err)
		}
		if len(event.PaymentReference) > 64 {
			t.Fatalf("a name of %d bytes", len(event.PaymentReference))
		}
	})
}
