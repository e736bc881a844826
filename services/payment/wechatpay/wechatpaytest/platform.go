// Package wechatpaytest has a small WeChat Pay for tests: it holds refunds, checks the signature of
// every request with code of its own, signs its answers, and can be told to misbehave once.
package wechatpaytest

import (
	"crypto"
	"crypto/rand"
	"crypto/rsa"
	"crypto/sha256"
	"encoding/base64"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"regexp"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"
)

// What every platform of this package is configured with.
const (
	MerchantID     = "1900000109"
	MerchantSerial = "MERCHANTSERIAL01"
	PlatformSerial = "PUB_KEY_ID_0119000001"
	APIv3Key       = "0123456789abcdef0123456789ABCDEF"
)

// keys are made once for all tests of a process, because making them is slow.
var keys = sync.OnceValue(func() (k struct{ merchant, platform *rsa.PrivateKey }) {
	var err error
	if k.merchant, err = rsa.GenerateKey(rand.Reader, 2048); err != nil {
		panic(err) // crypto/rand does not fail
	}
	if k.platform, err = rsa.GenerateKey(rand.Reader, 2048); err != nil {
		panic(err)
	}
	return k
})

// MerchantKey is what requests are signed with.
func MerchantKey() *rsa.PrivateKey { return keys().merchant }

// PlatformKey is what answers and notifications are signed with.
func PlatformKey() *rsa.PrivateKey { return keys().platform }

// Refund is one that the platform holds.
type Refund struct {
	Number, Trade, Reference, Status string
	Refund, Total                    int64
	Currency                         string
}

// Misbehaviour is what to do with one call.
type Misbehaviour struct {
	// Status and Code answer with an error instead of doing anything.
	Status int
	Code   string
	// Lose does the work and then drops the connection.
	Lose bool
	// Unsigned leaves the signature of the answer out.
	Unsigned bool
	// Header is added to the answer.
	Header http.Header
}

// Platform is the provider. It is safe for concurrent use.
type Platform struct {
	URL string
	now func() time.Time

	mu       sync.Mutex
	refunds  map[string]*Refund
	asked    map[string]int // requests to create, by number
	inFlight map[string]int // requests to create, by trade
	overlaps int
	next     []Misbehaviour // for requests to create
	nextGet  []Misbehaviour
	forged   []string
	initial  string
	bill     Bill
}

// New starts a platform for the test.
func New(t testing.TB, now func() time.Time) *Platform {
	t.Helper()
	p := &Platform{
		now: now, refunds: map[string]*Refund{}, asked: map[string]int{}, inFlight: map[string]int{},
		initial: "PROCESSING",
	}
	mux := http.NewServeMux()
	mux.HandleFunc("POST /v3/refund/domestic/refunds", p.create)
	mux.HandleFunc("GET /v3/refund/domestic/refunds/{number}", p.query)
	mux.HandleFunc("GET /v3/bill/tradebill", p.serveBill)
	mux.HandleFunc("GET /v3/billdownload/file", p.download)
	server := httptest.NewServer(mux)
	t.Cleanup(server.Close)
	p.URL = server.URL
	return p
}

// Next says what to do with the next requests to create, one each.
func (p *Platform) Next(m ...Misbehaviour) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.next = append(p.next, m...)
}

// NextQuery says what to do with the next queries, one each.
func (p *Platform) NextQuery(m ...Misbehaviour) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.nextGet = append(p.nextGet, m...)
}

// Set changes a refund that the platform holds.
func (p *Platform) Set(number string, change func(*Refund)) {
	p.mu.Lock()
	defer p.mu.Unlock()
	change(p.refunds[number])
}

// Put makes the platform hold a refund that nobody asked for.
func (p *Platform) Put(r Refund) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.refunds[r.Number] = &r
}

// Refunds returns what the platform holds.
func (p *Platform) Refunds() []Refund {
	p.mu.Lock()
	defer p.mu.Unlock()
	all := make([]Refund, 0, len(p.refunds))
	for _, r := range p.refunds {
		all = append(all, *r)
	}
	return all
}

// Asked returns how often a refund of this number was asked for.
func (p *Platform) Asked(number string) int {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.asked[number]
}

// Overlaps returns how many requests came while another on the same payment was under way.
func (p *Platform) Overlaps() int {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.overlaps
}

// BadSignatures returns why requests were not believed.
func (p *Platform) BadSignatures() []string {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.forged
}

func (p *Platform) create(w http.ResponseWriter, r *http.Request) {
	body, ok := p.authentic(w, r)
	if !ok {
		return
	}
	var q struct {
		OutTradeNo  string `json:"out_trade_no"`
		OutRefundNo string `json:"out_refund_no"`
		Amount      struct {
			Refund   int64  `json:"refund"`
			Total    int64  `json:"total"`
			Currency string `json:"currency"`
		} `json:"amount"`
	}
	if err := json.Unmarshal(body, &q); err != nil {
		p.answer(w, http.StatusBadRequest, problem("PARAM_ERROR"), false)
		return
	}
	p.enter(q.OutRefundNo, q.OutTradeNo)
	defer p.leave(q.OutTradeNo)
	m := p.take(&p.next)
	if m.Code != "" {
		p.misbehave(w, m)
		return
	}
	p.mu.Lock()
	held := p.refunds[q.OutRefundNo]
	if held == nil {
		held = &Refund{
			Number: q.OutRefundNo, Trade: q.OutTradeNo, Reference: "5030000" + q.OutRefundNo[3:], Status: p.initial,
			Refund: q.Amount.Refund, Total: q.Amount.Total, Currency: q.Amount.Currency,
		}
		p.refunds[q.OutRefundNo] = held
	}
	refund := *held
	p.mu.Unlock()
	switch {
	case m.Lose:
		panic(http.ErrAbortHandler)
	case refund.Refund != q.Amount.Refund || refund.Total != q.Amount.Total || refund.Trade != q.OutTradeNo:
		p.answer(w, http.StatusBadRequest, problem("INVALID_REQUEST"), false)
	default:
		p.answer(w, http.StatusOK, refund.body(), m.Unsigned)
	}
}

func (p *Platform) query(w http.ResponseWriter, r *http.Request) {
	if _, ok := p.authentic(w, r); !ok {
		return
	}
	m := p.take(&p.nextGet)
	if m.Code != "" {
		p.misbehave(w, m)
		return
	}
	p.mu.Lock()
	held := p.refunds[r.PathValue("number")]
	var refund Refund
	if held != nil {
		refund = *held
	}
	p.mu.Unlock()
	switch {
	case m.Lose:
		panic(http.ErrAbortHandler)
	case held == nil:
		p.answer(w, http.StatusNotFound, problem("RESOURCE_NOT_EXISTS"), m.Unsigned)
	default:
		p.answer(w, http.StatusOK, refund.body(), m.Unsigned)
	}
}

func (p *Platform) misbehave(w http.ResponseWriter, m Misbehaviour) {
	for name := range m.Header {
		w.Header().Set(name, m.Header.Get(name))
	}
	p.answer(w, m.Status, problem(m.Code), m.Unsigned)
}

func (p *Platform) enter(number, trade string) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.asked[number]++
	if p.inFlight[trade] > 0 {
		p.overlaps++
	}
	p.inFlight[trade]++
}

func (p *Platform) leave(trade string) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.inFlight[trade]--
}

func (p *Platform) take(from *[]Misbehaviour) Misbehaviour {
	p.mu.Lock()
	defer p.mu.Unlock()
	if len(*from) == 0 {
		return Misbehaviour{}
	}
	m := (*from)[0]
	*from = (*from)[1:]
	return m
}

func (r Refund) body() []byte {
	body := map[string]any{
		"refund_id": r.Reference, "out_refund_no": r.Number, "out_trade_no": r.Trade, "status": r.Status,
		"transaction_id": "42000", "channel": "ORIGINAL", "user_received_account": "-", "create_time": "2026-01-01T08:00:00+08:00",
		"amount": map[string]any{"refund": r.Refund, "total": r.Total, "currency": r.Currency},
	}
	if r.Status == "SUCCESS" {
		body["success_time"] = "2026-01-01T08:00:00+08:00"
	}
	text, err := json.Marshal(body)
	if err != nil {
		panic(err) // strings and numbers always encode
	}
	return text
}

func problem(code string) []byte {
	return fmt.Appendf(nil, `{"code":%q,"message":"-"}`, code)
}

func (p *Platform) answer(w http.ResponseWriter, status int, body []byte, unsigned bool) {
	if !unsigned {
		for name, value := range Sign(PlatformKey(), PlatformSerial, p.now(), body) {
			w.Header().Set(name, value)
		}
	}
	w.Header().Set("Content-Type", "application/json")
	w.WriteHeader(status)
	_, _ = w.Write(body)
}

// Sign returns the headers of a message of the platform.
func Sign(key *rsa.PrivateKey, serial string, at time.Time, body []byte) map[string]string {
	timestamp, nonce := strconv.FormatInt(at.Unix(), 10), rand.Text()
	digest := sha256.Sum256([]byte(timestamp + "\n" + nonce + "\n" + string(body) + "\n"))
	signature, err := rsa.SignPKCS1v15(nil, key, crypto.SHA256, digest[:])
	if err != nil {
		panic(err) // the key is one of ours
	}
	return map[string]string{
		"Wechatpay-Timestamp": timestamp, "Wechatpay-Nonce": nonce, "Wechatpay-Serial": serial,
		"Wechatpay-Signature": base64.StdEncoding.EncodeToString(signature),
	}
}

var authorization = regexp.MustCompile(`^WECHATPAY2-SHA256-RSA2048 mchid="([^"]+)",nonce_str="([^"]+)",timestamp="(\d+)",serial_no="([^"]+)",signature="([^"]+)"$`)

// authentic reads the body and checks the signature; a request that it does not believe is answered.
func (p *Platform) authentic(w http.ResponseWriter, r *http.Request) ([]byte, bool) {
	body, err := io.ReadAll(r.Body)
	if err != nil {
		return nil, false
	}
	if reason := check(r, body); reason != "" {
		p.mu.Lock()
		p.forged = append(p.forged, reason)
		p.mu.Unlock()
		p.answer(w, http.StatusUnauthorized, problem("SIGN_ERROR"), true)
		return nil, false
	}
	return body, true
}

func check(r *http.Request, body []byte) string {
	fields := authorization.FindStringSubmatch(r.Header.Get("Authorization"))
	switch {
	case fields == nil:
		return "malformed authorization"
	case fields[1] != MerchantID || fields[4] != MerchantSerial:
		return "another merchant"
	case r.Header.Get("Wechatpay-Serial") != PlatformSerial:
		return "no Wechatpay-Serial"
	case r.Header.Get("Accept") != "application/json" || r.Header.Get("User-Agent") == "":
		return "headers that the platform asks for are missing"
	}
	signature, err := base64.StdEncoding.DecodeString(fields[5])
	if err != nil {
		return "signature is not base64"
	}
	message := strings.Join([]string{r.Method, r.RequestURI, fields[3], fields[2], string(body), ""}, "\n")
	digest := sha256.Sum256([]byte(message))
	if rsa.VerifyPKCS1v15(&MerchantKey().PublicKey, crypto.SHA256, digest[:], signature) != nil {
		return "wrong signature"
	}
	return ""
}
