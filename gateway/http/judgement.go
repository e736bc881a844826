package http

import (
	cases "aftercare.dev/services/cases/api"
	"aftercare.dev/workflows/contract"
)

// judgementOf is what the workflow needs of a judgement: ids, codes and amounts, and none of its sentences.
func judgementOf(j cases.Judgement) *contract.Judgement {
	return &contract.Judgement{
		Decision: string(j.Decision), Currency: j.Currency, Goods: j.Refund.Goods.Amount, Freight: j.Refund.Freight.Amount,
		Lines: each(j.Lines, func(l cases.JudgedLine) contract.JudgedLine {
			return contract.JudgedLine{LineID: l.LineID, Quantity: l.Quantity, Refund: l.Refund.Amount}
		}),
		Insured: j.ReturnFreight.Insured,
		Clocks: contract.Clocks{
			Review: j.Clocks.ReviewSeconds, Silence: string(j.Clocks.ReviewSilence),
			Info: j.Clocks.InfoSeconds, Answer: j.Clocks.AnswerSeconds,
			Ship: j.Clocks.ShipSeconds, ShipReminders: j.Clocks.ShipReminderSeconds,
			Transit: j.Clocks.TransitSeconds, Inspect: j.Clocks.InspectSeconds,
			Contest: j.Clocks.ContestSeconds, Insurance: j.Clocks.InsuranceSeconds,
		},
		Rules: each(j.Rules, func(r cases.FiredRule) string { return r.RuleID }),
	}
}
