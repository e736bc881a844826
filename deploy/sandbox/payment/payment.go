// Package payment is WeChat Pay as the product sees it: refunds of APIv3, with
// the platform's signatures, errors, limits and notifications.
//
// It follows pay.weixin.qq.com/doc/v3/merchant: 4012791862 (apply), 4012791863
// (query), 4012791864 (abnormal refund), 4012791865 (notification). Orders are
// not paid here: an order's total is the one that its first refund names.
// Refunds may also be made on the provider's pages, see [Service.RefundOutside], and come back from the bank, see
// [Service.Return]. The bill of a day has its refunds.
// Not modelled: coupons, sub-merchants, the limit of 6 failing calls a second.
package payment

import (
	"cmp"
	"crypto/rand"
	"crypto/rsa"
	"encoding/json"
	"errors"
	"io"
	"log/slog"
	"net/http"
	"path/filepath"
	"strings"
	"sync"
	"time"

	"aftercare.dev/deploy/sandbox/callback"
	"aftercare.dev/deploy/sandbox/fault"
	"aftercare.dev/deploy/sandbox/journal"
	"aftercare.dev/deploy/sandbox/schedule"
)

// System is how rules name this provider.
const System = "payment"

// Merchant is a merchant that the platform knows.
type Merchant struct {
	MchID     string
	SerialNo  string // of the merchant's API certificate
	PublicKey *rsa.PublicKey
	APIv3Key  string // 32 bytes
}

// Delays are the provider's durations before the time scale is applied.
type Delays struct {
	Wallet time.Duration // PROCESSING of a refund to the wallet, default 5 min
	Bank   time.Duration // PROCESSING of an abnormal refund to a bank card, default 24 h
	MinGap time.Duration // between refunds of one order, default 1 min
	Return time.Duration // from a success to its end as ABNORMAL, where a rule says so, default 72 h
}

// DefaultDelays are those of the documents.
var DefaultDelays = Delays{Wallet: 5 * time.Minute, Bank: 24 * time.Hour, MinGap: time.Minute, Return: 72 * time.Hour}

// Config is what the provider needs.
type Config struct {
	Dir       string // of payment.ndjson
	Merchants []Merchant
	Platform  Platform
	Delays    Delays // zero: DefaultDelays

	Clock     *schedule.Scheduler
	Faults    *fault.Set
	Callbacks *callback.Dispatcher
	Logger    *slog.Logger
}

type refundKey struct{ mchID, outRefundNo string }

type orderKey struct{ mchID, number string }

// Service is the provider. It is safe for concurrent use.
type Service struct {
	cfg       Config
	merchants map[string]Merchant
	journal   *journal.Log
	nonces    nonces

	mu       sync.Mutex
	refunds  map[refundKey]*Refund
	byID     map[string]*Refund
	orders   map[orderKey]*order // by out_trade_no and by transaction_id
	balances map[string]int64    // of merchants whose balance is limited
	bills    []bill              // that can be downloaded
}

// New opens the provider and takes up the work that was pending.
func New(cfg Config) (*Service, error) {
	if cfg.Delays == (Delays{}) {
		cfg.Delays = DefaultDelays
	}
	cfg.Delays.Return = cmp.Or(cfg.Delays.Return, DefaultDelays.Return)
	s := &Service{
		cfg: cfg, merchants: make(map[string]Merchant),
		refunds: make(map[refundKey]*Refund), byID: make(map[string]*Refund),
		orders: make(map[orderKey]*order), balances: make(map[string]int64),
	}
	for _, m := range cfg.Merchants {
		if len(m.APIv3Key) != 32 || m.PublicKey == nil {
			return nil, errors.New("payment: merchant " + m.MchID + " needs a public key and an APIv3 key of 32 bytes")
		}
		s.merchants[m.MchID] = m
	}
	var backlog callback.Backlog
	log, err := journal.Open(filepath.Join(cfg.Dir, "payment.ndjson"), func(line []byte, _ journal.Ticket) error {
		return s.replay(line, &backlog)
	})
	if err != nil {
		return nil, err
	}
	s.journal = log
	for _, r := range s.refunds {
		s.plan(r)
	}
	for _, m := range backlog.Rest() {
		cfg.Callbacks.Send(m)
	}
	return s, nil
}

// Close closes the journal.
func (s *Service) Close() error { return s.journal.Close() }

// Routes registers the provider's paths below prefix.
func (s *Service) Routes(mux *http.ServeMux, prefix string) {
	base := prefix + "/v3/refund/domestic/refunds"
	mux.HandleFunc("POST "+base, s.signed(s.serveCreate))
	mux.HandleFunc("GET "+base+"/{out_refund_no}", s.signed(s.serveQuery))
	mux.HandleFunc("POST "+base+"/{refund_id}/apply-abnormal-refund", s.signed(s.serveAbnormal))
	mux.HandleFunc("GET "+prefix+"/v3/bill/tradebill", s.signed(s.serveBill))
	mux.HandleFunc("GET "+prefix+"/v3/billdownload/file", s.signed(s.serveDownload))
	mux.HandleFunc(prefix+"/", func(w http.ResponseWriter, _ *http.Request) {
		s.refuse(problem("RESOURCE_NOT_EXISTS", "接口不存在")).Send(w)
	})
}

// maxBody is more than any documented request needs.
const maxBody = 1 << 20

type signedHandler func(w http.ResponseWriter, r *http.Request, m Merchant, body []byte)

// signed lets only requests through whose signature is good.
func (s *Service) signed(next signedHandler) http.HandlerFunc {
	return func(w http.ResponseWriter, r *http.Request) {
		body, err := io.ReadAll(http.MaxBytesReader(w, r.Body, maxBody))
		if err != nil {
			s.refuse(problem("PARAM_ERROR", "请求包体过大")).Send(w)
			return
		}
		m, apiErr := s.authenticate(r, body)
		if apiErr != nil {
			s.cfg.Logger.Warn("sandbox: payment request refused", "path", r.URL.Path, "error", apiErr)
			s.refuse(apiErr).Send(w)
			return
		}
		next(w, r, m, body)
	}
}

func (s *Service) authenticate(r *http.Request, body []byte) (Merchant, *apiError) {
	if accept := r.Header.Get("Accept"); !strings.Contains(accept, "application/json") && !strings.Contains(accept, "*/*") {
		return Merchant{}, problem("PARAM_ERROR", "Http头Accept应为application/json")
	}
	a, err := parseAuthorization(r.Header.Get("Authorization"))
	if err != nil {
		return Merchant{}, problem("SIGN_ERROR", err.Error())
	}
	m, ok := s.merchants[a.mchID]
	if !ok {
		return Merchant{}, problem("MCH_NOT_EXISTS", "商户号不存在")
	}
	if a.serial != m.SerialNo {
		return Merchant{}, problem("SIGN_ERROR", "商户证书序列号有误")
	}
	now := s.cfg.Clock.Now()
	if err := a.verify(m.PublicKey, r, body, now); err != nil {
		return Merchant{}, problem("SIGN_ERROR", err.Error())
	}
	if !s.nonces.use(a.mchID+" "+a.nonce, now) {
		return Merchant{}, problem("SIGN_ERROR", "nonce_str was used before")
	}
	if serial := r.Header.Get("Wechatpay-Serial"); serial != "" && serial != s.cfg.Platform.Serial {
		return Merchant{}, problem("PARAM_ERROR", "平台证书序列号Wechatpay-Serial错误")
	}
	return m, nil
}

// answer signs an answer.
func (s *Service) answer(status int, body []byte) fault.Answer {
	h := http.Header{"Content-Type": {"application/json; charset=utf-8"}, "Request-Id": {"08" + rand.Text()}}
	if err := s.cfg.Platform.sign(h, body, s.cfg.Clock.Now()); err != nil {
		s.cfg.Logger.Error("sandbox: cannot sign", "error", err)
	}
	return fault.Answer{Status: status, Header: h, Body: body}
}

// durable answers with r once its line is on disk: nothing is told that a
// restart could forget.
func (s *Service) durable(r Refund) fault.Answer {
	if err := s.journal.Wait(r.ticket); err != nil {
		return s.refuse(problem("SYSTEM_ERROR", err.Error()))
	}
	body, err := json.Marshal(r.body())
	if err != nil {
		return s.refuse(problem("SYSTEM_ERROR", err.Error()))
	}
	return s.answer(http.StatusOK, body)
}

func (s *Service) serveQuery(w http.ResponseWriter, r *http.Request, m Merchant, _ []byte) {
	key := refundKey{m.MchID, r.PathValue("out_refund_no")}
	s.mu.Lock()
	found := s.refunds[key]
	var refund Refund
	if found != nil {
		refund = *found
	}
	s.mu.Unlock()
	keys := map[string]string{"mchid": m.MchID, "out_refund_no": key.outRefundNo}
	if found != nil {
		keys = refund.keys()
	}
	call := fault.Call{System: System, Operation: "query", Keys: keys}
	s.cfg.Faults.Serve(w, r, call, func() fault.Answer {
		if found == nil {
			return s.refuse(problem("RESOURCE_NOT_EXISTS", "退款单不存在"))
		}
		return s.durable(refund)
	}, func(rule fault.Rule) fault.Answer { return s.refuse(ruled(rule)) })
}

// SetBalance limits what a merchant can refund; a negative amount lifts the
// limit.
func (s *Service) SetBalance(mchID string, amount int64) error {
	s.mu.Lock()
	t, err := s.journal.Enqueue(balanceLine{Op: "balance", MchID: mchID, Amount: amount})
	if err == nil {
		s.setBalance(mchID, amount)
	}
	s.mu.Unlock()
	if err != nil {
		return err
	}
	return s.journal.Wait(t)
}

func (s *Service) setBalance(mchID string, amount int64) {
	if amount < 0 {
		delete(s.balances, mchID)
		return
	}
	s.balances[mchID] = amount
}

// Balance returns what a merchant can still refund; false if that is unlimited.
func (s *Service) Balance(mchID string) (int64, bool) {
	s.mu.Lock()
	defer s.mu.Unlock()
	amount, ok := s.balances[mchID]
	return amount, ok
}
