package payment

import (
	"crypto/rsa"
	"crypto/sha1"
	"encoding/base64"
	"encoding/json"
	"net/http"
	"strings"
	"time"

	"aftercare.dev/deploy/sandbox/fault"
)

// abnormalRequest is the body of "发起异常退款",
// pay.weixin.qq.com/doc/v3/merchant/4012791864.
type abnormalRequest struct {
	OutRefundNo string `json:"out_refund_no"`
	Type        string `json:"type"` // USER_BANK_CARD, MERCHANT_BANK_CARD
	BankType    string `json:"bank_type"`
	BankAccount string `json:"bank_account"` // encrypted with the platform's public key
	RealName    string `json:"real_name"`    // likewise
}

func (s *Service) serveAbnormal(w http.ResponseWriter, r *http.Request, m Merchant, body []byte) {
	var q abnormalRequest
	if err := json.Unmarshal(body, &q); err != nil {
		s.refuse(problem("PARAM_ERROR", "请求包体不是合法的JSON")).Send(w)
		return
	}
	id := r.PathValue("refund_id")
	call := fault.Call{System: System, Operation: "abnormal_refund", Keys: map[string]string{
		"mchid": m.MchID, "out_refund_no": q.OutRefundNo, "refund_id": id,
	}}
	s.cfg.Faults.Serve(w, r, call, func() fault.Answer {
		if err := s.checkAbnormal(q); err != nil {
			return s.refuse(err)
		}
		refund, err := s.reapply(m, id, q, call)
		if err != nil {
			return s.refuse(err)
		}
		return s.durable(refund)
	}, func(rule fault.Rule) fault.Answer { return s.refuse(ruled(rule)) })
}

func (s *Service) checkAbnormal(q abnormalRequest) *apiError {
	switch q.Type {
	case "MERCHANT_BANK_CARD":
		return nil
	case "USER_BANK_CARD":
	default:
		return problem("PARAM_ERROR", "type取值有误")
	}
	if !strings.HasSuffix(q.BankType, "_DEBIT") {
		return problem("PARAM_ERROR", "bank_type仅支持借记卡")
	}
	for _, secret := range []string{q.BankAccount, q.RealName} {
		sealed, err := base64.StdEncoding.DecodeString(secret)
		if err != nil || len(sealed) == 0 {
			return problem("PARAM_ERROR", "bank_account与real_name必须使用微信支付公钥加密")
		}
		if _, err := rsa.DecryptOAEP(sha1.New(), nil, s.cfg.Platform.Key, sealed, nil); err != nil {
			return problem("PARAM_ERROR", "敏感信息解密失败")
		}
	}
	return nil
}

// reapply sends an ABNORMAL refund on its way again, to a bank card. Asking
// again while it is on its way changes nothing.
func (s *Service) reapply(m Merchant, id string, q abnormalRequest, call fault.Call) (Refund, *apiError) {
	s.mu.Lock()
	defer s.mu.Unlock()
	old := s.byID[id]
	if old == nil || old.MchID != m.MchID {
		return Refund{}, problem("RESOURCE_NOT_EXISTS", "退款单不存在")
	}
	if old.OutRefundNo != q.OutRefundNo {
		return Refund{}, problem("PARAM_ERROR", "商户退款单号与微信支付退款单号不匹配")
	}
	if old.Reapplied > 0 && old.Status != Abnormal {
		return *old, nil
	}
	if old.Status != Abnormal {
		return Refund{}, problem("INVALID_REQUEST", "退款单状态不是退款异常，不能发起异常退款")
	}
	outcome, err := s.outcome(call)
	if err != nil {
		return Refund{}, err
	}
	r := *old
	if outcome == Returned {
		outcome, r.Returns = Success, true
	}
	r.Status, r.Outcome, r.Time = Processing, outcome, s.cfg.Clock.Now()
	r.Reapplied++
	r.Channel, r.Account = "OTHER_BANKCARD", "用户银行卡"
	if q.Type == "MERCHANT_BANK_CARD" {
		r.Account = "商户结算银行账户"
	}
	r.Due = time.Time{}
	if outcome != Processing {
		r.Due = s.cfg.Clock.Due(s.cfg.Delays.Bank)
	}
	if err := s.write(&r); err != nil {
		return Refund{}, err
	}
	s.keep(&r)
	s.plan(&r)
	return r, nil
}
