package refunds_test

import (
	"strings"
	"testing"

	"aftercare.dev/services/payment/domain"
	"aftercare.dev/services/payment/wechatpay/wechatpaytest"
	"aftercare.dev/services/platform/database/databasetest"
)

// What each step of a refund may cost in statements; what begins and ends transactions is not among them. A step writes
// each row that changes in a statement of its own: more than that is a row that is read or written twice.
const (
	toReserve = 7 // order, its lines, its payments, refund, its lines, its parts, ledger
	toSubmit  = 7 // read; refund, part and slot before the call; part, attempt and slot after it
	toNotify  = 2 // read; attempt
	toQuery   = 5 // read; refund, part, ledger, attempt
)

func TestARefundOfOnePaymentTakesAStatementForEachRowThatItWrites(t *testing.T) {
	each(t, func(t *testing.T, w world) {
		statements := databasetest.Statements(t, w.db)
		step := func(name string, most int, do func()) {
			statements()
			do()
			if made := statements(); len(made) > most {
				t.Errorf("%s takes %d statements, at most %d:\n%s", name, len(made), most, strings.Join(made, "\n"))
			}
		}
		var r domain.Refund
		step("to reserve", toReserve, func() { r = w.reserve("r1", "o1", 500) })
		step("to submit", toSubmit, func() { w.expect(w.submit("r1"), domain.RefundProcessing, domain.NoAttention) })
		w.platform.Set(number(r), func(held *wechatpaytest.Refund) { held.Status = "SUCCESS" })
		step("the notification", toNotify, func() {
			_, err := w.desk.Notified(t.Context(), domain.Notification{
				Provider: "wechatpay", ID: "EV1", RefundNumber: number(r), PaymentReference: "To1",
				Status: domain.ProviderSucceeded, Amount: 500, PaymentTotal: 1000,
			})
			if err != nil {
				t.Error(err)
			}
		})
		step("to query", toQuery, func() { w.expect(w.refresh("r1"), domain.RefundSucceeded, domain.NoAttention) })
		step("to look", 1, func() {
			if _, err := w.desk.Get(t.Context(), merchant, "r1", false); err != nil {
				t.Error(err)
			}
		})
		step("to query again", 2, func() { w.refresh("r1") })
	})
}
