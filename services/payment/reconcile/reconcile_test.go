package reconcile_test

import (
	"testing"

	"aftercare.dev/services/payment/domain"
	"aftercare.dev/services/payment/store"
	"aftercare.dev/services/payment/wechatpay/wechatpaytest"
	"aftercare.dev/services/platform/problem"
)

func TestADayOnWhichAllAgreesHasNoDifferences(t *testing.T) {
	each(t, func(w world) {
		w.paid("r1", "o1", 300)
		w.paid("r2", "o2", 1000)
		w.bill()
		done := w.run()
		w.Equal(int64(2), done.InBill)
		w.Equal(int64(2), done.Ours)
		w.Zero(done.Found)
		w.Empty(w.differences())
		w.Equal(int64(2), w.run().Runs)
	})
}

func TestARefundMadeOutsideCannotBePaidAgain(t *testing.T) {
	each(t, func(w world) {
		w.paid("r1", "o1", 300)
		w.bill(outside("W1", "To1", 600), outside("W2", "To9", 1000))
		w.Equal(int64(2), w.run().Found)
		found := w.differences()
		w.Len(found, 2)

		known := found[0]
		w.Equal(domain.UnknownRefund, known.Kind)
		w.Equal(domain.DifferenceOpen, known.State)
		w.Equal([]string{merchant, "o1", "p1", "case_r1"}, []string{known.MerchantID, known.OrderID, known.PaymentID, known.CaseID})
		w.Equal(int64(600), known.ProviderAmount)
		w.Zero(known.Overpaid)
		w.Equal(today, known.BillDate)
		w.Equal([]string{merchant, "o9", ""}, []string{found[1].MerchantID, found[1].OrderID, found[1].CaseID}, "nothing of it was refunded before")

		_, err := w.reserve("r3", "o1", 101)
		w.True(problem.HasCode(err, "exceeds_paid"), "error is %v", err)
		_, err = w.reserve("r4", "o1", 100)
		w.NoError(err)
		_, err = w.reserve("r5", "o9", 1)
		w.True(problem.HasCode(err, "exceeds_paid"), "error is %v", err)

		w.Equal(int64(2), w.run().Found, "the same is not found again")
		w.Len(w.differences(), 2)
		w.Equal(int64(600), w.booked("W1"))
	})
}

// booked is what the ledger has paid out for a subject.
func (w world) booked(subject string) int64 {
	var amount int64
	w.NoError(w.db.Raw("SELECT COALESCE(SUM(amount), 0) FROM ledger_entries WHERE merchant_id = ? AND subject = ? AND credit_account LIKE 'provider_clearing:%'",
		merchant, subject).Scan(&amount).Error)
	return amount
}

func TestWhatIsPaidOutsideBeyondWhatWasLeftIsTold(t *testing.T) {
	each(t, func(w world) {
		refund, err := w.reserve("r1", "o1", 700)
		w.NoError(err)
		w.bill(outside("W1", "To1", 500))
		w.run()
		found := w.differences()
		w.Len(found, 1)
		w.Equal(int64(200), found[0].Overpaid)

		// Once the reserved amount is given up, there is room for what was not paid outside, and no more.
		refused := refund.Parts[0].RefusedAfterAll(&domain.ProviderError{Code: "INVALID_REQUEST", Attention: domain.Refused})
		_, _, err = w.store.Record(w.t.Context(), refund, refund.Parts[0], refused, store.Attempt{Op: "create"})
		w.NoError(err)
		_, err = w.desk.Resolve(w.t.Context(), merchant, "r1", domain.Resolution{Kind: domain.ResolveVoid, ActorID: "f"})
		w.NoError(err)
		_, err = w.reserve("r2", "o1", 501)
		w.True(problem.HasCode(err, "exceeds_paid"), "error is %v", err)
		_, err = w.reserve("r3", "o1", 500)
		w.NoError(err)
	})
}

func TestARefundOfNobodysPaymentIsTold(t *testing.T) {
	each(t, func(w world) {
		w.bill(outside("W1", "Tnobody", 5))
		w.run()
		w.run()
		found := w.differences()
		w.Len(found, 1)
		w.Equal([]string{"", "", ""}, []string{found[0].MerchantID, found[0].OrderID, found[0].CaseID})
		w.Equal("Tnobody", found[0].PaymentReference)
	})
}

func TestARefundOutsideThatCameBackIsNoDifference(t *testing.T) {
	each(t, func(w world) {
		back := outside("W1", "To1", 5)
		back.Status = "ABNORMAL"
		w.platform.Put(back)
		w.bill(outside("W1", "To1", 5))
		w.run()
		w.Empty(w.differences())
	})
}

func TestASuccessThatTheProviderDoesNotHaveIsTold(t *testing.T) {
	each(t, func(w world) {
		w.paid("r1", "o1", 300)
		w.platform.SetBill(wechatpaytest.Bill{Status: 400, Code: "NO_STATEMENT_EXIST"})
		w.run()
		found := w.differences()
		w.Len(found, 1)
		w.Equal(domain.MissingAtProvider, found[0].Kind)
		w.Equal("case_r1", found[0].CaseID)
		w.Equal(int64(300), found[0].Amount)
	})
}

func TestASuccessOfAnotherDayIsNotMissing(t *testing.T) {
	each(t, func(w world) {
		number := w.paid("r1", "o1", 300)
		// Ours says that it was the day after.
		w.NoError(w.db.Exec("UPDATE refund_parts SET succeeded_at = succeeded_at + 86400000000 WHERE refund_number = ?", number).Error)
		w.platform.SetBill(wechatpaytest.Bill{Status: 400, Code: "NO_STATEMENT_EXIST"})
		done, err := w.clerk.Run(w.t.Context(), provider, "2026-01-02")
		w.NoError(err)
		w.Equal(int64(1), done.Ours)
		w.Empty(w.differences())
	})
}

func TestASuccessThatIsTakenBackIsTold(t *testing.T) {
	each(t, func(w world) {
		number := w.paid("r1", "o1", 300)
		w.bill()
		taken := w.platform.Refunds()[0]
		w.platform.Set(number, func(r *wechatpaytest.Refund) { r.Status = "ABNORMAL" })
		w.run()
		w.Empty(w.differences(), "the bill is older, and all that it says was so")

		w.refresh("r1")
		w.refresh("r1")
		found := w.differences()
		w.Len(found, 1)
		w.Equal(domain.Returned, found[0].Kind)
		w.Equal("case_r1", found[0].CaseID)
		w.Equal(int64(300), found[0].Amount)
		w.Zero(found[0].ProviderAmount)
		w.Empty(found[0].BillDate)

		// Paid again and taken back again is news.
		w.platform.Set(number, func(r *wechatpaytest.Refund) { *r = taken })
		w.refresh("r1")
		w.platform.Set(number, func(r *wechatpaytest.Refund) { r.Status = "CLOSED" })
		w.refresh("r1")
		w.Len(w.differences(), 2)
	})
}

func TestTheBillFindsWhatWasTakenBackUnheard(t *testing.T) {
	each(t, func(w world) {
		number := w.paid("r1", "o1", 300)
		w.platform.Set(number, func(r *wechatpaytest.Refund) { r.Status = "ABNORMAL" })
		w.bill()
		w.run()
		found := w.differences()
		w.Len(found, 1)
		w.Equal(domain.Returned, found[0].Kind)
		w.Equal(domain.RefundNeedsAttention, w.refresh("r1").State())
	})
}

func TestWhatTheProviderPaidAfterWeGaveUpIsTakenFromWhatIsLeft(t *testing.T) {
	for kind, left := range map[domain.ResolutionKind]int64{domain.ResolveVoid: 700, domain.ResolveManualTransfer: 400} {
		t.Run(string(kind), func(t *testing.T) {
			each(t, func(w world) {
				number := w.ended("r1", "o1", 300, "ABNORMAL")
				decision := domain.Resolution{Kind: kind, ActorID: "f"}
				if kind == domain.ResolveManualTransfer {
					decision.TransferReference = "BANK-1"
				}
				_, err := w.desk.Resolve(w.t.Context(), merchant, "r1", decision)
				w.NoError(err)
				w.platform.Set(number, func(r *wechatpaytest.Refund) { r.Status = "SUCCESS" })
				w.bill()
				w.run()
				w.run()
				found := w.differences()
				w.Len(found, 1)
				w.Equal(domain.StateDiffers, found[0].Kind)
				w.Equal(int64(300), found[0].ProviderAmount)
				_, err = w.reserve("r2", "o1", left+1)
				w.True(problem.HasCode(err, "exceeds_paid"), "error is %v", err)
			})
		})
	}
}

func TestAnAmountThatDiffersIsTold(t *testing.T) {
	each(t, func(w world) {
		number := w.paid("r1", "o1", 300)
		w.platform.Set(number, func(r *wechatpaytest.Refund) { r.Refund = 400 })
		w.bill()
		w.run()
		var kinds []domain.DifferenceKind
		for _, d := range w.differences() {
			kinds = append(kinds, d.Kind)
		}
		w.Equal([]domain.DifferenceKind{domain.Returned, domain.AmountDiffers}, kinds, "what differs is no success")
		_, err := w.reserve("r2", "o1", 601)
		w.True(problem.HasCode(err, "exceeds_paid"), "error is %v", err)
		_, err = w.reserve("r3", "o1", 600)
		w.NoError(err)
	})
}

func TestOneRefundOfTheProvidersIsTakenOnceWhateverIsFoundAboutIt(t *testing.T) {
	each(t, func(w world) {
		w.bill(outside("W1", "To1", 600))
		w.run()
		again := w.differences()[0]
		for _, kind := range []domain.DifferenceKind{domain.UnknownRefund, domain.StateDiffers, domain.StateDiffers} {
			again.Kind = kind
			w.NoError(w.store.RecordOutside(w.t.Context(), again, 600, domain.Order{}))
		}
		found := w.differences()
		w.Len(found, 2)
		w.Zero(found[1].Overpaid)
		_, err := w.reserve("r1", "o1", 401)
		w.True(problem.HasCode(err, "exceeds_paid"), "error is %v", err)
		_, err = w.reserve("r2", "o1", 400)
		w.NoError(err)
	})
}

func TestASuccessThatWasNotHeardOfIsHeardOf(t *testing.T) {
	each(t, func(w world) {
		_, err := w.reserve("r1", "o1", 300)
		w.NoError(err)
		r, err := w.desk.Submit(w.t.Context(), merchant, "r1")
		w.NoError(err)
		w.platform.Set(r.Parts[0].RefundNumber, func(r *wechatpaytest.Refund) { r.Status = "SUCCESS" })
		w.bill()
		w.run()
		w.Empty(w.differences())
		r, err = w.store.Refund(w.t.Context(), merchant, "r1")
		w.NoError(err)
		w.Equal(domain.RefundSucceeded, r.State())
	})
}

func TestARunThatIsCutShortGoesOnWhereItWas(t *testing.T) {
	each(t, func(w world) {
		w.bill(outside("W1", "To1", 5), outside("W2", "To2", 5))
		w.platform.NextQuery(wechatpaytest.Misbehaviour{Status: 404, Code: "RESOURCE_NOT_EXISTS"}, wechatpaytest.Misbehaviour{Status: 500, Code: "SYSTEM_ERROR"})
		_, err := w.clerk.Run(w.t.Context(), provider, today)
		w.True(problem.HasCode(err, "provider_silent"), "error is %v", err)
		w.Len(w.differences(), 1)
		// A second question about W1 would get this answer.
		w.platform.NextQuery(wechatpaytest.Misbehaviour{Status: 404, Code: "RESOURCE_NOT_EXISTS"}, wechatpaytest.Misbehaviour{Status: 500, Code: "SYSTEM_ERROR"})
		w.Equal(int64(2), w.run().Found)
	})
}

func TestADayThatCannotBeComparedSaysWhy(t *testing.T) {
	each(t, func(w world) {
		for code, want := range map[string]string{
			"STATEMENT_CREATING": "bill_not_ready", "PARAM_ERROR": "bill_date_out_of_range", "SYSTEM_ERROR": "provider_silent",
		} {
			w.platform.SetBill(wechatpaytest.Bill{Status: 400, Code: code})
			_, err := w.clerk.Run(w.t.Context(), provider, today)
			w.True(problem.HasCode(err, want), "%s is %v", code, err)
		}
		_, err := w.clerk.Run(w.t.Context(), "alipay", today)
		w.True(problem.HasCode(err, "provider_unknown"), "error is %v", err)
	})
}

func TestADifferenceGoesFromOpenToToldToResolved(t *testing.T) {
	each(t, func(w world) {
		w.bill(outside("W1", "To9", 5))
		w.run()
		id := w.differences()[0].DifferenceID

		for range 2 {
			told, err := w.store.TellDifference(w.t.Context(), id, "case_late")
			w.NoError(err)
			w.Equal(domain.DifferenceTold, told.State)
			w.Equal("case_late", told.CaseID)
		}
		open, _, err := w.store.AllDifferences(w.t.Context(), store.DifferenceFilter{State: domain.DifferenceOpen, Limit: 1})
		w.NoError(err)
		w.Empty(open)

		_, err = w.store.ResolveDifference(w.t.Context(), "m2", id, "finance", "")
		w.True(problem.HasCode(err, "difference_not_found"), "another merchant's: %v", err)
		for range 2 {
			resolved, err := w.store.ResolveDifference(w.t.Context(), merchant, id, "finance", "note_1")
			w.NoError(err)
			w.Equal(domain.DifferenceResolved, resolved.State)
		}
		_, err = w.store.ResolveDifference(w.t.Context(), merchant, id, "finance2", "note_1")
		w.True(problem.HasCode(err, "difference_resolved"), "error is %v", err)
		told, err := w.store.TellDifference(w.t.Context(), id, "other")
		w.NoError(err)
		w.Equal(domain.DifferenceResolved, told.State, "a late carrier changes nothing")

		listed, _, err := w.store.Differences(w.t.Context(), merchant, store.DifferenceFilter{CaseID: "case_late", Limit: 1})
		w.NoError(err)
		w.Len(listed, 1)
		listed, _, err = w.store.Differences(w.t.Context(), "m2", store.DifferenceFilter{Limit: 1})
		w.NoError(err)
		w.Empty(listed)
	})
}
