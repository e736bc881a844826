package webhook

import (
	"bytes"
	"context"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"strconv"
	"strings"
	"time"

	standardwebhooks "github.com/standard-webhooks/standard-webhooks/libraries/go"

	"aftercare.dev/services/notification/domain"
	"aftercare.dev/services/platform/crash"
	"aftercare.dev/services/platform/problem"
)

const (
	// Timeout bounds one attempt, the answer's body included. Standard Webhooks recommends 15 to 30 s.
	Timeout     = 15 * time.Second
	dialTimeout = 5 * time.Second
	// maxResponse is what is read of an answer, only so that the connection can be used again.
	maxResponse = 16 << 10
	maxHeader   = 16 << 10
	userAgent   = "Aftercare-Webhooks/1.0"
)

// Endpoints is where the sender finds the endpoint as it is now, and the secrets that sign now, newest
// first. An endpoint that is no more is a problem with the code [domain.CodeEndpointNotFound].
type Endpoints interface {
	Endpoint(ctx context.Context, merchantID, endpointID string) (domain.Endpoint, error)
	SigningSecrets(ctx context.Context, merchantID, endpointID string) ([]string, error)
}

// Sender posts events to endpoints. It is safe for concurrent use.
type Sender struct {
	endpoints Endpoints
	client    *http.Client
	now       func() time.Time
}

// NewSender returns a sender that connects only where the guard allows, never through a proxy, and
// follows no redirect.
func NewSender(endpoints Endpoints, guard *Guard, now func() time.Time) *Sender {
	return &Sender{
		endpoints: endpoints,
		now:       now,
		client: &http.Client{
			Timeout: Timeout,
			CheckRedirect: func(*http.Request, []*http.Request) error {
				return http.ErrUseLastResponse
			},
			Transport: crash.Transport(&http.Transport{
				DialContext:            guard.dialer().DialContext,
				TLSClientConfig:        &tls.Config{MinVersion: tls.VersionTLS12},
				TLSHandshakeTimeout:    dialTimeout,
				MaxResponseHeaderBytes: maxHeader,
				MaxIdleConns:           256,
				MaxIdleConnsPerHost:    4,
				IdleConnTimeout:        30 * time.Second,
				DisableCompression:     true,
				ForceAttemptHTTP2:      true,
			}),
		},
	}
}

// Close gives idle connections back.
func (s *Sender) Close() { s.client.CloseIdleConnections() }

// Send makes one attempt. The message id and the body are the same at every attempt; the timestamp, and
// so the signature, are the attempt's own.
func (s *Sender) Send(ctx context.Context, m domain.Message) domain.Result {
	endpoint, err := s.endpoints.Endpoint(ctx, m.Delivery.MerchantID, m.Delivery.TargetID)
	switch {
	case problem.HasCode(err, domain.CodeEndpointNotFound):
		return domain.Result{Verdict: domain.Skipped, Code: domain.ErrorEndpointRemoved}
	case err != nil:
		return internal(ctx)
	case !endpoint.Enabled:
		return domain.Result{Verdict: domain.Skipped, Code: domain.ErrorEndpointDisabled}
	}
	secrets, err := s.endpoints.SigningSecrets(ctx, m.Delivery.MerchantID, m.Delivery.TargetID)
	if err != nil || len(secrets) == 0 {
		return internal(ctx)
	}
	body, err := m.Event.Payload()
	if err != nil {
		return internal(ctx)
	}
	request, err := http.NewRequestWithContext(ctx, http.MethodPost, endpoint.URL, bytes.NewReader(body))
	if err != nil {
		return domain.Result{Verdict: domain.Failed, Code: domain.ErrorAddress}
	}
	if err := sign(request.Header, m.Event.MessageID(), s.now(), body, secrets); err != nil {
		return internal(ctx)
	}
	request.Header.Set("Content-Type", "application/json")
	request.Header.Set("User-Agent", userAgent)

	answer, err := s.client.Do(request)
	if err != nil {
		return failed(ctx, err)
	}
	defer answer.Body.Close()
	// Whatever it says does not matter, nor whether it can be read to the end.
	_, _ = io.CopyN(io.Discard, answer.Body, maxResponse)
	return s.judge(answer)
}

// sign sets the three headers of Standard Webhooks, with a signature for each secret, so that a receiver
// finds the one that it knows while a rotation goes on.
func sign(header http.Header, id string, at time.Time, body []byte, secrets []string) error {
	signatures := make([]string, 0, len(secrets))
	for _, secret := range secrets {
		signer, err := standardwebhooks.NewWebhook(secret)
		if err != nil {
			return errors.New("a signing secret is malformed") // the cause would quote it
		}
		signature, err := signer.Sign(id, at, body)
		if err != nil {
			return fmt.Errorf("sign: %w", err)
		}
		signatures = append(signatures, signature)
	}
	// Set would write "Webhook-Id"; names of headers are case-insensitive, and HTTP/2 lowers them.
	header.Set(standardwebhooks.HeaderWebhookID, id)
	header.Set(standardwebhooks.HeaderWebhookTimestamp, strconv.FormatInt(at.Unix(), 10))
	header.Set(standardwebhooks.HeaderWebhookSignature, strings.Join(signatures, " "))
	return nil
}

// judge says what an answer means. All but success and 410 are tried again: a receiver's 404 or 401 is
// more often a deployment gone wrong than a wish.
func (s *Sender) judge(answer *http.Response) domain.Result {
	status := answer.StatusCode
	result := domain.Result{Verdict: domain.Retry, Status: status, Code: domain.ErrorHTTPStatus}
	switch {
	case status >= 200 && status < 300:
		return domain.Result{Verdict: domain.Delivered, Status: status}
	case status >= 300 && status < 400:
		result.Code = domain.ErrorRedirect
	case status == http.StatusGone:
		result.Verdict, result.Code, result.Gone = domain.Failed, domain.ErrorGone, true
	case status == http.StatusTooManyRequests || status == http.StatusBadGateway ||
		status == http.StatusServiceUnavailable || status == http.StatusGatewayTimeout:
		result.RetryAfter = retryAfter(answer.Header.Get("Retry-After"), s.now())
	}
	return result
}

// retryAfter reads seconds or a date (RFC 9110, 10.2.3), bounded to [domain.MaxRetryAfter]; 0 if there is
// none.
func retryAfter(header string, now time.Time) time.Duration {
	if seconds, err := strconv.ParseInt(header, 10, 64); err == nil {
		// Bounded before it is multiplied, which could overflow.
		return time.Duration(max(0, min(seconds, int64(domain.MaxRetryAfter/time.Second)))) * time.Second
	}
	if at, err := http.ParseTime(header); err == nil {
		return max(0, min(at.Sub(now), domain.MaxRetryAfter))
	}
	return 0
}

// internal is a failure that is ours. It is told apart from one of the endpoint's, whose health it does
// not touch.
func internal(ctx context.Context) domain.Result {
	if errors.Is(ctx.Err(), context.Canceled) {
		return domain.Result{Verdict: domain.Interrupted}
	}
	return domain.Result{Verdict: domain.Retry, Code: domain.ErrorInternal}
}

// failed names the reason why there was no answer. The error itself holds the URL and is not kept.
func failed(ctx context.Context, err error) domain.Result {
	if errors.Is(ctx.Err(), context.Canceled) {
		return domain.Result{Verdict: domain.Interrupted}
	}
	result := domain.Result{Verdict: domain.Retry, Code: domain.ErrorConnection}
	var (
		blocked  forbiddenError
		dns      *net.DNSError
		timeout  net.Error
		record   tls.RecordHeaderError
		alert    tls.AlertError
		verified *tls.CertificateVerificationError
		unknown  x509.UnknownAuthorityError
	)
	switch {
	case errors.As(err, &blocked):
		result.Code = domain.ErrorAddress
	case errors.As(err, &dns):
		result.Code = domain.ErrorDNS
	case errors.As(err, &timeout) && timeout.Timeout():
		result.Code = domain.ErrorTimeout
	case errors.As(err, &record), errors.As(err, &alert), errors.As(err, &verified), errors.As(err, &unknown),
		errors.Is(err, http.ErrSchemeMismatch):
		result.Code = domain.ErrorTLS
	}
	return result
}
