package e2e

import (
	"encoding/json"
	"testing"

	"github.com/stretchr/testify/require"

	cases "aftercare.dev/services/cases/api"
	order "aftercare.dev/services/order/api"
	payment "aftercare.dev/services/payment/api"
)

// trade is the reference of a payment at the provider.
func (s *shop) trade(orderID string, payment int) string {
	s.t.Helper()
	return s.order(orderID).Payments[payment].ProviderReference
}

// match names refunds of an order for a rule.
func (s *shop) match(orderID string) map[string]any {
	s.t.Helper()
	return map[string]any{"out_trade_no": s.trade(orderID, 0)}
}

func TestAnAbnormalRefundIsPaidByHand(t *testing.T) {
	t.Parallel()
	s := newShop(t, shared)
	o := s.sell("b1", once, uninsured)
	s.h.rule(t, map[string]any{"system": "payment", "operation": "refund", "match": s.match(o), "effect": "outcome", "outcome": "ABNORMAL"})
	c := s.accepted(o)
	s.troubled(c.CaseID, "refund_abnormal_account")
	listed := into[payment.RefundPage](s.finance.get("/v1/refunds?state=needs_attention")).Items
	require.Len(t, listed, 1)
	require.Equal(t, c.CaseID, listed[0].CaseID)
	require.Equal(t, payment.RefundPartState("abnormal"), listed[0].Parts[0].State)

	act(s.finance, c.CaseID, "resolve-refund", map[string]any{"resolution": "manual_transfer"}).is(422, "invalid_action")
	act(s.agent, c.CaseID, "resolve-refund", map[string]any{"resolution": "void"}).is(403, "forbidden")
	does(s.finance, c.CaseID, "resolve-refund", map[string]any{"resolution": "manual_transfer", "transfer_reference": "BANK-2026-0815"})
	s.ends(c.CaseID, cases.OutcomeRefunded)
	require.Equal(t, payment.RefundState("paid_manually"), s.refunds(c.CaseID)[0].State)
	s.paid(o, 0, 0)
	require.Empty(t, into[payment.RefundPage](s.finance.get("/v1/refunds?state=needs_attention")).Items)
}

func TestARefundThatThereWasNoMoneyForIsTriedAgain(t *testing.T) {
	t.Parallel()
	s := newShop(t, shared)
	o := s.sell("b1", once, uninsured)
	s.h.rule(t, map[string]any{"system": "payment", "operation": "refund", "match": s.match(o), "effect": "outcome", "outcome": "NOT_ENOUGH"})
	c := s.accepted(o)
	s.troubled(c.CaseID, "refund_insufficient_funds")
	act(s.storefront, c.CaseID, "withdraw", nil).is(409, "action_not_allowed")
	does(s.finance, c.CaseID, "resolve-refund", map[string]any{"resolution": "retry"})
	s.ends(c.CaseID, cases.OutcomeRefunded)
	s.paid(o, worth, 1)
}

func TestABalanceThatIsUsedUpIsFinancesTask(t *testing.T) {
	s := newShop(t, shared)
	o := s.sell("b1", once, uninsured)
	mchid := s.mchid()
	set := func(amount any) {
		s.h.control(t).put("/payment/balance", map[string]any{"mchid": mchid, "amount": amount}).fine()
	}
	t.Cleanup(func() { set(nil) })
	set(worth - 1)
	c := s.accepted(o)
	s.troubled(c.CaseID, "refund_insufficient_funds")
	s.paid(o, 0, 0)
	set(worth)
	does(s.finance, c.CaseID, "resolve-refund", map[string]any{"resolution": "retry"})
	s.ends(c.CaseID, cases.OutcomeRefunded)
	s.paid(o, worth, 1)
}

// mchid is the number that the shop's refunds have at the provider: one is made to see it.
func (s *shop) mchid() string {
	s.t.Helper()
	o := s.sell("mchid", once, uninsured)
	s.ends(s.accepted(o).CaseID, cases.OutcomeRefunded)
	var line struct {
		MchID string `json:"mchid"`
	}
	require.NoError(s.t, json.Unmarshal([]byte(s.h.journal(s.t, "payment", s.trade(o, 0))[0]), &line))
	return line.MchID
}

func TestARefundThatTheProviderClosedIsPaidByHand(t *testing.T) {
	t.Parallel()
	s := newShop(t, shared)
	o := s.sell("b1", once, uninsured)
	s.h.rule(t, map[string]any{"system": "payment", "operation": "refund", "match": s.match(o), "effect": "outcome", "outcome": "CLOSED"})
	c := s.accepted(o)
	s.troubled(c.CaseID, "refund_closed")
	does(s.finance, c.CaseID, "resolve-refund", map[string]any{"resolution": "manual_transfer", "transfer_reference": "BANK-2026-0816"})
	s.ends(c.CaseID, cases.OutcomeRefunded)
	require.Equal(t, payment.RefundState("paid_manually"), s.refunds(c.CaseID)[0].State)
	s.paid(o, 0, 0)
}

// TestWhateverThePaymentProviderDoesTheBuyerIsPaidOnce has the provider misbehave in one way for each case. A callback
// that never comes, and a request that never arrived, are made up for by the workflow, which asks after a minute.
func TestWhateverThePaymentProviderDoesTheBuyerIsPaidOnce(t *testing.T) {
	t.Parallel()
	for name, rule := range map[string]map[string]any{
		"the answer is lost":          {"operation": "refund", "effect": "lose_answer"},
		"the answer is lost, often":   {"operation": "refund", "effect": "lose_answer", "times": 3},
		"the callback never comes":    {"operation": "callback", "effect": "drop_callbacks", "times": -1},
		"the callback comes often":    {"operation": "callback", "effect": "duplicate_callback", "n": 5, "times": -1},
		"somebody forges a callback":  {"operation": "callback", "effect": "forge_callback", "times": -1},
		"callbacks come out of order": {"operation": "callback", "effect": "reorder_callbacks", "times": -1},
		"the request is lost":         {"operation": "refund", "effect": "lose_request"},
		"an error of theirs":          {"operation": "refund", "effect": "fail", "http_status": 500, "code": "SYSTEM_ERROR"},
		"the answer takes its time":   {"operation": "refund", "effect": "delay", "ms": 1500},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			s := newShop(t, shared)
			o := s.sell("b1", uninsured, func(in *order.OrderInput) { in.Payments[0].Amount, in.Payments[1].Amount = cny(30000), cny(66700) })
			for i := range 2 {
				r := map[string]any{"system": "payment", "match": map[string]any{"out_trade_no": s.trade(o, i)}}
				for k, v := range rule {
					r[k] = v
				}
				s.h.rule(t, r)
			}
			c := s.accepted(o)
			eventually(t, "paid", func() bool { sum, _ := s.h.money(t, s.order(o)); return sum == worth })
			s.ends(c.CaseID, cases.OutcomeRefunded)
			s.paid(o, worth, 2)
		})
	}
}
