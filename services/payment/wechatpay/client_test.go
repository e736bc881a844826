package wechatpay

import (
	"crypto/rsa"
	"encoding/base64"
	"errors"
	"net/http"
	"os"
	"strings"
	"testing"
	"time"

	"aftercare.dev/services/payment/domain"
	"aftercare.dev/services/payment/wechatpay/wechatpaytest"
)

// goldenTime is the timestamp in testdata, whose signatures were made with openssl.
var goldenTime = time.Unix(1767225600, 0)

func read(t testing.TB, name string) []byte {
	t.Helper()
	text, err := os.ReadFile("testdata/" + name)
	if err != nil {
		t.Fatal(err)
	}
	return text
}

func golden(t testing.TB, now time.Time) *Client {
	t.Helper()
	private, err := ParsePrivateKey(read(t, "merchant.key.pem"))
	if err != nil {
		t.Fatal(err)
	}
	public, err := ParsePublicKeys(read(t, "platform.pub.pem"))
	if err != nil {
		t.Fatal(err)
	}
	c, err := New(Options{
		BaseURL: "https://api.mch.weixin.qq.com", MerchantID: wechatpaytest.MerchantID, MerchantSerial: wechatpaytest.MerchantSerial,
		PrivateKey: private, PlatformKeys: map[string]*rsa.PublicKey{wechatpaytest.PlatformSerial: public[0]},
		PlatformSerial: wechatpaytest.PlatformSerial, APIv3Key: []byte(wechatpaytest.APIv3Key), Timeout: time.Second,
		Now: func() time.Time { return now },
	})
	if err != nil {
		t.Fatal(err)
	}
	return c
}

func connected(t testing.TB) (*Client, *wechatpaytest.Platform) {
	t.Helper()
	platform := wechatpaytest.New(t, time.Now)
	c, err := New(Options{
		BaseURL: platform.URL, MerchantID: wechatpaytest.MerchantID, MerchantSerial: wechatpaytest.MerchantSerial,
		PrivateKey:     wechatpaytest.MerchantKey(),
		PlatformKeys:   map[string]*rsa.PublicKey{wechatpaytest.PlatformSerial: &wechatpaytest.PlatformKey().PublicKey},
		PlatformSerial: wechatpaytest.PlatformSerial, APIv3Key: []byte(wechatpaytest.APIv3Key),
		NotifyURL: "https://shop.example/notify", Timeout: 5 * time.Second,
	})
	if err != nil {
		t.Fatal(err)
	}
	return c, platform
}

var instruction = domain.Instruction{
	RefundNumber: "rf_01JD2T5S4FYQ1C9X3W7B8M6N0K", PaymentReference: "T20260101",
	Amount: 888, PaymentTotal: 1000, Currency: "CNY", Reason: "no_reason",
}

func TestRequestsAreSignedAsOpensslSignsThem(t *testing.T) {
	c := golden(t, goldenTime)
	for _, test := range []struct{ method, uri, body, golden string }{
		{
			"POST", refundsPath,
			`{"out_trade_no":"T20260101","out_refund_no":"rf_01JD2T5S4FYQ1C9X3W7B8M6N0K","reason":"no_reason","notify_url":"https://shop.example/notify","amount":{"refund":888,"total":1000,"currency":"CNY"}}`,
			"create.sig",
		},
		{"GET", refundsPath + "/rf_01JD2T5S4FYQ1C9X3W7B8M6N0K", "", "query.sig"},
	} {
		header, err := c.authorization(test.method, test.uri, "5K8264ILTKCH16CQ2502SI8ZNMTM67VS", goldenTime, []byte(test.body))
		if err != nil {
			t.Fatal(err)
		}
		want := `WECHATPAY2-SHA256-RSA2048 mchid="1900000109",nonce_str="5K8264ILTKCH16CQ2502SI8ZNMTM67VS",timestamp="1767225600",` +
			`serial_no="MERCHANTSERIAL01",signature="` + string(read(t, test.golden)) + `"`
		if header != want {
			t.Errorf("%s: Authorization is\n%s\nwant\n%s", test.golden, header, want)
		}
	}
}

func TestRefundIsCreatedAndQueriedWithSignaturesThatThePlatformAccepts(t *testing.T) {
	c, platform := connected(t)
	created, err := c.Create(t.Context(), instruction)
	if err != nil {
		t.Fatal(err, platform.BadSignatures())
	}
	platform.Set(instruction.RefundNumber, func(r *wechatpaytest.Refund) { r.Status = "SUCCESS" })
	queried, err := c.Query(t.Context(), instruction.RefundNumber)
	if err != nil {
		t.Fatal(err)
	}
	want := domain.ProviderRefund{
		RefundNumber: instruction.RefundNumber, PaymentReference: "T20260101", Reference: created.Reference,
		Status: domain.ProviderSucceeded, Amount: 888, PaymentTotal: 1000, Currency: "CNY",
		SucceededAt: time.Date(2026, 1, 1, 0, 0, 0, 0, time.UTC),
	}
	if queried != want {
		t.Errorf("query returned %+v, want %+v", queried, want)
	}
	want.Status, want.SucceededAt = domain.ProviderProcessing, time.Time{}
	if created != want {
		t.Errorf("create returned %+v, want %+v", created, want)
	}
}

func TestErrorsOfCreateAreClassifiedOnTwoAxes(t *testing.T) {
	for _, test := range []struct {
		status    int
		code      string
		outcome   domain.Outcome
		retry     domain.Retry
		attention domain.Attention
	}{
		{500, "SYSTEM_ERROR", domain.OutcomeUnknown, domain.RetrySame, domain.NoAttention},
		{502, "NOT_ENOUGH", domain.OutcomeUnknown, domain.RetrySame, domain.NoAttention},
		{302, "PARAM_ERROR", domain.OutcomeUnknown, domain.RetrySame, domain.NoAttention},
		{429, "FREQUENCY_LIMITED", domain.OutcomeNotDone, domain.RetryLater, domain.NoAttention},
		{429, "A_NEW_LIMIT", domain.OutcomeNotDone, domain.RetryLater, domain.NoAttention},
		{403, "NOT_ENOUGH", domain.OutcomeNotDone, domain.RetryLater, domain.InsufficientFunds},
		{403, "USER_ACCOUNT_ABNORMAL", domain.OutcomeNotDone, domain.RetryNever, domain.AbnormalAccount},
		{400, "PARAM_ERROR", domain.OutcomeNotDone, domain.RetryNever, domain.Refused},
		{401, "SIGN_ERROR", domain.OutcomeNotDone, domain.RetryNever, domain.Refused},
		{403, "NO_AUTH", domain.OutcomeNotDone, domain.RetryNever, domain.Refused},
		{404, "MCH_NOT_EXISTS", domain.OutcomeNotDone, domain.RetryNever, domain.Refused},
		{404, "RESOURCE_NOT_EXISTS", domain.OutcomeNotDone, domain.RetryNever, domain.Refused},
		{400, "INVALID_REQUEST", domain.OutcomeUnknown, domain.RetryNever, domain.Refused},
		{400, "A_NEW_CODE", domain.OutcomeUnknown, domain.RetryNever, domain.Refused},
	} {
		t.Run(test.code, func(t *testing.T) {
			c, platform := connected(t)
			platform.Next(wechatpaytest.Misbehaviour{Status: test.status, Code: test.code})
			_, err := c.Create(t.Context(), instruction)
			failure, ok := errors.AsType[*domain.ProviderError](err)
			if !ok {
				t.Fatalf("error is %v, want a ProviderError", err)
			}
			if failure.Outcome != test.outcome || failure.Retry != test.retry || failure.Attention != test.attention {
				t.Errorf("%d %s is %v with attention %q", test.status, test.code, failure, failure.Attention)
			}
		})
	}
}

func TestRetryAfterOfThePlatformIsObeyed(t *testing.T) {
	c, platform := connected(t)
	platform.Next(wechatpaytest.Misbehaviour{Status: 429, Code: "FREQUENCY_LIMITED", Header: http.Header{"Retry-After": {"90"}}})
	_, err := c.Create(t.Context(), instruction)
	failure, _ := errors.AsType[*domain.ProviderError](err)
	if failure == nil || failure.After != 90*time.Second {
		t.Errorf("error is %v, want a wait of 90 s", err)
	}
}

func TestAnswerThatIsLostOrUnsignedLeavesTheOutcomeUnknown(t *testing.T) {
	for name, m := range map[string]wechatpaytest.Misbehaviour{"lost": {Lose: true}, "unsigned": {Unsigned: true}} {
		t.Run(name, func(t *testing.T) {
			c, platform := connected(t)
			platform.Next(m)
			platform.NextQuery(m)
			for _, call := range []func() error{
				func() error { _, err := c.Create(t.Context(), instruction); return err },
				func() error { _, err := c.Query(t.Context(), instruction.RefundNumber); return err },
			} {
				failure, _ := errors.AsType[*domain.ProviderError](call())
				if failure == nil || failure.Outcome != domain.OutcomeUnknown || failure.Retry != domain.RetrySame {
					t.Errorf("failure is %v, want unknown", failure)
				}
			}
		})
	}
}

func TestMissingRefundIsBelievedOnlyWithASignature(t *testing.T) {
	c, platform := connected(t)
	_, err := c.Query(t.Context(), "rf_none")
	if failure, _ := errors.AsType[*domain.ProviderError](err); failure == nil || !failure.NotFound {
		t.Errorf("signed: %v, want not found", err)
	}
	platform.NextQuery(wechatpaytest.Misbehaviour{Unsigned: true})
	_, err = c.Query(t.Context(), "rf_none")
	if failure, _ := errors.AsType[*domain.ProviderError](err); failure == nil || failure.NotFound {
		t.Errorf("unsigned: %v, want unknown", err)
	}
}

func TestGoldenNotificationIsVerifiedAndDecrypted(t *testing.T) {
	n, err := golden(t, goldenTime).Notification(goldenHeader(t), read(t, "notification.json"))
	if err != nil {
		t.Fatal(err)
	}
	want := domain.Notification{
		Provider: Provider, ID: "EV-2018022511223320873", RefundNumber: instruction.RefundNumber, PaymentReference: "T20260101",
		Status: domain.ProviderSucceeded, Amount: 888, PaymentTotal: 1000,
	}
	if n != want {
		t.Errorf("notification is %+v, want %+v", n, want)
	}
}

func goldenHeader(t testing.TB) http.Header {
	h := http.Header{}
	h.Set("Wechatpay-Timestamp", "1767225600")
	h.Set("Wechatpay-Nonce", "EcAZ1jJfJ0fNnV3P")
	h.Set("Wechatpay-Serial", wechatpaytest.PlatformSerial)
	h.Set("Wechatpay-Signature", string(read(t, "notification.sig")))
	return h
}

func TestNotificationThatIsForgedOldOrSwappedIsNotBelieved(t *testing.T) {
	body := read(t, "notification.json")
	for name, change := range map[string]func(http.Header, *[]byte, *time.Time){
		"older than five minutes":  func(_ http.Header, _ *[]byte, now *time.Time) { *now = goldenTime.Add(Tolerance) },
		"from the future":          func(_ http.Header, _ *[]byte, now *time.Time) { *now = goldenTime.Add(-Tolerance) },
		"with a fresher timestamp": func(h http.Header, _ *[]byte, _ *time.Time) { h.Set("Wechatpay-Timestamp", "1767225601") },
		"with another nonce":       func(h http.Header, _ *[]byte, _ *time.Time) { h.Set("Wechatpay-Nonce", "EcAZ1jJfJ0fNnV3Q") },
		"with an unknown serial":   func(h http.Header, _ *[]byte, _ *time.Time) { h.Set("Wechatpay-Serial", "PUB_KEY_ID_OTHER") },
		"without a signature":      func(h http.Header, _ *[]byte, _ *time.Time) { h.Del("Wechatpay-Signature") },
		"with a false signature": func(h http.Header, _ *[]byte, _ *time.Time) {
			h.Set("Wechatpay-Signature", base64.StdEncoding.EncodeToString(make([]byte, 256)))
		},
		"with a signature probe": func(h http.Header, _ *[]byte, _ *time.Time) {
			h.Set("Wechatpay-Signature", "WECHATPAY/SIGNTEST/"+h.Get("Wechatpay-Signature"))
		},
		"with another event type": func(_ http.Header, body *[]byte, _ *time.Time) {
			*body = []byte(strings.Replace(string(*body), "REFUND.SUCCESS", "REFUND.CLOSED", 1))
		},
		"with a byte more": func(_ http.Header, body *[]byte, _ *time.Time) { *body = append(*body, '\n') },
	} {
		t.Run(name, func(t *testing.T) {
			header, changed, now := goldenHeader(t), append([]byte(nil), body...), goldenTime
			change(header, &changed, &now)
			if _, err := golden(t, now).Notification(header, changed); !errors.Is(err, ErrNotAuthentic) {
				t.Errorf("error is %v, want %v", err, ErrNotAuthentic)
			}
		})
	}
}

func TestAuthenticNotificationOfSomethingElseIsRefused(t *testing.T) {
	c, _ := connected(t)
	refund := wechatpaytest.Refund{Number: "rf_1", Trade: "T1", Status: "SUCCESS", Refund: 1, Total: 2}
	for name, body := range map[string][]byte{
		"another merchant": wechatpaytest.Notification("EV1", "1900000110", refund),
		"unknown status":   wechatpaytest.Notification("EV1", wechatpaytest.MerchantID, wechatpaytest.Refund{Number: "rf_1", Status: "LOST"}),
		"no id":            wechatpaytest.Notification("", wechatpaytest.MerchantID, refund),
		"swapped event type": []byte(strings.Replace(string(wechatpaytest.Notification("EV1", wechatpaytest.MerchantID, refund)),
			"REFUND.SUCCESS", "REFUND.CLOSED", 1)),
		"not JSON":   []byte("hello"),
		"compressed": {0x1f, 0x8b, 8, 0},
		"oversized":  make([]byte, maxNotification+1),
	} {
		t.Run(name, func(t *testing.T) {
			header := http.Header{}
			for k, v := range wechatpaytest.Sign(wechatpaytest.PlatformKey(), wechatpaytest.PlatformSerial, time.Now(), body) {
				header.Set(k, v)
			}
			if _, err := c.Notification(header, body); !errors.Is(err, ErrUnreadable) {
				t.Errorf("error is %v, want %v", err, ErrUnreadable)
			}
		})
	}
}

func TestBothKeysOfThePlatformAreAcceptedWhileItChangesThem(t *testing.T) {
	both, err := ParsePublicKeys(append(read(t, "platform.pub.pem"), read(t, "merchant.pub.pem")...))
	if err != nil || len(both) != 2 {
		t.Fatalf("%d keys, error %v", len(both), err)
	}
	c := golden(t, goldenTime)
	c.platformKeys = map[string]*rsa.PublicKey{"NEW": both[1], wechatpaytest.PlatformSerial: both[0]}
	if _, err := c.Notification(goldenHeader(t), read(t, "notification.json")); err != nil {
		t.Error(err)
	}
}

// FuzzNotification holds that the decoder takes anything without a panic, and returns only what
// names a refund of this merchant with a status that exists.
func FuzzNotification(f *testing.F) {
	f.Add(read(f, "notification.json"))
	f.Add([]byte(`{"id":"x","event_type":"REFUND.SUCCESS","resource":{"algorithm":"AEAD_AES_256_GCM","nonce":"123456789012","ciphertext":""}}`))
	f.Add([]byte(`{`))
	c := golden(f, goldenTime)
	f.Fuzz(func(t *testing.T, body []byte) {
		n, err := c.decode(body)
		if err == nil && (n.ID == "" || n.Status == "") {
			t.Errorf("decoded %+v", n)
		}
	})
}
