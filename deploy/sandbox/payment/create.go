package payment

import (
	"crypto/rand"
	"encoding/json"
	"fmt"
	"math/big"
	"net/http"
	"net/url"
	"regexp"
	"time"
	"unicode/utf8"

	"aftercare.dev/deploy/sandbox/fault"
)

// maxRefunds is how many refunds one order may have.
const maxRefunds = 50

type createRequest struct {
	TransactionID string `json:"transaction_id"`
	OutTradeNo    string `json:"out_trade_no"`
	OutRefundNo   string `json:"out_refund_no"`
	Reason        string `json:"reason"`
	NotifyURL     string `json:"notify_url"`
	FundsAccount  string `json:"funds_account"`
	Amount        struct {
		Refund   int64  `json:"refund"`
		Total    int64  `json:"total"`
		Currency string `json:"currency"`
	} `json:"amount"`
}

var (
	refundNumber = regexp.MustCompile(`^[0-9A-Za-z_\-|*@]{1,64}$`)
	tradeNumber  = regexp.MustCompile(`^[0-9A-Za-z_\-|*@]{1,32}$`)
	currency     = regexp.MustCompile(`^[A-Z]{3}$`)
)

// check holds the request against the parameter table of "申请退款".
func (q createRequest) check() *apiError {
	bad := func(field, why string) *apiError {
		return problem("PARAM_ERROR", fmt.Sprintf("输入源“/body/%s”%s", field, why))
	}
	switch {
	case !refundNumber.MatchString(q.OutRefundNo):
		return bad("out_refund_no", "应为1至64位数字、大小写字母或_-|*@")
	case q.OutTradeNo == "" && q.TransactionID == "":
		return bad("transaction_id", "与out_trade_no必须二选一")
	case q.OutTradeNo != "" && !tradeNumber.MatchString(q.OutTradeNo):
		return bad("out_trade_no", "应为1至32位数字、大小写字母或_-|*@")
	case q.TransactionID != "" && !tradeNumber.MatchString(q.TransactionID):
		return bad("transaction_id", "应为1至32位")
	case utf8.RuneCountInString(q.Reason) > 80:
		return bad("reason", "不得超过80个字符")
	case q.FundsAccount != "" && q.FundsAccount != "AVAILABLE":
		return bad("funds_account", "取值有误")
	case q.Amount.Refund < 1 || q.Amount.Total < 1:
		return bad("amount", "金额必须大于0")
	case q.Amount.Refund > q.Amount.Total:
		return bad("amount/refund", "退款金额不得超过原订单金额")
	case !currency.MatchString(q.Amount.Currency):
		return bad("amount/currency", "应为ISO 4217代码")
	}
	if q.NotifyURL != "" {
		u, err := url.Parse(q.NotifyURL)
		if err != nil || (u.Scheme != "http" && u.Scheme != "https") || u.Host == "" || u.RawQuery != "" || len(q.NotifyURL) > 256 {
			return bad("notify_url", "应为不带参数的绝对地址，不超过256字节")
		}
	}
	return nil
}

func (s *Service) serveCreate(w http.ResponseWriter, r *http.Request, m Merchant, body []byte) {
	var q createRequest
	if err := json.Unmarshal(body, &q); err != nil {
		s.refuse(problem("PARAM_ERROR", "请求包体不是合法的JSON")).Send(w)
		return
	}
	call := fault.Call{System: System, Operation: "refund", Keys: map[string]string{
		"mchid": m.MchID, "out_refund_no": q.OutRefundNo,
		"out_trade_no": q.OutTradeNo, "transaction_id": q.TransactionID,
	}}
	s.cfg.Faults.Serve(w, r, call, func() fault.Answer {
		if err := q.check(); err != nil {
			return s.refuse(err)
		}
		refund, err := s.create(m, q, call)
		if err != nil {
			return s.refuse(err)
		}
		return s.durable(refund)
	}, func(rule fault.Rule) fault.Answer { return s.refuse(ruled(rule)) })
}

// create accepts a refund, or returns the one that this number already is.
func (s *Service) create(m Merchant, q createRequest, call fault.Call) (Refund, *apiError) {
	s.mu.Lock()
	defer s.mu.Unlock()
	now := s.cfg.Clock.Now()
	if old := s.refunds[refundKey{m.MchID, q.OutRefundNo}]; old != nil {
		if !old.sameAs(q) {
			return Refund{}, problem("INVALID_REQUEST", "订单金额或退款金额与之前请求不一致，请核实后再试")
		}
		return *old, nil
	}
	o, err := s.orderOf(m.MchID, q)
	if err != nil {
		return Refund{}, err
	}
	if err := s.admit(m, o, q, now); err != nil {
		return Refund{}, err
	}
	outcome, err := s.outcome(call)
	if err != nil {
		return Refund{}, err
	}
	r := &Refund{
		Op: "refund", OutRefundNo: q.OutRefundNo, RefundID: newRefundID(now),
		OutTradeNo: o.outTradeNo, TransactionID: o.transactionID,
		Amount: q.Amount.Refund, Total: q.Amount.Total, Currency: q.Amount.Currency,
		Status: Processing, Time: now, MchID: m.MchID, CreateTime: now, Outcome: outcome,
		Channel: "ORIGINAL", Account: "支付用户零钱", Funds: "UNSETTLED", NotifyURL: q.NotifyURL,
	}
	if q.FundsAccount != "" {
		r.Funds = q.FundsAccount
	}
	if outcome == Returned {
		r.Outcome, r.Returns = Success, true
	}
	if outcome != Processing {
		r.Due = s.cfg.Clock.Due(s.cfg.Delays.Wallet)
	}
	if err := s.write(r); err != nil {
		return Refund{}, err
	}
	s.keep(r)
	s.plan(r)
	if r.NotifyURL != "" {
		s.cfg.Callbacks.Forge(s.notification(*r))
	}
	return *r, nil
}

// sameAs reports whether q is the request that made r. Reason and notify_url
// may differ; order and amounts may not.
func (r *Refund) sameAs(q createRequest) bool {
	return (q.OutTradeNo == "" || q.OutTradeNo == r.OutTradeNo) &&
		(q.TransactionID == "" || q.TransactionID == r.TransactionID) &&
		q.Amount.Refund == r.Amount && q.Amount.Total == r.Total && q.Amount.Currency == r.Currency
}

// orderOf finds the order of a request; a new one is not kept yet.
func (s *Service) orderOf(mchID string, q createRequest) (*order, *apiError) {
	byTrade := s.orders[orderKey{mchID, q.OutTradeNo}]
	byTransaction := s.orders[orderKey{mchID, q.TransactionID}]
	o := byTrade
	if o == nil {
		o = byTransaction
	}
	if o == nil {
		o = &order{
			outTradeNo: q.OutTradeNo, transactionID: q.TransactionID,
			total: q.Amount.Total, currency: q.Amount.Currency,
		}
		if o.transactionID == "" {
			o.transactionID = "42" + digits(26)
		}
		if o.outTradeNo == "" {
			o.outTradeNo = "T" + o.transactionID[:min(31, len(o.transactionID))]
		}
		return o, nil
	}
	if (q.OutTradeNo != "" && q.OutTradeNo != o.outTradeNo) || (q.TransactionID != "" && q.TransactionID != o.transactionID) {
		return nil, problem("PARAM_ERROR", "微信支付订单号与商户订单号不匹配")
	}
	return o, nil
}

// admit holds a new refund against the limits of its order and merchant.
func (s *Service) admit(m Merchant, o *order, q createRequest, now time.Time) *apiError {
	switch {
	case o.total != q.Amount.Total:
		return problem("PARAM_ERROR", "订单金额与原支付订单不一致")
	case o.currency != q.Amount.Currency:
		return problem("PARAM_ERROR", "退款币种与原支付订单不一致")
	case o.refunded == o.total:
		return problem("INVALID_REQUEST", "订单已全额退款")
	case o.refunded+q.Amount.Refund > o.total:
		return problem("INVALID_REQUEST", "申请退款金额超过订单可退金额")
	case o.count >= maxRefunds:
		return problem("INVALID_REQUEST", "部分退款次数超过50次")
	case !o.last.IsZero() && now.Sub(o.last) < s.cfg.Clock.Real(s.cfg.Delays.MinGap):
		return problem("FREQUENCY_LIMITED", "同一笔订单多次退款的请求需相隔1分钟")
	}
	if balance, limited := s.balances[m.MchID]; limited && balance < q.Amount.Refund {
		return problem("NOT_ENOUGH", "")
	}
	return nil
}

// outcome asks the rules how the refund will end: in a state, or at once with
// an error code.
func (s *Service) outcome(call fault.Call) (string, *apiError) {
	rule, ok := s.cfg.Faults.Take(call, fault.Outcome)
	if !ok {
		return Success, nil
	}
	switch rule.Outcome {
	case Success, Closed, Abnormal, Processing, Returned:
		return rule.Outcome, nil
	}
	rule.Code = rule.Outcome
	return "", ruled(rule)
}

// newRefundID makes an id in the provider's form: 29 digits, the day inside.
func newRefundID(now time.Time) string {
	return "503" + now.In(beijing).Format("20060102") + digits(18)
}

func digits(n int) string {
	limit := new(big.Int).Exp(big.NewInt(10), big.NewInt(int64(n)), nil)
	v, err := rand.Int(rand.Reader, limit)
	if err != nil {
		panic(err) // crypto/rand does not fail
	}
	return fmt.Sprintf("%0*d", n, v)
}
