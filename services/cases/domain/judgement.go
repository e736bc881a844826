package domain

import (
	"fmt"
	"time"

	"aftercare.dev/services/platform/money"
)

// Order is what a judgement needs to know of an order, as the order service sees it now.
type Order struct {
	OrderID string
	BuyerID string
	// Currency of every amount of the order.
	Currency string
	// Store is true for a purchase in a shop of bricks.
	Store bool
	// Freight is what the buyer paid for the way out, in minor units.
	Freight int64
	// FreightInsured is true if an insurer pays the return freight.
	FreightInsured bool
	Lines          []OrderLine
}

// OrderLine is a line of an [Order].
type OrderLine struct {
	LineID   string
	Category string
	// Quantity of units sold, and how many of them were returned for good.
	Quantity, Returned int64
	// Paid is what was really paid for the line, in minor units (CN-13).
	Paid int64
	// NoReturnConfirmed is the buyer's confirmation at this purchase (CN-06).
	NoReturnConfirmed bool
	// DeliveredAt is when the last unit was signed for; zero if that has not happened.
	DeliveredAt time.Time
	// Free are the units that no case holds, lowest first.
	Free []Range
}

// Request is what is asked for.
type Request struct {
	// BuyerID is whose order it must be; empty for a caller who may see every order.
	BuyerID       string
	Reason        Reason
	Lines         []LineQuantity
	EvidenceCount int
}

// LineQuantity is so many units of a line.
type LineQuantity struct {
	LineID   string `json:"line_id"`
	Quantity int64  `json:"quantity"`
}

// Decision is what happens to a case after it was judged.
type Decision string

// The decisions: approve and reject are by rule, review is a person.
const (
	Approve Decision = "approve"
	Review  Decision = "review"
	Reject  Decision = "reject"
)

// Effect is what a rule did.
type Effect string

// The effects of rules.
const (
	Allow   Effect = "allow"
	Deny    Effect = "deny"
	Route   Effect = "route"
	Freight Effect = "freight"
	Info    Effect = "info"
)

// Rule is a rule that fired. Its sentence is made from RuleID, Effect and Params in the language of
// the reader, whenever it is read.
type Rule struct {
	RuleID string `json:"rule_id"`
	Effect Effect `json:"effect"`
	// Source is the article or the policy field behind the rule.
	Source string `json:"source,omitempty"`
	// LineID is empty for a rule about the whole request.
	LineID string     `json:"line_id,omitempty"`
	Params RuleParams `json:"params,omitzero"`
}

// RuleParams are the facts that a rule's sentence names.
type RuleParams struct {
	Days     int          `json:"days,omitempty"`
	Until    Date         `json:"until,omitempty"`
	Category string       `json:"category,omitempty"`
	Group    ReasonGroup  `json:"group,omitempty"`
	Amount   *money.Money `json:"amount,omitempty"`
}

// JudgedLine is the judgement of one line.
type JudgedLine struct {
	LineID    string `json:"line_id"`
	Quantity  int64  `json:"quantity"`
	Available int64  `json:"available_quantity"`
	Eligible  bool   `json:"eligible"`
	// Refund is what the units are worth, in minor units; 0 if the line is not eligible.
	Refund int64    `json:"refund"`
	Rules  []string `json:"rules"`
}

// Judgement is what a request is judged to, with every rule that fired. Amounts are minor units of
// Currency.
type Judgement struct {
	// Eligible is true if at least one line is.
	Eligible      bool         `json:"eligible"`
	Decision      Decision     `json:"decision"`
	PolicyVersion int64        `json:"policy_version"`
	Currency      string       `json:"currency"`
	Group         ReasonGroup  `json:"reason_group"`
	Liable        Party        `json:"liable"`
	Lines         []JudgedLine `json:"lines"`
	// Goods is the refund of the eligible lines; OrderFreight what comes back of the way out.
	Goods        int64 `json:"goods"`
	OrderFreight int64 `json:"order_freight"`
	// ReturnFreight is who pays for the way back: Buyer or Merchant.
	ReturnFreight Party `json:"return_freight"`
	// Insured is true if an insurer pays the way back to the buyer, who pays it first.
	Insured         bool   `json:"insured"`
	ExpectedSeconds int64  `json:"expected_seconds"`
	Rules           []Rule `json:"rules"`
	Clocks          Clocks `json:"clocks"`
}

// How long the parts of the usual path take that are not the merchant's: until the parcel is handed
// over, and on its way.
const (
	usualHandOver = 24 * time.Hour
	usualTransit  = 48 * time.Hour
)

// Judge judges a request for return and refund (C1) by the policy, as of now. It is pure: the same
// arguments give the same judgement with the same citations.
//
// Errors are problems: order_not_found (404) for another buyer's order, invalid_application or
// unknown_line (422) and units_not_available (409) that name the line.
func Judge(policy Policy, order Order, request Request, now time.Time) (Judgement, error) {
	if request.BuyerID != "" && request.BuyerID != order.BuyerID {
		return Judgement{}, Fault(CodeOrderNotFound, "", "the buyer has no such order")
	}
	info, known := request.Reason.Info()
	if !known {
		return Judgement{}, Fault(CodeInvalidApplication, "reason", "must be a reason of the taxonomy")
	}
	lines, err := findLines(order, request.Lines)
	if err != nil {
		return Judgement{}, err
	}
	j := &judge{policy: policy, order: order, request: request, group: info.Group, now: now, lines: lines}
	return j.judge(), nil
}

// findLines returns the order's line of each requested one, with enough free units.
func findLines(order Order, requested []LineQuantity) ([]OrderLine, error) {
	if len(requested) == 0 {
		return nil, Fault(CodeInvalidApplication, "lines", "must name at least one line")
	}
	byID := make(map[string]OrderLine, len(order.Lines))
	for _, line := range order.Lines {
		byID[line.LineID] = line
	}
	seen := make(map[string]bool, len(requested))
	lines := make([]OrderLine, 0, len(requested))
	for i, r := range requested {
		line, known := byID[r.LineID]
		switch {
		case !known:
			return nil, Fault(CodeUnknownLine, fmt.Sprintf("lines[%d].line_id", i), "the order has no such line")
		case seen[r.LineID]:
			return nil, Fault(CodeInvalidApplication, fmt.Sprintf("lines[%d].line_id", i), "names a line for the second time; add the quantities up")
		case r.Quantity < 1:
			return nil, Fault(CodeInvalidApplication, fmt.Sprintf("lines[%d].quantity", i), "must be at least 1")
		case r.Quantity > count(line.Free):
			detail := fmt.Sprintf("line %s has %d units that are in no case and not returned, %d are asked for", r.LineID, count(line.Free), r.Quantity)
			return nil, Fault(CodeUnitsNotAvailable, fmt.Sprintf("lines[%d].quantity", i), detail).
				With("line_id", r.LineID).With("available_quantity", count(line.Free))
		}
		seen[r.LineID] = true
		lines = append(lines, line)
	}
	return lines, nil
}

// judge is one judgement in the making.
type judge struct {
	policy  Policy
	order   Order
	request Request
	group   ReasonGroup
	now     time.Time
	// lines are the order's lines of request.Lines, at the same index.
	lines []OrderLine
	rules []Rule
	// routed is true once a rule sends the case to a person.
	routed bool
}

func (j *judge) judge() Judgement {
	info, _ := j.group.Info()
	result := Judgement{
		PolicyVersion: j.policy.version, Currency: j.order.Currency,
		Group: j.group, Liable: info.Liable, Clocks: j.policy.spec.Clocks,
	}
	eligible := 0
	for i, requested := range j.request.Lines {
		line := j.line(j.lines[i], requested.Quantity)
		if line.Eligible {
			eligible++
			result.Goods += line.Refund
		}
		result.Lines = append(result.Lines, line)
	}
	j.rules = collapse(j.rules, len(result.Lines))
	result.Eligible = eligible > 0
	if result.Eligible {
		j.fire("CN-13", Info, "网络购买商品七日无理由退货暂行办法 17; 消费者权益保护法实施条例 18", RuleParams{})
		result.OrderFreight = j.orderFreight(eligible)
	}
	result.ReturnFreight, result.Insured = j.returnFreight()
	result.Decision = j.decide(eligible, result.Goods+result.OrderFreight)
	result.ExpectedSeconds = j.expectedSeconds(result.Decision)
	result.Rules = j.rules
	return result
}

// fire records a rule about the whole request.
func (j *judge) fire(id string, effect Effect, source string, params RuleParams) {
	j.rules = append(j.rules, Rule{RuleID: id, Effect: effect, Source: source, Params: params})
	j.routed = j.routed || effect == Route
}

// orderFreight is what comes back of the freight that the buyer paid for the way out: all of it when
// the merchant answers for the reason and nothing of the order stays with the buyer, else nothing.
func (j *judge) orderFreight(eligible int) int64 {
	if j.order.Freight == 0 || !j.policy.merchantPays(j.group) || eligible < len(j.lines) || !j.completes() {
		return 0
	}
	j.fire("policy.order_freight", Freight, "merchant_pays_freight", RuleParams{Amount: j.money(j.order.Freight)})
	return j.order.Freight
}

// completes tells whether with this request the last units of the order come back. Units in other
// open cases have not come back.
func (j *judge) completes() bool {
	asked := make(map[string]int64, len(j.request.Lines))
	for _, line := range j.request.Lines {
		asked[line.LineID] = line.Quantity
	}
	for _, line := range j.order.Lines {
		if line.Returned+asked[line.LineID] < line.Quantity {
			return false
		}
	}
	return true
}

// returnFreight decides who pays for the way back.
func (j *judge) returnFreight() (payer Party, insured bool) {
	params := RuleParams{Group: j.group}
	if j.policy.merchantPays(j.group) {
		switch j.group {
		case Quality:
			j.fire("CN-21", Freight, "消费者权益保护法 24; merchant_pays_freight", params)
		case Logistics:
			j.fire("CN-26", Freight, "电子商务法 20; merchant_pays_freight", params)
		default:
			j.fire("policy.merchant_pays_freight", Freight, "merchant_pays_freight", params)
		}
		return Merchant, false
	}
	j.fire("CN-11", Freight, "消费者权益保护法 25; 网络购买商品七日无理由退货暂行办法 18", params)
	if j.order.FreightInsured {
		j.fire("policy.freight_insurance", Freight, "order.freight_insurance", RuleParams{})
	}
	return Buyer, j.order.FreightInsured
}

// expectedSeconds is the time from filing to money on the usual path.
func (j *judge) expectedSeconds(decision Decision) int64 {
	if decision == Reject {
		return 0
	}
	clocks := j.policy.spec.Clocks
	expected := min(seconds(usualHandOver), clocks.ShipSeconds) + min(seconds(usualTransit), clocks.TransitSeconds) + clocks.InspectSeconds
	if decision == Review {
		expected += clocks.ReviewSeconds
	}
	return expected
}

func (j *judge) money(amount int64) *money.Money {
	return &money.Money{Amount: amount, Currency: j.order.Currency}
}
