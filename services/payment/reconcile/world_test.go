package reconcile_test

import (
	"context"
	"crypto/rsa"
	"log/slog"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"gorm.io/gorm"

	"aftercare.dev/services/payment/domain"
	"aftercare.dev/services/payment/reconcile"
	"aftercare.dev/services/payment/refunds"
	"aftercare.dev/services/payment/store"
	"aftercare.dev/services/payment/wechatpay"
	"aftercare.dev/services/payment/wechatpay/wechatpaytest"
	"aftercare.dev/services/platform/database/databasetest"
	"aftercare.dev/services/platform/money"
)

const (
	merchant = "m1"
	provider = "wechatpay"
	today    = "2026-01-01"
)

// orderBook is the order service: every order is worth 1000, in one payment named after it.
type orderBook struct{}

func (orderBook) Order(_ context.Context, _, orderID string) (domain.Order, error) {
	return domain.Order{
		Version: 1, Currency: "CNY", Lines: []domain.LineAmount{{LineID: "l1", Amount: 1000}},
		Payments: []domain.Payment{{PaymentID: "p1", Provider: provider, Reference: "T" + orderID, Amount: 1000}},
	}, nil
}

func (orderBook) PaymentByReference(_ context.Context, _, reference string) (domain.PaymentAt, bool, error) {
	if reference == "Tnobody" {
		return domain.PaymentAt{}, false, nil
	}
	return domain.PaymentAt{MerchantID: merchant, OrderID: reference[1:], PaymentID: "p1"}, true, nil
}

type world struct {
	*require.Assertions
	t        testing.TB
	desk     *refunds.Desk
	clerk    *reconcile.Clerk
	store    *store.Store
	db       *gorm.DB
	platform *wechatpaytest.Platform
}

// each runs the test on both engines, at half past eight in the morning in China.
func each(t *testing.T, test func(w world)) {
	databasetest.Each(t, store.Migrations(), func(t *testing.T, db *gorm.DB) {
		now := time.Date(2026, 1, 1, 0, 30, 0, 0, time.UTC)
		clock := func() time.Time { return now }
		platform := wechatpaytest.New(t, clock)
		client, err := wechatpay.New(wechatpay.Options{
			BaseURL: platform.URL, MerchantID: wechatpaytest.MerchantID, MerchantSerial: wechatpaytest.MerchantSerial,
			PrivateKey:     wechatpaytest.MerchantKey(),
			PlatformKeys:   map[string]*rsa.PublicKey{wechatpaytest.PlatformSerial: &wechatpaytest.PlatformKey().PublicKey},
			PlatformSerial: wechatpaytest.PlatformSerial, APIv3Key: []byte(wechatpaytest.APIv3Key),
			NotifyURL: "https://shop.example/notify", Timeout: 5 * time.Second, Now: clock,
		})
		require.NoError(t, err)
		s, log := store.New(db, clock), slog.New(slog.DiscardHandler)
		accounts := map[string]refunds.Account{provider: {Provider: client, CallTimeout: 5 * time.Second}}
		desk := refunds.New(s, orderBook{}, accounts, func(context.Context, domain.Refund, store.Repaid) {}, clock, log)
		clerk := reconcile.New(s, desk, orderBook{}, map[string]reconcile.Biller{provider: client}, log)
		test(world{require.New(t), t, desk, clerk, s, db, platform})
	})
}

// reserve sets a refund of an order aside, for a case of the same name.
func (w world) reserve(refundID, orderID string, amount int64) (domain.Refund, error) {
	request, err := domain.NewRequest("case_"+refundID, orderID, "CNY", "no_reason",
		[]domain.Asked{{LineID: "l1", Amount: money.Money{Amount: amount, Currency: "CNY"}}}, nil)
	w.NoError(err)
	return w.desk.Reserve(w.t.Context(), merchant, refundID, request)
}

// paid makes a refund that succeeded, and returns its number.
func (w world) paid(refundID, orderID string, amount int64) string {
	return w.ended(refundID, orderID, amount, "SUCCESS")
}

func (w world) ended(refundID, orderID string, amount int64, status string) string {
	_, err := w.reserve(refundID, orderID, amount)
	w.NoError(err)
	r, err := w.desk.Submit(w.t.Context(), merchant, refundID)
	w.NoError(err)
	number := r.Parts[0].RefundNumber
	w.platform.Set(number, func(r *wechatpaytest.Refund) { r.Status = status })
	w.refresh(refundID)
	return number
}

func (w world) refresh(refundID string) domain.Refund {
	r, err := w.desk.Get(w.t.Context(), merchant, refundID, true)
	w.NoError(err)
	return r
}

// bill makes the platform's bill of what it holds by now and of others.
func (w world) bill(others ...wechatpaytest.Refund) {
	var listed []wechatpaytest.Refund
	for _, r := range w.platform.Refunds() {
		if r.Status == "SUCCESS" {
			listed = append(listed, r)
		}
	}
	w.platform.SetBill(wechatpaytest.Bill{Content: wechatpaytest.BillOf(append(listed, others...)...)})
}

func (w world) run() domain.Reconciliation {
	done, err := w.clerk.Run(w.t.Context(), provider, today)
	w.NoError(err)
	return done
}

func (w world) differences() []domain.Difference {
	found, more, err := w.store.AllDifferences(w.t.Context(), store.DifferenceFilter{Limit: 50})
	w.NoError(err)
	w.False(more)
	return found
}

// outside is a refund that somebody made on the platform's pages.
func outside(number, trade string, amount int64) wechatpaytest.Refund {
	return wechatpaytest.Refund{
		Number: number, Trade: trade, Reference: "509" + number, Status: "SUCCESS", Refund: amount, Total: 1000, Currency: "CNY",
	}
}
