// Package kuaidi100 speaks the protocol of kuaidi100 (快递100), an aggregator that books couriers of
// many carriers and follows parcels: 商家寄件 (borderapi.do), 快递信息推送 (poll) and 实时查询
// (poll/query.do).
//
// The protocol is forms with a JSON field "param" and an upper-case MD5 signature. kuaidi100 takes no
// idempotency key; what an unanswered call did is found out by [Client.Detail] or by the callback
// address, which holds an unguessable token of ours. Errors are [*domain.ProviderError]: they say
// whether the call may have had an effect.
package kuaidi100

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/url"
	"strconv"
	"strings"
	"time"

	"go.opentelemetry.io/contrib/instrumentation/net/http/otelhttp"

	"aftercare.dev/services/logistics/domain"
	"aftercare.dev/services/platform/config"
	"aftercare.dev/services/platform/crash"
)

// Config is the contract with kuaidi100.
type Config struct {
	// BaseURL is where the API lives.
	BaseURL string `env:"BASE_URL" envDefault:"https://poll.kuaidi100.com" validate:"http_url"`
	// Key (授权码), Secret and Customer come from kuaidi100's console.
	Key      config.Secret `env:"KEY"`
	Secret   config.Secret `env:"SECRET"`
	Customer string        `env:"CUSTOMER"`
	// CallbackBaseURL is the public address of the gateway; /callbacks/kuaidi100/{token} is added.
	CallbackBaseURL string `env:"-"`
	// Timeout bounds one call. The callers of this service wait ten seconds, so it stays below eight.
	Timeout time.Duration `env:"TIMEOUT" envDefault:"6s" validate:"min=100ms,max=8s"`
	// PickupCarrier is the company code that couriers are booked at.
	PickupCarrier string `env:"PICKUP_CARRIER" envDefault:"jd"`
	// Cargo is what the courier is told to expect; some carriers demand it.
	Cargo string `env:"CARGO" envDefault:"日用品"`
}

// maxResponse bounds what is read of an answer; a tracking answer with hundreds of scans fits.
const maxResponse = 2 << 20

// maxCallbackURL is kuaidi100's limit on the length of a callback address, in bytes.
const maxCallbackURL = 200

// Client calls kuaidi100. It is safe for concurrent use.
type Client struct {
	cfg  Config
	base string
	http *http.Client
	now  func() time.Time
}

// New returns a client, or an error if callback addresses would be too long for kuaidi100.
func New(cfg Config, now func() time.Time) (*Client, error) {
	c := &Client{
		cfg:  cfg,
		base: strings.TrimRight(cfg.BaseURL, "/"),
		http: &http.Client{
			Timeout:   cfg.Timeout,
			Transport: otelhttp.NewTransport(crash.Transport(http.DefaultTransport.(*http.Transport).Clone())),
			// A redirect would send the form, with people's addresses, to somebody else.
			CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse },
		},
		now: now,
	}
	if length := len(c.callbackURL(domain.NewSecret())); length > maxCallbackURL {
		return nil, fmt.Errorf("CALLBACK_BASE_URL makes callback addresses of %d bytes, kuaidi100 allows %d",
			length, maxCallbackURL)
	}
	return c, nil
}

// Carrier is the company code that couriers are booked at.
func (c *Client) Carrier() string { return c.cfg.PickupCarrier }

func (c *Client) callbackURL(token string) string {
	return strings.TrimRight(c.cfg.CallbackBaseURL, "/") + "/callbacks/kuaidi100/" + token
}

// order posts a method of borderapi.do.
func (c *Client) order(ctx context.Context, method string, param any) ([]byte, error) {
	text, err := encode(param)
	if err != nil {
		return nil, err
	}
	t := strconv.FormatInt(c.now().UnixMilli(), 10)
	return c.post(ctx, "/order/borderapi.do", url.Values{
		"method": {method},
		"key":    {string(c.cfg.Key)},
		"t":      {t},
		"param":  {text},
		"sign":   {sign(text, t, string(c.cfg.Key), string(c.cfg.Secret))},
	})
}

// post sends a form and returns the body of an answer with status 200.
func (c *Client) post(ctx context.Context, path string, form url.Values) ([]byte, error) {
	request, err := http.NewRequestWithContext(ctx, http.MethodPost, c.base+path, strings.NewReader(form.Encode()))
	if err != nil {
		return nil, &domain.ProviderError{Trouble: domain.Misconfigured, Code: "base_url", Cause: err}
	}
	request.Header.Set("Content-Type", "application/x-www-form-urlencoded; charset=utf-8")
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
		return nil, &domain.ProviderError{Trouble: domain.Misconfigured, Code: httpCode(response.StatusCode)}
	case response.StatusCode != http.StatusOK:
		return nil, &domain.ProviderError{Trouble: domain.Unknown, Code: httpCode(response.StatusCode)}
	}
	return body, nil
}

func httpCode(status int) string { return "http_" + strconv.Itoa(status) }

// transport tells a call that never left from one whose answer was lost.
func transport(err error) error {
	var dial *net.OpError
	if errors.As(err, &dial) && dial.Op == "dial" {
		return &domain.ProviderError{Trouble: domain.NotDone, Code: "unreachable", Cause: err}
	}
	return &domain.ProviderError{Trouble: domain.Unknown, Code: "transport", Cause: err}
}
