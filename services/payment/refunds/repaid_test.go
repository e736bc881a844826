package refunds_test

import (
	"testing"

	"aftercare.dev/services/payment/domain"
	"aftercare.dev/services/payment/wechatpay/wechatpaytest"
)

func (w world) wantRepaid(when string, amount int64, whole int) {
	w.t.Helper()
	if w.repaid.amount != amount || w.repaid.whole != whole {
		w.t.Errorf("%s: told %d in %d refunds, want %d in %d", when, w.repaid.amount, w.repaid.whole, amount, whole)
	}
}

func TestMoneyThatIsBackIsToldOnce(t *testing.T) {
	each(t, func(_ *testing.T, w world) {
		r := w.reserve("r1", "o2", 500)
		w.submit("r1")
		w.wantRepaid("sent", 0, 0)
		set := func(p domain.Part, status string) {
			w.platform.Set(p.RefundNumber, func(held *wechatpaytest.Refund) { held.Status = status })
		}
		set(r.Parts[0], "SUCCESS")
		w.refresh("r1")
		w.wantRepaid("one part of two", r.Parts[0].Amount, 0)
		set(r.Parts[1], "SUCCESS")
		w.refresh("r1")
		w.refresh("r1")
		w.wantRepaid("both parts, asked again", 500, 1)
		set(r.Parts[1], "ABNORMAL")
		w.refresh("r1")
		set(r.Parts[1], "SUCCESS")
		w.refresh("r1")
		w.wantRepaid("taken back, and there again", 500, 1)
	})
}

func TestMoneyThatFinancePaidByHandIsTold(t *testing.T) {
	each(t, func(t *testing.T, w world) {
		r := w.reserve("r1", "o1", 500)
		w.submit("r1")
		w.platform.Set(number(r), func(held *wechatpaytest.Refund) { held.Status = "ABNORMAL" })
		w.refresh("r1")
		for range 2 {
			if _, err := w.resolve(domain.ResolveManualTransfer); err != nil {
				t.Fatal(err)
			}
		}
		w.wantRepaid("paid by hand, twice the same word", 500, 1)
	})
}
