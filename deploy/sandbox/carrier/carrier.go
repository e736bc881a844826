// Package carrier is kuaidi100 as the product sees it: pickups (商家寄件), their
// state callbacks, tracking subscriptions with pushes, and the realtime query.
//
// It follows api.kuaidi100.com/document: 603cb649a62a19500e19866b (pickup),
// 5f0ffb5ebc8da837cbd8aefc (subscription), 5f0ffa8f2977d50a94e1023c (query).
// Assumed, since the documents do not say: a booking with the thirdOrderId of a
// booking that is alive, or without one but the same param within ten minutes,
// is a repeated submission (501).
package carrier

import (
	"crypto/md5"
	"crypto/rand"
	"crypto/subtle"
	"encoding/hex"
	"encoding/json"
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
const System = "carrier"

// Config is what the provider needs.
type Config struct {
	Dir                   string // of carrier.ndjson
	Customer, Key, Secret string
	Delays                Delays // zero: DefaultDelays

	Clock     *schedule.Scheduler
	Faults    *fault.Set
	Callbacks *callback.Dispatcher
	Logger    *slog.Logger
}

// Service is the provider. It is safe for concurrent use.
type Service struct {
	cfg     Config
	journal *journal.Log

	mu      sync.Mutex
	orders  map[string]*Order // by task id
	aliases map[string]string // order id, thirdOrderId, digest → task id
	parcels map[string]*parcel
}

// New opens the provider and takes up the work that was pending.
func New(cfg Config) (*Service, error) {
	if cfg.Delays == (Delays{}) {
		cfg.Delays = DefaultDelays
	}
	s := &Service{
		cfg: cfg, orders: make(map[string]*Order),
		aliases: make(map[string]string), parcels: make(map[string]*parcel),
	}
	var backlog callback.Backlog
	log, err := journal.Open(filepath.Join(cfg.Dir, "carrier.ndjson"), func(line []byte, _ journal.Ticket) error {
		return s.replay(line, &backlog)
	})
	if err != nil {
		return nil, err
	}
	s.journal = log
	for _, o := range s.orders {
		s.planOrder(o)
	}
	for _, p := range s.parcels {
		s.planParcel(p)
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
	mux.HandleFunc("POST "+prefix+"/order/borderapi.do", s.serveOrder)
	mux.HandleFunc("POST "+prefix+"/poll", s.servePoll)
	mux.HandleFunc("POST "+prefix+"/poll/query.do", s.serveQuery)
}

// answer is the envelope of all answers.
type answer struct {
	Result     bool   `json:"result"`
	ReturnCode string `json:"returnCode"`
	Message    string `json:"message"`
	Data       any    `json:"data,omitempty"`
}

func good(data any) answer {
	return answer{Result: true, ReturnCode: "200", Message: "成功", Data: data}
}

func bad(code, message string) answer { return answer{ReturnCode: code, Message: message} }

// reply makes an HTTP answer of v: kuaidi100 answers errors with 200, too.
func reply(v any) fault.Answer {
	body, err := json.Marshal(v)
	if err != nil {
		return fault.Answer{Status: http.StatusInternalServerError}
	}
	return fault.Answer{Status: http.StatusOK, Header: http.Header{"Content-Type": {"application/json;charset=UTF-8"}}, Body: body}
}

// ruled is the error that a fail rule asks for.
func ruled(r fault.Rule) fault.Answer {
	a := bad(r.Code, r.Message)
	if a.ReturnCode == "" {
		a.ReturnCode = "500"
	}
	if a.Message == "" {
		a.Message = "服务器错误"
	}
	out := reply(a)
	if r.HTTPStatus != 0 {
		out.Status = r.HTTPStatus
	}
	return out
}

// digest is the 32 character MD5 in upper case that all signatures are.
func digest(parts ...string) string {
	sum := md5.Sum([]byte(strings.Join(parts, "")))
	return strings.ToUpper(hex.EncodeToString(sum[:]))
}

func same(a, b string) bool { return subtle.ConstantTimeCompare([]byte(a), []byte(b)) == 1 }

const maxForm = 1 << 18

// serveOrder serves the pickup methods. sign = MD5(param + t + key + secret).
func (s *Service) serveOrder(w http.ResponseWriter, r *http.Request) {
	r.Body = http.MaxBytesReader(w, r.Body, maxForm)
	if err := r.ParseForm(); err != nil {
		reply(bad("400", "提交的数据不完整，或者贵公司没授权")).Send(w)
		return
	}
	method, param := r.Form.Get("method"), r.Form.Get("param")
	switch {
	case !same(r.Form.Get("key"), s.cfg.Key):
		reply(bad("600", "您不是合法的用户（即授权Key出错）")).Send(w)
		return
	case !same(r.Form.Get("sign"), digest(param, r.Form.Get("t"), s.cfg.Key, s.cfg.Secret)):
		s.cfg.Logger.Warn("sandbox: kuaidi100 request refused: bad sign", "method", method)
		reply(bad("503", "验证签名失败")).Send(w)
		return
	}
	var q orderParam
	if err := json.Unmarshal([]byte(param), &q); err != nil {
		reply(bad("400", "param不是合法的JSON")).Send(w)
		return
	}
	if method == "create" { // the name in the vendor's Go demo
		method = "bOrder"
	}
	do := map[string]func(orderParam, string) fault.Answer{
		"price": s.price, "batchPrice": s.batchPrice, "bOrder": s.book,
		"cancel": s.cancel, "detail": s.detail, "modifyOrder": s.modify,
	}[method]
	if do == nil {
		reply(bad("400", "method不存在")).Send(w)
		return
	}
	call := fault.Call{System: System, Operation: method, Keys: s.callKeys(q)}
	s.cfg.Faults.Serve(w, r, call, func() fault.Answer { return do(q, param) }, ruled)
}

func (s *Service) callKeys(q orderParam) map[string]string {
	s.mu.Lock()
	defer s.mu.Unlock()
	if o := s.orders[string(q.TaskID)]; o != nil {
		return o.keys()
	}
	return map[string]string{
		"order": string(q.ThirdOrderID), "task_id": string(q.TaskID), "order_id": string(q.OrderID),
		"com": q.com(), "callback_url": string(q.CallBackURL), "remark": string(q.Remark),
	}
}

// durable answers with v when the line of t is on disk.
func (s *Service) durable(t journal.Ticket, v any) fault.Answer {
	if err := s.journal.Wait(t); err != nil {
		return reply(bad("500", "服务器错误"))
	}
	return reply(v)
}

// Pickup tells the insurer about a tracking number: whether it belongs to a
// pickup booked here, and what its freight is in fen.
func (s *Service) Pickup(num string) (freight int64, booked bool) {
	s.mu.Lock()
	defer s.mu.Unlock()
	p := s.parcels[num]
	if p == nil || p.taskID == "" {
		return 0, false
	}
	return s.orders[p.taskID].Freight, true
}

func hexID() string {
	b := make([]byte, 16)
	_, _ = rand.Read(b) // crypto/rand does not fail
	return strings.ToUpper(hex.EncodeToString(b))
}

// clockFormat is how kuaidi100 writes times, in Beijing's zone.
const clockFormat = time.DateTime

var beijing = time.FixedZone("", 8*60*60)

func stamp(t time.Time) string { return t.In(beijing).Format(clockFormat) }
