package payment_test

import (
	"bytes"
	"crypto"
	"crypto/aes"
	"crypto/cipher"
	"crypto/rand"
	"crypto/rsa"
	"crypto/sha256"
	"encoding/base64"
	"encoding/json"
	"fmt"
	"net/http"
	"net/http/httptest"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"aftercare.dev/deploy/sandbox/internal/lab"
	"aftercare.dev/deploy/sandbox/payment"
)

const (
	mchID  = "1900000109"
	serial = "5157F09EFDC096DE15EBE81A47057A7232F1B8E1"
	apiKey = "0123456789abcdef0123456789ABCDEF"
	path   = "/wechatpay/v3/refund/domestic/refunds"
)

var (
	merchantKey = sync.OnceValue(newKey)
	otherKey    = sync.OnceValue(newKey)
	platformKey = sync.OnceValue(newKey)
)

func newKey() *rsa.PrivateKey {
	key, err := rsa.GenerateKey(rand.Reader, 2048)
	if err != nil {
		panic(err)
	}
	return key
}

// bank is the provider under test with a merchant's client before it.
type bank struct {
	*lab.Lab
	t       *testing.T
	service *payment.Service
	mux     *http.ServeMux
	nonce   int
}

func newBank(t *testing.T) *bank {
	b := &bank{Lab: lab.New(t), t: t}
	b.open()
	return b
}

func (b *bank) open() {
	b.t.Helper()
	service, err := payment.New(payment.Config{
		Dir: b.Dir, Clock: b.Clock, Faults: b.Faults, Callbacks: b.Callbacks, Logger: b.Logger,
		Platform: payment.Platform{Serial: "PUB_KEY_ID_01", Key: platformKey()},
		Merchants: []payment.Merchant{
			{MchID: mchID, SerialNo: serial, PublicKey: &merchantKey().PublicKey, APIv3Key: apiKey},
			{MchID: "1900000117", SerialNo: "OTHER", PublicKey: &otherKey().PublicKey, APIv3Key: apiKey},
		},
	})
	if err != nil {
		b.t.Fatal(err)
	}
	b.t.Cleanup(func() { _ = service.Close() })
	b.service, b.mux = service, http.NewServeMux()
	service.Routes(b.mux, "/wechatpay")
}

// restart closes the provider and opens it again after a downtime.
func (b *bank) restart(downtime time.Duration) {
	b.t.Helper()
	if err := b.service.Close(); err != nil {
		b.t.Fatal(err)
	}
	b.Restart(b.t, downtime)
	b.open()
}

// envelope is what a signature covers, so that tests can spoil each part.
type envelope struct {
	method, path, body       string
	time                     time.Time
	nonce, mchID, serial     string
	key                      *rsa.PrivateKey
	sentBody, sentPath, auth string // what is really sent, if different
}

func (b *bank) envelope(method, path, body string) envelope {
	b.nonce++
	return envelope{
		method: method, path: path, body: body, time: b.Clock.Now(), nonce: "nonce-" + strconv.Itoa(b.nonce),
		mchID: mchID, serial: serial, key: merchantKey(),
	}
}

func (b *bank) send(e envelope) *httptest.ResponseRecorder {
	b.t.Helper()
	timestamp := strconv.FormatInt(e.time.Unix(), 10)
	sum := sha256.Sum256([]byte(e.method + "\n" + e.path + "\n" + timestamp + "\n" + e.nonce + "\n" + e.body + "\n"))
	signature, err := rsa.SignPKCS1v15(rand.Reader, e.key, crypto.SHA256, sum[:])
	if err != nil {
		b.t.Fatal(err)
	}
	if e.sentBody == "" {
		e.sentBody = e.body
	}
	if e.sentPath == "" {
		e.sentPath = e.path
	}
	if e.auth == "" {
		e.auth = fmt.Sprintf(`WECHATPAY2-SHA256-RSA2048 mchid="%s",nonce_str="%s",signature="%s",timestamp="%s",serial_no="%s"`,
			e.mchID, e.nonce, base64.StdEncoding.EncodeToString(signature), timestamp, e.serial)
	}
	r := httptest.NewRequest(e.method, e.sentPath, strings.NewReader(e.sentBody))
	r.Header.Set("Authorization", e.auth)
	r.Header.Set("Accept", "application/json")
	w := httptest.NewRecorder()
	func() {
		defer func() {
			if v := recover(); v != nil {
				w.Code = 0 // the connection was dropped
			}
		}()
		b.mux.ServeHTTP(w, r)
	}()
	return w
}

func (b *bank) post(path, body string) *httptest.ResponseRecorder {
	b.t.Helper()
	return b.send(b.envelope(http.MethodPost, path, body))
}

// status asks for a refund's state.
func (b *bank) status(no string) string {
	b.t.Helper()
	return field(b.t, b.send(b.envelope(http.MethodGet, path+"/"+no, "")), "status")
}

func (b *bank) order(no, trade string, refund, total int) string {
	return fmt.Sprintf(`{"out_refund_no":%q,"out_trade_no":%q,"notify_url":%q,"reason":"七天无理由","amount":{"refund":%d,"total":%d,"currency":"CNY"}}`,
		no, trade, b.Product.URL+"/notify", refund, total)
}

// later lets the minimal gap between refunds of one order pass.
func (b *bank) later() { b.Clock.Advance(time.Minute) }

func field(t *testing.T, w *httptest.ResponseRecorder, name string) string {
	t.Helper()
	var m map[string]any
	if err := json.Unmarshal(w.Body.Bytes(), &m); err != nil {
		t.Fatalf("status %d, body %q: %v", w.Code, w.Body, err)
	}
	s, _ := m[name].(string)
	return s
}

// opened verifies a notification as the product must, and decrypts it.
func opened(t *testing.T, r lab.Received) (event string, refund map[string]any) {
	t.Helper()
	if err := checkSignature(r.Header, r.Body); err != nil {
		t.Fatalf("notification: %v", err)
	}
	return decrypt(t, r.Body)
}

func checkSignature(h http.Header, body []byte) error {
	message := h.Get("Wechatpay-Timestamp") + "\n" + h.Get("Wechatpay-Nonce") + "\n" + string(body) + "\n"
	sum := sha256.Sum256([]byte(message))
	signature, err := base64.StdEncoding.DecodeString(h.Get("Wechatpay-Signature"))
	if err != nil {
		return err
	}
	return rsa.VerifyPKCS1v15(&platformKey().PublicKey, crypto.SHA256, sum[:], signature)
}

func decrypt(t *testing.T, body []byte) (event string, refund map[string]any) {
	t.Helper()
	var e struct {
		EventType string `json:"event_type"`
		Resource  struct {
			Algorithm      string `json:"algorithm"`
			Ciphertext     []byte `json:"ciphertext"`
			AssociatedData string `json:"associated_data"`
			Nonce          string `json:"nonce"`
		} `json:"resource"`
	}
	if err := json.NewDecoder(bytes.NewReader(body)).Decode(&e); err != nil {
		t.Fatal(err)
	}
	block, err := aes.NewCipher([]byte(apiKey))
	if err != nil {
		t.Fatal(err)
	}
	aead, err := cipher.NewGCM(block)
	if err != nil {
		t.Fatal(err)
	}
	plain, err := aead.Open(nil, []byte(e.Resource.Nonce), e.Resource.Ciphertext, []byte(e.Resource.AssociatedData))
	if err != nil {
		t.Fatal(err)
	}
	if err := json.Unmarshal(plain, &refund); err != nil {
		t.Fatal(err)
	}
	return e.EventType, refund
}
