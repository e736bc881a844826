package domain

import "slices"

// line judges one line and records the rules that fired for it.
func (j *judge) line(line OrderLine, quantity int64) JudgedLine {
	rules := j.window(line)
	if j.group == NoReason {
		rules = append(j.exclusion(line), rules...)
	}
	judged := JudgedLine{
		LineID: line.LineID, Quantity: quantity, Available: count(line.Free), Eligible: true, Rules: []string{},
	}
	for _, rule := range rules {
		rule.LineID = line.LineID
		j.rules = append(j.rules, rule)
		judged.Eligible = judged.Eligible && rule.Effect != Deny
		j.routed = j.routed || rule.Effect == Route
		if !slices.Contains(judged.Rules, rule.RuleID) {
			judged.Rules = append(judged.Rules, rule.RuleID)
		}
	}
	if judged.Eligible {
		judged.Refund = worth(line.Paid, line.Quantity, line.Free, quantity)
	}
	return judged
}

// exclusion says whether the goods are of a kind that has no no-reason return.
func (j *judge) exclusion(line OrderLine) []Rule {
	params := RuleParams{Category: line.Category}
	statutory := slices.Contains(statutoryExclusions, line.Category)
	switch {
	case slices.Contains(j.policy.spec.Exclusions, line.Category) && statutory:
		return []Rule{{RuleID: "CN-04", Effect: Deny, Source: "消费者权益保护法 25; 网络购买商品七日无理由退货暂行办法 6; exclusions", Params: params}}
	case slices.Contains(j.policy.spec.Exclusions, line.Category):
		return []Rule{{RuleID: "policy.exclusions", Effect: Deny, Source: "exclusions", Params: params}}
	case slices.Contains(j.policy.spec.ConfirmedExclusions, line.Category):
		effect := Allow
		if line.NoReturnConfirmed {
			effect = Deny
		}
		return []Rule{{RuleID: "CN-06", Effect: effect, Source: "网络购买商品七日无理由退货暂行办法 7, 20; 消费者权益保护法实施条例 19; confirmed_exclusions", Params: params}}
	case statutory:
		return []Rule{{RuleID: "CN-05", Effect: Allow, Source: "法释〔2022〕8 号 2; exclusions", Params: params}}
	}
	return nil
}

// window says whether the request comes in time. No-reason and quality have windows of their own;
// a quality problem that shows later goes to a person while after-sales lasts, as every other reason
// may be given while after-sales lasts.
func (j *judge) window(line OrderLine) []Rule {
	windows := j.policy.spec.Windows
	switch j.group {
	case NoReason:
		return j.noReasonWindow(line)
	case Quality:
		const source = "消费者权益保护法 24; windows.quality_days"
		in, params, open := j.within(line, windows.QualityDays, source)
		switch {
		case open != nil:
			return open
		case in:
			return []Rule{{RuleID: "CN-21", Effect: Allow, Source: source, Params: params}}
		}
		late := Rule{RuleID: "CN-21", Effect: Route, Source: source, Params: params}
		if validity := j.validity(line); validity.Effect == Deny {
			return []Rule{validity}
		}
		return []Rule{late}
	default:
		return []Rule{j.validity(line)}
	}
}

func (j *judge) noReasonWindow(line OrderLine) []Rule {
	days := j.policy.spec.Windows.NoReasonDays
	const source = "网络购买商品七日无理由退货暂行办法 10; 民法典 203; windows.no_reason_days"
	in, params, open := j.within(line, days, source)
	switch {
	case open != nil:
		return open
	case !in:
		return []Rule{{RuleID: "CN-01", Effect: Deny, Source: source, Params: params}}
	}
	rules := []Rule{{RuleID: "CN-01", Effect: Allow, Source: source, Params: params}}
	if j.policy.window(line.DeliveredAt, *days).rolled {
		rules = append(rules, Rule{RuleID: "CN-02", Effect: Allow, Source: "民法典 203; holidays", Params: params})
	}
	return append(rules, Rule{RuleID: "CN-03", Effect: Info, Source: "网络购买商品七日无理由退货暂行办法 10"})
}

// validity is the after-sales window of the channel in which the order was placed.
func (j *judge) validity(line OrderLine) Rule {
	days, source := j.policy.spec.Windows.OnlineDays, "windows.online_days"
	if j.order.Store {
		days, source = j.policy.spec.Windows.StoreDays, "windows.store_days"
	}
	in, params, open := j.within(line, days, source)
	switch {
	case open != nil:
		return open[0]
	case in:
		return Rule{RuleID: "policy.validity", Effect: Allow, Source: source, Params: params}
	}
	return Rule{RuleID: "policy.validity", Effect: Deny, Source: source, Params: params}
}

// within tells whether now is inside the window. Open has the rule of a window that does not end, or
// that has not begun because the goods are not delivered.
func (j *judge) within(line OrderLine, days *int, source string) (in bool, params RuleParams, open []Rule) {
	switch {
	case days == nil:
		return true, params, []Rule{{RuleID: "policy.no_window", Effect: Allow, Source: source}}
	case line.DeliveredAt.IsZero():
		return true, params, []Rule{{RuleID: "policy.not_delivered", Effect: Route, Source: source}}
	}
	w := j.policy.window(line.DeliveredAt, *days)
	return j.now.Before(w.ends), RuleParams{Days: *days, Until: w.lastDay}, nil
}

// collapse makes one rule of those that fired alike for each of several lines.
func collapse(rules []Rule, lines int) []Rule {
	if lines < 2 {
		return rules
	}
	alike := func(r Rule) Rule { r.LineID = ""; return r }
	fired := make(map[Rule]int, len(rules))
	for _, rule := range rules {
		fired[alike(rule)]++
	}
	var collapsed []Rule
	for _, rule := range rules {
		general := alike(rule)
		switch n := fired[general]; {
		case n == lines:
			collapsed = append(collapsed, general)
			fired[general] = -1
		case n > 0:
			collapsed = append(collapsed, rule)
		}
	}
	return collapsed
}
