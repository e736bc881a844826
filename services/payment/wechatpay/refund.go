package wechatpay

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"time"

	"aftercare.dev/services/payment/domain"
)

const refundsPath = "/v3/refund/domestic/refunds"

type createBody struct {
	OutTradeNo  string       `json:"out_trade_no"`
	OutRefundNo string       `json:"out_refund_no"`
	Reason      string       `json:"reason,omitempty"`
	NotifyURL   string       `json:"notify_url,omitempty"`
	Amount      createAmount `json:"amount"`
}

type createAmount struct {
	Refund   int64  `json:"refund"`
	Total    int64  `json:"total"`
	Currency string `json:"currency"`
}

// refundBody is the part of the provider's refund that matters here; the rest, such as the account
// that received the money, is personal data and is not even decoded.
type refundBody struct {
	RefundID    string `json:"refund_id"`
	OutRefundNo string `json:"out_refund_no"`
	OutTradeNo  string `json:"out_trade_no"`
	Status      string `json:"status"`
	SuccessTime string `json:"success_time"`
	Amount      struct {
		Refund   int64  `json:"refund"`
		Total    int64  `json:"total"`
		Currency string `json:"currency"`
	} `json:"amount"`
}

// Create asks for a refund. The answer means that the request was accepted; whether the buyer has
// the money is told by Status, mostly later by [Client.Query]. The error is a
// [*domain.ProviderError]. Create may be repeated with the same instruction; the provider warns
// against doing so concurrently.
func (c *Client) Create(ctx context.Context, i domain.Instruction) (domain.ProviderRefund, error) {
	body, err := json.Marshal(createBody{
		OutTradeNo:  i.PaymentReference,
		OutRefundNo: i.RefundNumber,
		Reason:      i.Reason,
		NotifyURL:   c.notifyURL,
		Amount:      createAmount{Refund: i.Amount, Total: i.PaymentTotal, Currency: i.Currency},
	})
	if err != nil {
		return domain.ProviderRefund{}, fmt.Errorf("encode refund: %w", err)
	}
	answer, failure := c.call(ctx, http.MethodPost, refundsPath, body)
	if failure != nil {
		return domain.ProviderRefund{}, failure
	}
	if answer.status != http.StatusOK {
		return domain.ProviderRefund{}, createError(answer)
	}
	return decodeRefund(answer.body)
}

// Query asks how the refund of this number stands; it is the only authority on that. The error is a
// [*domain.ProviderError], with NotFound set if the provider has no such refund.
func (c *Client) Query(ctx context.Context, refundNumber string) (domain.ProviderRefund, error) {
	answer, failure := c.call(ctx, http.MethodGet, refundsPath+"/"+url.PathEscape(refundNumber), nil)
	if failure != nil {
		return domain.ProviderRefund{}, failure
	}
	if answer.status != http.StatusOK {
		return domain.ProviderRefund{}, queryError(answer)
	}
	return decodeRefund(answer.body)
}

func decodeRefund(body []byte) (domain.ProviderRefund, error) {
	var b refundBody
	if err := json.Unmarshal(body, &b); err != nil {
		return domain.ProviderRefund{}, unheard(codeUnreadable, errors.New("answer is not a refund"))
	}
	status, err := statusOf(b.Status)
	if err != nil {
		return domain.ProviderRefund{}, unheard(codeUnreadable, err)
	}
	return domain.ProviderRefund{
		RefundNumber:     b.OutRefundNo,
		PaymentReference: b.OutTradeNo,
		Reference:        b.RefundID,
		Status:           status,
		Amount:           b.Amount.Refund,
		PaymentTotal:     b.Amount.Total,
		Currency:         b.Amount.Currency,
		SucceededAt:      succeededAt(b.SuccessTime),
	}, nil
}

func statusOf(status string) (domain.ProviderStatus, error) {
	switch status {
	case "PROCESSING":
		return domain.ProviderProcessing, nil
	case "SUCCESS":
		return domain.ProviderSucceeded, nil
	case "CLOSED":
		return domain.ProviderClosed, nil
	case "ABNORMAL":
		return domain.ProviderAbnormal, nil
	}
	return "", errors.New("answer has an unknown refund status")
}

// succeededAt is zero if the provider gave no time; when money arrived is not worth doubting that it did.
func succeededAt(text string) time.Time {
	at, err := time.Parse(time.RFC3339, text)
	if err != nil {
		return time.Time{}
	}
	return at.UTC()
}
