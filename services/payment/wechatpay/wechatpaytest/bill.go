package wechatpaytest

import (
	"crypto/sha1"
	"encoding/hex"
	"fmt"
	"net/http"
	"strings"
)

// Bill is what the platform answers to whoever asks for the bill of a day, whatever the day.
type Bill struct {
	Content string
	// Digest is announced instead of the right one.
	Digest string
	// URL is announced instead of the platform's own.
	URL string
	// Status and Code answer with an error instead.
	Status   int
	Code     string
	Unsigned bool
	// Cut ends the download before its end.
	Cut bool
}

// SetBill replaces the bill.
func (p *Platform) SetBill(b Bill) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.bill = b
}

// BillNames is the first line of a bill of refunds.
const BillNames = "交易时间,公众账号ID,商户号,特约商户号,设备号,微信订单号,商户订单号,用户标识,交易类型,交易状态,付款银行,货币种类," +
	"应结订单金额,代金券金额,退款申请时间,退款成功时间,微信退款单号,商户退款单号,退款金额,充值券退款金额,退款类型,退款状态," +
	"商品名称,商户数据包,手续费,费率,订单金额,申请退款金额,费率备注"

// BillOf writes a bill of refunds as the platform does.
func BillOf(refunds ...Refund) string {
	yuan := func(fen int64) string { return fmt.Sprintf("%d.%02d", fen/100, fen%100) }
	lines := []string{"\ufeff" + BillNames}
	for _, r := range refunds {
		lines = append(lines, "`"+strings.Join([]string{
			"2026-01-01 08:00:00", "wx1", MerchantID, "0", "", "42000", r.Trade, "oSecret", "JSAPI", "REFUND", "OTHERS", r.Currency,
			"0.00", "0.00", "2026-01-01 07:59:00", "2026-01-01 08:00:00", r.Reference, r.Number, yuan(r.Refund), "0.00", "ORIGINAL", r.Status,
			"shirt,`red, and trousers", "", "0.00000", "0.60%", yuan(r.Total), yuan(r.Refund), "",
		}, ",`"))
	}
	lines = append(lines, "总交易单数,应结订单总金额,退款总金额", fmt.Sprintf("`%d,`0.00,`0.00", len(refunds)))
	return strings.Join(lines, "\r\n") + "\r\n"
}

func (p *Platform) serveBill(w http.ResponseWriter, r *http.Request) {
	if _, ok := p.authentic(w, r); !ok {
		return
	}
	p.mu.Lock()
	b := p.bill
	p.mu.Unlock()
	if b.Code != "" {
		p.answer(w, b.Status, problem(b.Code), b.Unsigned)
		return
	}
	digest := sha1.Sum([]byte(b.Content))
	if b.Digest == "" {
		b.Digest = hex.EncodeToString(digest[:])
	}
	if b.URL == "" {
		b.URL = p.URL + "/v3/billdownload/file?token=x%2Fy"
	}
	p.answer(w, http.StatusOK, fmt.Appendf(nil, `{"hash_type":"SHA1","hash_value":%q,"download_url":%q}`, b.Digest, b.URL), b.Unsigned)
}

func (p *Platform) download(w http.ResponseWriter, r *http.Request) {
	if _, ok := p.authentic(w, r); !ok {
		return
	}
	p.mu.Lock()
	b := p.bill
	p.mu.Unlock()
	if b.Cut {
		b.Content = b.Content[:len(b.Content)/2]
	}
	_, _ = w.Write([]byte(b.Content))
}
