// Package insurer is WeChat's freight insurance (无忧退货, 运费险) as the product
// sees it: access tokens, policies, claims, and the event with their result.
//
// It follows developers.weixin.qq.com: server/API/weixin-express/freight/*, the
// event wxainsurance_claim_result, and the message push with its token check.
// Assumed, since the documents do not say: insuring an order again is errcode
// 2007, like claiming again.
package insurer

import (
	"encoding/json"
	"io"
	"log/slog"
	"net/http"
	"path/filepath"
	"strconv"
	"sync"
	"time"

	"aftercare.dev/deploy/sandbox/callback"
	"aftercare.dev/deploy/sandbox/fault"
	"aftercare.dev/deploy/sandbox/journal"
	"aftercare.dev/deploy/sandbox/schedule"
)

// System is how rules name this provider.
const System = "insurer"

// Delays are the provider's durations before the time scale is applied.
type Delays struct {
	Payout time.Duration // claim → paid or refused, default 24 h
	Cover  time.Duration // createorder → expired, default 90 days
	Retry  time.Duration // between attempts of the event, default 5 s
}

// DefaultDelays are those of the documents.
var DefaultDelays = Delays{Payout: 24 * time.Hour, Cover: 90 * 24 * time.Hour, Retry: 5 * time.Second}

// Config is what the provider needs.
type Config struct {
	Dir                     string // of insurer.ndjson
	AppID, AppSecret, Token string
	Callback                Callback // until the control API sets another
	Delays                  Delays   // zero: DefaultDelays

	// Pickup tells whether a tracking number is one of a booked door pickup,
	// and its freight in fen.
	Pickup func(number string) (freight int64, booked bool)

	Clock     *schedule.Scheduler
	Faults    *fault.Set
	Callbacks *callback.Dispatcher
	Logger    *slog.Logger
}

// Callback is where the message push goes.
type Callback struct {
	URL    string `json:"url"`
	Format string `json:"format"` // json (default) or xml
}

// Service is the provider. It is safe for concurrent use.
type Service struct {
	cfg     Config
	journal *journal.Log

	mu         sync.Mutex
	policies   map[string]*Policy // by order_no
	list       []string           // order_no, oldest first
	index      map[string]string  // policy_no, report_no, delivery numbers → order_no
	callback   Callback
	tokensFrom time.Time
	claims     int
	paid       int
}

type settingLine struct {
	Op   string    `json:"op"` // callback_set, tokens_expired
	Time time.Time `json:"time"`
	Callback
}

// New opens the provider and takes up the work that was pending.
func New(cfg Config) (*Service, error) {
	if cfg.Delays == (Delays{}) {
		cfg.Delays = DefaultDelays
	}
	if cfg.Pickup == nil {
		cfg.Pickup = func(string) (int64, bool) { return 0, false }
	}
	s := &Service{cfg: cfg, policies: make(map[string]*Policy), index: make(map[string]string), callback: cfg.Callback}
	var backlog callback.Backlog
	log, err := journal.Open(filepath.Join(cfg.Dir, "insurer.ndjson"), func(line []byte, _ journal.Ticket) error {
		return s.replay(line, &backlog)
	})
	if err != nil {
		return nil, err
	}
	s.journal = log
	for _, p := range s.policies {
		s.plan(p)
	}
	for _, m := range backlog.Rest() {
		cfg.Callbacks.Send(m)
	}
	return s, nil
}

// Close closes the journal.
func (s *Service) Close() error { return s.journal.Close() }

// SetCallback sets where the message push goes.
func (s *Service) SetCallback(c Callback) error {
	s.mu.Lock()
	t, err := s.journal.Enqueue(settingLine{Op: "callback_set", Time: s.cfg.Clock.Now(), Callback: c})
	if err == nil {
		s.callback = c
	}
	s.mu.Unlock()
	if err != nil {
		return err
	}
	return s.journal.Wait(t)
}

// CallbackTarget returns where the message push goes.
func (s *Service) CallbackTarget() Callback {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.callback
}

// Routes registers the provider's paths below prefix.
func (s *Service) Routes(mux *http.ServeMux, prefix string) {
	mux.HandleFunc("GET "+prefix+"/cgi-bin/token", s.serveToken)
	mux.HandleFunc("POST "+prefix+"/cgi-bin/stable_token", s.serveStableToken)
	base := "POST " + prefix + "/wxa/business/insurance_freight/"
	for name, do := range map[string]func([]byte) fault.Answer{
		"open":         func([]byte) fault.Answer { return reply(map[string]any{}) },
		"query_open":   func([]byte) fault.Answer { return reply(map[string]any{"is_open": 1}) },
		"createorder":  s.createOrder,
		"claim":        s.claim,
		"getorderlist": s.orderList,
		"getsummary":   s.summary,
	} {
		mux.HandleFunc(base+name, func(w http.ResponseWriter, r *http.Request) { s.serve(w, r, name, do) })
	}
}

const maxBody = 1 << 18

func (s *Service) serve(w http.ResponseWriter, r *http.Request, name string, do func([]byte) fault.Answer) {
	body, err := io.ReadAll(http.MaxBytesReader(w, r.Body, maxBody))
	if err != nil {
		refuse(&apiError{47001, "data format error"}).Send(w)
		return
	}
	if err := s.checkToken(r.URL.Query().Get("access_token")); err != nil {
		s.cfg.Logger.Warn("sandbox: insurer request refused", "operation", name, "error", err)
		refuse(err).Send(w)
		return
	}
	var keys struct {
		OpenID           string `json:"openid"`
		OrderNo          string `json:"order_no"`
		RefundDeliveryNo string `json:"refund_delivery_no"`
	}
	_ = json.Unmarshal(body, &keys) // what is not there is not matched; do complains itself
	call := fault.Call{System: System, Operation: name, Keys: map[string]string{
		"order": keys.OrderNo, "order_no": keys.OrderNo, "openid": keys.OpenID, "tracking": keys.RefundDeliveryNo,
	}}
	s.cfg.Faults.Serve(w, r, call, func() fault.Answer { return do(body) }, ruled)
}

// reply answers with errcode 0 and the fields of m.
func reply(m map[string]any) fault.Answer {
	if _, ok := m["access_token"]; !ok {
		if _, ok := m["errcode"]; !ok {
			m["errcode"], m["errmsg"] = 0, "ok"
		}
	}
	body, err := json.Marshal(m)
	if err != nil {
		return fault.Answer{Status: http.StatusInternalServerError}
	}
	return fault.Answer{Status: http.StatusOK, Header: http.Header{"Content-Type": {"application/json; encoding=utf-8"}}, Body: body}
}

func refuse(e *apiError) fault.Answer {
	return reply(map[string]any{"errcode": e.code, "errmsg": e.message})
}

// ruled is the error that a fail rule asks for.
func ruled(r fault.Rule) fault.Answer {
	code, err := strconv.Atoi(r.Code)
	if err != nil {
		code = -1
	}
	message := r.Message
	if message == "" {
		message = messages[code]
	}
	a := refuse(&apiError{code, message})
	if r.HTTPStatus != 0 {
		a.Status = r.HTTPStatus
	}
	return a
}

// messages are those of the errors that the sandbox or its rules give.
var messages = map[int]string{
	-1: "system error", 1010: "pay time out of range", 1011: "delivery number used",
	2004: "insurance not opened", 2007: "duplicate claim", 2008: "insurance suspended", 2009: "policy not found",
	2011: "order and openid do not match", 2012: "order belongs to another mini program",
	2021: "delivery number bound to another claim", 41009: "missing openid", 47001: "data format error",
}

func failure(code int) *apiError { return &apiError{code, messages[code]} }
