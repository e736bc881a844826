// Package client talks to Aftercare the way a storefront does: by the public API and nothing else. The demo, the replay
// and the end-to-end tests are written on it.
package client

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"time"

	"aftercare.dev/gateway/access"
	"aftercare.dev/gateway/api"
	cases "aftercare.dev/services/cases/api"
	"aftercare.dev/services/platform/config"
	"aftercare.dev/services/platform/httpclient"
)

// Client is the API as seen by one principal. It is safe for concurrent use.
type Client struct {
	*api.ClientWithResponses
	// stream has no time limit but its context.
	stream *api.Client
}

// Signer makes tokens for the system that is talked to.
type Signer interface {
	Token(p access.Principal, valid time.Duration) (string, error)
}

// Door is where clients go in.
type Door struct {
	// URL is the gateway's, and Keys sign the tokens that it takes.
	URL  string
	Keys Signer
	// Transport carries the requests; nil takes the usual one.
	Transport http.RoundTripper
}

// As returns a client for a role of a merchant. A subject is who it is; for a buyer it is the buyer's id.
func (d Door) As(merchant, role, subject string) (*Client, error) {
	token, err := d.Keys.Token(access.Principal{Subject: subject, MerchantID: merchant, Roles: []string{role}}, 24*time.Hour)
	if err != nil {
		return nil, fmt.Errorf("sign a token: %w", err)
	}
	options := httpclient.Options{
		BaseURL: d.URL, Token: config.Secret(token), Timeout: time.Minute, MaxResponse: 64 << 20, Transport: d.Transport,
	}
	calls, err := api.NewClientWithResponses(d.URL, api.WithHTTPClient(httpclient.New(options)))
	if err != nil {
		return nil, err
	}
	options.Timeout = 24 * time.Hour
	stream, err := api.NewClient(d.URL, api.WithHTTPClient(httpclient.New(options)))
	if err != nil {
		return nil, err
	}
	return &Client{ClientWithResponses: calls, stream: stream}, nil
}

// As returns a client for a role of a merchant, see [Door.As].
func As(url string, keys Signer, merchant, role, subject string) (*Client, error) {
	return Door{URL: url, Keys: keys}.As(merchant, role, subject)
}

// Open files a case and returns it; filing it again with the same key returns the same case.
func (c *Client) Open(ctx context.Context, key string, in api.CaseInput) (cases.Case, error) {
	answer, err := c.OpenCaseWithResponse(ctx, &api.OpenCaseParams{IdempotencyKey: key}, in)
	if err != nil {
		return cases.Case{}, err
	}
	if answer.StatusCode() == http.StatusAccepted && answer.JSON202 != nil {
		// The case is durable and can be read once it is judged.
		ctx, stop := context.WithTimeout(ctx, 30*time.Second)
		defer stop()
		return c.Until(ctx, answer.JSON202.CaseID, func(cases.Case) bool { return true })
	}
	return httpclient.Check(answer.StatusCode(), answer.Body, answer.JSON201)
}

// Case reads a case.
func (c *Client) Case(ctx context.Context, id string) (cases.Case, error) {
	answer, err := c.GetCaseWithResponse(ctx, id)
	if err != nil {
		return cases.Case{}, err
	}
	return httpclient.Check(answer.StatusCode(), answer.Body, answer.JSON200)
}

// Until reads a case until it is as wanted, or ctx ends.
func (c *Client) Until(ctx context.Context, id string, wanted func(cases.Case) bool) (cases.Case, error) {
	pause := 50 * time.Millisecond
	for {
		found, err := c.Case(ctx, id)
		if err == nil && wanted(found) {
			return found, nil
		}
		select {
		case <-ctx.Done():
			return found, cmp.Or(err, fmt.Errorf("case %s is still %s: %w", id, found.Stage, ctx.Err()))
		case <-time.After(pause):
			pause = min(2*pause, time.Second)
		}
	}
}

// PutOrders sends many orders, one JSON object a line, and returns the results, one a line. The caller closes them.
func (c *Client) PutOrders(ctx context.Context, lines io.Reader) (io.ReadCloser, error) {
	answer, err := c.stream.PutOrdersWithBody(ctx, "application/x-ndjson", lines)
	if err != nil {
		return nil, err
	}
	if answer.StatusCode == http.StatusOK {
		return answer.Body, nil
	}
	body, err := io.ReadAll(answer.Body)
	return nil, errors.Join(httpclient.CheckStatus(answer.StatusCode, body), err, answer.Body.Close())
}
