package payment

import (
	"time"

	"aftercare.dev/deploy/sandbox/journal"
)

// The states of a refund.
const (
	Processing = "PROCESSING"
	Success    = "SUCCESS"
	Closed     = "CLOSED"
	Abnormal   = "ABNORMAL"
)

// Returned is an outcome for rules: the refund succeeds, and days later the bank returns the money.
const Returned = "RETURNED"

// Refund is a refund as the journal keeps it. The last line of an
// out_refund_no is the truth about the money.
type Refund struct {
	Op            string    `json:"op"` // refund
	OutRefundNo   string    `json:"out_refund_no"`
	RefundID      string    `json:"refund_id"`
	OutTradeNo    string    `json:"out_trade_no"`
	TransactionID string    `json:"transaction_id"`
	Amount        int64     `json:"amount"` // minor units
	Total         int64     `json:"total"`
	Currency      string    `json:"currency"`
	Status        string    `json:"status"`
	Time          time.Time `json:"time"` // of this line
	MchID         string    `json:"mchid"`

	CreateTime  time.Time `json:"create_time"`
	SuccessTime time.Time `json:"success_time,omitzero"`
	Due         time.Time `json:"due,omitzero"`     // end of PROCESSING; zero: never
	Outcome     string    `json:"outcome"`          // the state that follows PROCESSING
	Channel     string    `json:"channel"`          // ORIGINAL, OTHER_BANKCARD
	Account     string    `json:"received_account"` // user_received_account
	Funds       string    `json:"funds_account"`
	NotifyURL   string    `json:"notify_url,omitempty"`
	Reapplied   int       `json:"reapplied,omitempty"` // times of apply-abnormal-refund
	Returns     bool      `json:"returns,omitempty"`   // its success will be taken back
	Outside     bool      `json:"outside,omitempty"`   // made on the provider's pages

	ticket journal.Ticket // of the last line
}

// order is what the provider knows of a payment: the sandbox learns it from its
// first refund.
type order struct {
	outTradeNo    string
	transactionID string
	total         int64
	currency      string
	refunded      int64 // all but CLOSED
	count         int
	last          time.Time // when the newest refund was accepted
}

type amountBody struct {
	Total            int64    `json:"total"`
	Refund           int64    `json:"refund"`
	From             []string `json:"from"`
	PayerTotal       int64    `json:"payer_total"`
	PayerRefund      int64    `json:"payer_refund"`
	SettlementRefund int64    `json:"settlement_refund"`
	SettlementTotal  int64    `json:"settlement_total"`
	DiscountRefund   int64    `json:"discount_refund"`
	Currency         string   `json:"currency"`
}

// refundBody is the answer of the three calls, see docs/v3/refund/domestic in
// TheNorthMemory/wechatpay-openapi.
type refundBody struct {
	RefundID        string     `json:"refund_id"`
	OutRefundNo     string     `json:"out_refund_no"`
	TransactionID   string     `json:"transaction_id"`
	OutTradeNo      string     `json:"out_trade_no"`
	Channel         string     `json:"channel"`
	ReceivedAccount string     `json:"user_received_account"`
	SuccessTime     string     `json:"success_time,omitempty"`
	CreateTime      string     `json:"create_time"`
	Status          string     `json:"status"`
	FundsAccount    string     `json:"funds_account"`
	Amount          amountBody `json:"amount"`
	PromotionDetail []string   `json:"promotion_detail"`
}

// beijing is the zone in which the provider writes its times.
var beijing = time.FixedZone("", 8*60*60)

func stamp(t time.Time) string {
	if t.IsZero() {
		return ""
	}
	return t.In(beijing).Format(time.RFC3339)
}

func (r *Refund) body() refundBody {
	succeeded := r.SuccessTime
	if r.Status != Success {
		succeeded = time.Time{} // it was taken back
	}
	return refundBody{
		RefundID: r.RefundID, OutRefundNo: r.OutRefundNo,
		TransactionID: r.TransactionID, OutTradeNo: r.OutTradeNo,
		Channel: r.Channel, ReceivedAccount: r.Account,
		SuccessTime: stamp(succeeded), CreateTime: stamp(r.CreateTime),
		Status: r.Status, FundsAccount: r.Funds,
		Amount: amountBody{
			Total: r.Total, Refund: r.Amount, From: []string{},
			PayerTotal: r.Total, PayerRefund: r.Amount,
			SettlementTotal: r.Total, SettlementRefund: r.Amount,
			Currency: r.Currency,
		},
		PromotionDetail: []string{},
	}
}

func (r *Refund) keys() map[string]string {
	return map[string]string{
		"mchid": r.MchID, "out_refund_no": r.OutRefundNo, "refund_id": r.RefundID,
		"out_trade_no": r.OutTradeNo, "transaction_id": r.TransactionID,
	}
}
