package carrier

import (
	"bytes"
	"crypto/rand"
	"encoding/json"
	"fmt"
	"math/big"
	"net/url"
	"time"

	"aftercare.dev/deploy/sandbox/fault"
	"aftercare.dev/deploy/sandbox/journal"
)

// text is a JSON string or number: callers of the vendor's API send both.
type text string

// UnmarshalJSON implements json.Unmarshaler.
func (t *text) UnmarshalJSON(raw []byte) error {
	raw = bytes.TrimSpace(raw)
	if len(raw) > 0 && raw[0] == '"' {
		var s string
		if err := json.Unmarshal(raw, &s); err != nil {
			return err
		}
		*t = text(s)
		return nil
	}
	if string(raw) != "null" {
		*t = text(raw)
	}
	return nil
}

// orderParam is the param of all pickup methods.
type orderParam struct {
	Kuaidicom        text    `json:"kuaidicom"`
	KuaidiCom        text    `json:"kuaidiCom"` // of price
	KuaidiComList    []text  `json:"kuaidiComList"`
	RecManName       text    `json:"recManName"`
	RecManMobile     text    `json:"recManMobile"`
	RecManPrintAddr  text    `json:"recManPrintAddr"`
	SendManName      text    `json:"sendManName"`
	SendManMobile    text    `json:"sendManMobile"`
	SendManPrintAddr text    `json:"sendManPrintAddr"`
	CallBackURL      text    `json:"callBackUrl"`
	Cargo            text    `json:"cargo"`
	Payment          text    `json:"payment"`
	ServiceType      text    `json:"serviceType"`
	Weight           text    `json:"weight"`
	Remark           text    `json:"remark"`
	Salt             *string `json:"salt"`
	DayType          text    `json:"dayType"`
	PickupStartTime  text    `json:"pickupStartTime"`
	PickupEndTime    text    `json:"pickupEndTime"`
	Op               text    `json:"op"`
	PollCallBackURL  text    `json:"pollCallBackUrl"`
	ResultV2         text    `json:"resultv2"`
	ThirdOrderID     text    `json:"thirdOrderId"`

	TaskID    text `json:"taskId"`
	OrderID   text `json:"orderId"`
	CancelMsg text `json:"cancelMsg"`
}

// com returns the carrier. encoding/json matches names regardless of case, so
// either field may have caught it.
func (q orderParam) com() string {
	if q.Kuaidicom != "" {
		return string(q.Kuaidicom)
	}
	return string(q.KuaidiCom)
}

// check holds a booking against the vendor's parameter table.
func (q orderParam) check() *answer {
	fail := func(code, message string) *answer {
		a := bad(code, message)
		return &a
	}
	if _, ok := carriers[q.com()]; !ok {
		return fail("400", "不支持的快递公司："+q.com())
	}
	for name, v := range map[string]text{
		"recManName": q.RecManName, "recManMobile": q.RecManMobile, "recManPrintAddr": q.RecManPrintAddr,
		"sendManName": q.SendManName, "sendManMobile": q.SendManMobile, "sendManPrintAddr": q.SendManPrintAddr,
		"callBackUrl": q.CallBackURL,
	} {
		if v == "" {
			return fail("400", name+"不能为空")
		}
	}
	switch {
	case len(q.RecManPrintAddr) > 300 || len(q.SendManPrintAddr) > 300:
		return fail("400", "地址不得超过300字节")
	case q.Payment != "" && q.Payment != "SHIPPER":
		return fail("400", "payment仅支持SHIPPER")
	case q.Cargo == "" && (q.com() == "jd" || q.com() == "yuantong" || q.com() == "ems"):
		return fail("400", "cargo不能为空")
	case len(q.ThirdOrderID) > 32:
		return fail("400", "thirdOrderId不得超过32位")
	case q.Salt != nil && len(*q.Salt) > 100:
		return fail("400", "salt不得超过100字节")
	case !callbackOK(string(q.CallBackURL)):
		return fail("700", "回调地址错误")
	case q.Op == "1" && !callbackOK(string(q.PollCallBackURL)):
		return fail("700", "pollCallBackUrl错误")
	}
	return nil
}

func callbackOK(s string) bool {
	u, err := url.Parse(s)
	return err == nil && (u.Scheme == "http" || u.Scheme == "https") && u.Host != "" && len(s) <= 200
}

// book is bOrder.
func (s *Service) book(q orderParam, param string) fault.Answer {
	if a := q.check(); a != nil {
		return reply(*a)
	}
	o, refusal := s.place(q, param)
	if refusal != nil {
		return reply(*refusal)
	}
	return s.durable(o.ticket, good(map[string]any{
		"taskId": o.TaskID, "orderId": o.OrderID, "kuaidinum": o.Num, "pollToken": digest(o.TaskID, s.cfg.Secret),
	}))
}

func (s *Service) place(q orderParam, param string) (Order, *answer) {
	s.mu.Lock()
	defer s.mu.Unlock()
	now := s.cfg.Clock.Now()
	o := &Order{
		Op: "order", TaskID: hexID(), OrderID: digits(9), ThirdOrderID: string(q.ThirdOrderID), Com: q.com(),
		Status: Placed, Time: now, CreateTime: now,
		Sender:   Person{string(q.SendManName), string(q.SendManMobile), string(q.SendManPrintAddr)},
		Receiver: Person{string(q.RecManName), string(q.RecManMobile), string(q.RecManPrintAddr)},
		Cargo:    string(q.Cargo), Remark: string(q.Remark), ServiceType: string(q.ServiceType), Weight: string(q.Weight),
		DayType: string(q.DayType), PickupStart: string(q.PickupStartTime), PickupEnd: string(q.PickupEndTime),
		CallbackURL: string(q.CallBackURL), Salt: q.Salt, ResultV2: string(q.ResultV2), Digest: digest(param),
	}
	if s.repeated(o, now) {
		a := bad("501", "重复提交")
		return Order{}, &a
	}
	if o.ServiceType == "" {
		o.ServiceType = "标准快递"
	}
	if q.Op == "1" {
		o.PollCallbackURL = string(q.PollCallBackURL)
	}
	_, _, o.Freight, o.ListPrice = price(o.Sender.Address, o.Receiver.Address, kilograms(o.Weight))
	if r, ok := s.cfg.Faults.Take(fault.Call{System: System, Operation: "bOrder", Keys: o.keys()}, fault.Outcome); ok {
		o.Outcome = r.Outcome
	}
	if err := s.advanceOrder(o); err != nil {
		a := bad("500", "服务器错误")
		return Order{}, &a
	}
	return *o, nil
}

// repeated reports whether o is a booking that already exists.
func (s *Service) repeated(o *Order, now time.Time) bool {
	if o.ThirdOrderID != "" {
		old := s.orders[s.aliases["third/"+o.ThirdOrderID]]
		return old != nil && !old.dead()
	}
	old := s.orders[s.aliases["digest/"+o.Digest]]
	return old != nil && !old.dead() && now.Sub(old.CreateTime) < s.cfg.Clock.Real(10*time.Minute)
}

// cancel is possible until the courier was there.
func (s *Service) cancel(q orderParam, _ string) fault.Answer {
	t, refusal := s.change(q, func(o *Order) {
		o.Status, o.CancelMsg, o.PayStatus = CancelledByUser, string(q.CancelMsg), 3
	})
	if refusal != nil {
		return reply(*refusal)
	}
	return s.durable(t, good(nil))
}

// modify is modifyOrder: time window and people, until the courier was there.
func (s *Service) modify(q orderParam, _ string) fault.Answer {
	t, refusal := s.change(q, func(o *Order) {
		o.Quiet = true
		for field, v := range map[*string]text{
			&o.DayType: q.DayType, &o.PickupStart: q.PickupStartTime, &o.PickupEnd: q.PickupEndTime,
			&o.Sender.Name: q.SendManName, &o.Sender.Mobile: q.SendManMobile, &o.Sender.Address: q.SendManPrintAddr,
			&o.Receiver.Name: q.RecManName, &o.Receiver.Mobile: q.RecManMobile, &o.Receiver.Address: q.RecManPrintAddr,
			&o.Remark: q.Remark,
		} {
			if v != "" {
				*field = string(v)
			}
		}
	})
	if refusal != nil {
		return reply(*refusal)
	}
	return s.durable(t, good(nil))
}

func (s *Service) change(q orderParam, apply func(*Order)) (journal.Ticket, *answer) {
	fail := func(message string) (journal.Ticket, *answer) {
		a := bad("500", message)
		return journal.Ticket{}, &a
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	old := s.orders[string(q.TaskID)]
	switch {
	case old == nil || (q.OrderID != "" && string(q.OrderID) != old.OrderID):
		return fail("订单不存在")
	case old.dead():
		return fail("订单已取消")
	case !old.open():
		return fail("快件已揽收，不能操作，请联系快递公司")
	}
	o := *old
	o.Seq++
	o.Time, o.Quiet = s.cfg.Clock.Now(), false
	apply(&o)
	if err := s.advanceOrder(&o); err != nil {
		return fail("服务器错误")
	}
	return o.ticket, nil
}

// detail is the query by taskId.
func (s *Service) detail(q orderParam, _ string) fault.Answer {
	s.mu.Lock()
	found := s.orders[string(q.TaskID)]
	if found == nil {
		s.mu.Unlock()
		return reply(bad("500", "订单不存在"))
	}
	o := *found
	s.mu.Unlock()
	return s.durable(o.ticket, good(o.detail()))
}

func (o *Order) detail() map[string]any {
	d := map[string]any{
		"taskId": o.TaskID, "orderId": o.OrderID, "thirdOrderId": o.ThirdOrderID,
		"kuaidiCom": o.Com, "kuaidiNum": o.Num, "createTime": stamp(o.CreateTime), "status": o.Status,
		"sendName": o.Sender.Name, "sendMobile": o.Sender.Mobile, "sendAddr": o.Sender.Address,
		"recName": o.Receiver.Name, "recMobile": o.Receiver.Mobile, "recAddr": o.Receiver.Address,
		"cargo": o.Cargo, "serviceType": o.ServiceType, "payment": "SHIPPER", "comment": o.Remark,
		"dayType": o.DayType, "pickupStartTime": o.PickupStart, "pickupEndTime": o.PickupEnd,
		"courierName": o.CourierName, "courierMobile": o.CourierMobile,
		"preWeight": plain(kilograms(o.Weight)), "payStatus": o.PayStatus,
	}
	if o.Status == Settled {
		d["lastWeight"], d["freight"], d["defPrice"] = plain(kilograms(o.Weight)), yuan(o.Freight), yuan(o.ListPrice)
	}
	return d
}

// price quotes one carrier.
func (s *Service) price(q orderParam, _ string) fault.Answer {
	if _, ok := carriers[q.com()]; !ok {
		return reply(bad("400", "不支持的快递公司："+q.com()))
	}
	return reply(good(q.quote(q.com())))
}

// batchPrice quotes up to 15 carriers.
func (s *Service) batchPrice(q orderParam, _ string) fault.Answer {
	if len(q.KuaidiComList) == 0 || len(q.KuaidiComList) > 15 {
		return reply(bad("400", "kuaidiComList应为1至15家"))
	}
	quotes := make([]map[string]any, 0, len(q.KuaidiComList))
	for _, com := range q.KuaidiComList {
		quotes = append(quotes, q.quote(string(com)))
	}
	return reply(good(quotes))
}

func (q orderParam) quote(com string) map[string]any {
	if _, ok := carriers[com]; !ok {
		return map[string]any{"kuaidiCom": com, "price": nil, "defPrice": nil}
	}
	first, over, total, list := price(string(q.SendManPrintAddr), string(q.RecManPrintAddr), kilograms(string(q.Weight)))
	return map[string]any{
		"kuaidiCom": com, "serviceType": "标准快递", "price": yuan(total), "defPrice": yuan(list),
		"firstPrice": yuan(first), "overPrice": yuan(over), "defFirstPrice": yuan(first * 5 / 4), "defOverPrice": yuan(over * 5 / 4),
	}
}

func digits(n int) string {
	limit := new(big.Int).Exp(big.NewInt(10), big.NewInt(int64(n)), nil)
	v, err := rand.Int(rand.Reader, limit)
	if err != nil {
		panic(err) // crypto/rand does not fail
	}
	return fmt.Sprintf("%0*d", n, v)
}
