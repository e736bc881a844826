package carrier_test

import (
	"crypto/md5"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"net/http/httptest"
	"net/url"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"aftercare.dev/deploy/sandbox/carrier"
	"aftercare.dev/deploy/sandbox/fault"
	"aftercare.dev/deploy/sandbox/internal/lab"
)

const (
	customer = "CUSTOMER"
	key      = "key"
	secret   = "secret"
	accept   = `{"result":true,"returnCode":"200","message":"成功"}`
)

func sign(s string) string {
	sum := md5.Sum([]byte(s))
	return strings.ToUpper(hex.EncodeToString(sum[:]))
}

// depot is the provider under test with a customer's client before it.
type depot struct {
	*lab.Lab
	t       *testing.T
	service *carrier.Service
	mux     *http.ServeMux
}

func newDepot(t *testing.T) *depot {
	d := &depot{Lab: lab.New(t), t: t}
	d.Product.Answers(http.StatusOK, accept)
	d.open()
	return d
}

func (d *depot) open() {
	d.t.Helper()
	service, err := carrier.New(carrier.Config{
		Dir: d.Dir, Customer: customer, Key: key, Secret: secret,
		Clock: d.Clock, Faults: d.Faults, Callbacks: d.Callbacks, Logger: d.Logger,
	})
	if err != nil {
		d.t.Fatal(err)
	}
	d.t.Cleanup(func() { _ = service.Close() })
	d.service, d.mux = service, http.NewServeMux()
	service.Routes(d.mux, "")
}

func (d *depot) restart(downtime time.Duration) {
	d.t.Helper()
	if err := d.service.Close(); err != nil {
		d.t.Fatal(err)
	}
	d.Restart(d.t, downtime)
	d.open()
}

// answer is any answer of the provider.
type answer struct {
	Result     bool
	ReturnCode string
	State      string
	IsCheck    string
	Data       json.RawMessage
}

func (d *depot) post(path string, form url.Values) answer {
	d.t.Helper()
	r := httptest.NewRequest(http.MethodPost, path, strings.NewReader(form.Encode()))
	r.Header.Set("Content-Type", "application/x-www-form-urlencoded")
	w := httptest.NewRecorder()
	d.mux.ServeHTTP(w, r)
	var a answer
	if err := json.Unmarshal(w.Body.Bytes(), &a); err != nil {
		d.t.Fatalf("%s: %d %q", path, w.Code, w.Body)
	}
	return a
}

func (d *depot) call(method, param string) answer {
	d.t.Helper()
	const t = "1732176000000"
	return d.post("/order/borderapi.do", url.Values{
		"method": {method}, "key": {key}, "t": {t}, "sign": {sign(param + t + key + secret)}, "param": {param},
	})
}

func (d *depot) booking(third string) string {
	return fmt.Sprintf(`{"kuaidicom":"yuantong","recManName":"仓库","recManMobile":"13800000000","recManPrintAddr":"广东省深圳市南山区科技南十二路2号",
"sendManName":"王大","sendManMobile":"13900000000","sendManPrintAddr":"浙江省杭州市西湖区文三路1号","cargo":"衣服","weight":2,
"callBackUrl":"%s/order","salt":"pepper","thirdOrderId":%q,"op":"1","pollCallBackUrl":"%s/track","resultv2":"4"}`, d.Product.URL, third, d.Product.URL)
}

type booked struct{ TaskID, OrderID, Kuaidinum string }

func (d *depot) book(third string) booked {
	d.t.Helper()
	a := d.call("bOrder", d.booking(third))
	var b booked
	if err := json.Unmarshal(a.Data, &b); err != nil || a.ReturnCode != "200" || b.TaskID == "" {
		d.t.Fatalf("booking: %+v %v", a, err)
	}
	return b
}

type detail struct {
	Status                             int
	KuaidiNum, CourierMobile, Freight  string
	PickupStartTime, DayType, SendName string
}

func (d *depot) detail(task string) detail {
	d.t.Helper()
	a := d.call("detail", fmt.Sprintf(`{"taskId":%q}`, task))
	var got detail
	if err := json.Unmarshal(a.Data, &got); err != nil {
		d.t.Fatalf("detail: %+v %v", a, err)
	}
	return got
}

// told returns what was told at a path: order states, or "monitor status/state".
func (d *depot) told(path string) []string {
	d.t.Helper()
	var out []string
	for _, r := range d.Product.Take() {
		if r.Path != path {
			continue
		}
		form, err := url.ParseQuery(string(r.Body))
		if err != nil {
			d.t.Fatal(err)
		}
		param := form.Get("param")
		if form.Get("sign") != sign(param+"pepper") {
			out = append(out, "badly signed")
			continue
		}
		var p struct {
			Status     string
			Data       struct{ Status int }
			LastResult struct{ State string }
		}
		if err := json.Unmarshal([]byte(param), &p); err != nil {
			d.t.Fatal(err)
		}
		if path == "/order" {
			out = append(out, strconv.Itoa(p.Data.Status))
		} else {
			out = append(out, p.Status+"/"+p.LastResult.State)
		}
	}
	return out
}

func (d *depot) query(com, num string) answer {
	param := fmt.Sprintf(`{"com":%q,"num":%q}`, com, num)
	return d.post("/poll/query.do", url.Values{"customer": {customer}, "param": {param}, "sign": {sign(param + key + customer)}})
}

func (d *depot) subscribe(num string) answer {
	param := fmt.Sprintf(`{"company":"zhongtong","number":%q,"key":%q,"parameters":{"callbackurl":"%s/track","salt":"pepper"}}`, num, key, d.Product.URL)
	return d.post("/poll", url.Values{"schema": {"json"}, "param": {param}})
}

func TestRequestsAreVerified(t *testing.T) {
	d := newDepot(t)
	param := d.booking("o1")
	good := url.Values{"method": {"bOrder"}, "key": {key}, "t": {"1"}, "sign": {sign(param + "1" + key + secret)}, "param": {param}}
	tests := []struct {
		promise, field, value, code string
	}{
		{"another key is refused", "key", "x", "600"},
		{"another sign is refused", "sign", "x", "503"},
		{"a tampered param is refused", "param", d.booking("o2"), "503"},
		{"a tampered time is refused", "t", "2", "503"},
		{"an unknown method is refused", "method", "steal", "400"},
		{"a good request is accepted", "", "", "200"},
	}
	for _, tt := range tests {
		t.Run(tt.promise, func(t *testing.T) {
			form := url.Values{}
			for k := range good {
				form.Set(k, good.Get(k))
			}
			if tt.field != "" {
				form.Set(tt.field, tt.value)
			}
			if got := d.post("/order/borderapi.do", form); got.ReturnCode != tt.code {
				t.Fatalf("got %+v", got)
			}
		})
	}
	if got := d.post("/poll/query.do", url.Values{"customer": {customer}, "param": {`{"com":"a","num":"b"}`}, "sign": {"x"}}); got.ReturnCode != "503" {
		t.Errorf("query with a bad sign: %+v", got)
	}
}

func TestABookedPickupGoesItsWayByItself(t *testing.T) {
	tests := []struct {
		promise, outcome string
		orders, tracks   []string
	}{
		{"it comes home and is settled", "", []string{"0", "1", "2", "10", "101", "13", "15"}, []string{"polling/1", "polling/0", "polling/5", "shutdown/3"}},
		{"placing fails", carrier.PlaceFailed, []string{"0", "610"}, nil},
		{"the carrier cancels", carrier.CarrierCancelled, []string{"0", "99"}, nil},
		{"the pickup fails", carrier.PickupFailed, []string{"0", "1", "2", "11"}, nil},
		{"it is lost", carrier.Lost, []string{"0", "1", "2", "10", "101"}, []string{"polling/1", "polling/0", "polling/2", "abort/2"}},
		{"it is refused and returns", carrier.Refused, []string{"0", "1", "2", "10", "101", "12"}, []string{"polling/1", "polling/0", "polling/5", "polling/14", "polling/6", "shutdown/4"}},
		{"it is returned", carrier.Returned, []string{"0", "1", "2", "10", "101", "12"}, []string{"polling/1", "polling/0", "polling/6", "shutdown/4"}},
	}
	for _, tt := range tests {
		for _, path := range []string{"/order", "/track"} {
			t.Run(tt.promise+path, func(t *testing.T) {
				d := newDepot(t)
				if tt.outcome != "" {
					d.Rule(t, fault.Rule{System: "carrier", Operation: "bOrder", Effect: fault.Outcome, Outcome: tt.outcome, Match: map[string]string{"order": "o1"}})
				}
				d.book("o1")
				d.Clock.Advance(100 * 24 * time.Hour)
				want := tt.orders
				if path == "/track" {
					want = tt.tracks
				}
				if got := d.told(path); !slices.Equal(got, want) {
					t.Fatalf("told %q, want %q", got, want)
				}
			})
		}
	}
}

func TestWhatBecomesKnownOnTheWay(t *testing.T) {
	d := newDepot(t)
	b := d.book("o1")
	if b.Kuaidinum != "" {
		t.Errorf("a tracking number before the pickup: %q", b.Kuaidinum)
	}
	d.Clock.Advance(5 * time.Minute)
	if got := d.detail(b.TaskID); got.Status != carrier.Accepted || got.CourierMobile == "" {
		t.Errorf("accepted: %+v", got)
	}
	d.Clock.Advance(2 * time.Hour)
	got := d.detail(b.TaskID)
	if got.Status != carrier.PickedUp || got.KuaidiNum == "" || got.Freight != "" {
		t.Errorf("picked up: %+v", got)
	}
	if q := d.query("yuantong", got.KuaidiNum); q.State != "1" {
		t.Errorf("query: %+v", q)
	}
	d.Clock.Advance(24 * time.Hour)
	if got := d.detail(b.TaskID); got.Status != carrier.Settled || got.Freight != "16.00" {
		t.Errorf("settled: %+v", got)
	}
	if q := d.query("yuantong", got.KuaidiNum); q.State != "3" || q.IsCheck != "1" {
		t.Errorf("query: %+v", q)
	}
}

func TestBookingsAreChecked(t *testing.T) {
	d := newDepot(t)
	d.book("o1")
	param := func(old, replacement string) string { return strings.Replace(d.booking("o2"), old, replacement, 1) }
	tests := []struct{ promise, param, code string }{
		{"a living booking's thirdOrderId is a repetition", d.booking("o1"), "501"},
		{"an unknown carrier is refused", param("yuantong", "pigeon"), "400"},
		{"a booking without sender is refused", param("王大", ""), "400"},
		{"a booking without callback is refused", param(d.Product.URL+"/order", ""), "400"},
		{"a callback that is no URL is refused", param(d.Product.URL+"/order", "x"), "700"},
	}
	for _, tt := range tests {
		t.Run(tt.promise, func(t *testing.T) {
			if got := d.call("bOrder", tt.param); got.ReturnCode != tt.code {
				t.Fatalf("got %+v", got)
			}
		})
	}
}

func TestABookingCanBeChangedAndCancelledUntilTheCourierWasThere(t *testing.T) {
	d := newDepot(t)
	b := d.book("o1")
	change := fmt.Sprintf(`{"taskId":%q,"orderId":%q,"dayType":"明天","pickupStartTime":"14:00","pickupEndTime":"16:00"}`, b.TaskID, b.OrderID)
	cancel := fmt.Sprintf(`{"taskId":%q,"orderId":%q,"cancelMsg":"不退了"}`, b.TaskID, b.OrderID)
	if got := d.call("modifyOrder", change); got.ReturnCode != "200" {
		t.Fatalf("change: %+v", got)
	}
	if got := d.detail(b.TaskID); got.DayType != "明天" || got.PickupStartTime != "14:00" || got.SendName != "王大" {
		t.Fatalf("after the change: %+v", got)
	}
	if got := d.call("cancel", cancel); got.ReturnCode != "200" {
		t.Fatalf("cancel: %+v", got)
	}
	d.Clock.Advance(48 * time.Hour)
	if got := d.told("/order"); !slices.Equal(got, []string{"0", "9"}) {
		t.Fatalf("told %q", got)
	}
	again := d.book("o1") // the reference is free again
	d.Clock.Advance(3 * time.Hour)
	for method, param := range map[string]string{"cancel": cancel, "modifyOrder": change} {
		param = strings.NewReplacer(b.TaskID, again.TaskID, b.OrderID, again.OrderID).Replace(param)
		if got := d.call(method, param); got.Result {
			t.Errorf("%s after the pickup: %+v", method, got)
		}
	}
}

func TestASelfShippedParcelTravelsOnceSomebodyWatches(t *testing.T) {
	tests := []struct {
		promise, outcome string
		want             []string
	}{
		{"to its end", "", []string{"polling/1", "polling/0", "polling/5", "shutdown/3"}},
		{"or was never sent", carrier.NoRecord, []string{"abort/0"}},
		{"or is lost", carrier.Lost, []string{"polling/1", "polling/0", "polling/2", "abort/2"}},
	}
	for _, tt := range tests {
		t.Run(tt.promise, func(t *testing.T) {
			d := newDepot(t)
			if tt.outcome != "" {
				d.Rule(t, fault.Rule{System: "carrier", Operation: "poll", Effect: fault.Outcome, Outcome: tt.outcome})
			}
			if got := d.query("zhongtong", "78123456789"); got.ReturnCode != "500" {
				t.Fatalf("before: %+v", got)
			}
			if got := d.subscribe("78123456789"); !got.Result {
				t.Fatalf("subscribe: %+v", got)
			}
			if got := d.subscribe("78123456789"); got.ReturnCode != "501" {
				t.Fatalf("again: %+v", got)
			}
			d.Clock.Advance(100 * 24 * time.Hour)
			if got := d.told("/track"); !slices.Equal(got, tt.want) {
				t.Fatalf("told %q, want %q", got, tt.want)
			}
		})
	}
}

func TestCallbacksAreRetriedThreeTimesInAll(t *testing.T) {
	for _, body := range []string{"", "ok", `{"result":true,"returnCode":"500"}`, `{"result":false,"returnCode":"200"}`} {
		d := newDepot(t)
		d.Product.Answers(http.StatusOK, body)
		d.Rule(t, fault.Rule{System: "carrier", Effect: fault.Outcome, Outcome: carrier.PlaceFailed})
		d.book("o1")
		d.Clock.Advance(0)
		d.Product.Take()
		d.Product.Answers(http.StatusOK, body)
		d.Clock.Advance(48 * time.Hour)
		if got := d.told("/order"); len(got) != 2+3 {
			t.Errorf("answered %q: told %q", body, got)
		}
	}
}

func TestSteering(t *testing.T) {
	tests := []struct {
		promise string
		steps   []string
		orders  []string // told until a moment later
		err     error
	}{
		{"a booking is picked up at once", []string{"picked_up"}, []string{"0", "1", "10"}, nil},
		{"a booking is brought home at once", []string{"signed"}, []string{"0", "1", "10", "13"}, nil},
		{"a pickup fails at once", []string{"pickup_failed"}, []string{"0", "11"}, nil},
		{"a parcel is returned", []string{"in_transit", "returned"}, []string{"0", "1", "10", "101", "12"}, nil},
		{"a signed parcel cannot be lost", []string{"signed", "lost"}, nil, carrier.ErrCannotMove},
		{"nobody knows this state", []string{"burnt"}, nil, carrier.ErrCannotMove},
	}
	for _, tt := range tests {
		t.Run(tt.promise, func(t *testing.T) {
			d := newDepot(t)
			b := d.book("o1")
			d.Clock.Advance(0)
			var err error
			for _, s := range tt.steps {
				err = errors.Join(err, d.service.Steer(b.OrderID, s))
			}
			d.Clock.Advance(time.Second)
			if !errors.Is(err, tt.err) {
				t.Fatalf("got %v", err)
			}
			if tt.err != nil {
				return
			}
			if got := d.told("/order"); !slices.Equal(got, tt.orders) {
				t.Fatalf("told %q, want %q", got, tt.orders)
			}
		})
	}
	if err := newDepot(t).service.Steer("nobody", "signed"); !errors.Is(err, carrier.ErrUnknownParcel) {
		t.Errorf("unknown number: %v", err)
	}
}

func TestALostParcelIsReportedAndNotDeliveredAnyMore(t *testing.T) {
	d := newDepot(t)
	b := d.book("o1")
	d.Clock.Advance(3 * time.Hour)
	if err := d.service.Steer(d.detail(b.TaskID).KuaidiNum, "lost"); err != nil {
		t.Fatal(err)
	}
	d.Clock.Advance(10 * 24 * time.Hour)
	if got := d.told("/track"); !slices.Equal(got, []string{"polling/1", "polling/2"}) {
		t.Fatalf("told %q", got)
	}
}

func TestStateSurvivesReopening(t *testing.T) {
	d := newDepot(t)
	b := d.book("o1")
	d.subscribe("78123456789")
	d.Clock.Advance(2 * time.Hour)
	num := d.detail(b.TaskID).KuaidiNum
	d.Product.Take()
	d.restart(3 * time.Hour)
	if got := d.call("bOrder", d.booking("o1")); got.ReturnCode != "501" {
		t.Errorf("the booking is forgotten: %+v", got)
	}
	d.Clock.Advance(48 * time.Hour)
	if got := d.detail(b.TaskID); got.Status != carrier.Settled || got.KuaidiNum != num {
		t.Errorf("in the end %+v", got)
	}
	if got := d.told("/order"); !slices.Equal(got, []string{"101", "13", "15"}) {
		t.Errorf("told after the restart %q", got)
	}
	if got := d.query("zhongtong", "78123456789"); got.State != "3" {
		t.Errorf("the self-shipped parcel: %+v", got)
	}
	if freight, ok := d.service.Pickup(num); !ok || freight != 1600 {
		t.Errorf("pickup %d %t", freight, ok)
	}
}

func TestPricesDependOnWayAndWeight(t *testing.T) {
	d := newDepot(t)
	param := `{"kuaidiComList":["zhongtong","pigeon"],"sendManPrintAddr":"广东省深圳市","recManPrintAddr":"广东省广州市","weight":"2.5"}`
	a := d.call("batchPrice", param)
	if string(a.Data) == "" || !strings.Contains(string(a.Data), `"price":"12.00"`) || !strings.Contains(string(a.Data), `"price":null`) {
		t.Fatalf("got %+v", a)
	}
}
