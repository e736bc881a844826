package shipping

import (
	"crypto/md5"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"net/url"
	"strings"
	"sync"
	"testing"
)

// aggregator is kuaidi100 as far as these tests need it: it keeps orders, checks signatures with code
// of its own, and can lose answers and refuse.
type aggregator struct {
	t      *testing.T
	server *httptest.Server

	mu     sync.Mutex
	orders []*placed
	// lose has methods whose next answers are lost after the work is done.
	lose map[string]int
	// refuse has return codes that methods answer next, without doing anything.
	refuse map[string][]string
	calls  map[string]int
	// inFlight and most count calls at the same time.
	inFlight, most int
	subscribed     []url.Values
	track          string
	// knows tells whether a repeated thirdOrderId is refused as a duplicate.
	knows bool
}

type placed struct {
	Param  map[string]string
	TaskID string
	Status int
	Number string
}

func newAggregator(t *testing.T) *aggregator {
	t.Helper()
	a := &aggregator{t: t, lose: map[string]int{}, refuse: map[string][]string{}, calls: map[string]int{}}
	a.server = httptest.NewServer(a)
	t.Cleanup(a.server.Close)
	return a
}

func (a *aggregator) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	if err := r.ParseForm(); err != nil {
		a.t.Error(err)
	}
	a.enter()
	defer a.leave()
	method := map[string]string{"/poll": "poll", "/poll/query.do": "query"}[r.URL.Path]
	if method == "" {
		method = r.PostForm.Get("method")
		parts := r.PostForm.Get("param") + r.PostForm.Get("t") + "KEYSECRET"
		if want := fmt.Sprintf("%X", md5.Sum([]byte(parts))); r.PostForm.Get("sign") != want {
			a.t.Errorf("%s is signed %s, want %s", method, r.PostForm.Get("sign"), want)
		}
	}
	answer, lost := a.do(method, r.PostForm)
	if lost {
		panic(http.ErrAbortHandler)
	}
	_, _ = io.WriteString(w, answer)
}

func (a *aggregator) enter() {
	a.mu.Lock()
	defer a.mu.Unlock()
	a.inFlight++
	a.most = max(a.most, a.inFlight)
}

func (a *aggregator) leave() {
	a.mu.Lock()
	defer a.mu.Unlock()
	a.inFlight--
}

const fine = `{"result":true,"returnCode":"200","message":"成功"}`

func (a *aggregator) do(method string, form url.Values) (answer string, lost bool) {
	a.mu.Lock()
	defer a.mu.Unlock()
	a.calls[method]++
	if codes := a.refuse[method]; len(codes) > 0 {
		a.refuse[method] = codes[1:]
		return `{"result":false,"returnCode":"` + codes[0] + `","message":"不"}`, false
	}
	if a.lose[method] > 0 {
		a.lose[method]--
		lost = true
	}
	param := map[string]string{}
	if method != "poll" && method != "query" {
		if err := json.Unmarshal([]byte(form.Get("param")), &param); err != nil {
			a.t.Error(err)
		}
	}
	switch method {
	case "bOrder":
		return a.book(param), lost
	case "poll":
		a.subscribed = append(a.subscribed, form)
		return fine, lost
	case "query":
		return a.track, lost
	}
	for _, o := range a.orders {
		if o.TaskID == param["taskId"] {
			return a.change(method, o, param), lost
		}
	}
	return `{"result":false,"returnCode":"500","message":"订单不存在"}`, lost
}

func (a *aggregator) book(param map[string]string) string {
	for _, o := range a.orders {
		if a.knows && o.Param["thirdOrderId"] == param["thirdOrderId"] && o.Status < 9 {
			return `{"result":false,"returnCode":"501","message":"重复提交"}`
		}
	}
	o := &placed{Param: param, TaskID: fmt.Sprintf("T%d", len(a.orders)+1)}
	a.orders = append(a.orders, o)
	return fmt.Sprintf(`{"result":true,"returnCode":"200","data":{"taskId":%q,"orderId":"O-%s","kuaidinum":""}}`, o.TaskID, o.TaskID)
}

func (a *aggregator) change(method string, o *placed, param map[string]string) string {
	switch {
	case method == "detail":
		return fmt.Sprintf(`{"result":true,"returnCode":"200","data":{"taskId":%q,"orderId":"O-%s","kuaidiCom":"jd","kuaidiNum":%q,"status":%d}}`,
			o.TaskID, o.TaskID, o.Number, o.Status)
	case o.Status > 2:
		return `{"result":false,"returnCode":"500","message":"快件已揽收"}`
	case method == "cancel":
		o.Status = 9
	case method == "modifyOrder":
		for _, key := range []string{"dayType", "pickupStartTime", "pickupEndTime"} {
			o.Param[key] = param[key]
		}
	}
	return fine
}

// live lists the task ids of orders for which a courier comes or came.
func (a *aggregator) live() string {
	a.mu.Lock()
	defer a.mu.Unlock()
	var tasks []string
	for _, o := range a.orders {
		switch o.Status {
		case 9, 99, 11, 610:
		default:
			tasks = append(tasks, o.TaskID)
		}
	}
	return strings.Join(tasks, " ")
}

func (a *aggregator) set(task string, status int, number string) {
	a.mu.Lock()
	defer a.mu.Unlock()
	for _, o := range a.orders {
		if o.TaskID == task {
			o.Status, o.Number = status, number
		}
	}
}

func (a *aggregator) count(method string) int {
	a.mu.Lock()
	defer a.mu.Unlock()
	return a.calls[method]
}

func (a *aggregator) with(fn func()) {
	a.mu.Lock()
	defer a.mu.Unlock()
	fn()
}

// push is the form of an order callback, signed with code of its own.
func push(task string, status int, number, salt string) []byte {
	param := fmt.Sprintf(`{"kuaidicom":"jd","kuaidinum":%q,"status":"200","message":"成功","data":{"orderId":"O-%s","status":%d,`+
		`"courierName":"李师傅","courierMobile":"13900000000","freight":"8.50"}}`, number, task, status)
	return []byte(url.Values{
		"taskId": {task}, "param": {param}, "sign": {fmt.Sprintf("%X", md5.Sum([]byte(param+salt)))},
	}.Encode())
}

// way is the form of a tracking push.
func way(number, state, at, salt string) []byte {
	param := fmt.Sprintf(`{"status":"polling","message":"","lastResult":{"state":%q,"nu":%q,"com":"yuantong","data":[{"time":%q,"context":"扫描"}]}}`,
		state, number, at)
	return []byte(url.Values{"param": {param}, "sign": {fmt.Sprintf("%x", md5.Sum([]byte(param+salt)))}}.Encode())
}
