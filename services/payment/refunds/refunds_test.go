package refunds_test

import (
	"context"
	"errors"
	"log/slog"
	"sync"
	"testing"
	"time"

	"aftercare.dev/services/payment/domain"
	"aftercare.dev/services/payment/refunds"
	"aftercare.dev/services/payment/store"
	"aftercare.dev/services/payment/wechatpay/wechatpaytest"
	"aftercare.dev/services/platform/database/databasetest"
	"aftercare.dev/services/platform/money"
	"aftercare.dev/services/platform/problem"
)

func TestRefundSucceedsWhenTheProviderSaysSo(t *testing.T) {
	each(t, func(t *testing.T, w world) {
		r := w.reserve("r1", "o2", 500)
		w.expect(w.submit("r1"), domain.RefundProcessing, domain.NoAttention)
		for _, p := range r.Parts {
			w.platform.Set(p.RefundNumber, func(held *wechatpaytest.Refund) { held.Status = "SUCCESS" })
		}
		done := w.refresh("r1")
		w.expect(done, domain.RefundSucceeded, domain.NoAttention)
		if done.Refunded() != 500 || len(done.Parts) != 2 || done.Parts[0].Reference == "" || done.SucceededAt().IsZero() {
			t.Errorf("refund is %+v", done)
		}
		w.submit("r1")
		for _, p := range r.Parts {
			if asked := w.platform.Asked(p.RefundNumber); asked != 1 {
				t.Errorf("the provider was asked %d times for %s", asked, p.RefundNumber)
			}
		}
	})
}

func TestLostAnswerIsFoundByQueryAndNotSentAgain(t *testing.T) {
	each(t, func(t *testing.T, w world) {
		r := w.reserve("r1", "o1", 500)
		w.platform.Next(wechatpaytest.Misbehaviour{Lose: true})
		w.expect(w.submit("r1"), domain.RefundProcessing, domain.NoAttention)
		after := w.submit("r1")
		if after.Parts[0].State != domain.PartProcessing || w.platform.Asked(number(r)) != 1 {
			t.Errorf("part is %s, the provider was asked %d times", after.Parts[0].State, w.platform.Asked(number(r)))
		}
	})
}

func TestRequestThatNeverArrivedIsNotWaitedForOnceTheProviderSaysThatItIsNotThere(t *testing.T) {
	each(t, func(t *testing.T, w world) {
		r := w.reserve("r1", "o1", 500)
		w.platform.Next(wechatpaytest.Misbehaviour{Status: 500, Code: "SYSTEM_ERROR"})
		w.expect(w.submit("r1"), domain.RefundProcessing, domain.NoAttention)
		w.expect(w.refresh("r1"), domain.RefundReserved, domain.NoAttention)
		w.clock.pass(gap)
		w.expect(w.submit("r1"), domain.RefundProcessing, domain.NoAttention)
		if w.platform.Asked(number(r)) != 2 || len(w.platform.Refunds()) != 1 {
			t.Errorf("asked %d times, %d refunds", w.platform.Asked(number(r)), len(w.platform.Refunds()))
		}
	})
}

func TestRequestThatNeverArrivedIsSentAgainWithTheSameNumberAfterTheGap(t *testing.T) {
	each(t, func(t *testing.T, w world) {
		r := w.reserve("r1", "o1", 500)
		w.platform.Next(wechatpaytest.Misbehaviour{Status: 500, Code: "SYSTEM_ERROR"})
		after := w.submit("r1")
		if after.Parts[0].State != domain.PartUnknown || !after.NextAttemptAt.Equal(w.clock.now().Add(gap)) {
			t.Errorf("part is %s, next attempt at %v", after.Parts[0].State, after.NextAttemptAt)
		}
		w.submit("r1")
		if asked := w.platform.Asked(number(r)); asked != 1 {
			t.Errorf("the provider was asked %d times within the gap", asked)
		}
		w.clock.pass(gap)
		after = w.submit("r1")
		if after.Parts[0].State != domain.PartProcessing || w.platform.Asked(number(r)) != 2 || len(w.platform.Refunds()) != 1 {
			t.Errorf("part is %s, asked %d times, %d refunds", after.Parts[0].State, w.platform.Asked(number(r)), len(w.platform.Refunds()))
		}
	})
}

func TestCrashBetweenIntentAndCallIsMadeGoodByTheNextSubmitter(t *testing.T) {
	each(t, func(t *testing.T, w world) {
		r := w.reserve("r1", "o1", 500)
		// What the crashed process has left behind.
		if _, ok, err := w.store.Claim(t.Context(), r, r.Parts[0], 20*time.Second, gap); !ok || err != nil {
			t.Fatal(ok, err)
		}
		w.expect(w.submit("r1"), domain.RefundProcessing, domain.NoAttention)
		if asked := w.platform.Asked(number(r)); asked != 0 {
			t.Errorf("sent %d times while the slot may be in use", asked)
		}
		w.clock.pass(gap)
		w.submit("r1")
		if asked := w.platform.Asked(number(r)); asked != 1 {
			t.Errorf("sent %d times after the slot was lost", asked)
		}
	})
}

func TestCallerThatGoesAwayDoesNotLoseTheAnswer(t *testing.T) {
	each(t, func(t *testing.T, w world) {
		r := w.reserve("r1", "o1", 500)
		ctx, cancel := context.WithCancel(t.Context())
		leaving := refunds.New(w.store, orderBook{}, map[string]refunds.Account{
			"wechatpay": {Provider: leavingProvider{cancel}, MinGap: gap, CallTimeout: time.Second},
		}, w.repaid.add, w.clock.now, slog.New(slog.DiscardHandler))
		if _, err := leaving.Submit(ctx, merchant, "r1"); err != nil && !errors.Is(err, context.Canceled) {
			t.Fatal(err)
		}
		after, err := w.desk.Get(t.Context(), merchant, "r1", false)
		if err != nil {
			t.Fatal(err)
		}
		if after.Parts[0].State != domain.PartProcessing || number(after) != number(r) {
			t.Errorf("part is %+v", after.Parts[0])
		}
	})
}

// leavingProvider accepts every refund, while its caller goes away.
type leavingProvider struct{ leave func() }

func (p leavingProvider) Create(ctx context.Context, i domain.Instruction) (domain.ProviderRefund, error) {
	p.leave()
	if ctx.Err() != nil {
		return domain.ProviderRefund{}, ctx.Err()
	}
	return domain.ProviderRefund{
		RefundNumber: i.RefundNumber, PaymentReference: i.PaymentReference, Status: domain.ProviderProcessing,
		Amount: i.Amount, PaymentTotal: i.PaymentTotal, Currency: i.Currency,
	}, nil
}

func (leavingProvider) Query(context.Context, string) (domain.ProviderRefund, error) {
	return domain.ProviderRefund{}, &domain.ProviderError{NotFound: true}
}

func TestManySubmittersNeverSendConcurrentlyNorTwice(t *testing.T) {
	each(t, func(t *testing.T, w world) {
		r := w.reserve("r1", "o1", 500)
		var group sync.WaitGroup
		for range 32 {
			group.Go(func() {
				if _, err := w.desk.Submit(t.Context(), merchant, "r1"); err != nil {
					t.Error(err)
				}
			})
		}
		group.Wait()
		if w.platform.Asked(number(r)) != 1 || w.platform.Overlaps() != 0 {
			t.Errorf("asked %d times, %d overlaps", w.platform.Asked(number(r)), w.platform.Overlaps())
		}
	})
}

func TestSecondRefundOfAPaymentWaitsForTheGap(t *testing.T) {
	each(t, func(t *testing.T, w world) {
		w.reserve("r1", "o1", 500)
		second := w.reserve("r2", "o1", 100)
		w.submit("r1")
		waiting := w.submit("r2")
		w.expect(waiting, domain.RefundReserved, domain.NoAttention)
		if !waiting.NextAttemptAt.Equal(w.clock.now().Add(gap)) || w.platform.Asked(number(second)) != 0 {
			t.Errorf("next attempt at %v, asked %d times", waiting.NextAttemptAt, w.platform.Asked(number(second)))
		}
		w.clock.pass(gap)
		w.expect(w.submit("r2"), domain.RefundProcessing, domain.NoAttention)
	})
}

func TestProviderThatLimitsUsIsLeftAloneForAsLongAsItSays(t *testing.T) {
	each(t, func(t *testing.T, w world) {
		w.reserve("r1", "o1", 500)
		w.platform.Next(wechatpaytest.Misbehaviour{Status: 429, Code: "FREQUENCY_LIMITED", Header: map[string][]string{"Retry-After": {"300"}}})
		limited := w.submit("r1")
		w.expect(limited, domain.RefundReserved, domain.NoAttention)
		if !limited.NextAttemptAt.Equal(w.clock.now().Add(300 * time.Second)) {
			t.Errorf("next attempt at %v", limited.NextAttemptAt)
		}
	})
}

func TestNumberThatTheProviderKnowsWithOtherContentIsAMismatch(t *testing.T) {
	each(t, func(t *testing.T, w world) {
		r := w.reserve("r1", "o1", 500)
		w.platform.Put(wechatpaytest.Refund{Number: number(r), Trade: "To1", Reference: "50", Status: "SUCCESS", Refund: 400, Total: 1000, Currency: "CNY"})
		mismatch := w.submit("r1")
		w.expect(mismatch, domain.RefundNeedsAttention, domain.Mismatch)
		w.expect(w.refresh("r1"), domain.RefundNeedsAttention, domain.Mismatch)
		if _, err := w.resolve(domain.ResolveVoid); !problem.HasCode(err, "provider_moved_money") {
			t.Errorf("void of money that moved: %v", err)
		}
		paid, err := w.resolve(domain.ResolveManualTransfer)
		if err != nil {
			t.Fatal(err)
		}
		w.expect(paid, domain.RefundPaidManually, domain.NoAttention)
	})
}

func TestAnswerWithAnotherCurrencyIsAMismatch(t *testing.T) {
	each(t, func(_ *testing.T, w world) {
		r := w.reserve("r1", "o1", 500)
		w.submit("r1")
		w.platform.Set(number(r), func(held *wechatpaytest.Refund) { held.Status, held.Currency = "SUCCESS", "USD" })
		w.expect(w.refresh("r1"), domain.RefundNeedsAttention, domain.Mismatch)
	})
}

func TestSuccessThatTheProviderTakesBackIsSeenByRefresh(t *testing.T) {
	each(t, func(_ *testing.T, w world) {
		r := w.reserve("r1", "o1", 500)
		w.submit("r1")
		set := func(status string) {
			w.platform.Set(number(r), func(held *wechatpaytest.Refund) { held.Status = status })
		}
		set("SUCCESS")
		w.expect(w.refresh("r1"), domain.RefundSucceeded, domain.NoAttention)
		set("ABNORMAL")
		w.expect(w.refresh("r1"), domain.RefundNeedsAttention, domain.AbnormalAccount)
		set("CLOSED")
		w.expect(w.refresh("r1"), domain.RefundNeedsAttention, domain.Closed)
	})
}

func TestNotificationWakesTheCaseAndMovesNothing(t *testing.T) {
	each(t, func(t *testing.T, w world) {
		r := w.reserve("r1", "o1", 500)
		w.submit("r1")
		before, _ := w.desk.Get(t.Context(), merchant, "r1", false)
		n := domain.Notification{
			Provider: "wechatpay", ID: "EV1", RefundNumber: number(r), PaymentReference: "To1",
			Status: domain.ProviderSucceeded, Amount: 500, PaymentTotal: 1000,
		}
		want := refunds.Event{ID: number(r) + ":succeeded", MerchantID: merchant, CaseID: "case1", RefundID: "r1"}
		for range 3 {
			events, err := w.desk.Notified(t.Context(), n)
			if err != nil || len(events) != 1 || events[0] != want {
				t.Fatalf("events %+v, error %v", events, err)
			}
		}
		n.Amount, n.ID = 499, "EV2"
		if events, err := w.desk.Notified(t.Context(), n); err != nil || len(events) != 1 {
			t.Errorf("another amount: events %+v, error %v", events, err)
		}
		n.RefundNumber = "made-by-hand"
		if events, err := w.desk.Notified(t.Context(), n); err != nil || len(events) != 0 {
			t.Errorf("not ours: events %+v, error %v", events, err)
		}
		after, err := w.desk.Get(t.Context(), merchant, "r1", false)
		if err != nil || after.Version != before.Version || after.State() != domain.RefundProcessing {
			t.Errorf("refund is %s, version %d, error %v", after.State(), after.Version, err)
		}
		var notes int64
		if err := w.db.Raw("SELECT COUNT(*) FROM refund_attempts WHERE op = 'notify'").Scan(&notes).Error; err != nil || notes != 2 {
			t.Errorf("%d notifications on record, error %v", notes, err)
		}
	})
}

func TestRefundOfAnUnknownOrderOrAnotherCurrencyIsRefused(t *testing.T) {
	w := newWorld(t, databasetest.SQLite(t, store.Migrations()))
	for currency, test := range map[string]struct{ order, code string }{
		"CNY": {"none", "order_not_found"}, "USD": {"o1", "currency_differs"},
	} {
		request, err := domain.NewRequest("c", test.order, currency, "r", []domain.Asked{{LineID: "l1", Amount: money.Money{Amount: 1, Currency: currency}}}, nil)
		if err != nil {
			t.Fatal(err)
		}
		if _, err := w.desk.Reserve(t.Context(), merchant, "r1", request); !problem.HasCode(err, test.code) {
			t.Errorf("error is %v, want %s", err, test.code)
		}
	}
}

// silentOrders is an order service that is down.
type silentOrders struct{}

func (silentOrders) Order(context.Context, string, string) (domain.Order, error) {
	return domain.Order{}, problem.Unavailable(problem.CodeUnavailable, "the order service did not answer")
}

func TestARefundThatIsReservedIsReturnedWithoutTheOrderService(t *testing.T) {
	each(t, func(t *testing.T, w world) {
		request := func(amount int64) domain.Request {
			r, err := domain.NewRequest("case1", "o1", "CNY", "no_reason", []domain.Asked{{LineID: "l1", Amount: money.Money{Amount: amount, Currency: "CNY"}}}, nil)
			if err != nil {
				t.Fatal(err)
			}
			return r
		}
		first := w.reserve("r1", "o1", 500)
		alone := refunds.New(w.store, silentOrders{}, nil, w.repaid.add, w.clock.now, slog.New(slog.DiscardHandler))
		again, err := alone.Reserve(t.Context(), merchant, "r1", request(500))
		if err != nil || number(again) != number(first) {
			t.Errorf("repeated: %+v, %v", again, err)
		}
		if _, err := alone.Reserve(t.Context(), merchant, "r1", request(499)); !problem.HasCode(err, "refund_differs") {
			t.Errorf("other content: %v", err)
		}
		if _, err := alone.Reserve(t.Context(), merchant, "r2", request(1)); !problem.HasCode(err, problem.CodeUnavailable) {
			t.Errorf("a new one: %v", err)
		}
	})
}

func TestAPaymentIsFreeForTheNextCallAlsoIfTheAnswerCouldNotBeStored(t *testing.T) {
	each(t, func(t *testing.T, w world) {
		w.reserve("r1", "o1", 500)
		rename := func(from, to string) {
			if err := w.db.Exec("ALTER TABLE " + from + " RENAME TO " + to).Error; err != nil {
				t.Fatal(err)
			}
		}
		rename("refund_attempts", "away")
		if _, err := w.desk.Submit(t.Context(), merchant, "r1"); err == nil {
			t.Error("an answer that is not on record is no answer")
		}
		rename("away", "refund_attempts")
		var busy int64
		if err := w.db.Raw("SELECT COUNT(*) FROM paid_payments WHERE busy_token <> ''").Scan(&busy).Error; err != nil || busy != 0 {
			t.Errorf("%d payments are busy, error %v", busy, err)
		}
		w.expect(w.submit("r1"), domain.RefundProcessing, domain.NoAttention)
	})
}
