package domain

import (
	"slices"
	"testing"
	"time"

	"aftercare.dev/services/platform/money"
)

var shanghai = time.FixedZone("CST", 8*60*60)

func at(text string) time.Time {
	t, err := time.ParseInLocation("2006-01-02 15:04:05", text, shanghai)
	if err != nil {
		panic(err)
	}
	return t
}

// coat is an order of one coat for ¥199.99, freight ¥8.00, signed for at the moment given.
func coat(signed string) Order {
	o := Order{
		OrderID: "o1", BuyerID: "b1", Currency: "CNY", Freight: 800,
		Lines: []OrderLine{{LineID: "l1", Category: "apparel", Quantity: 1, Paid: 19999, Free: []Range{{0, 1}}}},
	}
	if signed != "" {
		o.Lines[0].DeliveredAt = at(signed)
	}
	return o
}

func asking(reason Reason) Request {
	return Request{BuyerID: "b1", Reason: reason, Lines: []LineQuantity{{"l1", 1}}, EvidenceCount: 1}
}

// TestTheLawsVectors holds judgements by the shipped policy against features 7.1.
func TestTheLawsVectors(t *testing.T) {
	category := func(o Order, category string, confirmed bool) Order {
		o.Lines[0].Category, o.Lines[0].NoReturnConfirmed = category, confirmed
		return o
	}
	policy := DefaultPolicy()
	promising := revised(t, func(s *PolicySpec) { s.Exclusions = []string{"perishable"} })
	sevenDays := revised(t, func(s *PolicySpec) { s.Windows.QualityDays = new(7) })
	for _, c := range []struct {
		name     string
		policy   Policy
		order    Order
		reason   Reason
		now      string
		decision Decision
		rule     string
		effect   Effect
	}{
		{"CN-01: the last second of the seventh day after signing is in time", policy, coat("2026-03-01 10:00:00"), "no_longer_wanted", "2026-03-08 23:59:59", Approve, "CN-01", Allow},
		{"CN-01: midnight after it is too late", policy, coat("2026-03-01 10:00:00"), "no_longer_wanted", "2026-03-09 00:00:00", Reject, "CN-01", Deny},
		{"CN-01: the day of signing does not count, however late it was signed", policy, coat("2026-03-01 23:59:59"), "no_longer_wanted", "2026-03-08 23:59:59", Approve, "CN-01", Allow},
		{"CN-02: a last day inside a holiday rolls to the first day after it", policy, coat("2026-09-24 10:00:00"), "no_longer_wanted", "2026-10-08 23:59:59", Approve, "CN-02", Allow},
		{"CN-02: and no further", policy, coat("2026-09-24 10:00:00"), "no_longer_wanted", "2026-10-09 00:00:00", Reject, "CN-01", Deny},
		{"CN-03: the notice has to be in time, not the parcel", policy, coat("2026-03-01 10:00:00"), "no_longer_wanted", "2026-03-08 12:00:00", Approve, "CN-03", Info},
		{"CN-04: custom-made goods are excluded", policy, category(coat("2026-03-01 10:00:00"), "custom_made", false), "no_longer_wanted", "2026-03-02 10:00:00", Reject, "CN-04", Deny},
		{"CN-04: perishable goods are excluded", policy, category(coat("2026-03-01 10:00:00"), "perishable", false), "no_longer_wanted", "2026-03-02 10:00:00", Reject, "CN-04", Deny},
		{"CN-04: opened media are excluded", policy, category(coat("2026-03-01 10:00:00"), "opened_media", false), "no_longer_wanted", "2026-03-02 10:00:00", Reject, "CN-04", Deny},
		{"CN-04: downloads are excluded", policy, category(coat("2026-03-01 10:00:00"), "downloads", false), "no_longer_wanted", "2026-03-02 10:00:00", Reject, "CN-04", Deny},
		{"CN-04: newspapers are excluded", policy, category(coat("2026-03-01 10:00:00"), "newspapers", false), "no_longer_wanted", "2026-03-02 10:00:00", Reject, "CN-04", Deny},
		{"CN-04: an exclusion is no excuse for a defect", policy, category(coat("2026-03-01 10:00:00"), "custom_made", false), "defective", "2026-03-02 10:00:00", Review, "CN-21", Allow},
		{"CN-05: the promise to take excluded goods back binds", promising, category(coat("2026-03-01 10:00:00"), "custom_made", false), "no_longer_wanted", "2026-03-02 10:00:00", Approve, "CN-05", Allow},
		{"CN-06: a further class without the buyer's confirmation is eligible", policy, category(coat("2026-03-01 10:00:00"), "near_expiry", false), "no_longer_wanted", "2026-03-02 10:00:00", Approve, "CN-06", Allow},
		{"CN-06: with it, it is not", policy, category(coat("2026-03-01 10:00:00"), "near_expiry", true), "no_longer_wanted", "2026-03-02 10:00:00", Reject, "CN-06", Deny},
		{"CN-06: a confirmation takes no right from other classes", policy, category(coat("2026-03-01 10:00:00"), "apparel", true), "no_longer_wanted", "2026-03-02 10:00:00", Approve, "CN-01", Allow},
		{"CN-11: the buyer pays the freight of a return without a reason", policy, coat("2026-03-01 10:00:00"), "no_longer_wanted", "2026-03-02 10:00:00", Approve, "CN-11", Freight},
		{"CN-13: the refund is what was paid", policy, coat("2026-03-01 10:00:00"), "no_longer_wanted", "2026-03-02 10:00:00", Approve, "CN-13", Info},
		{"CN-21: the merchant pays the freight of a quality problem", policy, coat("2026-03-01 10:00:00"), "defective", "2026-03-02 10:00:00", Review, "CN-21", Freight},
		{"CN-21: a defect on the seventh day is a return", sevenDays, coat("2026-03-01 10:00:00"), "defective", "2026-03-08 23:59:59", Review, "CN-21", Allow},
		{"CN-21: on the eighth a person looks at repair, exchange or rescission", sevenDays, coat("2026-03-01 10:00:00"), "defective", "2026-03-09 00:00:00", Review, "CN-21", Route},
		{"CN-26: the merchant answers to the buyer for transport", policy, coat("2026-03-01 10:00:00"), "damaged_in_transit", "2026-03-02 10:00:00", Review, "CN-26", Freight},
	} {
		t.Run(c.name, func(t *testing.T) {
			j, err := Judge(c.policy, c.order, asking(c.reason), at(c.now))
			if err != nil {
				t.Fatal(err)
			}
			if j.Decision != c.decision || j.Eligible != (c.decision != Reject) {
				t.Errorf("decision %s, eligible %t, want %s; rules %+v", j.Decision, j.Eligible, c.decision, j.Rules)
			}
			fired := slices.ContainsFunc(j.Rules, func(r Rule) bool { return r.RuleID == c.rule && r.Effect == c.effect && r.Source != "" })
			if !fired {
				t.Errorf("rule %s did not %s; rules %+v", c.rule, c.effect, j.Rules)
			}
		})
	}
}

// revised is the shipped policy with changes, as version 1.
func revised(t *testing.T, change func(*PolicySpec)) Policy {
	t.Helper()
	spec := defaultSpec()
	change(&spec)
	p, err := NewPolicy(1, spec)
	if err != nil {
		t.Fatal(err)
	}
	return p
}

func TestAWindowEndsAtLocalMidnightAlsoWhereClocksChange(t *testing.T) {
	berlin := revised(t, func(s *PolicySpec) { s.Timezone = "Europe/Berlin"; s.Holidays = nil })
	signed := time.Date(2026, 3, 22, 11, 0, 0, 0, time.UTC)
	w := berlin.window(signed, 7) // summer time begins on 29 March
	if want := time.Date(2026, 3, 29, 22, 0, 0, 0, time.UTC); !w.ends.Equal(want) || w.lastDay != "2026-03-29" {
		t.Errorf("ends %s after %s, want %s", w.ends.UTC(), w.lastDay, want)
	}
}

func TestWhoDecides(t *testing.T) {
	const now = "2026-03-02 10:00:00"
	dollars := func(o Order) Order { o.Currency = "USD"; return o }
	store := func(o Order) Order { o.Store = true; return o }
	dear := coat("2026-03-01 10:00:00")
	dear.Lines[0].Paid = 50001
	atLimit := coat("2026-03-01 10:00:00")
	atLimit.Lines[0].Paid = 50000
	bare := asking("no_longer_wanted")
	bare.EvidenceCount = 0
	open := revised(t, func(s *PolicySpec) { s.Windows = Windows{} })
	noLimit := revised(t, func(s *PolicySpec) { s.Review.AutoApproveLimit = nil })
	qualityAtOnce := revised(t, func(s *PolicySpec) { s.Review.AutoApprove = []ReasonGroup{Quality} })
	broken := asking("defective")
	broken.EvidenceCount = 0
	for _, c := range []struct {
		name     string
		policy   Policy
		order    Order
		request  Request
		decision Decision
		rule     string
	}{
		{"a refund at the limit is approved by rule", DefaultPolicy(), atLimit, asking("no_longer_wanted"), Approve, "policy.auto_approve"},
		{"a refund above the limit goes to a person", DefaultPolicy(), dear, asking("no_longer_wanted"), Review, "policy.auto_approve_limit"},
		{"without a limit any refund is approved by rule", noLimit, dear, asking("no_longer_wanted"), Approve, "policy.auto_approve"},
		{"a limit in another currency approves nothing", DefaultPolicy(), dollars(coat("2026-03-01 10:00:00")), asking("no_longer_wanted"), Review, "policy.auto_approve_limit"},
		{"a group that is not listed goes to a person", DefaultPolicy(), coat("2026-03-01 10:00:00"), asking("defective"), Review, "policy.person_decides"},
		{"without the photo that the group needs a person looks", qualityAtOnce, coat("2026-03-01 10:00:00"), broken, Review, "policy.evidence_required"},
		{"with the photo the rule approves", qualityAtOnce, coat("2026-03-01 10:00:00"), asking("defective"), Approve, "policy.auto_approve"},
		{"goods not delivered yet go to a person", DefaultPolicy(), coat(""), asking("no_longer_wanted"), Review, "policy.not_delivered"},
		{"unless there is no window that could begin", open, coat(""), asking("no_longer_wanted"), Approve, "policy.no_window"},
		{"a store purchase without proof goes to a person", DefaultPolicy(), store(coat("2026-03-01 10:00:00")), bare, Review, "policy.store_proof"},
		{"after-sales ends 15 days after a store purchase", DefaultPolicy(), store(coat("2026-02-01 10:00:00")), asking("wrong_item"), Reject, "policy.validity"},
		{"after-sales lasts 30 days after an online purchase", DefaultPolicy(), coat("2026-02-01 10:00:00"), asking("wrong_item"), Review, "policy.validity"},
	} {
		t.Run(c.name, func(t *testing.T) {
			j, err := Judge(c.policy, c.order, c.request, at(now))
			if err != nil {
				t.Fatal(err)
			}
			if j.Decision != c.decision || !slices.ContainsFunc(j.Rules, func(r Rule) bool { return r.RuleID == c.rule }) {
				t.Errorf("%s with %+v, want %s by %s", j.Decision, j.Rules, c.decision, c.rule)
			}
		})
	}
}

func TestFreight(t *testing.T) {
	now := at("2026-03-02 10:00:00")
	insured := coat("2026-03-01 10:00:00")
	insured.FreightInsured = true
	two := coat("2026-03-01 10:00:00")
	two.Lines[0].Quantity, two.Lines[0].Free = 2, []Range{{0, 2}}
	last := two
	last.Lines = []OrderLine{{LineID: "l1", Quantity: 2, Returned: 1, Paid: 19999, Free: []Range{{1, 2}}, DeliveredAt: at("2026-03-01 10:00:00")}}
	for _, c := range []struct {
		name    string
		order   Order
		reason  Reason
		freight int64
		payer   Party
		insured bool
	}{
		{"the merchant's fault gives the freight of a whole order back", coat("2026-03-01 10:00:00"), "defective", 800, Merchant, false},
		{"without a reason it stays paid", coat("2026-03-01 10:00:00"), "no_longer_wanted", 0, Buyer, false},
		{"as long as a unit stays with the buyer it stays paid", two, "defective", 0, Merchant, false},
		{"it comes back with the last unit", last, "defective", 800, Merchant, false},
		{"an insurer pays the return freight of the buyer", insured, "no_longer_wanted", 0, Buyer, true},
		{"and none that the merchant pays", insured, "defective", 800, Merchant, false},
	} {
		t.Run(c.name, func(t *testing.T) {
			j, err := Judge(DefaultPolicy(), c.order, asking(c.reason), now)
			if err != nil {
				t.Fatal(err)
			}
			if j.OrderFreight != c.freight || j.ReturnFreight != c.payer || j.Insured != c.insured {
				t.Errorf("freight %d, payer %s, insured %t", j.OrderFreight, j.ReturnFreight, j.Insured)
			}
		})
	}
}

func TestExpectedTimeIsWhatTheUsualPathTakes(t *testing.T) {
	for reason, want := range map[Reason]time.Duration{
		"no_longer_wanted": 5 * 24 * time.Hour, // hand over 1, transit 2, inspection 2
		"defective":        7 * 24 * time.Hour, // and review 2
	} {
		j, err := Judge(DefaultPolicy(), coat("2026-03-01 10:00:00"), asking(reason), at("2026-03-02 10:00:00"))
		if err != nil || j.ExpectedSeconds != seconds(want) {
			t.Errorf("%s: %d s, %v, want %s", reason, j.ExpectedSeconds, err, want)
		}
	}
}

func TestACaseThatIsEligibleInPartGoesToAPersonAndQuotesTheRest(t *testing.T) {
	o := coat("2026-03-01 10:00:00")
	o.Lines = append(o.Lines, OrderLine{LineID: "l2", Category: "custom_made", Quantity: 1, Paid: 5000, Free: []Range{{0, 1}}, DeliveredAt: o.Lines[0].DeliveredAt})
	r := asking("no_longer_wanted")
	r.Lines = append(r.Lines, LineQuantity{"l2", 1})
	j, err := Judge(DefaultPolicy(), o, r, at("2026-03-02 10:00:00"))
	if err != nil {
		t.Fatal(err)
	}
	if j.Decision != Review || !j.Eligible || j.Goods != 19999 || !j.Lines[0].Eligible || j.Lines[1].Eligible || j.Lines[1].Refund != 0 {
		t.Errorf("%+v", j)
	}
	for _, rule := range j.Rules {
		if rule.RuleID == "CN-04" && rule.LineID != "l2" || rule.RuleID == "CN-01" && rule.LineID != "" {
			t.Errorf("rule %+v: a rule of all lines stands once, a rule of one line names it", rule)
		}
	}
}

func TestALimitIsComparedWithGoodsAndFreight(t *testing.T) {
	p := revised(t, func(s *PolicySpec) {
		s.Review = ReviewRules{AutoApprove: []ReasonGroup{Quality}, AutoApproveLimit: &money.Money{Amount: 20798, Currency: "CNY"}}
	})
	j, err := Judge(p, coat("2026-03-01 10:00:00"), asking("defective"), at("2026-03-02 10:00:00"))
	if err != nil || j.Decision != Review {
		t.Errorf("goods 19999 and freight 800 were approved within 20798: %+v, %v", j, err)
	}
}
