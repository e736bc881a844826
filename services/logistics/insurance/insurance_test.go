package insurance

import (
	"context"
	"encoding/json"
	"fmt"
	"io"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"path"
	"sync"
	"testing"
	"time"

	"gorm.io/gorm"

	"aftercare.dev/services/logistics/domain"
	"aftercare.dev/services/logistics/freightinsurance"
	"aftercare.dev/services/logistics/store"
	"aftercare.dev/services/platform/database/databasetest"
	"aftercare.dev/services/platform/problem"
)

var (
	noon     = time.Date(2026, 11, 23, 4, 0, 0, 0, time.UTC)
	patience = Patience{Call: 10 * time.Second, Retry: time.Minute}
)

// insurer is WeChat's insurance as far as these tests need it: one policy and one claim for a payment.
type insurer struct {
	t      *testing.T
	mu     sync.Mutex
	status map[string]int // by payment
	lose   map[string]int // answers to lose after the work is done, by interface
	refuse map[string]int // error code to answer next, by interface
	claims int
	bought int
}

func (i *insurer) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	var in struct {
		OrderNo string `json:"order_no"`
	}
	raw, _ := io.ReadAll(r.Body)
	_ = json.Unmarshal(raw, &in)
	name := path.Base(r.URL.Path)
	if name == "stable_token" {
		_, _ = io.WriteString(w, `{"access_token":"token","expires_in":7200}`)
		return
	}
	answer, lost := i.do(name, in.OrderNo)
	if lost {
		panic(http.ErrAbortHandler)
	}
	_, _ = io.WriteString(w, answer)
}

func (i *insurer) do(name, payment string) (answer string, lost bool) {
	i.mu.Lock()
	defer i.mu.Unlock()
	if code := i.refuse[name]; code != 0 {
		delete(i.refuse, name)
		return fmt.Sprintf(`{"errcode":%d,"errmsg":"hint"}`, code), false
	}
	if i.lose[name] > 0 {
		i.lose[name]--
		lost = true
	}
	switch name {
	case "createorder":
		if i.status[payment] != 0 {
			return `{"errcode":2007}`, lost
		}
		i.status[payment] = 2
		i.bought++
		return `{"errcode":0,"policy_no":"P","insurance_end_date":"2027-02-21 12:00:00","estimate_amount":1000}`, lost
	case "claim":
		if i.status[payment] != 2 {
			return `{"errcode":2007}`, lost
		}
		i.status[payment] = 4
		i.claims++
		return `{"errcode":0,"report_no":"R","is_home_pick_up":0}`, lost
	}
	if i.status[payment] == 0 {
		return `{"errcode":0,"total":0,"list":[]}`, lost
	}
	report := ""
	if i.status[payment] > 2 && i.status[payment] < 7 {
		report = "R"
	}
	return fmt.Sprintf(`{"errcode":0,"list":[{"order_no":%q,"policy_no":"P","report_no":%q,"status":%d,"estimate_amount":1000,
		"insurance_end_date":"2027-02-21 12:00:00","pay_finish_time":1795406400}]}`, payment, report, i.status[payment]), lost
}

func (i *insurer) with(fn func()) {
	i.mu.Lock()
	defer i.mu.Unlock()
	fn()
}

type shop struct{ buyer domain.Buyer }

func (s *shop) Buyer(context.Context, string, string) (domain.Buyer, error) { return s.buyer, nil }

func (s *shop) Order(context.Context, string, string) (domain.Order, error) {
	return domain.Order{Goods: []string{"茶杯"}}, nil
}

type room struct {
	*Desk
	t       *testing.T
	insurer *insurer
	shop    *shop
	store   *store.Store
	mu      sync.Mutex
	time    time.Time
}

func (r *room) clock() time.Time {
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.time
}

func (r *room) pass(d time.Duration) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.time = r.time.Add(d)
}

func furnish(t *testing.T, db *gorm.DB) *room {
	t.Helper()
	i := &insurer{t: t, status: map[string]int{}, lose: map[string]int{}, refuse: map[string]int{}}
	server := httptest.NewServer(i)
	t.Cleanup(server.Close)
	address := domain.Contact{Name: "张三", Phone: "138", Province: "广东省", City: "深圳市", District: "南山区", Street: "1号"}
	r := &room{t: t, insurer: i, shop: &shop{domain.Buyer{Contact: address, Reference: "openid"}}, time: noon}
	r.store = store.New(db, domain.Patience{}, r.clock)
	if err := r.store.SetReturnAddress(context.Background(), "m", address); err != nil {
		t.Fatal(err)
	}
	client := freightinsurance.New(freightinsurance.Config{BaseURL: server.URL, Timeout: 5 * time.Second}, r.clock)
	r.Desk = New(r.store, client, r.shop, patience, r.clock, slog.New(slog.DiscardHandler))
	return r
}

func with(t *testing.T, test func(t *testing.T, r *room)) {
	t.Helper()
	t.Parallel()
	test(t, furnish(t, databasetest.SQLite(t, store.Migrations())))
}

func input(payment string) domain.PolicyInput {
	return domain.PolicyInput{PaymentReference: payment, PaidAt: noon, PaidFen: 9900, Carrier: "shunfeng", TrackingNumber: "SF1"}
}

func (r *room) insured(payment string) domain.Policy {
	r.t.Helper()
	p, err := r.Insure(context.Background(), "m", "order", input(payment))
	if err != nil {
		r.t.Fatal(err)
	}
	return p
}

// parcel is a return of the case that was picked up.
func (r *room) parcel(caseID, shipmentID string, picked bool) {
	r.t.Helper()
	s, err := domain.NewShipment("m", shipmentID, domain.Request{
		CaseID: caseID, OrderID: "order", Direction: domain.ToWarehouse, Method: domain.SelfShip,
		Carrier: "yuantong", TrackingNumber: "YT-" + shipmentID,
	}, domain.Slot{}, noon)
	if err != nil {
		r.t.Fatal(err)
	}
	if picked {
		s.Receive(domain.Report{Seen: domain.Observation{State: domain.PickedUp, At: noon}}, noon)
	}
	if _, _, err := r.store.AddShipment(context.Background(), s); err != nil {
		r.t.Fatal(err)
	}
}

func (r *room) filed(caseID, shipmentID string) domain.Claim {
	r.t.Helper()
	c, err := r.File(context.Background(), "m", caseID, "order", shipmentID)
	if err != nil {
		r.t.Fatal(err)
	}
	return c
}

func (r *room) asked(caseID string) domain.Claim {
	r.t.Helper()
	c, err := r.Claim(context.Background(), "m", caseID, true)
	if err != nil {
		r.t.Fatal(err)
	}
	return c
}

func TestAnOrderIsInsuredOnceHoweverOftenAndByHowMany(t *testing.T) {
	t.Parallel()
	databasetest.Each(t, store.Migrations(), func(t *testing.T, db *gorm.DB) {
		r := furnish(t, db)
		var running sync.WaitGroup
		for range 8 {
			running.Go(func() { r.insured("pay1") })
		}
		running.Wait()
		if p := r.insured("pay1"); p.State != domain.PolicyActive || p.Number != "P" || p.EstimateFen != 1000 || r.insurer.bought != 1 {
			t.Errorf("%+v, bought %d", p, r.insurer.bought)
		}
		if _, err := r.Insure(context.Background(), "m", "order", input("pay2")); !problem.HasCode(err, domain.CodePolicyDiffers) {
			t.Errorf("other content: %v", err)
		}
	})
}

func TestALostAnswerAboutAPolicyIsAskedAboutNotBoughtAgain(t *testing.T) {
	with(t, func(t *testing.T, r *room) {
		r.insurer.lose["createorder"] = 1
		if p := r.insured("pay1"); p.State != domain.PolicyPending {
			t.Fatalf("%+v", p)
		}
		r.pass(patience.Retry)
		if err := r.Sweep(context.Background()); err != nil {
			t.Fatal(err)
		}
		p, err := r.Policy(context.Background(), "m", "order")
		if err != nil || p.State != domain.PolicyActive || r.insurer.bought != 1 {
			t.Errorf("%+v, %v, bought %d", p, err, r.insurer.bought)
		}
	})
}

func TestAnInsurerThatRefusesLeavesARefusedPolicyWithItsReason(t *testing.T) {
	with(t, func(t *testing.T, r *room) {
		r.insurer.refuse["createorder"] = 1010
		if p := r.insured("pay1"); p.State != domain.PolicyRefused || p.Reason != "outside_insured_time" {
			t.Errorf("%+v", p)
		}
	})
}

func TestWhatTheInsurerNeedsAndNobodyToldKeepsAPolicyPendingOrRefused(t *testing.T) {
	with(t, func(t *testing.T, r *room) {
		ctx := context.Background()
		if p, err := r.Insure(ctx, "nobody", "order", input("pay0")); err != nil || p.State != domain.PolicyPending || p.Reason != returnAddressMissing {
			t.Errorf("no return address: %+v, %v", p, err)
		}
		street := r.shop.buyer.Contact.Street
		r.shop.buyer.Contact.Street = ""
		if p := r.insured("pay1"); p.State != domain.PolicyPending || p.Reason != addressIncomplete {
			t.Errorf("no street: %+v", p)
		}
		r.shop.buyer.Contact.Street = street
		if p := r.insured("pay1"); p.State != domain.PolicyActive || p.Reason != "" {
			t.Errorf("completed: %+v", p)
		}
		r.shop.buyer.Reference = ""
		if p, err := r.Insure(ctx, "m", "other", input("pay2")); err != nil || p.State != domain.PolicyRefused || p.Reason != buyerUnknown {
			t.Errorf("no openid: %+v, %v", p, err)
		}
	})
}

func TestAPolicyEndsByItself(t *testing.T) {
	with(t, func(t *testing.T, r *room) {
		p := r.insured("pay1")
		if got := p.StateAt(p.EndsAt.Add(-1)); got != domain.PolicyActive {
			t.Errorf("before its end it is %s", got)
		}
		if got := p.StateAt(p.EndsAt); got != domain.PolicyExpired {
			t.Errorf("at its end it is %s", got)
		}
	})
}
