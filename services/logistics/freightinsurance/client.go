// Package freightinsurance speaks the protocol of WeChat 无忧退货, the freight insurance of mini
// programs: the insurer pays the buyer for sending a parcel back.
//
// One payment, one policy, one claim. createorder insures when the shop ships, claim is made for a
// parcel that came back, getorderlist tells how both stand, and the insurer pushes
// wxainsurance_claim_result. Errors are [*domain.ProviderError].
package freightinsurance

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"io"
	"net"
	"net/http"
	"net/url"
	"strconv"
	"strings"
	"time"

	"aftercare.dev/services/logistics/domain"
	"aftercare.dev/services/platform/config"
	"aftercare.dev/services/platform/crash"
)

// Config is the mini program that insures.
type Config struct {
	BaseURL   string        `env:"BASE_URL" envDefault:"https://api.weixin.qq.com" validate:"http_url"`
	AppID     string        `env:"APP_ID"`
	AppSecret config.Secret `env:"APP_SECRET"`
	// CallbackToken is the token of the message push (消息推送), in plain mode.
	CallbackToken config.Secret `env:"CALLBACK_TOKEN"`
	// OrderPath is the page of an order in the mini program; {order_id} is replaced.
	OrderPath string `env:"ORDER_PATH" envDefault:"pages/order/detail?id={order_id}"`
	// GoodsImageURL is shown beside the goods in the insurer's message to the buyer.
	GoodsImageURL string `env:"GOODS_IMAGE_URL"`
	// Timeout bounds one call, a fresh access token included.
	Timeout time.Duration `env:"TIMEOUT" envDefault:"6s" validate:"min=100ms,max=8s"`
}

const maxResponse = 1 << 20

// Client calls the insurer. It is safe for concurrent use.
type Client struct {
	cfg   Config
	base  string
	http  *http.Client
	token tokenSource
	now   func() time.Time
}

// New returns a client. now is asked for the age of access tokens and of messages.
func New(cfg Config, now func() time.Time) *Client {
	c := &Client{
		cfg:  cfg,
		base: strings.TrimRight(cfg.BaseURL, "/"),
		// Untraced: the addresses hold the access token, which must not be in a span.
		http: &http.Client{
			Transport:     crash.Transport(http.DefaultTransport.(*http.Transport).Clone()),
			CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse },
		},
	}
	c.token, c.now = tokenSource{fetch: c.fetchToken, now: now}, now
	return c
}

// status is the part that every answer has.
type status struct {
	ErrCode int `json:"errcode"`
}

// post calls an interface of the insurance and decodes its answer. An access token that the insurer
// no longer takes is replaced once: it says so before it does anything.
func (c *Client) post(ctx context.Context, name string, request, answer any) error {
	ctx, cancel := context.WithTimeout(ctx, c.cfg.Timeout)
	defer cancel()
	var text bytes.Buffer
	encoder := json.NewEncoder(&text)
	encoder.SetEscapeHTML(false)
	if err := encoder.Encode(request); err != nil {
		return &domain.ProviderError{Trouble: domain.Refusal, Code: "encode", Cause: err}
	}
	for attempt := 0; ; attempt++ {
		token, err := c.token.get(ctx)
		if err != nil {
			return err
		}
		address := c.base + "/wxa/business/insurance_freight/" + name + "?access_token=" + url.QueryEscape(token)
		body, err := c.do(ctx, address, text.Bytes())
		if err != nil {
			return err
		}
		err = decode(body, answer)
		if attempt == 0 && tokenExpired(err) {
			c.token.forget(token)
			continue
		}
		return err
	}
}

func decode(body []byte, answer any) error {
	var s status
	if err := json.Unmarshal(body, &s); err != nil {
		return malformed(err)
	}
	if s.ErrCode != 0 {
		return refusal(s.ErrCode)
	}
	if err := json.Unmarshal(body, answer); err != nil {
		return malformed(err)
	}
	return nil
}

func malformed(err error) error {
	return &domain.ProviderError{Trouble: domain.Unknown, Code: "malformed", Cause: err}
}

func (c *Client) do(ctx context.Context, address string, content []byte) ([]byte, error) {
	request, err := http.NewRequestWithContext(ctx, http.MethodPost, address, bytes.NewReader(content))
	if err != nil {
		return nil, &domain.ProviderError{Trouble: domain.Misconfigured, Code: "base_url"}
	}
	request.Header.Set("Content-Type", "application/json")
	response, err := c.http.Do(request)
	if err != nil {
		return nil, transport(err)
	}
	defer response.Body.Close()
	body, err := io.ReadAll(io.LimitReader(response.Body, maxResponse+1))
	switch {
	case err != nil:
		return nil, transport(err)
	case len(body) > maxResponse:
		return nil, &domain.ProviderError{Trouble: domain.Unknown, Code: "answer_too_large"}
	case response.StatusCode == http.StatusTooManyRequests:
		return nil, &domain.ProviderError{Trouble: domain.NotDone, Code: "http_429"}
	case response.StatusCode >= 300 && response.StatusCode < 500:
		return nil, &domain.ProviderError{Trouble: domain.Misconfigured, Code: "http_" + strconv.Itoa(response.StatusCode)}
	case response.StatusCode != http.StatusOK:
		return nil, &domain.ProviderError{Trouble: domain.Unknown, Code: "http_" + strconv.Itoa(response.StatusCode)}
	}
	return body, nil
}

// transport drops the address from the error, because the access token or the secret is in it.
func transport(err error) error {
	var address *url.Error
	if errors.As(err, &address) {
		err = address.Err
	}
	var dial *net.OpError
	if errors.As(err, &dial) && dial.Op == "dial" {
		return &domain.ProviderError{Trouble: domain.NotDone, Code: "unreachable", Cause: err}
	}
	return &domain.ProviderError{Trouble: domain.Unknown, Code: "transport", Cause: err}
}
