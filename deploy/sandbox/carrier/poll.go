package carrier

import (
	"encoding/json"
	"net/http"
	"slices"

	"aftercare.dev/deploy/sandbox/fault"
	"aftercare.dev/deploy/sandbox/journal"
)

// pollParam is the param of a subscription (快递信息推送服务).
type pollParam struct {
	Company    string `json:"company"`
	Number     string `json:"number"`
	Key        string `json:"key"`
	Parameters struct {
		CallbackURL string  `json:"callbackurl"`
		Salt        *string `json:"salt"`
		ResultV2    text    `json:"resultv2"`
		Phone       text    `json:"phone"`
	} `json:"parameters"`
}

// servePoll subscribes to a parcel. The request is not signed; it carries the
// key.
func (s *Service) servePoll(w http.ResponseWriter, r *http.Request) {
	r.Body = http.MaxBytesReader(w, r.Body, maxForm)
	var q pollParam
	if err := r.ParseForm(); err != nil || json.Unmarshal([]byte(r.Form.Get("param")), &q) != nil {
		reply(bad("700", "不支持的订阅方式或param错误")).Send(w)
		return
	}
	call := fault.Call{System: System, Operation: "poll", Keys: map[string]string{
		"tracking": q.Number, "com": q.Company, "callback_url": q.Parameters.CallbackURL,
	}}
	s.cfg.Faults.Serve(w, r, call, func() fault.Answer { return s.poll(q) }, ruled)
}

func (s *Service) poll(q pollParam) fault.Answer {
	switch {
	case !same(q.Key, s.cfg.Key):
		return reply(bad("600", "您不是合法的订阅者（即授权Key出错）"))
	case q.Company == "":
		return reply(bad("702", "识别不到该单号对应的快递公司"))
	case len(q.Number) < 6 || len(q.Number) > 32:
		return reply(bad("701", "拒绝订阅的快递单号"))
	case !callbackOK(q.Parameters.CallbackURL):
		return reply(bad("700", "callbackurl错误"))
	case needsPhone(q.Company) && q.Parameters.Phone == "":
		return reply(bad("700", "顺丰单号必填phone"))
	}
	sub := &subscription{
		Op: "subscribe", Num: q.Number, Com: q.Company, URL: q.Parameters.CallbackURL, Salt: q.Parameters.Salt,
		ResultV2: string(q.Parameters.ResultV2), Phone: string(q.Parameters.Phone),
	}
	t, refusal := s.subscribeNew(sub)
	if refusal != nil {
		return reply(*refusal)
	}
	return s.durable(t, answer{Result: true, ReturnCode: "200", Message: "提交成功"})
}

func (s *Service) subscribeNew(sub *subscription) (t journal.Ticket, refusal *answer) {
	fail := func(code, message string) (journal.Ticket, *answer) {
		a := bad(code, message)
		return journal.Ticket{}, &a
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	p := s.parcels[sub.Num]
	if p != nil && slices.ContainsFunc(p.subs, func(old *subscription) bool { return old.URL == sub.URL }) {
		return fail("501", "重复订阅")
	}
	sub.Time = s.cfg.Clock.Now()
	if p == nil {
		sub.Outcome = s.outcomeOf(map[string]string{"tracking": sub.Num, "com": sub.Com, "callback_url": sub.URL})
		_, after, _ := s.cfg.Delays.next(unknown, sub.Outcome)
		sub.Due = s.cfg.Clock.Due(after)
	}
	t, ok := s.subscribe(sub)
	if !ok {
		return fail("500", "服务器错误")
	}
	return t, nil
}

// needsPhone are the carriers that ask for the last digits of a phone.
func needsPhone(com string) bool {
	return com == "shunfeng" || com == "shunfengkuaiyun"
}

type queryParam struct {
	Com      string `json:"com"`
	Num      string `json:"num"`
	Phone    text   `json:"phone"`
	ResultV2 text   `json:"resultv2"`
}

// serveQuery is the realtime query. sign = MD5(param + key + customer).
func (s *Service) serveQuery(w http.ResponseWriter, r *http.Request) {
	r.Body = http.MaxBytesReader(w, r.Body, maxForm)
	if err := r.ParseForm(); err != nil {
		reply(bad("400", "提交的数据不完整，或者贵公司没授权")).Send(w)
		return
	}
	param, customer := r.Form.Get("param"), r.Form.Get("customer")
	if !same(customer, s.cfg.Customer) || !same(r.Form.Get("sign"), digest(param, s.cfg.Key, s.cfg.Customer)) {
		s.cfg.Logger.Warn("sandbox: kuaidi100 query refused: bad sign")
		reply(bad("503", "验证签名失败")).Send(w)
		return
	}
	var q queryParam
	if err := json.Unmarshal([]byte(param), &q); err != nil || q.Com == "" || q.Num == "" {
		reply(bad("400", "找不到对应公司或单号")).Send(w)
		return
	}
	call := fault.Call{System: System, Operation: "query", Keys: map[string]string{"tracking": q.Num, "com": q.Com}}
	s.cfg.Faults.Serve(w, r, call, func() fault.Answer { return s.query(q) }, ruled)
}

func (s *Service) query(q queryParam) fault.Answer {
	s.mu.Lock()
	p := s.parcels[q.Num]
	var nodes []node
	var ticket journal.Ticket
	if p != nil && p.com == q.Com {
		nodes, ticket = p.nodes[:len(p.nodes):len(p.nodes)], p.ticket
	}
	s.mu.Unlock()
	if needsPhone(q.Com) && q.Phone == "" {
		return reply(bad("408", "快递公司参数异常：验证码错误"))
	}
	t := trackOf(q.Num, q.Com, nodes, string(q.ResultV2))
	if len(t.Data) == 0 {
		return reply(bad("500", "查询无结果，请隔段时间再查"))
	}
	return s.durable(ticket, t)
}
