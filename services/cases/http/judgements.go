package http

import (
	"context"

	"aftercare.dev/services/cases/api"
	"aftercare.dev/services/cases/domain"
	"aftercare.dev/services/cases/wording"
	"aftercare.dev/services/platform/money"
)

// PreviewJudgement judges by the policy in force and keeps nothing.
func (h *Handlers) PreviewJudgement(ctx context.Context, r api.PreviewJudgementRequestObject) (api.PreviewJudgementResponseObject, error) {
	judgement, err := h.readAndJudge(ctx, r.MerchantID, r.Body.OrderID, domain.Request{
		BuyerID: value(r.Body.BuyerID), Reason: domain.Reason(r.Body.Reason),
		Lines: each(r.Body.Lines, quantityOf), EvidenceCount: value(r.Body.EvidenceCount),
	})
	if err != nil {
		return nil, err
	}
	return api.PreviewJudgement200JSONResponse(judgementFrom(judgement, h.voice(ctx))), nil
}

// JudgeCase judges an application once and for all.
func (h *Handlers) JudgeCase(ctx context.Context, r api.JudgeCaseRequestObject) (api.JudgeCaseResponseObject, error) {
	a, pinned, err := h.store.Judged(ctx, r.MerchantID, r.CaseID)
	if err != nil {
		return nil, err
	}
	if pinned == nil {
		judgement, err := h.readAndJudge(ctx, r.MerchantID, a.OrderID, requestOf(a))
		if err != nil {
			return nil, err
		}
		if judgement, err = h.store.PinJudgement(ctx, r.MerchantID, r.CaseID, judgement); err != nil {
			return nil, err
		}
		pinned = &judgement
	}
	return api.JudgeCase200JSONResponse(judgementFrom(*pinned, h.voice(ctx))), nil
}

func requestOf(a domain.Application) domain.Request {
	return domain.Request{BuyerID: a.BuyerID, Reason: a.Reason, Lines: a.Lines, EvidenceCount: len(a.EvidenceIDs)}
}

// readAndJudge judges by the policy in force and by the order as it is now.
func (h *Handlers) readAndJudge(ctx context.Context, merchantID, orderID string, request domain.Request) (domain.Judgement, error) {
	order, err := h.orders.Order(ctx, merchantID, orderID, request.BuyerID)
	if err != nil {
		return domain.Judgement{}, err
	}
	return h.judge(ctx, merchantID, order, request)
}

func (h *Handlers) judge(ctx context.Context, merchantID string, order domain.Order, request domain.Request) (domain.Judgement, error) {
	published, err := h.store.PolicyInForce(ctx, merchantID)
	if err != nil {
		return domain.Judgement{}, err
	}
	return domain.Judge(published.Policy, order, request, h.now())
}

// SettleCase computes the refund for what was accepted, by the judgement that was pinned.
func (h *Handlers) SettleCase(ctx context.Context, r api.SettleCaseRequestObject) (api.SettleCaseResponseObject, error) {
	a, judgement, err := h.store.Judged(ctx, r.MerchantID, r.CaseID)
	if err != nil {
		return nil, err
	}
	if judgement == nil {
		return nil, domain.Fault(domain.CodeCaseNotJudged, "", "the case is settled by the policy it was judged by; judge it first")
	}
	reservation, err := h.orders.Reservation(ctx, r.MerchantID, a.OrderID, r.CaseID)
	if err != nil {
		return nil, err
	}
	reservation.Currency = judgement.Currency
	var freight int64
	if r.Body.CompletesOrder && judgement.FreightOnCompletion() {
		order, err := h.orders.Order(ctx, r.MerchantID, a.OrderID, "")
		if err != nil {
			return nil, err
		}
		freight = order.Freight
	}
	settlement, err := domain.Settle(reservation, acceptedOf(*r.Body), freight)
	if err != nil {
		return nil, err
	}
	return api.SettleCase200JSONResponse(settlementFrom(settlement)), nil
}

func quantityOf(l api.LineQuantity) domain.LineQuantity {
	return domain.LineQuantity{LineID: l.LineID, Quantity: l.Quantity}
}

func acceptedOf(in api.SettlementInput) []domain.AcceptedLine {
	return each(in.Lines, func(l api.AcceptedLine) domain.AcceptedLine {
		return domain.AcceptedLine{LineID: l.LineID, Quantity: l.AcceptedQuantity, Deduction: l.Deduction}
	})
}

func settlementFrom(s domain.Settlement) api.Settlement {
	in := func(amount int64) api.Money { return money.Money{Amount: amount, Currency: s.Currency} }
	return api.Settlement{
		Lines: each(s.Lines, func(l domain.SettledLine) api.SettledLine {
			return api.SettledLine{LineID: l.LineID, Quantity: l.Quantity, Amount: in(l.Amount)}
		}),
		Freight: in(s.Freight), Total: in(s.Total),
	}
}

func judgementFrom(j domain.Judgement, voice *wording.Voice) api.Judgement {
	in := func(amount int64) api.Money { return money.Money{Amount: amount, Currency: j.Currency} }
	group, liable := api.ReasonGroup(j.Group), api.JudgementLiable(j.Liable)
	return api.Judgement{
		Eligible: j.Eligible, Decision: api.JudgementDecision(j.Decision), PolicyVersion: j.PolicyVersion, Currency: j.Currency,
		ReasonGroup: &group, Liable: &liable,
		Lines: each(j.Lines, func(l domain.JudgedLine) api.JudgedLine {
			available := l.Available
			return api.JudgedLine{
				LineID: l.LineID, Quantity: l.Quantity, AvailableQuantity: &available, Eligible: l.Eligible, Refund: in(l.Refund), Rules: l.Rules,
			}
		}),
		Refund:          api.RefundQuote{Goods: in(j.Goods), Freight: in(j.OrderFreight), Total: in(j.Goods + j.OrderFreight)},
		ReturnFreight:   api.ReturnFreight{Payer: api.ReturnFreightPayer(j.ReturnFreight), Insured: j.Insured},
		ExpectedSeconds: j.ExpectedSeconds,
		Rules: each(j.Rules, func(r domain.Rule) api.FiredRule {
			return api.FiredRule{
				RuleID: r.RuleID, Effect: api.FiredRuleEffect(r.Effect), Source: optional(r.Source), LineID: optional(r.LineID), Text: voice.Rule(r),
			}
		}),
		Clocks: clocksFrom(j.Clocks),
	}
}
