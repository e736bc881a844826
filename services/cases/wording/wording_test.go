package wording

import (
	"maps"
	"slices"
	"strings"
	"testing"
	"time"

	"golang.org/x/text/language"

	"aftercare.dev/services/cases/domain"
)

var announced = strings.Fields(`case.opened case.approved case.rejected case.rejection_answered case.info_requested
	case.info_provided case.withdrawn case.reminded case.closed case.needs_attention case.attention_resolved case.note_added case.reopened refund.differs
	shipment.pickup_booked shipment.pickup_rescheduled shipment.pickup_cancelled shipment.pickup_failed
	shipment.courier_assigned shipment.sent shipment.picked_up shipment.delivered shipment.refused shipment.returned
	shipment.lost shipment.mixed_up shipment.delayed goods.received goods.inspected goods.accepted_by_silence goods.rejected
	goods.contested goods.contest_decided goods.rejection_agreed case.info_missing refund.late goods.sent_back goods.returned_to_buyer refund.reserved refund.submitted refund.nothing_due
	refund.succeeded refund.needs_attention refund.resolved refund.failed insurance.claimed insurance.paid
	insurance.rejected insurance.late`)

func TestBothLanguagesHaveEverySentence(t *testing.T) {
	english, err := read(language.English)
	if err != nil {
		t.Fatal(err)
	}
	other, err := read(chinese)
	if err != nil {
		t.Fatal(err)
	}
	if en, zh := slices.Sorted(maps.Keys(english)), slices.Sorted(maps.Keys(other)); !slices.Equal(en, zh) {
		t.Errorf("English has %v\nChinese has %v", en, zh)
	}
	for _, entryType := range announced {
		if english["entry."+entryType] == "" {
			t.Errorf("entry type %s has no sentence", entryType)
		}
	}
	for id, text := range other {
		if text == english[id] {
			t.Errorf("%s is not translated", id)
		}
	}
}

func TestEverySentenceReadsWellWithoutData(t *testing.T) {
	catalog, err := New()
	if err != nil {
		t.Fatal(err)
	}
	for _, accept := range []string{"en", "zh-CN"} {
		voice := catalog.In(accept)
		for _, entryType := range announced {
			title := voice.Title(entryType, "system", nil)
			if title == "" || strings.Contains(title, "no value") || title == words(entryType) {
				t.Errorf("%s in %s reads %q", entryType, accept, title)
			}
		}
	}
}

func TestTitleIsInTheLanguageAskedFor(t *testing.T) {
	catalog, err := New()
	if err != nil {
		t.Fatal(err)
	}
	amount := map[string]any{"amount": map[string]any{"amount": float64(199905), "currency": "CNY"}}
	for _, c := range []struct {
		accept, entryType, role string
		data                    map[string]any
		want                    string
	}{
		{"", "refund.succeeded", "system", amount, "The refund of CNY 1999.05 was paid"},
		{"zh-CN,zh;q=0.9,en;q=0.8", "refund.succeeded", "system", amount, "退款 ¥1999.05 已到账"},
		{"zh", "case.approved", "agent", nil, "售后申请已通过"},
		{"fr-FR", "case.approved", "system", nil, "The case was approved by the shop's rules"},
		{"en", "case.reopened", "system", map[string]any{"reason": "refund_returned", "amount": amount["amount"]}, "The case was opened again: the refund of CNY 1999.05 did not reach the buyer"},
		{"zh-CN", "case.reopened", "system", map[string]any{"reason": "refunded_outside", "amount": amount["amount"]}, "售后已重新打开：另有退款 ¥1999.05 未经本售后单发出"},
		{"en", "case.reopened", "system", map[string]any{"reason": "late_news"}, "The case was opened again: there was news at the last moment"},
		{"en", "refund.differs", "system", map[string]any{"reason": "refund_differs"}, "The payment provider says something else about the refund"},
		{"en", "case.closed", "system", map[string]any{"outcome": "refunded"}, "The case was closed: refunded"},
		{"zh-CN", "goods.put_away", "system", nil, "Goods put away"},
		{"en", "refund.failed", "system", map[string]any{"amount": map[string]any{"amount": float64(500), "currency": "JPY"}}, "The refund of JPY 500 failed"},
		{"%%%", "shipment.sent", "buyer", map[string]any{"carrier": "sf", "tracking_number": "SF1"}, "The buyer sent the goods with sf, tracking number SF1"},
	} {
		if got := catalog.In(c.accept).Title(c.entryType, c.role, c.data); got != c.want {
			t.Errorf("%s in %q: %q, want %q", c.entryType, c.accept, got, c.want)
		}
	}
}

// TestEveryRuleThatFiresHasASentence judges many kinds of requests, so that no rule is forgotten.
func TestEveryRuleThatFiresHasASentence(t *testing.T) {
	catalog, err := New()
	if err != nil {
		t.Fatal(err)
	}
	fired := map[string]bool{}
	for _, rule := range everyRule(t) {
		fired[rule.RuleID+"."+string(rule.Effect)] = true
		for _, accept := range []string{"en", "zh-CN"} {
			text := catalog.In(accept).Rule(rule)
			if text == rule.RuleID || strings.Contains(text, "no value") {
				t.Errorf("%+v in %s reads %q", rule, accept, text)
			}
		}
	}
	sentences, err := read(language.English)
	if err != nil {
		t.Fatal(err)
	}
	for id := range sentences {
		if rule, is := strings.CutPrefix(id, "rule."); is && !fired[rule] {
			t.Errorf("rule %s has a sentence and never fired here", rule)
		}
	}
}

func everyRule(t *testing.T) []domain.Rule {
	t.Helper()
	spec := domain.DefaultPolicy().Spec()
	spec.Exclusions = []string{"perishable", "hats"}
	spec.Holidays = []domain.Date{"2026-03-08"}
	closed := policyOf(t, spec)
	spec.Windows = domain.Windows{}
	spec.Review.AutoApproveLimit = nil
	spec.MerchantPaysFreight = []domain.ReasonGroup{domain.Quality, domain.Logistics, domain.Fulfilment}
	open := policyOf(t, spec)
	signed := time.Date(2026, 3, 1, 2, 0, 0, 0, time.UTC)
	rules := []domain.Rule{}
	for _, policy := range []domain.Policy{closed, open} {
		for _, reason := range []domain.Reason{"no_longer_wanted", "defective", "wrong_item", "lost", "other"} {
			for _, days := range []int{1, 7, 20, 60} {
				for _, category := range []string{"apparel", "perishable", "hats", "custom_made", "near_expiry"} {
					for i := range 16 {
						delivered := signed
						if i&1 != 0 {
							delivered = time.Time{}
						}
						rules = append(rules, judged(t, policy, domain.Order{
							Currency: "CNY", Freight: 800, FreightInsured: true, Store: i&2 != 0,
							Lines: []domain.OrderLine{
								{LineID: "l1", Quantity: 1, Paid: 100, Category: category, NoReturnConfirmed: i&4 != 0, DeliveredAt: delivered, Free: []domain.Range{{To: 1}}},
								{LineID: "l2", Quantity: 1, Paid: 100_000 * int64(i&8), DeliveredAt: delivered, Free: []domain.Range{{To: 1}}},
							},
						}, reason, signed.AddDate(0, 0, days))...)
					}
				}
			}
		}
	}
	return rules
}

func policyOf(t *testing.T, spec domain.PolicySpec) domain.Policy {
	t.Helper()
	policy, err := domain.NewPolicy(1, spec)
	if err != nil {
		t.Fatal(err)
	}
	return policy
}

func judged(t *testing.T, policy domain.Policy, order domain.Order, reason domain.Reason, now time.Time) []domain.Rule {
	t.Helper()
	j, err := domain.Judge(policy, order, domain.Request{
		Reason: reason, Lines: []domain.LineQuantity{{LineID: "l1", Quantity: 1}, {LineID: "l2", Quantity: 1}},
	}, now)
	if err != nil {
		t.Fatal(err)
	}
	return j.Rules
}
