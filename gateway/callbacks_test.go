package gateway_test

import (
	"encoding/base64"
	"encoding/json"
	"errors"
	"net/http"
	"reflect"
	"strings"
	"testing"

	"go.temporal.io/api/serviceerror"

	"aftercare.dev/services/platform/problem"
	"aftercare.dev/workflows/contract"
)

// believed is the answer of a service to a callback that it believes.
func believed(body string) http.HandlerFunc {
	return answer(`{"status":200,"content_type":"application/x-provider","body":"` + body + `",
		"events":[{"event_id":"ev1","merchant_id":"m1","case_id":"case_1","subject":"case_1-x1"}]}`)
}

func TestACallbackWakesTheWorkflowThatWaitsForIt(t *testing.T) {
	tests := map[string]struct {
		path     string
		service  func(*world) *service
		internal string
		want     signalled
	}{
		"carrier": {
			"/callbacks/kuaidi100/s3cret", func(w *world) *service { return w.logistics }, "POST /v1/callbacks/kuaidi100/s3cret",
			signalled{"case/m1/case_1", "carrier_event", contract.Event{EventID: "ev1", Subject: "case_1-x1"}},
		},
		"payment": {
			"/callbacks/wechatpay", func(w *world) *service { return w.payment }, "POST /v1/callbacks/wechatpay",
			signalled{"refund/m1/case_1-x1", "payment_event", contract.Event{EventID: "ev1", Subject: "case_1-x1"}},
		},
		"insurer": {
			"/callbacks/freight-insurance", func(w *world) *service { return w.logistics }, "POST /v1/callbacks/freight-insurance",
			signalled{"freight-claim/m1/case_1", "insurer_event", contract.Event{EventID: "ev1", Subject: "case_1-x1"}},
		},
	}
	const raw = "  <xml>\xff&a=1</xml>\n"
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			w := newWorld(t)
			test.service(w).on(test.internal, believed("thank you"))
			got := w.ask("", "POST", test.path+"?signature=a%2Bb", raw,
				"Content-Type", "text/xml", "Wechatpay-Nonce", "n1", "Authorization", "Bearer x", "Cookie", "c=1").is(200, "")
			if got.body != "thank you" || got.header.Get("Content-Type") != "application/x-provider" {
				t.Errorf("the provider is answered %v %q", got.header, got.body)
			}
			if !reflect.DeepEqual(w.temporal.signals, []signalled{test.want}) {
				t.Errorf("signals %+v", w.temporal.signals)
			}
			var passed struct {
				Headers map[string]string `json:"headers"`
				Query   string            `json:"query"`
				Body    string            `json:"body"`
			}
			if err := json.Unmarshal([]byte(test.service(w).calls[0].body), &passed); err != nil {
				t.Fatal(err)
			}
			if passed.Body != base64.StdEncoding.EncodeToString([]byte(raw)) || passed.Query != "signature=a%2Bb" {
				t.Errorf("the bytes are changed: %+v", passed)
			}
			if want := map[string]string{"Content-Type": "text/xml", "Wechatpay-Nonce": "n1"}; !reflect.DeepEqual(passed.Headers, want) {
				t.Errorf("passes the headers %v", passed.Headers)
			}
		})
	}
}

func TestAProviderIsThankedOnlyAfterTheWorkflowWasWoken(t *testing.T) {
	tests := map[string]struct {
		signal error
		status int
	}{
		"Temporal is down":       {serviceerror.NewUnavailable("down"), 503},
		"it fails in some way":   {errors.New("unexpected"), 503},
		"the workflow has ended": {serviceerror.NewNotFound("completed"), 200},
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			w := newWorld(t)
			w.payment.on("POST /v1/callbacks/wechatpay", believed("ok"))
			w.temporal.signal = func(string, string, any) error { return test.signal }
			w.ask("", "POST", "/callbacks/wechatpay", `{}`).is(test.status, "")
		})
	}
}

func TestAProviderSendsAgainWhatTheServiceCouldNotTake(t *testing.T) {
	w := newWorld(t)
	w.payment.on("POST /v1/callbacks/wechatpay", refusing(problem.Unavailable("unavailable", "later")))
	w.ask("", "POST", "/callbacks/wechatpay", `{}`).is(503, "unavailable")
	w.payment.on("POST /v1/callbacks/wechatpay", refusing(problem.Unauthorized("wrong token between us")))
	w.ask("", "POST", "/callbacks/wechatpay", `{}`).is(500, "internal")
	w.unmoved()
}

func TestWhatTheServiceDoesNotBelieveIsRefusedInItsWords(t *testing.T) {
	w := newWorld(t)
	w.payment.on("POST /v1/callbacks/wechatpay", answer(`{"status":401,"content_type":"application/json","body":"{\"code\":\"FAIL\"}","events":[]}`))
	if got := w.ask("", "POST", "/callbacks/wechatpay", `{}`).is(401, ""); got.body != `{"code":"FAIL"}` {
		t.Errorf("answers %s", got.body)
	}
	w.unmoved()
}

func TestACallbackInAFormThatNoProviderUsesIsRefused(t *testing.T) {
	w := newWorld(t)
	for _, path := range []string{"/callbacks/wechatpay", "/callbacks/kuaidi100/s3cret", "/callbacks/freight-insurance"} {
		for _, coding := range []string{"gzip", "deflate", "br", "identity, gzip"} {
			w.ask("", "POST", path, `{}`, "Content-Encoding", coding).is(415, "callback_refused")
		}
		w.ask("", "POST", path, strings.Repeat("x", 1<<20+1)).is(413, "too_large")
		w.ask("", "POST", path+"?q="+strings.Repeat("x", 4096), `{}`).is(414, "callback_refused")
	}
	w.untouched()
}

func TestTheInsurerGetsItsEchoOnlyUnderItsSignature(t *testing.T) {
	w := newWorld(t)
	w.logistics.on("POST /v1/callbacks/freight-insurance", answer(`{"status":400,"content_type":"text/plain","body":"malformed","events":[]}`))
	got := w.ask("", "GET", "/callbacks/freight-insurance?signature=s&echostr=%3Cb%3E42", "").is(200, "")
	if got.body != "<b>42" || !strings.HasPrefix(got.header.Get("Content-Type"), "text/plain") || got.header.Get("X-Content-Type-Options") != "nosniff" {
		t.Errorf("answers %v %q", got.header, got.body)
	}
	w.logistics.on("POST /v1/callbacks/freight-insurance", answer(`{"status":403,"content_type":"text/plain","body":"signature","events":[]}`))
	if got := w.ask("", "GET", "/callbacks/freight-insurance?signature=x&echostr=42", "").is(403, ""); got.body != "signature" {
		t.Errorf("answers %q", got.body)
	}
}
