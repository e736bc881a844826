// Package httpclient is how one process of the house calls another.
//
// A [Client] is the doer of a client generated from OpenAPI; what it returns is a value, a
// [*problem.Error] that the other side gave, or a [*TransportError], after which nobody knows
// whether the request was carried out:
//
//	client, err := order.NewClientWithResponses(cfg.URL, order.WithHTTPClient(httpclient.New(httpclient.Options{
//		BaseURL: cfg.URL, Token: cfg.Token, Timeout: 5 * time.Second,
//	})))
//
//	answer, err := client.GetOrderWithResponse(ctx, merchantID, orderID)
//	if err != nil {
//		return order.Order{}, err
//	}
//	return httpclient.Check(answer.StatusCode(), answer.Body, answer.JSON200)
//
// Nothing is retried here: only the caller knows whether repeating is safe.
package httpclient

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net"
	"net/http"
	"net/url"
	"time"

	"go.opentelemetry.io/contrib/instrumentation/net/http/otelhttp"

	"aftercare.dev/services/platform/config"
	"aftercare.dev/services/platform/crash"
	"aftercare.dev/services/platform/problem"
	"aftercare.dev/services/platform/telemetry"
)

// Options says whom a [Client] calls, and how.
type Options struct {
	// BaseURL is the address of the service. The token goes to its host and no other.
	BaseURL string
	// Token is the service token; empty sends none.
	Token config.Secret
	// Timeout bounds one call, reading the answer included. The default is 10 s; a context with an
	// earlier deadline wins.
	Timeout time.Duration
	// MaxResponse is the largest answer that is read, in bytes. The default is 8 MiB.
	MaxResponse int64
	// Logger hears of calls that failed, at debug level. The default is silent.
	Logger *slog.Logger
	// Transport replaces the transport, for tests and for guards on the network. The tracing is
	// put around it.
	Transport http.RoundTripper
}

// Client calls one service. It has the method that generated clients ask for.
type Client struct {
	http        *http.Client
	transport   http.RoundTripper
	host        string
	token       config.Secret
	maxResponse int64
	log         *slog.Logger
}

// New returns a client with a connection pool of its own. It continues the trace of the caller's
// context and does not follow redirects, since no service of the house gives any.
func New(o Options) *Client {
	transport := o.Transport
	if transport == nil {
		transport = NewTransport()
	}
	c := &Client{
		http: &http.Client{
			Transport: otelhttp.NewTransport(Discreet(crash.Transport(transport))),
			Timeout:   cmp.Or(o.Timeout, 10*time.Second),
			CheckRedirect: func(*http.Request, []*http.Request) error {
				return http.ErrUseLastResponse
			},
		},
		transport:   transport,
		token:       o.Token,
		maxResponse: cmp.Or(o.MaxResponse, 8<<20),
		log:         cmp.Or(o.Logger, slog.New(slog.DiscardHandler)),
	}
	if base, err := url.Parse(o.BaseURL); err == nil {
		c.host = base.Host
	}
	return c
}

// NewTransport returns a transport for talking to few hosts a lot: it keeps connections to them
// open, so that bursts do not pay for handshakes, and gives up early on a host that is not there.
func NewTransport() *http.Transport {
	return &http.Transport{
		Proxy:                 http.ProxyFromEnvironment,
		DialContext:           (&net.Dialer{Timeout: 3 * time.Second, KeepAlive: 30 * time.Second}).DialContext,
		ForceAttemptHTTP2:     true,
		MaxIdleConns:          512,
		MaxIdleConnsPerHost:   128,
		IdleConnTimeout:       90 * time.Second,
		TLSHandshakeTimeout:   5 * time.Second,
		ExpectContinueTimeout: time.Second,
	}
}

// CloseIdleConnections lets the next requests find another instance behind the same address, where a balancer gives each
// connection to one.
func (c *Client) CloseIdleConnections() {
	if t, ok := c.transport.(interface{ CloseIdleConnections() }); ok {
		t.CloseIdleConnections()
	}
}

// Do sends the request. To whom the token goes it also tells which case the context is about. A failure to get an answer is a [*TransportError]; so is a failure to read
// the answer's body, later.
func (c *Client) Do(r *http.Request) (*http.Response, error) {
	if c.token != "" && r.URL.Host == c.host && r.Header.Get("Authorization") == "" {
		r.Header.Set("Authorization", "Bearer "+string(c.token))
		if id := telemetry.CaseOf(r.Context()); id != "" {
			r.Header.Set(telemetry.CaseHeader, id)
		}
	}
	answer, err := c.http.Do(r) //nolint:gosec // where a request goes is its maker's decision
	if err != nil {
		failure := newTransportError(r, err)
		c.log.LogAttrs(r.Context(), slog.LevelDebug, "call failed",
			slog.String("method", r.Method), slog.String("host", r.URL.Host), slog.Any("error", failure))
		return nil, failure
	}
	answer.Body = &body{ReadCloser: answer.Body, request: r, left: c.maxResponse}
	return answer, nil
}

// body limits what is read, and types the errors of reading.
type body struct {
	io.ReadCloser
	request *http.Request
	left    int64
}

var errTooLarge = errors.New("the answer is too large")

func (b *body) Read(p []byte) (int, error) {
	if b.left < 0 {
		return 0, newTransportError(b.request, errTooLarge)
	}
	// One byte more than the limit tells an answer that fits exactly from one that does not.
	if int64(len(p)) > b.left+1 {
		p = p[:b.left+1]
	}
	n, err := b.ReadCloser.Read(p)
	b.left -= int64(n)
	switch {
	case b.left < 0:
		return 0, newTransportError(b.request, errTooLarge)
	case err != nil && !errors.Is(err, io.EOF):
		return n, newTransportError(b.request, err)
	}
	return n, err
}

// TransportError is a call without an answer. The request may have been carried out, unless
// NotSent says that it was not.
type TransportError struct {
	// Method and Host tell which call it was; the path may have ids and stays out.
	Method, Host string
	// NotSent is true if no connection came about, so that surely nothing was done.
	NotSent bool

	cause error
}

func newTransportError(r *http.Request, err error) *TransportError {
	var already *TransportError
	if errors.As(err, &already) {
		return already
	}
	// *url.Error repeats the whole URL, which may hold more than a log should.
	var wrapped *url.Error
	if errors.As(err, &wrapped) {
		err = wrapped.Err
	}
	var network *net.OpError
	return &TransportError{
		Method:  r.Method,
		Host:    r.URL.Host,
		NotSent: errors.As(err, &network) && network.Op == "dial",
		cause:   err,
	}
}

// Error tells whom was called and what went wrong.
func (e *TransportError) Error() string {
	return fmt.Sprintf("%s %s: no answer: %v", e.Method, e.Host, e.cause)
}

// Unwrap returns the cause, such as [context.DeadlineExceeded].
func (e *TransportError) Unwrap() error { return e.cause }

// Timeout tells whether time ran out.
func (e *TransportError) Timeout() bool {
	var timeout interface{ Timeout() bool }
	return errors.Is(e.cause, context.DeadlineExceeded) || (errors.As(e.cause, &timeout) && timeout.Timeout())
}

// Problem is what the caller's caller gets to see.
func (e *TransportError) Problem() *problem.Error {
	return problem.Unavailable(problem.CodeUnavailable, "a service that is needed did not answer")
}

// Check turns what a generated client parsed into the value or the reason why there is none: ok is
// the field of the expected success, such as answer.JSON200; with several, cmp.Or(answer.JSON200,
// answer.JSON201). A success that could not be parsed is a [*TransportError], since it was done but
// what is not known.
func Check[T any](status int, body []byte, ok *T) (T, error) {
	if ok != nil && status < http.StatusMultipleChoices {
		return *ok, nil
	}
	var zero T
	if err := CheckStatus(status, body); err != nil {
		return zero, err
	}
	return zero, &TransportError{cause: fmt.Errorf("the answer of status %d is not of the expected form", status)}
}

// CheckStatus is [Check] for an answer without a body, such as 204.
func CheckStatus(status int, body []byte) error {
	if status >= http.StatusOK && status < http.StatusMultipleChoices {
		return nil
	}
	return problem.Decode(status, body)
}
