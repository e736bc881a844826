package returns

import (
	"aftercare.dev/activities/cases"
	"aftercare.dev/services/cases/api"
	"aftercare.dev/services/platform/money"
	"aftercare.dev/workflows/contract"
)

// verdictOf is the judgement that came with the start as the cases service would tell it, or nil.
func verdictOf(j *contract.Judgement) *cases.Verdict {
	if j == nil {
		return nil
	}
	in := func(amount int64) money.Money { return money.Money{Amount: amount, Currency: j.Currency} }
	verdict := &cases.Verdict{
		Decision: api.JudgementDecision(j.Decision), Currency: j.Currency,
		Refund:  api.RefundQuote{Goods: in(j.Goods), Freight: in(j.Freight), Total: in(j.Goods + j.Freight)},
		Insured: j.Insured, Clocks: clocksOf(j.Clocks), Rules: j.Rules,
	}
	for _, l := range j.Lines {
		verdict.Lines = append(verdict.Lines, api.SettledLine{LineID: l.LineID, Quantity: l.Quantity, Amount: in(l.Refund)})
	}
	return verdict
}

func clocksOf(c contract.Clocks) api.Clocks {
	return api.Clocks{
		ReviewSeconds: c.Review, ReviewSilence: api.ClocksReviewSilence(c.Silence),
		InfoSeconds: c.Info, AnswerSeconds: c.Answer,
		ShipSeconds: c.Ship, ShipReminderSeconds: c.ShipReminders,
		TransitSeconds: c.Transit, InspectSeconds: c.Inspect,
		ContestSeconds: c.Contest, InsuranceSeconds: c.Insurance,
	}
}
