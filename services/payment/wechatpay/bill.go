package wechatpay

import (
	"bytes"
	"context"
	"crypto/sha1"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"time"

	"aftercare.dev/services/payment/domain"
)

// maxBill is the largest bill that is read, about 200,000 refunds of a day.
const maxBill = 64 << 20

// billTimeout bounds one download; bills are larger than any other answer.
const billTimeout = 2 * time.Minute

// chinaStandardTime is how the platform counts days; it has no daylight saving time.
var chinaStandardTime = time.FixedZone("CST", 8*60*60)

// Day returns the first and the last moment but one of a bill's day: from until before to.
func (c *Client) Day(billDate string) (from, to time.Time, err error) {
	from, err = time.ParseInLocation(time.DateOnly, billDate, chinaStandardTime)
	return from, from.AddDate(0, 0, 1), err
}

// Bill returns the refunds in the platform's bill of a day, given as 2006-01-02. A day without a refund has none. The error
// wraps [domain.ErrBillNotReady] (until about 10:00 of the next day) or [domain.ErrNoBill] (the future, and what is older than
// three months), or is a [*domain.ProviderError]. The bill is believed only with the digest
// that the platform signed. Source: pay.weixin.qq.com/doc/v3/merchant/4013071224 (apply) and 4013071238 (download).
func (c *Client) Bill(ctx context.Context, billDate string) ([]domain.ProviderRefund, error) {
	query := url.Values{"bill_date": {billDate}, "bill_type": {"REFUND"}}
	answer, failure := c.call(ctx, http.MethodGet, "/v3/bill/tradebill?"+query.Encode(), nil)
	if failure != nil {
		return nil, failure
	}
	if answer.status != http.StatusOK {
		return none(answer)
	}
	var where struct {
		HashType    string `json:"hash_type"`
		HashValue   string `json:"hash_value"`
		DownloadURL string `json:"download_url"`
	}
	if err := json.Unmarshal(answer.body, &where); err != nil || where.HashType != "SHA1" || where.HashValue == "" {
		return nil, unheard(codeUnreadable, errors.New("answer does not tell where the bill is"))
	}
	content, err := c.download(ctx, where.DownloadURL)
	if err != nil {
		return nil, unheard(codeNoAnswer, err)
	}
	digest := sha1.Sum(content)
	if !strings.EqualFold(hex.EncodeToString(digest[:]), where.HashValue) {
		return nil, unheard(codeUnverified, errors.New("bill does not have the digest that was announced"))
	}
	refunds, err := parseBill(content)
	if err != nil {
		return nil, unheard(codeUnreadable, err)
	}
	return refunds, nil
}

// none says why there is no bill. A day on which nothing happened has none, and that is an empty one.
func none(answer *answer) ([]domain.ProviderRefund, error) {
	switch code := answer.errorCode(); {
	case !answer.verified:
		return nil, unheard(codeUnverified, errors.New("a missing bill must be told with a signature"))
	case code == "NO_STATEMENT_EXIST":
		return nil, nil
	case code == "STATEMENT_CREATING":
		return nil, domain.ErrBillNotReady
	case code == "PARAM_ERROR", code == "INVALID_REQUEST":
		return nil, fmt.Errorf("%w: %s", domain.ErrNoBill, code)
	default:
		return nil, queryError(answer)
	}
}

// download fetches a bill. What comes is not signed; the caller has its digest.
func (c *Client) download(ctx context.Context, address string) ([]byte, error) {
	at, err := url.Parse(address)
	if err != nil || !c.serves(at) {
		return nil, errors.New("the bill is at an address that is not the platform's")
	}
	ctx, cancel := context.WithTimeout(ctx, billTimeout)
	defer cancel()
	request, err := http.NewRequestWithContext(ctx, http.MethodGet, address, http.NoBody)
	if err != nil {
		return nil, err
	}
	if err := c.sign(request, at.RequestURI(), nil); err != nil {
		return nil, err
	}
	// The digest is of what is sent: no compression on the way.
	request.Header.Set("Accept-Encoding", "identity")
	response, err := c.files.Do(request)
	if err != nil {
		return nil, withoutURL(err)
	}
	defer response.Body.Close()
	if response.StatusCode != http.StatusOK {
		return nil, fmt.Errorf("download of the bill is answered with status %d", response.StatusCode)
	}
	content, err := io.ReadAll(io.LimitReader(response.Body, maxBill+1))
	if err != nil {
		return nil, withoutURL(err)
	}
	if len(content) > maxBill {
		return nil, fmt.Errorf("bill is larger than %d MiB", maxBill>>20)
	}
	return content, nil
}

// hosts are the platform's own. A signed request never goes anywhere else but to the configured host.
var hosts = []string{"api.mch.weixin.qq.com", "api2.mch.weixin.qq.com"}

func (c *Client) serves(at *url.URL) bool {
	base, err := url.Parse(c.base)
	if err != nil || at.User != nil {
		return false
	}
	return at.Scheme == base.Scheme && at.Host == base.Host || at.Scheme == "https" && slices.Contains(hosts, at.Host)
}

// Columns of a bill of refunds that matter here. The buyer's account is among the others and is never looked at.
const (
	columnTrade     = "商户订单号"
	columnCurrency  = "货币种类"
	columnReference = "微信退款单号"
	columnNumber    = "商户退款单号"
	columnStatus    = "退款状态"
	columnSuccess   = "退款成功时间"
	// columnRefund is what was asked for; bills without it have columnSettled, which is less by coupons.
	columnRefund  = "申请退款金额"
	columnSettled = "退款金额"
	columnTotal   = "订单金额"
	columnName    = "商品名称"
	columnSummary = "总交易单数"
)

// parseBill reads lines of fields that each begin with a backtick, under a line of names and above a summary.
func parseBill(content []byte) ([]domain.ProviderRefund, error) {
	content = bytes.TrimPrefix(content, []byte("\xef\xbb\xbf"))
	lines := strings.Split(strings.ReplaceAll(string(content), "\r\n", "\n"), "\n")
	columns, err := columnsOf(lines[0])
	if err != nil {
		return nil, err
	}
	var refunds []domain.ProviderRefund
	for i, line := range lines[1:] {
		if strings.HasPrefix(line, columnSummary) {
			return refunds, nil
		}
		refund, err := columns.refund(line)
		if err != nil {
			return nil, fmt.Errorf("line %d of the bill: %w", i+2, err)
		}
		refunds = append(refunds, refund)
	}
	return nil, errors.New("bill ends without its summary")
}

// columns are the places of the fields in a line.
type columns struct {
	at    map[string]int
	count int
}

func columnsOf(header string) (columns, error) {
	names := strings.Split(header, ",")
	c := columns{at: make(map[string]int, len(names)), count: len(names)}
	for i, name := range names {
		c.at[strings.TrimSpace(name)] = i
	}
	for _, name := range []string{columnTrade, columnCurrency, columnReference, columnNumber, columnStatus, columnSettled, columnName} {
		if _, there := c.at[name]; !there {
			return columns{}, fmt.Errorf("bill has no column %s", name)
		}
	}
	return c, nil
}

// of returns a field, or "" for a column that the bill does not have. The name of the goods is free text and may look like
// several fields, so what is behind it is counted from the end.
func (c columns) of(fields []string, name string) string {
	at, there := c.at[name]
	if !there {
		return ""
	}
	if at > c.at[columnName] {
		at += len(fields) - c.count
	}
	return fields[at]
}

func (c columns) refund(line string) (domain.ProviderRefund, error) {
	line, ok := strings.CutPrefix(line, "`")
	fields := strings.Split(line, ",`")
	if !ok || len(fields) < c.count {
		return domain.ProviderRefund{}, errors.New("it has too few fields")
	}
	r := domain.ProviderRefund{
		RefundNumber: c.of(fields, columnNumber), PaymentReference: c.of(fields, columnTrade),
		Reference: c.of(fields, columnReference), Currency: c.of(fields, columnCurrency),
	}
	if r.RefundNumber == "" || r.Reference == "" || max(len(r.RefundNumber), len(r.Reference), len(r.PaymentReference)) > 64 || len(r.Currency) != 3 {
		return domain.ProviderRefund{}, errors.New("number, reference or currency of the refund is missing or too long")
	}
	var err error
	if r.Status, err = billStatus(c.of(fields, columnStatus)); err != nil {
		return domain.ProviderRefund{}, err
	}
	asked := c.of(fields, columnRefund)
	if asked == "" {
		asked = c.of(fields, columnSettled)
	}
	if r.Amount, err = fen(asked); err != nil {
		return domain.ProviderRefund{}, err
	}
	if total := c.of(fields, columnTotal); total != "" {
		if r.PaymentTotal, err = fen(total); err != nil {
			return domain.ProviderRefund{}, err
		}
	}
	if at, err := time.ParseInLocation(time.DateTime, c.of(fields, columnSuccess), chinaStandardTime); err == nil {
		r.SucceededAt = at.UTC()
	}
	return r, nil
}

// billStatus translates the words of bills, which are not those of the API.
func billStatus(status string) (domain.ProviderStatus, error) {
	switch status {
	case "SUCCESS":
		return domain.ProviderSucceeded, nil
	case "PROCESSING":
		return domain.ProviderProcessing, nil
	case "FAIL":
		return domain.ProviderClosed, nil
	case "CHANGE":
		return domain.ProviderAbnormal, nil
	}
	return "", errors.New("refund has an unknown status")
}

// fen reads an amount in yuan, such as 10.80, as minor units: digits and two decimals at most.
func fen(yuan string) (int64, error) {
	whole, cents, _ := strings.Cut(yuan, ".")
	if whole == "" || len(whole) > 12 || len(cents) > 2 {
		return 0, errors.New("amount is not one in yuan")
	}
	var amount int64
	for _, digit := range []byte(whole + (cents + "00")[:2]) {
		if digit < '0' || digit > '9' {
			return 0, errors.New("amount is not one in yuan")
		}
		amount = amount*10 + int64(digit-'0')
	}
	return amount, nil
}
