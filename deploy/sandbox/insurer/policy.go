package insurer

import (
	"time"

	"aftercare.dev/deploy/sandbox/journal"
)

// The states of a policy.
const (
	Covered  = 2
	Claiming = 4
	Paid     = 5
	Failed   = 6
	Expired  = 7
)

// Policy is a policy with its claim as the journal keeps it. The last line of
// an order_no is the truth about the money.
type Policy struct {
	Op               string    `json:"op"` // insure, claim, settle
	OrderNo          string    `json:"order_no"`
	PolicyNo         string    `json:"policy_no"`
	ReportNo         string    `json:"report_no,omitempty"`
	OpenID           string    `json:"openid"`
	Status           int       `json:"status"`
	Amount           int64     `json:"amount"` // paid or to be paid, in fen; 0 without claim
	Estimate         int64     `json:"estimate_amount"`
	Premium          int64     `json:"premium"`
	PayAmount        int64     `json:"pay_amount"`
	DeliveryNo       string    `json:"delivery_no"`
	RefundDeliveryNo string    `json:"refund_delivery_no,omitempty"`
	RefundCompany    string    `json:"refund_company,omitempty"`
	HomePickUp       bool      `json:"is_home_pick_up,omitempty"`
	PayFailReason    string    `json:"pay_fail_reason,omitempty"`
	Outcome          string    `json:"outcome,omitempty"` // reason of a rejection to come
	Time             time.Time `json:"time"`              // of this line
	CreateTime       time.Time `json:"create_time"`
	EndTime          time.Time `json:"end_time"`
	PayTime          time.Time `json:"pay_finish_time,omitzero"`
	Due              time.Time `json:"due,omitzero"` // of the claim's decision

	ticket journal.Ticket
}

// at returns the state at a time: a policy that nobody claimed expires.
func (p *Policy) at(now time.Time) int {
	if p.Status == Covered && now.After(p.EndTime) {
		return Expired
	}
	return p.Status
}

func (p *Policy) keys() map[string]string {
	return map[string]string{
		"order": p.OrderNo, "order_no": p.OrderNo, "policy_no": p.PolicyNo, "report_no": p.ReportNo,
		"tracking": p.RefundDeliveryNo, "openid": p.OpenID,
	}
}

var beijing = time.FixedZone("", 8*60*60)

func stamp(t time.Time) string { return t.In(beijing).Format(time.DateTime) }

func flag(b bool) int {
	if b {
		return 1
	}
	return 0
}

// item is a policy in the answer of getorderlist.
func (p *Policy) item(now time.Time) map[string]any {
	m := map[string]any{
		"order_no": p.OrderNo, "policy_no": p.PolicyNo, "report_no": p.ReportNo, "status": p.at(now),
		"insurance_end_date": stamp(p.EndTime), "premium": p.Premium, "estimate_amount": p.Estimate,
		"delivery_no": p.DeliveryNo, "refund_delivery_no": p.RefundDeliveryNo,
		"is_home_pick_up": flag(p.HomePickUp), "create_time": p.CreateTime.Unix(),
		"pay_fail_reason": p.PayFailReason,
	}
	if !p.PayTime.IsZero() {
		m["pay_finish_time"] = p.PayTime.Unix()
	}
	return m
}
