package refunds_test

import (
	"testing"

	"aftercare.dev/services/payment/domain"
	"aftercare.dev/services/payment/store"
	"aftercare.dev/services/payment/wechatpay/wechatpaytest"
	"aftercare.dev/services/platform/database/databasetest"
	"aftercare.dev/services/platform/problem"
)

func TestRefusalOfTheProviderNeedsAPersonWhoCanRetryWithTheSameNumber(t *testing.T) {
	for code, want := range map[string]struct {
		status    int
		attention domain.Attention
	}{
		"NOT_ENOUGH":            {403, domain.InsufficientFunds},
		"USER_ACCOUNT_ABNORMAL": {403, domain.AbnormalAccount},
		"PARAM_ERROR":           {400, domain.Refused},
		"INVALID_REQUEST":       {400, domain.Refused},
	} {
		t.Run(code, func(t *testing.T) {
			w := newWorld(t, databasetest.SQLite(t, store.Migrations()))
			r := w.reserve("r1", "o1", 500)
			w.platform.Next(wechatpaytest.Misbehaviour{Status: want.status, Code: code})
			refused := w.submit("r1")
			w.expect(refused, domain.RefundNeedsAttention, want.attention)
			if refused.Parts[0].State != domain.PartRefused || refused.Parts[0].Code != code || w.taken("o1") != 500 {
				t.Errorf("part is %+v, %d taken", refused.Parts[0], w.taken("o1"))
			}
			w.clock.pass(gap)
			retried, err := w.resolve(domain.ResolveRetry)
			if err != nil {
				t.Fatal(err)
			}
			w.expect(retried, domain.RefundProcessing, domain.NoAttention)
			if again, err := w.resolve(domain.ResolveRetry); err != nil || again.State() != domain.RefundProcessing {
				t.Errorf("repeated: %v", err)
			}
			if w.platform.Asked(number(r)) != 2 || len(w.platform.Refunds()) != 1 {
				t.Errorf("asked %d times, %d refunds", w.platform.Asked(number(r)), len(w.platform.Refunds()))
			}
		})
	}
}

func TestVoidGivesTheAmountBackOnceAndOnlyIfTheProviderHasNotPaid(t *testing.T) {
	each(t, func(t *testing.T, w world) {
		r := w.reserve("r1", "o1", 500)
		if _, err := w.resolve(domain.ResolveVoid); !problem.HasCode(err, "refund_not_resolvable") {
			t.Errorf("void of a reserved refund: %v", err)
		}
		w.platform.Next(wechatpaytest.Misbehaviour{Status: 403, Code: "NOT_ENOUGH"})
		w.submit("r1")
		w.platform.NextQuery(wechatpaytest.Misbehaviour{Status: 500, Code: "SYSTEM_ERROR"})
		if _, err := w.resolve(domain.ResolveVoid); !problem.HasCode(err, "provider_silent") || w.taken("o1") != 500 {
			t.Errorf("void without the provider's word: %v", err)
		}
		for range 2 {
			voided, err := w.resolve(domain.ResolveVoid)
			if err != nil {
				t.Fatal(err)
			}
			w.expect(voided, domain.RefundVoided, domain.NoAttention)
			if w.taken("o1") != 0 {
				t.Errorf("%d taken after void", w.taken("o1"))
			}
		}
		if _, err := w.resolve(domain.ResolveRetry); !problem.HasCode(err, "refund_not_resolvable") {
			t.Errorf("retry after void: %v", err)
		}
		w.submit("r1")
		if asked := w.platform.Asked(number(r)); asked != 1 {
			t.Errorf("a voided refund was sent: %d times", asked)
		}
	})
}

func TestVoidOfARefundThatTheProviderPaidAfterAllIsRefused(t *testing.T) {
	each(t, func(t *testing.T, w world) {
		r := w.reserve("r1", "o1", 500)
		w.platform.Next(wechatpaytest.Misbehaviour{Status: 403, Code: "NOT_ENOUGH"})
		w.submit("r1")
		w.platform.Put(wechatpaytest.Refund{Number: number(r), Trade: "To1", Reference: "50", Status: "SUCCESS", Refund: 500, Total: 1000, Currency: "CNY"})
		if _, err := w.resolve(domain.ResolveVoid); !problem.HasCode(err, "provider_moved_money") {
			t.Errorf("error is %v", err)
		}
		w.expect(w.refresh("r1"), domain.RefundSucceeded, domain.NoAttention)
	})
}

func TestARefundThatTheProviderClosedForGoodIsNotTriedAgain(t *testing.T) {
	each(t, func(t *testing.T, w world) {
		r := w.reserve("r1", "o1", 500)
		w.submit("r1")
		w.platform.Set(number(r), func(held *wechatpaytest.Refund) { held.Status = "CLOSED" })
		w.refresh("r1")
		if _, err := w.resolve(domain.ResolveRetry); !problem.HasCode(err, "refund_given_up") {
			t.Errorf("retry: %v", err)
		}
		w.platform.Set(number(r), func(held *wechatpaytest.Refund) { held.Status = "ABNORMAL" })
		if _, err := w.resolve(domain.ResolveRetry); err != nil {
			t.Errorf("retry of what waits for the buyer's account: %v", err)
		}
	})
}

func TestClosedAndAbnormalRefundsCanBePaidByHandOrVoided(t *testing.T) {
	for status, attention := range map[string]domain.Attention{"CLOSED": domain.Closed, "ABNORMAL": domain.AbnormalAccount} {
		for kind, want := range map[domain.ResolutionKind]domain.RefundState{
			domain.ResolveManualTransfer: domain.RefundPaidManually, domain.ResolveVoid: domain.RefundVoided,
		} {
			t.Run(status+" "+string(kind), func(t *testing.T) {
				w := newWorld(t, databasetest.SQLite(t, store.Migrations()))
				r := w.reserve("r1", "o1", 500)
				w.submit("r1")
				w.platform.Set(number(r), func(held *wechatpaytest.Refund) { held.Status = status })
				if got := w.refresh("r1").Attention(); got != attention {
					t.Fatalf("attention is %s", got)
				}
				resolved, err := w.resolve(kind)
				if err != nil {
					t.Fatal(err)
				}
				w.expect(resolved, want, domain.NoAttention)
			})
		}
	}
}

func TestTransferReferenceBelongsToManualTransferAlone(t *testing.T) {
	w := newWorld(t, databasetest.SQLite(t, store.Migrations()))
	w.reserve("r1", "o1", 1)
	for _, decision := range []domain.Resolution{
		{Kind: domain.ResolveManualTransfer, ActorID: "a"}, {Kind: domain.ResolveVoid, ActorID: "a", TransferReference: "x"},
	} {
		if _, err := w.desk.Resolve(t.Context(), merchant, "r1", decision); !problem.HasCode(err, problem.CodeInvalid) {
			t.Errorf("%s: %v", decision.Kind, err)
		}
	}
}
