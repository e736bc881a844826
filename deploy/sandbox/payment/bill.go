package payment

import (
	"crypto/rand"
	"crypto/sha1"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"net/http"
	"slices"
	"strconv"
	"strings"
	"time"

	"aftercare.dev/deploy/sandbox/fault"
)

// billDays is for how long the bill of a day can be had: three months.
const billDays = 92

// maxBills is how many bills wait to be downloaded; the oldest goes first.
const maxBills = 100

// bill is what a download URL leads to, as it was when it was asked for.
type bill struct{ mchID, token, content string }

// serveBill answers "申请交易账单", pay.weixin.qq.com/doc/v3/merchant/4013071224. The provider makes the bill of a day in the
// morning of the next; the sandbox gives that of the running day as well, as it is so far.
func (s *Service) serveBill(w http.ResponseWriter, r *http.Request, m Merchant, _ []byte) {
	day := r.URL.Query().Get("bill_date")
	call := fault.Call{System: System, Operation: "bill", Keys: map[string]string{"mchid": m.MchID, "bill_date": day}}
	s.cfg.Faults.Serve(w, r, call, func() fault.Answer {
		if err := s.checkBill(r, day); err != nil {
			return s.refuse(err)
		}
		content, found := s.billOf(m.MchID, day)
		if !found {
			return s.refuse(&apiError{http.StatusBadRequest, "NO_STATEMENT_EXIST", "账单文件不存在"})
		}
		digest := sha1.Sum([]byte(content))
		body, err := json.Marshal(map[string]string{
			"hash_type": "SHA1", "hash_value": hex.EncodeToString(digest[:]),
			"download_url": s.offer(r, bill{m.MchID, rand.Text(), content}),
		})
		if err != nil {
			return s.refuse(problem("SYSTEM_ERROR", err.Error()))
		}
		return s.answer(http.StatusOK, body)
	}, func(rule fault.Rule) fault.Answer { return s.refuse(ruled(rule)) })
}

func (s *Service) checkBill(r *http.Request, day string) *apiError {
	query := r.URL.Query()
	today := s.cfg.Clock.Now().In(beijing)
	at, err := time.ParseInLocation(time.DateOnly, day, beijing)
	switch {
	case err != nil, at.After(today), at.Before(today.AddDate(0, 0, -billDays)):
		return problem("PARAM_ERROR", "bill_date有误")
	case query.Get("bill_type") != "REFUND":
		return problem("PARAM_ERROR", "bill_type有误: the sandbox has bills of refunds only")
	case query.Get("tar_type") != "":
		return problem("PARAM_ERROR", "tar_type有误: the sandbox does not compress")
	}
	return nil
}

// offer keeps a bill for its download and returns the address, which is on the host that the merchant called.
func (s *Service) offer(r *http.Request, b bill) string {
	s.mu.Lock()
	s.bills = append(s.bills, b)
	if len(s.bills) > maxBills {
		s.bills = s.bills[1:]
	}
	s.mu.Unlock()
	scheme := "http"
	if r.TLS != nil {
		scheme = "https"
	}
	return fmt.Sprintf("%s://%s%s?token=%s", scheme, r.Host, strings.Replace(r.URL.Path, "/bill/tradebill", "/billdownload/file", 1), b.token)
}

// serveDownload answers "下载账单", pay.weixin.qq.com/doc/v3/merchant/4013071238, which is not signed.
func (s *Service) serveDownload(w http.ResponseWriter, r *http.Request, m Merchant, _ []byte) {
	call := fault.Call{System: System, Operation: "bill_download", Keys: map[string]string{"mchid": m.MchID}}
	s.cfg.Faults.Serve(w, r, call, func() fault.Answer {
		token := r.URL.Query().Get("token")
		s.mu.Lock()
		defer s.mu.Unlock()
		i := slices.IndexFunc(s.bills, func(b bill) bool { return b.mchID == m.MchID && b.token == token })
		if i < 0 {
			return s.refuse(problem("RESOURCE_NOT_EXISTS", "账单文件不存在"))
		}
		return fault.Answer{
			Status: http.StatusOK, Header: http.Header{"Content-Type": {"text/plain"}}, Body: []byte(s.bills[i].content),
		}
	}, func(rule fault.Rule) fault.Answer { return s.refuse(ruled(rule)) })
}

// Lines of a bill of refunds, in the provider's order.
const (
	billNames = "交易时间,公众账号ID,商户号,特约商户号,设备号,微信订单号,商户订单号,用户标识,交易类型,交易状态,付款银行,货币种类," +
		"应结订单金额,代金券金额,退款申请时间,退款成功时间,微信退款单号,商户退款单号,退款金额,充值券退款金额,退款类型,退款状态," +
		"商品名称,商户数据包,手续费,费率,订单金额,申请退款金额,费率备注\n"
	billTotals = "总交易单数,应结订单总金额,退款总金额,充值券退款总金额,手续费总金额,订单总金额,申请退款总金额\n"
)

// billOf writes the bill of a merchant's day: the refunds that succeeded on it, also those that were returned later, because a
// bill is not made again.
func (s *Service) billOf(mchID, day string) (content string, found bool) {
	s.mu.Lock()
	defer s.mu.Unlock()
	var lines []*Refund
	var sum int64
	for _, r := range s.refunds {
		if r.MchID == mchID && !r.SuccessTime.IsZero() && r.SuccessTime.In(beijing).Format(time.DateOnly) == day {
			lines, sum = append(lines, r), sum+r.Amount
		}
	}
	slices.SortFunc(lines, func(a, b *Refund) int { return strings.Compare(a.RefundID, b.RefundID) })
	var text strings.Builder
	text.WriteString("\ufeff" + billNames)
	for _, r := range lines {
		writeFields(&text, billTime(r.CreateTime), "wx0000000000000000", r.MchID, "0", "", r.TransactionID, r.OutTradeNo, "o"+r.TransactionID,
			"JSAPI", "REFUND", "OTHERS", r.Currency, "0.00", "0.00", billTime(r.CreateTime), billTime(r.SuccessTime), r.RefundID,
			r.OutRefundNo, yuan(r.Amount), "0.00", r.Channel, "SUCCESS", "goods, of the shop", "", "0.00000", "0.60%",
			yuan(r.Total), yuan(r.Amount), "")
	}
	text.WriteString(billTotals)
	writeFields(&text, strconv.Itoa(len(lines)), "0.00", yuan(sum), "0.00", "0.00000", "0.00", yuan(sum))
	return text.String(), len(lines) > 0
}

func writeFields(text *strings.Builder, fields ...string) {
	text.WriteString("`" + strings.Join(fields, ",`") + "\n")
}

func billTime(t time.Time) string { return t.In(beijing).Format(time.DateTime) }

func yuan(fen int64) string { return fmt.Sprintf("%d.%02d", fen/100, fen%100) }
