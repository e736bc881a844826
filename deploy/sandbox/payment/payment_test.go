package payment_test

import (
	"crypto/rand"
	"crypto/rsa"
	"crypto/sha1"
	"encoding/base64"
	"encoding/json"
	"fmt"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"aftercare.dev/deploy/sandbox/fault"
)

func TestRequestsAreVerified(t *testing.T) {
	tests := []struct {
		promise string
		spoil   func(*envelope)
		status  int
		code    string
	}{
		{"a good signature is accepted", func(*envelope) {}, 200, ""},
		{"a tampered body is refused", func(e *envelope) { e.sentBody = strings.Replace(e.body, "100", "999", 1) }, 401, "SIGN_ERROR"},
		{"another path is refused", func(e *envelope) { e.sentPath = e.path + "?x=1" }, 401, "SIGN_ERROR"},
		{"a signature without the prefix of the base URL is refused", func(e *envelope) {
			e.sentPath, e.path = e.path, strings.TrimPrefix(e.path, "/wechatpay")
		}, 401, "SIGN_ERROR"},
		{"an old timestamp is refused", func(e *envelope) { e.time = e.time.Add(-6 * time.Minute) }, 401, "SIGN_ERROR"},
		{"a timestamp from the future is refused", func(e *envelope) { e.time = e.time.Add(6 * time.Minute) }, 401, "SIGN_ERROR"},
		{"another merchant's key is refused", func(e *envelope) { e.key = otherKey() }, 401, "SIGN_ERROR"},
		{"another certificate serial is refused", func(e *envelope) { e.serial = "OTHER" }, 401, "SIGN_ERROR"},
		{"an unknown merchant is refused", func(e *envelope) { e.mchID = "1" }, 404, "MCH_NOT_EXISTS"},
		{"another scheme is refused", func(e *envelope) { e.auth = "Bearer x" }, 401, "SIGN_ERROR"},
		{"a header without signature is refused", func(e *envelope) { e.auth = `WECHATPAY2-SHA256-RSA2048 mchid="1900000109"` }, 401, "SIGN_ERROR"},
	}
	for _, tt := range tests {
		t.Run(tt.promise, func(t *testing.T) {
			b := newBank(t)
			e := b.envelope(http.MethodPost, path, b.order("r1", "t1", 100, 200))
			tt.spoil(&e)
			w := b.send(e)
			if w.Code != tt.status || field(t, w, "code") != tt.code {
				t.Fatalf("got %d %s", w.Code, w.Body)
			}
			if err := checkSignature(w.Header(), w.Body.Bytes()); err != nil {
				t.Fatalf("the answer is badly signed: %v", err)
			}
		})
	}
}

func TestARecordedRequestCannotBeSentAgain(t *testing.T) {
	b := newBank(t)
	e := b.envelope(http.MethodPost, path, b.order("r1", "t1", 100, 200))
	if w := b.send(e); w.Code != http.StatusOK {
		t.Fatalf("got %d %s", w.Code, w.Body)
	}
	if w := b.send(e); w.Code != http.StatusUnauthorized {
		t.Fatalf("got %d %s", w.Code, w.Body)
	}
}

// TestLimits sends, in one order of 1000, the steps one after the other, a
// minute apart unless the step says otherwise.
func TestLimits(t *testing.T) {
	type step struct {
		no     string
		refund int
		total  int
		status int
		code   string
	}
	tests := []struct {
		promise string
		steps   []step
	}{
		{"the same number and amounts are one refund", []step{{"r1", 600, 1000, 200, ""}, {"r1", 600, 1000, 200, ""}, {"r2", 400, 1000, 200, ""}}},
		{"the same number with another amount is refused", []step{{"r1", 600, 1000, 200, ""}, {"r1", 500, 1000, 400, "INVALID_REQUEST"}}},
		{"refunds never exceed the order", []step{{"r1", 600, 1000, 200, ""}, {"r2", 401, 1000, 400, "INVALID_REQUEST"}, {"r2", 400, 1000, 200, ""}, {"r3", 1, 1000, 400, "INVALID_REQUEST"}}},
		{"another total is refused", []step{{"r1", 600, 1000, 200, ""}, {"r2", 100, 2000, 400, "PARAM_ERROR"}}},
		{"more than the total is refused", []step{{"r1", 1001, 1000, 400, "PARAM_ERROR"}}},
		{"nothing is refused", []step{{"r1", 0, 1000, 400, "PARAM_ERROR"}}},
		{"a number with other characters is refused", []step{{"r 1", 1, 1000, 400, "PARAM_ERROR"}}},
	}
	for _, tt := range tests {
		t.Run(tt.promise, func(t *testing.T) {
			b := newBank(t)
			for i, s := range tt.steps {
				w := b.post(path, b.order(s.no, "t1", s.refund, s.total))
				if w.Code != s.status || field(t, w, "code") != s.code {
					t.Fatalf("step %d: got %d %s", i+1, w.Code, w.Body)
				}
				b.later()
			}
		})
	}
}

func TestRefundsOfOneOrderNeedAMinuteBetweenThem(t *testing.T) {
	b := newBank(t)
	b.post(path, b.order("r1", "t1", 100, 1000))
	if w := b.post(path, b.order("r2", "t1", 100, 1000)); w.Code != 429 || field(t, w, "code") != "FREQUENCY_LIMITED" {
		t.Fatalf("got %d %s", w.Code, w.Body)
	}
	if w := b.post(path, b.order("r3", "t2", 100, 1000)); w.Code != http.StatusOK {
		t.Fatalf("another order: got %d %s", w.Code, w.Body)
	}
	b.later()
	if w := b.post(path, b.order("r2", "t1", 100, 1000)); w.Code != http.StatusOK {
		t.Fatalf("a minute later: got %d %s", w.Code, w.Body)
	}
}

func TestAnOrderHasAtMostFiftyRefunds(t *testing.T) {
	b := newBank(t)
	for i := range 51 {
		w := b.post(path, b.order(fmt.Sprint("r", i), "t1", 1, 1000))
		if want := map[bool]int{true: 200, false: 400}[i < 50]; w.Code != want {
			t.Fatalf("refund %d: got %d %s", i+1, w.Code, w.Body)
		}
		b.later()
	}
}

func TestMerchantsDoNotSeeEachOther(t *testing.T) {
	b := newBank(t)
	b.post(path, b.order("r1", "t1", 100, 1000))
	e := b.envelope(http.MethodGet, path+"/r1", "")
	e.mchID, e.serial, e.key = "1900000117", "OTHER", otherKey()
	if w := b.send(e); w.Code != http.StatusNotFound || field(t, w, "code") != "RESOURCE_NOT_EXISTS" {
		t.Fatalf("got %d %s", w.Code, w.Body)
	}
}

func TestARefundEndsAsTheRulesSayAndTellsIt(t *testing.T) {
	tests := []struct {
		promise, outcome, want string
		room                   int // status of a refund of the whole order afterwards
	}{
		{"it succeeds by itself", "", "SUCCESS", 400},
		{"a closed one gives its amount back to the order", "CLOSED", "CLOSED", 200},
		{"an abnormal one keeps its amount", "ABNORMAL", "ABNORMAL", 400},
	}
	for _, tt := range tests {
		t.Run(tt.promise, func(t *testing.T) {
			b := newBank(t)
			if tt.outcome != "" {
				b.Rule(t, fault.Rule{System: "payment", Effect: fault.Outcome, Outcome: tt.outcome, Match: map[string]string{"out_refund_no": "r1"}})
			}
			w := b.post(path, b.order("r1", "t1", 700, 700))
			if got := field(t, w, "status"); got != "PROCESSING" {
				t.Fatalf("at first %q", got)
			}
			b.Clock.Advance(5*time.Minute - time.Second)
			if got := b.status("r1"); got != "PROCESSING" {
				t.Fatalf("before its time %q", got)
			}
			b.Clock.Advance(time.Second)
			if got := b.status("r1"); got != tt.want {
				t.Fatalf("in the end %q, want %q", got, tt.want)
			}
			got := b.Product.Take()
			if len(got) != 1 {
				t.Fatalf("%d notifications, want 1", len(got))
			}
			event, refund := opened(t, got[0])
			if event != "REFUND."+tt.want || refund["refund_status"] != tt.want || refund["out_refund_no"] != "r1" || refund["mchid"] != mchID {
				t.Fatalf("told %s %v", event, refund)
			}
			if w := b.post(path, b.order("r2", "t1", 700, 700)); w.Code != tt.room {
				t.Fatalf("the whole order again: got %d %s", w.Code, w.Body)
			}
		})
	}
}

func TestNotificationsFollowTheDocumentedScheduleWithOneID(t *testing.T) {
	b := newBank(t)
	b.Product.Answers(http.StatusInternalServerError, `{"code":"FAIL"}`)
	b.post(path, b.order("r1", "t1", 100, 100))
	b.Clock.Advance(5*time.Minute + 24*time.Hour + 4*time.Minute)
	got := b.Product.Take()
	if len(got) != 16 {
		t.Fatalf("%d attempts, want 16", len(got))
	}
	ids := make(map[string]bool)
	for _, r := range got {
		var e struct{ ID string }
		if err := json.Unmarshal(r.Body, &e); err != nil {
			t.Fatal(err)
		}
		ids[e.ID] = true
		opened(t, r)
	}
	if len(ids) != 1 {
		t.Fatalf("%d ids", len(ids))
	}
}

func TestALostAnswerDidTheWork(t *testing.T) {
	tests := []struct {
		promise string
		effect  fault.Effect
		want    int
	}{
		{"a lost answer leaves a refund", fault.LoseAnswer, 200},
		{"a lost request leaves none", fault.LoseRequest, 404},
	}
	for _, tt := range tests {
		t.Run(tt.promise, func(t *testing.T) {
			b := newBank(t)
			b.Rule(t, fault.Rule{System: "payment", Operation: "refund", Effect: tt.effect})
			if w := b.post(path, b.order("r1", "t1", 100, 100)); w.Code != 0 {
				t.Fatalf("answered %d", w.Code)
			}
			if w := b.send(b.envelope(http.MethodGet, path+"/r1", "")); w.Code != tt.want {
				t.Fatalf("got %d %s", w.Code, w.Body)
			}
			if w := b.post(path, b.order("r1", "t1", 100, 100)); w.Code != http.StatusOK {
				t.Fatalf("again: got %d %s", w.Code, w.Body)
			}
			b.Clock.Advance(time.Hour)
			raw, err := os.ReadFile(filepath.Join(b.Dir, "payment.ndjson"))
			if err != nil {
				t.Fatal(err)
			}
			if n := strings.Count(string(raw), `"status":"SUCCESS"`); n != 1 {
				t.Fatalf("the journal has %d successes", n)
			}
		})
	}
}

func TestFailRulesGiveTheDocumentedErrors(t *testing.T) {
	for code, status := range map[string]int{
		"SYSTEM_ERROR": 500, "FREQUENCY_LIMITED": 429, "NOT_ENOUGH": 403, "USER_ACCOUNT_ABNORMAL": 403,
		"RESOURCE_NOT_EXISTS": 404, "INVALID_REQUEST": 400, "NO_AUTH": 403,
	} {
		for _, effect := range []fault.Effect{fault.Fail, fault.Outcome} {
			b := newBank(t)
			b.Rule(t, fault.Rule{System: "payment", Operation: "refund", Effect: effect, Code: code, Outcome: code})
			if w := b.post(path, b.order("r1", "t1", 100, 100)); w.Code != status || field(t, w, "code") != code {
				t.Errorf("%s by %s: got %d %s", code, effect, w.Code, w.Body)
			}
			if w := b.post(path, b.order("r1", "t1", 100, 100)); w.Code != http.StatusOK {
				t.Errorf("%s: not possible afterwards: %d %s", code, w.Code, w.Body)
			}
		}
	}
}

func TestAMerchantWithoutMoneyMustWait(t *testing.T) {
	b := newBank(t)
	if err := b.service.SetBalance(mchID, 150); err != nil {
		t.Fatal(err)
	}
	b.post(path, b.order("r1", "t1", 100, 1000))
	if w := b.post(path, b.order("r2", "t2", 100, 1000)); w.Code != 403 || field(t, w, "code") != "NOT_ENOUGH" {
		t.Fatalf("got %d %s", w.Code, w.Body)
	}
	b.restart(0)
	if left, limited := b.service.Balance(mchID); left != 50 || !limited {
		t.Fatalf("after a restart %d left, limited %t", left, limited)
	}
	if err := b.service.SetBalance(mchID, -1); err != nil {
		t.Fatal(err)
	}
	if w := b.post(path, b.order("r2", "t2", 100, 1000)); w.Code != http.StatusOK {
		t.Fatalf("got %d %s", w.Code, w.Body)
	}
}

func TestAnAbnormalRefundCanBeSentToABankCard(t *testing.T) {
	b := newBank(t)
	b.Rule(t, fault.Rule{System: "payment", Operation: "refund", Effect: fault.Outcome, Outcome: "ABNORMAL"})
	id := field(t, b.post(path, b.order("r1", "t1", 100, 100)), "refund_id")
	reapply := path + "/" + id + "/apply-abnormal-refund"
	body := fmt.Sprintf(`{"out_refund_no":"r1","type":"USER_BANK_CARD","bank_type":"ICBC_DEBIT","bank_account":%q,"real_name":%q}`,
		sealed(t, "6222020000000000000"), sealed(t, "张三"))
	if w := b.post(reapply, body); w.Code != 400 || field(t, w, "code") != "INVALID_REQUEST" {
		t.Fatalf("before it is abnormal: got %d %s", w.Code, w.Body)
	}
	b.Clock.Advance(5 * time.Minute)
	plain := `{"out_refund_no":"r1","type":"USER_BANK_CARD","bank_type":"ICBC_DEBIT","bank_account":"6222","real_name":"x"}`
	if w := b.post(reapply, plain); w.Code != 400 || field(t, w, "code") != "PARAM_ERROR" {
		t.Fatalf("with an account in clear text: got %d %s", w.Code, w.Body)
	}
	for range 2 {
		if w := b.post(reapply, body); w.Code != http.StatusOK || field(t, w, "status") != "PROCESSING" || field(t, w, "channel") != "OTHER_BANKCARD" {
			t.Fatalf("got %d %s", w.Code, w.Body)
		}
	}
	b.Clock.Advance(24 * time.Hour)
	if got := b.status("r1"); got != "SUCCESS" {
		t.Fatalf("in the end %q", got)
	}
	if got := b.Product.Take(); len(got) != 2 {
		t.Fatalf("%d notifications, want one ABNORMAL and one SUCCESS", len(got))
	}
}

func sealed(t *testing.T, secret string) string {
	t.Helper()
	out, err := rsa.EncryptOAEP(sha1.New(), rand.Reader, &platformKey().PublicKey, []byte(secret), nil)
	if err != nil {
		t.Fatal(err)
	}
	return base64.StdEncoding.EncodeToString(out)
}

func TestStateSurvivesReopening(t *testing.T) {
	b := newBank(t)
	b.Product.Answers(http.StatusServiceUnavailable, "")
	first := field(t, b.post(path, b.order("done", "t1", 400, 1000)), "refund_id")
	b.Clock.Advance(5 * time.Minute)
	b.post(path, b.order("running", "t1", 500, 1000))
	b.Product.Take()
	b.Product.Answers(http.StatusOK, "")
	b.restart(time.Hour)
	b.Clock.Advance(0)
	if again := field(t, b.post(path, b.order("done", "t1", 400, 1000)), "refund_id"); again != first {
		t.Fatalf("refund id %q became %q", first, again)
	}
	if got := b.status("running"); got != "SUCCESS" {
		t.Fatalf("the one that was running is %q", got)
	}
	if w := b.post(path, b.order("more", "t1", 101, 1000)); w.Code != 400 {
		t.Fatalf("the order's sum is forgotten: got %d %s", w.Code, w.Body)
	}
	told := make(map[string]int)
	for _, r := range b.Product.Take() {
		_, refund := opened(t, r)
		told[refund["out_refund_no"].(string)]++
	}
	if told["done"] != 1 || told["running"] != 1 {
		t.Fatalf("told after the restart: %v", told)
	}
	b.restart(time.Hour)
	b.Clock.Advance(time.Hour)
	if got := b.Product.Take(); len(got) != 0 {
		t.Fatalf("%d notifications that were acknowledged before", len(got))
	}
}

func TestAForgedNotificationIsBadlySignedAndChangesNothing(t *testing.T) {
	b := newBank(t)
	b.Rule(t, fault.Rule{System: "payment", Effect: fault.ForgeCallback})
	b.post(path, b.order("r1", "t1", 100, 100))
	b.Clock.Advance(0)
	got := b.Product.Take()
	if len(got) != 1 || checkSignature(got[0].Header, got[0].Body) == nil {
		t.Fatalf("want one notification with a bad signature, got %d", len(got))
	}
	if event, _ := decrypt(t, got[0].Body); event != "REFUND.SUCCESS" {
		t.Fatalf("it says %s", event)
	}
	if got := b.status("r1"); got != "PROCESSING" {
		t.Fatalf("the refund is %s", got)
	}
}

func TestAnyCurrencyIsPaidBack(t *testing.T) {
	b := newBank(t)
	body := strings.Replace(b.order("r1", "t1", 100, 100), "CNY", "GBP", 1)
	if w := b.post(path, body); w.Code != http.StatusOK || !strings.Contains(w.Body.String(), `"currency":"GBP"`) {
		t.Fatalf("got %d %s", w.Code, w.Body)
	}
}
