package shipping

import (
	"context"
	"log/slog"
	"sync"
	"testing"
	"time"

	"gorm.io/gorm"

	"aftercare.dev/services/logistics/domain"
	"aftercare.dev/services/logistics/kuaidi100"
	"aftercare.dev/services/logistics/store"
	"aftercare.dev/services/platform/database/databasetest"
)

var (
	noon     = time.Date(2026, 11, 23, 4, 0, 0, 0, time.UTC)
	patience = domain.Patience{
		Rebook: 10 * time.Minute, MaxAsks: 3, Stall: 7 * 24 * time.Hour, Query: 30 * time.Minute, Lease: time.Minute, Retry: time.Minute,
	}
	home      = domain.Contact{Name: "张三", Phone: "13800000000", Province: "广东省", City: "深圳市", District: "南山区", Street: "科技南路1号"}
	warehouse = domain.Contact{Name: "仓库", Phone: "0571000000", Province: "浙江省", City: "杭州市", District: "余杭区", Street: "一号库"}
)

type shop struct{ buyer domain.Buyer }

func (s *shop) Buyer(context.Context, string, string) (domain.Buyer, error) { return s.buyer, nil }

func (s *shop) Order(context.Context, string, string) (domain.Order, error) {
	return domain.Order{Goods: []string{"茶杯"}, Deliveries: []string{"SF000001"}}, nil
}

// room is a desk with everything around it.
type room struct {
	*Desk
	t       *testing.T
	carrier *aggregator
	shop    *shop
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
	r := &room{t: t, carrier: newAggregator(t), shop: &shop{domain.Buyer{Contact: home}}, time: noon}
	client, err := kuaidi100.New(kuaidi100.Config{
		BaseURL: r.carrier.server.URL, Key: "KEY", Secret: "SECRET", Customer: "CUSTOMER",
		CallbackBaseURL: "https://shop.example", Timeout: 5 * time.Second, PickupCarrier: "jd", Cargo: "日用品",
	}, r.clock)
	if err != nil {
		t.Fatal(err)
	}
	s := store.New(db, patience, r.clock)
	if err := s.SetReturnAddress(context.Background(), "m", warehouse); err != nil {
		t.Fatal(err)
	}
	r.Desk = New(s, client, r.shop, patience, r.clock, slog.New(slog.DiscardHandler))
	return r
}

func with(t *testing.T, test func(t *testing.T, r *room)) {
	t.Helper()
	t.Parallel()
	test(t, furnish(t, databasetest.SQLite(t, store.Migrations())))
}

func pickup() domain.Request {
	return domain.Request{CaseID: "case", OrderID: "order", Direction: domain.ToWarehouse, Method: domain.Pickup}
}

func selfShip(number string) domain.Request {
	return domain.Request{
		CaseID: "case", OrderID: "order", Direction: domain.ToWarehouse, Method: domain.SelfShip,
		Carrier: "yuantong", TrackingNumber: number,
	}
}

func (r *room) create(id string, request domain.Request) domain.Shipment {
	r.t.Helper()
	s, err := r.Create(context.Background(), "m", id, request)
	if err != nil {
		r.t.Fatal(err)
	}
	return s
}

func (r *room) refreshed(id string) domain.Shipment {
	r.t.Helper()
	s, err := r.Get(context.Background(), "m", id, true)
	if err != nil {
		r.t.Fatal(err)
	}
	return s
}

// refreshedFrom lets the carrier know something new first.
func (r *room) refreshedFrom(id, task string, status int, number string) domain.Shipment {
	r.t.Helper()
	r.carrier.set(task, status, number)
	return r.refreshed(id)
}

func (r *room) tell(s domain.Shipment, body []byte) []Event {
	r.t.Helper()
	events, err := r.send(s, body)
	if err != nil {
		r.t.Fatal(err)
	}
	return events
}

func (r *room) send(s domain.Shipment, body []byte) ([]Event, error) {
	return r.Callback(context.Background(), s.Token, body, func(salt string) (domain.Report, error) {
		return kuaidi100.ParseCallback(body, salt, r.clock())
	})
}

func (r *room) wants(s domain.Shipment, state domain.State) {
	r.t.Helper()
	if s.Seen.State != state {
		r.t.Fatalf("the shipment is %s (%s), want %s", s.Seen.State, s.Seen.Reason, state)
	}
}
