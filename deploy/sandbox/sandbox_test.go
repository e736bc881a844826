package sandbox_test

import (
	"bytes"
	"context"
	"crypto"
	"crypto/rand"
	"crypto/rsa"
	"crypto/sha256"
	"crypto/x509"
	"encoding/base64"
	"encoding/json"
	"encoding/pem"
	"fmt"
	"io"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"aftercare.dev/deploy/sandbox"
)

func start(t *testing.T, dir string) *sandbox.Sandbox {
	t.Helper()
	s, err := sandbox.Start(t.Context(), sandbox.Config{Dir: dir, TimeScale: 6000, Logger: slog.New(slog.DiscardHandler)})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := s.Close(); err != nil {
			t.Error(err)
		}
	})
	return s
}

func do(t *testing.T, method, url, body string) (int, string) {
	t.Helper()
	req, err := http.NewRequestWithContext(t.Context(), method, url, strings.NewReader(body))
	if err != nil {
		t.Fatal(err)
	}
	return send(t, req)
}

func send(t *testing.T, req *http.Request) (int, string) {
	t.Helper()
	resp, err := http.DefaultClient.Do(req)
	if err != nil {
		return 0, err.Error()
	}
	defer resp.Body.Close()
	raw, err := io.ReadAll(resp.Body)
	if err != nil {
		t.Error(err)
	}
	return resp.StatusCode, string(raw)
}

// refund sends a refund as the product does: by a signed request.
func refund(t *testing.T, s *sandbox.Sandbox, mchID, no, trade, notify string, amount int) (int, string) {
	t.Helper()
	const path = "/wechatpay/v3/refund/domestic/refunds"
	m, ok := s.Credentials.Merchant(mchID)
	if !ok {
		t.Fatalf("no merchant %s", mchID)
	}
	block, _ := pem.Decode([]byte(m.PrivateKeyPEM))
	key, err := x509.ParsePKCS8PrivateKey(block.Bytes)
	if err != nil {
		t.Fatal(err)
	}
	body := fmt.Sprintf(`{"out_refund_no":%q,"out_trade_no":%q,"notify_url":%q,"amount":{"refund":%d,"total":%d,"currency":"CNY"}}`, no, trade, notify, amount, amount)
	timestamp, nonce := strconv.FormatInt(time.Now().Unix(), 10), rand.Text()
	sum := sha256.Sum256([]byte("POST\n" + path + "\n" + timestamp + "\n" + nonce + "\n" + body + "\n"))
	signature, err := rsa.SignPKCS1v15(rand.Reader, key.(*rsa.PrivateKey), crypto.SHA256, sum[:])
	if err != nil {
		t.Fatal(err)
	}
	req, err := http.NewRequestWithContext(t.Context(), http.MethodPost, s.URL()+path, strings.NewReader(body))
	if err != nil {
		t.Fatal(err)
	}
	req.Header.Set("Accept", "application/json")
	req.Header.Set("Authorization", fmt.Sprintf(`WECHATPAY2-SHA256-RSA2048 mchid="%s",nonce_str="%s",timestamp="%s",serial_no="%s",signature="%s"`,
		mchID, nonce, timestamp, m.SerialNo, base64.StdEncoding.EncodeToString(signature)))
	return send(t, req)
}

// product receives n notifications and then closes told.
func product(t *testing.T, n int) (url string, told <-chan struct{}) {
	t.Helper()
	all := make(chan struct{})
	var mu sync.Mutex
	ids := make(map[string]bool)
	server := httptest.NewServer(http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) {
		var e struct{ ID string }
		if err := json.NewDecoder(r.Body).Decode(&e); err != nil {
			return
		}
		mu.Lock()
		defer mu.Unlock()
		if !ids[e.ID] {
			ids[e.ID] = true
			if len(ids) == n {
				close(all)
			}
		}
	}))
	t.Cleanup(server.Close)
	return server.URL + "/notify", all
}

func TestTwoMerchantsGetTheirMoneyBackOverTheRealClock(t *testing.T) {
	s := start(t, t.TempDir())
	url, told := product(t, 2)
	for i, id := range sandbox.DefaultMerchants {
		if code, body := refund(t, s, id, fmt.Sprint("r", i), "t1", url, 100); code != http.StatusOK {
			t.Fatalf("got %d %s", code, body)
		}
	}
	<-told
}

func TestManyRefundsAtOnceEachSucceedOnce(t *testing.T) {
	dir := t.TempDir()
	s := start(t, dir)
	const n = 200
	url, told := product(t, n)
	var wg sync.WaitGroup
	for i := range n {
		wg.Go(func() {
			if code, body := refund(t, s, sandbox.DefaultMerchants[0], fmt.Sprint("r", i), fmt.Sprint("t", i), url, 100); code != http.StatusOK {
				t.Errorf("got %d %s", code, body)
			}
		})
	}
	wg.Wait()
	<-told
	if err := s.Close(); err != nil {
		t.Fatal(err)
	}
	raw, err := os.ReadFile(filepath.Join(dir, "payment.ndjson"))
	if err != nil {
		t.Fatal(err)
	}
	last := make(map[string]string)
	for line := range bytes.Lines(raw) {
		var l struct {
			Op          string `json:"op"`
			OutRefundNo string `json:"out_refund_no"`
			Status      string `json:"status"`
		}
		if err := json.Unmarshal(line, &l); err != nil {
			t.Fatal(err)
		}
		if l.Op == "refund" {
			last[l.OutRefundNo] += l.Status + " "
		}
	}
	for no, states := range last {
		if states != "PROCESSING SUCCESS " {
			t.Errorf("%s went %s", no, states)
		}
	}
	if len(last) != n {
		t.Errorf("%d refunds", len(last))
	}
}

func TestALostAnswerDropsTheConnectionAndDoesTheWork(t *testing.T) {
	s := start(t, t.TempDir())
	url, told := product(t, 1)
	if code, body := do(t, http.MethodPost, s.URL()+"/control/rules", `{"system":"payment","operation":"refund","effect":"lose_answer","match":{"out_refund_no":"r1"}}`); code != http.StatusCreated {
		t.Fatalf("rule: %d %s", code, body)
	}
	if code, body := refund(t, s, sandbox.DefaultMerchants[0], "r1", "t1", url, 100); code != 0 {
		t.Fatalf("got %d %s", code, body)
	}
	<-told
	if code, _ := refund(t, s, sandbox.DefaultMerchants[0], "r1", "t1", url, 100); code != http.StatusOK {
		t.Fatalf("again: got %d", code)
	}
}

func TestKeysAndRulesSurviveARestart(t *testing.T) {
	dir := t.TempDir()
	s := start(t, dir)
	first := *s.Credentials
	if code, body := do(t, http.MethodPost, s.URL()+"/control/rules", `{"id":"mine","system":"mail","effect":"fail","times":3}`); code != http.StatusCreated {
		t.Fatalf("rule: %d %s", code, body)
	}
	if err := s.Close(); err != nil {
		t.Fatal(err)
	}
	s = start(t, dir)
	if s.Credentials.Weixin != first.Weixin || s.Credentials.Kuaidi100 != first.Kuaidi100 || s.Credentials.WechatPay.Merchants[0] != first.WechatPay.Merchants[0] {
		t.Error("the credentials are new")
	}
	if _, body := do(t, http.MethodGet, s.URL()+"/control/rules", ""); !strings.Contains(body, `"id":"mine"`) {
		t.Errorf("rules %s", body)
	}
	files, err := filepath.Glob(filepath.Join(dir, "keys", "*"))
	if err != nil || len(files) == 0 {
		t.Fatalf("%v %v", files, err)
	}
	for _, f := range files {
		if info, err := os.Stat(f); err != nil || info.Mode().Perm() != 0o600 {
			t.Errorf("%s: %v %v", filepath.Base(f), info.Mode(), err)
		}
	}
}

func TestMerchantsCanBeAddedLater(t *testing.T) {
	dir := t.TempDir()
	if _, err := sandbox.EnsureKeys(dir, "1"); err != nil {
		t.Fatal(err)
	}
	keys, err := sandbox.EnsureKeys(dir, "1", "2")
	if err != nil || len(keys.WechatPay.Merchants) != 2 {
		t.Fatalf("%d merchants, %v", len(keys.WechatPay.Merchants), err)
	}
	if _, err := sandbox.EnsureKeys(dir, "../x"); err == nil {
		t.Error("a path as merchant number")
	}
}

func TestControlAnswers(t *testing.T) {
	s := start(t, t.TempDir())
	tests := []struct {
		promise, method, path, body string
		want                        int
		contains                    string
	}{
		{"the clock is shown", "GET", "/control/clock", "", 200, `"time_scale":6000`},
		{"a misspelt field is refused", "POST", "/control/rules", `{"sistem":"payment"}`, 400, "unknown field"},
		{"an unknown effect is refused", "POST", "/control/rules", `{"system":"payment","effect":"x"}`, 422, "none of"},
		{"an unknown rule is not deleted", "DELETE", "/control/rules/x", "", 404, ""},
		{"rules are reset", "POST", "/control/reset", "", 204, ""},
		{"a balance is set", "PUT", "/control/payment/balance", `{"mchid":"1900000109","amount":5}`, 204, ""},
		{"and shown", "GET", "/control/payment/balance?mchid=1900000109", "", 200, `"amount":5`},
		{"a refund is made outside", "POST", "/control/payment/refunds", `{"mchid":"1900000109","out_trade_no":"T-outside","amount":3,"total":9}`, 201, `"outside":true`},
		{"one beyond the balance is refused", "POST", "/control/payment/refunds", `{"mchid":"1900000109","out_trade_no":"T-outside","amount":4}`, 422, "NOT_ENOUGH"},
		{"one beyond the payment is refused", "POST", "/control/payment/refunds", `{"mchid":"1900000109","out_trade_no":"T-outside","amount":10}`, 422, "PARAM_ERROR"},
		{"an unknown refund is not returned", "POST", "/control/payment/refunds/x/return", `{"mchid":"1900000109"}`, 404, ""},
		{"and lifted", "PUT", "/control/payment/balance", `{"mchid":"1900000109","amount":null}`, 204, ""},
		{"an unknown parcel is not moved", "POST", "/control/parcels/x", `{"state":"signed"}`, 404, ""},
		{"an insurer's callback is set", "PUT", "/control/insurer/callback", `{"url":"http://127.0.0.1:1/x","format":"xml"}`, 204, ""},
		{"and shown", "GET", "/control/insurer/callback", "", 200, "127.0.0.1:1"},
		{"tokens are expired", "POST", "/control/insurer/expire-tokens", "", 204, ""},
		{"the index names the systems", "GET", "/", "", 200, "/wechatpay"},
		{"the inbox is there", "GET", "/mail", "", 200, "Nothing yet"},
		{"it lives", "GET", "/healthz", "", 204, ""},
	}
	for _, tt := range tests {
		if code, body := do(t, tt.method, s.URL()+tt.path, tt.body); code != tt.want || !strings.Contains(body, tt.contains) {
			t.Errorf("%s: %d %s", tt.promise, code, body)
		}
	}
}

func TestAWebPageCannotPressTheButtons(t *testing.T) {
	s := start(t, t.TempDir())
	req, err := http.NewRequestWithContext(t.Context(), http.MethodPost, s.URL()+"/control/reset", nil)
	if err != nil {
		t.Fatal(err)
	}
	req.Header.Set("Origin", "https://evil.invalid")
	req.Header.Set("Sec-Fetch-Site", "cross-site")
	if code, _ := send(t, req); code != http.StatusForbidden {
		t.Fatalf("got %d", code)
	}
}

func TestTheSandboxEndsWithItsContext(t *testing.T) {
	ctx, cancel := context.WithCancel(t.Context())
	s, err := sandbox.Start(ctx, sandbox.Config{Dir: t.TempDir(), Logger: slog.New(slog.DiscardHandler)})
	if err != nil {
		t.Fatal(err)
	}
	cancel()
	if err := s.Close(); err != nil {
		t.Fatal(err)
	}
	if code, _ := do(t, http.MethodGet, s.URL()+"/healthz", ""); code != 0 {
		t.Fatalf("still answers %d", code)
	}
}
