// Package wechatpay speaks WeChat Pay API v3 for refunds: signed requests, verified answers, and
// signed and encrypted notifications. Source: https://pay.weixin.qq.com/doc/v3/merchant.
//
// The provider's answers are untrusted input: they are limited in size, believed only when signed,
// and compared with what was asked before anything is concluded from them.
package wechatpay

import (
	"bytes"
	"context"
	"crypto/rand"
	"crypto/rsa"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"strings"
	"time"

	"aftercare.dev/services/payment/domain"
	"aftercare.dev/services/platform/crash"
)

// Provider is the name of WeChat Pay in orders.
const Provider = "wechatpay"

// maxAnswer is the largest answer that is read; a refund is under 10 kB.
const maxAnswer = 1 << 20

// Options configure a [Client]. All but Transport and Now are required.
type Options struct {
	// BaseURL is https://api.mch.weixin.qq.com, its backup host, or a sandbox.
	BaseURL string
	// MerchantID is the mchid.
	MerchantID string
	// MerchantSerial is the serial number of the merchant's API certificate.
	MerchantSerial string
	PrivateKey     *rsa.PrivateKey
	// PlatformKeys are the keys that the platform signs with, by certificate serial or PUB_KEY_ID.
	PlatformKeys map[string]*rsa.PublicKey
	// PlatformSerial is the key of PlatformKeys that answers should be signed with.
	PlatformSerial string
	// APIv3Key decrypts notifications; 32 bytes.
	APIv3Key []byte
	// NotifyURL is where the platform sends notifications.
	NotifyURL string
	// Timeout of one call, connecting and reading included.
	Timeout time.Duration
	// Transport carries the calls; nil is http.DefaultTransport.
	Transport http.RoundTripper
	// Now is the clock; nil is time.Now.
	Now func() time.Time
}

// Client calls WeChat Pay for one merchant account. It is safe for concurrent use and never repeats
// a call by itself: that is for whoever knows what the first one did.
type Client struct {
	base           string // without trailing slash
	basePath       string // path of base, part of what is signed
	merchantID     string
	merchantSerial string
	privateKey     *rsa.PrivateKey
	platformKeys   map[string]*rsa.PublicKey
	platformSerial string
	apiv3Key       []byte
	notifyURL      string
	http           *http.Client
	files          *http.Client // for downloads, which have a time limit of their own
	now            func() time.Time
}

// New returns a client, or an error that says which option is wrong.
func New(o Options) (*Client, error) {
	base, err := url.Parse(strings.TrimRight(o.BaseURL, "/"))
	switch {
	case err != nil || base.Host == "" || base.RawQuery != "":
		return nil, errors.New("wechatpay: BaseURL must be an absolute URL without a query")
	case o.MerchantID == "" || o.MerchantSerial == "" || o.PrivateKey == nil:
		return nil, errors.New("wechatpay: MerchantID, MerchantSerial and PrivateKey are required")
	case strings.ContainsAny(o.MerchantID+o.MerchantSerial, "\"\r\n"):
		return nil, errors.New("wechatpay: MerchantID and MerchantSerial must not hold quotes or newlines")
	case o.PlatformKeys[o.PlatformSerial] == nil:
		return nil, errors.New("wechatpay: PlatformKeys must hold the key of PlatformSerial")
	case len(o.APIv3Key) != 32:
		return nil, errors.New("wechatpay: APIv3Key must have 32 bytes")
	case o.Timeout <= 0:
		return nil, errors.New("wechatpay: Timeout must be positive")
	}
	now := o.Now
	if now == nil {
		now = time.Now
	}
	transport := crash.Transport(o.Transport)
	return &Client{
		base:           base.String(),
		basePath:       base.EscapedPath(),
		merchantID:     o.MerchantID,
		merchantSerial: o.MerchantSerial,
		privateKey:     o.PrivateKey,
		platformKeys:   o.PlatformKeys,
		platformSerial: o.PlatformSerial,
		apiv3Key:       o.APIv3Key,
		notifyURL:      o.NotifyURL,
		now:            now,
		http:           &http.Client{Transport: transport, Timeout: o.Timeout, CheckRedirect: stay},
		files:          &http.Client{Transport: transport, CheckRedirect: stay},
	}, nil
}

// stay follows no redirect: it would send a refund to an address that nobody configured.
func stay(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }

// answer is what came back, read to the end.
type answer struct {
	status   int
	header   http.Header
	body     []byte
	verified bool
}

// call sends one signed request. A success that is not signed is an error, and so is any answer
// whose signature is wrong. An error answer may be unsigned: the platform does not sign an answer
// to a request whose own signature it could not check.
func (c *Client) call(ctx context.Context, method, path string, body []byte) (*answer, *domain.ProviderError) {
	request, err := c.request(ctx, method, path, body)
	if err != nil {
		return nil, unheard(codeNoAnswer, err)
	}
	response, err := c.http.Do(request)
	if err != nil {
		return nil, unheard(codeNoAnswer, withoutURL(err))
	}
	defer response.Body.Close()
	content, err := io.ReadAll(io.LimitReader(response.Body, maxAnswer+1))
	if err != nil {
		return nil, unheard(codeNoAnswer, fmt.Errorf("read answer: %w", withoutURL(err)))
	}
	if len(content) > maxAnswer {
		return nil, unheard(codeUnreadable, errors.New("answer is too large"))
	}
	a := &answer{status: response.StatusCode, header: response.Header, body: content}
	switch err := c.verify(response.Header, content); {
	case err == nil:
		a.verified = true
	case a.status < http.StatusBadRequest || !errors.Is(err, errUnsigned):
		return nil, unheard(codeUnverified, err)
	}
	return a, nil
}

func (c *Client) request(ctx context.Context, method, path string, body []byte) (*http.Request, error) {
	request, err := http.NewRequestWithContext(ctx, method, c.base+path, bytes.NewReader(body))
	if err != nil {
		return nil, err
	}
	if err := c.sign(request, c.basePath+path, body); err != nil {
		return nil, err
	}
	if len(body) > 0 {
		request.Header.Set("Content-Type", "application/json")
	}
	return request, nil
}

// sign adds the signature, and what goes with it, to a request of this path and query.
func (c *Client) sign(request *http.Request, uri string, body []byte) error {
	authorization, err := c.authorization(request.Method, uri, rand.Text(), c.now(), body)
	if err != nil {
		return err
	}
	request.Header.Set("Authorization", authorization)
	request.Header.Set("Accept", "application/json")
	request.Header.Set("User-Agent", "aftercare-payment/1")
	request.Header.Set("Wechatpay-Serial", c.platformSerial)
	return nil
}

// withoutURL drops the address from an error of net/http; it is noise in a log line.
func withoutURL(err error) error {
	if wrapped, ok := errors.AsType[*url.Error](err); ok {
		return wrapped.Err
	}
	return err
}
