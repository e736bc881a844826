package carrier

import (
	"context"
	"encoding/json"
	"fmt"
	"net/http"
	"net/url"
	"strings"
	"time"

	"aftercare.dev/deploy/sandbox/callback"
)

// attempts of a callback: the first and two more, 30 minutes apart; then it is
// dropped.
func (s *Service) waits() []time.Duration {
	return []time.Duration{s.cfg.Delays.Retry, s.cfg.Delays.Retry}
}

// acked is the vendor's demand on the answer: result true, returnCode 200.
func acked(status int, body []byte) bool {
	var a struct {
		Result     bool `json:"result"`
		ReturnCode text `json:"returnCode"`
	}
	return status == http.StatusOK && json.Unmarshal(body, &a) == nil && a.Result && a.ReturnCode == "200"
}

func (s *Service) record(id string) func(int, string) {
	return func(attempt int, result string) {
		if _, err := s.journal.Enqueue(callback.Line{Op: "callback", ID: id, Attempt: attempt, Result: result}); err != nil {
			s.cfg.Logger.Error("sandbox: callback not recorded", "id", id, "error", err)
		}
	}
}

// form builds a push: sign = MD5(param + salt), and only if a salt was given.
func form(ctx context.Context, target string, v any, salt *string, extra url.Values) (*http.Request, error) {
	param, err := json.Marshal(v)
	if err != nil {
		return nil, err
	}
	values := url.Values{"param": {string(param)}}
	for k, vs := range extra {
		values[k] = vs
	}
	if salt != nil {
		values.Set("sign", digest(string(param), *salt))
	}
	req, err := http.NewRequestWithContext(ctx, http.MethodPost, target, strings.NewReader(values.Encode()))
	if err != nil {
		return nil, err
	}
	req.Header.Set("Content-Type", "application/x-www-form-urlencoded; charset=UTF-8")
	return req, nil
}

// wrongSalt is what a forger signs with.
var wrongSalt = "forged"

// orderPush is the callback about an order's state.
func (s *Service) orderPush(o Order) *callback.Delivery {
	id := fmt.Sprintf("%s/%d", o.TaskID, o.Seq)
	build := func(ctx context.Context, o Order, salt *string) (*http.Request, error) {
		return form(ctx, o.CallbackURL, o.push(), salt, url.Values{"taskId": {o.TaskID}})
	}
	return &callback.Delivery{
		ID: id, System: System, Keys: o.keys(), Subject: o.TaskID, Waits: s.waits(), Acked: acked, Record: s.record(id),
		Build: func(ctx context.Context, _ time.Time) (*http.Request, error) {
			if err := s.journal.Wait(o.ticket); err != nil {
				return nil, err
			}
			return build(ctx, o, o.Salt)
		},
		Forge: func(ctx context.Context, _ time.Time) (*http.Request, error) {
			forged := o
			forged.Status = Signed
			return build(ctx, forged, &wrongSalt)
		},
	}
}

func (o *Order) push() map[string]any {
	data := map[string]any{"orderId": o.OrderID, "status": o.Status}
	if o.ThirdOrderID != "" {
		data["thirdOrderId"] = o.ThirdOrderID
	}
	if o.CourierName != "" {
		data["courierName"], data["courierMobile"] = o.CourierName, o.CourierMobile
	}
	if o.CancelMsg != "" {
		data["cancelMsg"] = o.CancelMsg
	}
	if o.Status == Settled {
		data["weight"], data["freight"], data["defPrice"] = plain(kilograms(o.Weight)), yuan(o.Freight), yuan(o.ListPrice)
		data["feeDetails"] = []map[string]any{{"feeType": "1", "feeDesc": "运费", "amount": yuan(o.Freight), "payStatus": o.PayStatus}}
		data["payStatus"] = o.PayStatus
	}
	return map[string]any{"kuaidicom": o.Com, "kuaidinum": o.Num, "status": "200", "message": "成功", "data": data}
}

type trackRecord struct {
	Context    string `json:"context"`
	Time       string `json:"time"`
	Ftime      string `json:"ftime"`
	Status     string `json:"status,omitempty"`     // with resultv2
	StatusCode string `json:"statusCode,omitempty"` // with resultv2
}

type track struct {
	Message   string        `json:"message"`
	Nu        string        `json:"nu"`
	IsCheck   string        `json:"ischeck"`
	Condition string        `json:"condition"`
	Com       string        `json:"com"`
	Status    string        `json:"status"`
	State     string        `json:"state"`
	Data      []trackRecord `json:"data"`
}

// trackOf is the record of a parcel, newest first.
func trackOf(num, com string, nodes []node, resultV2 string) track {
	t := track{Message: "ok", Nu: num, IsCheck: "0", Condition: "00", Com: com, Status: "200", State: "0", Data: []trackRecord{}}
	rich := resultV2 == "1" || resultV2 == "4"
	for i := len(nodes) - 1; i >= 0; i-- {
		info, ok := stages[nodes[i].stage]
		if !ok {
			continue
		}
		r := trackRecord{Context: info.context, Time: stamp(nodes[i].time), Ftime: stamp(nodes[i].time)}
		if rich {
			r.Status, r.StatusCode = info.text, info.state
		}
		if len(t.Data) == 0 {
			t.State = info.state
		}
		t.Data = append(t.Data, r)
	}
	if t.State == "3" {
		t.IsCheck = "1"
	}
	return t
}

// trackPush is the push about a parcel's present state.
func (s *Service) trackPush(p *parcel, sub *subscription) *callback.Delivery {
	nodes := p.nodes[:len(p.nodes):len(p.nodes)]
	num, com, taskID, ticket := p.num, p.com, p.taskID, p.ticket
	id := fmt.Sprintf("%s/%d/%s", num, len(nodes), digest(sub.URL)[:8])
	return &callback.Delivery{
		ID: id, System: System, Subject: num, Waits: s.waits(), Acked: acked, Record: s.record(id),
		Keys: map[string]string{"tracking": num, "com": com, "task_id": taskID, "callback_url": sub.URL},
		Build: func(ctx context.Context, _ time.Time) (*http.Request, error) {
			if err := s.journal.Wait(ticket); err != nil {
				return nil, err
			}
			return form(ctx, sub.URL, trackMessage(num, com, nodes, sub.ResultV2), sub.Salt, nil)
		},
		Forge: func(ctx context.Context, now time.Time) (*http.Request, error) {
			forged := append(nodes, node{signed, now})
			return form(ctx, sub.URL, trackMessage(num, com, forged, sub.ResultV2), &wrongSalt, nil)
		},
	}
}

func trackMessage(num, com string, nodes []node, resultV2 string) map[string]any {
	status, message := "polling", ""
	at := nodes[len(nodes)-1].stage
	switch at {
	case signed, returned:
		status = "shutdown"
	case aborted:
		status, message = "abort", "60天无变化"
		if len(nodes) == 1 {
			message = "3天查询无记录"
		}
	default:
	}
	return map[string]any{
		"status": status, "billstatus": billStatus(at), "message": message,
		"autoCheck": "0", "comOld": "", "comNew": "",
		"lastResult": trackOf(num, com, nodes, resultV2),
	}
}

func billStatus(at stage) string {
	switch at {
	case signed:
		return "check"
	case collected:
		return "got"
	case aborted:
		return ""
	default:
		return "sending"
	}
}
