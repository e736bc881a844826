package refunds_test

import (
	"context"
	"crypto/rsa"
	"log/slog"
	"sync"
	"testing"
	"time"

	"gorm.io/gorm"

	"aftercare.dev/services/payment/domain"
	"aftercare.dev/services/payment/refunds"
	"aftercare.dev/services/payment/store"
	"aftercare.dev/services/payment/wechatpay"
	"aftercare.dev/services/payment/wechatpay/wechatpaytest"
	"aftercare.dev/services/platform/database/databasetest"
	"aftercare.dev/services/platform/money"
	"aftercare.dev/services/platform/problem"
)

const merchant = "m1"

// orderBook is the order service: every order is worth 1000 in one payment, except that "o2" has two.
type orderBook struct{}

func (orderBook) Order(_ context.Context, _, orderID string) (domain.Order, error) {
	o := domain.Order{
		Version: 1, Currency: "CNY", Lines: []domain.LineAmount{{LineID: "l1", Amount: 1000}},
		Payments: []domain.Payment{{PaymentID: "p1", Provider: "wechatpay", Reference: "T" + orderID, Amount: 1000}},
	}
	switch orderID {
	case "none":
		return domain.Order{}, problem.NotFound("order_not_found", "")
	case "o2":
		o.Payments[0].Amount = 600
		o.Payments = append(o.Payments, domain.Payment{PaymentID: "p2", Provider: "wechatpay", Reference: "Tsecond", Amount: 400})
	}
	return o, nil
}

// clock is set by the test.
type clock struct {
	mu sync.Mutex
	at time.Time
}

func (c *clock) now() time.Time {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.at
}

func (c *clock) pass(d time.Duration) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.at = c.at.Add(d)
}

type world struct {
	t        testing.TB
	desk     *refunds.Desk
	store    *store.Store
	db       *gorm.DB
	platform *wechatpaytest.Platform
	clock    *clock
	repaid   *repaid
}

// repaid is what the desk told of money that went back.
type repaid struct {
	mu     sync.Mutex
	amount int64
	whole  int
}

func (r *repaid) add(_ context.Context, _ domain.Refund, told store.Repaid) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.amount += told.Amount
	if told.Whole {
		r.whole++
	}
}

const gap = time.Minute

func newWorld(t testing.TB, db *gorm.DB) world {
	t.Helper()
	c := &clock{at: time.Date(2026, 1, 1, 0, 0, 0, 0, time.UTC)}
	platform := wechatpaytest.New(t, c.now)
	client, err := wechatpay.New(wechatpay.Options{
		BaseURL: platform.URL, MerchantID: wechatpaytest.MerchantID, MerchantSerial: wechatpaytest.MerchantSerial,
		PrivateKey:     wechatpaytest.MerchantKey(),
		PlatformKeys:   map[string]*rsa.PublicKey{wechatpaytest.PlatformSerial: &wechatpaytest.PlatformKey().PublicKey},
		PlatformSerial: wechatpaytest.PlatformSerial, APIv3Key: []byte(wechatpaytest.APIv3Key),
		NotifyURL: "https://shop.example/notify", Timeout: 5 * time.Second, Now: c.now,
	})
	if err != nil {
		t.Fatal(err)
	}
	s, book := store.New(db, c.now), &repaid{}
	accounts := map[string]refunds.Account{"wechatpay": {Provider: client, MinGap: gap, CallTimeout: 5 * time.Second}}
	desk := refunds.New(s, orderBook{}, accounts, book.add, c.now, slog.New(slog.DiscardHandler))
	return world{t, desk, s, db, platform, c, book}
}

// each runs the test on both engines.
func each(t *testing.T, test func(t *testing.T, w world)) {
	databasetest.Each(t, store.Migrations(), func(t *testing.T, db *gorm.DB) { test(t, newWorld(t, db)) })
}

func (w world) reserve(refundID, orderID string, amount int64) domain.Refund {
	w.t.Helper()
	request, err := domain.NewRequest("case1", orderID, "CNY", "no_reason",
		[]domain.Asked{{LineID: "l1", Amount: money.Money{Amount: amount, Currency: "CNY"}}}, nil)
	if err != nil {
		w.t.Fatal(err)
	}
	r, err := w.desk.Reserve(w.t.Context(), merchant, refundID, request)
	if err != nil {
		w.t.Fatal(err)
	}
	return r
}

func (w world) submit(refundID string) domain.Refund {
	w.t.Helper()
	r, err := w.desk.Submit(w.t.Context(), merchant, refundID)
	if err != nil {
		w.t.Fatal(err)
	}
	return r
}

func (w world) refresh(refundID string) domain.Refund {
	w.t.Helper()
	r, err := w.desk.Get(w.t.Context(), merchant, refundID, true)
	if err != nil {
		w.t.Fatal(err)
	}
	return r
}

func (w world) resolve(kind domain.ResolutionKind) (domain.Refund, error) {
	decision := domain.Resolution{Kind: kind, ActorID: "finance1"}
	if kind == domain.ResolveManualTransfer {
		decision.TransferReference = "BANK-1"
	}
	return w.desk.Resolve(w.t.Context(), merchant, "r1", decision)
}

func (w world) expect(r domain.Refund, state domain.RefundState, attention domain.Attention) {
	w.t.Helper()
	if r.State() != state || r.Attention() != attention {
		w.t.Fatalf("refund is %s %q, want %s %q; parts %+v", r.State(), r.Attention(), state, attention, r.Parts)
	}
}

// taken is how much the guards of an order's payments hold.
func (w world) taken(orderID string) int64 {
	w.t.Helper()
	var sum int64
	if err := w.db.Raw("SELECT SUM(refunded) FROM paid_payments WHERE merchant_id = ? AND order_id = ?", merchant, orderID).Scan(&sum).Error; err != nil {
		w.t.Fatal(err)
	}
	return sum
}

func number(r domain.Refund) string { return r.Parts[0].RefundNumber }
