package load

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"sync"

	"aftercare.dev/services/platform/httpclient"
)

// counter carries requests and counts those that are not answered as they should be.
type counter struct {
	carrier http.RoundTripper

	mu       sync.Mutex
	requests int64
	failed   int64
	failures []string
}

// told is how many failures are kept in words.
const told = 20

func newCounter() *counter { return &counter{carrier: httpclient.NewTransport()} }

// RoundTrip implements [http.RoundTripper].
func (c *counter) RoundTrip(r *http.Request) (*http.Response, error) {
	answer, err := c.carrier.RoundTrip(r)
	switch {
	case errors.Is(err, context.Canceled):
	case err != nil:
		c.add(r, err.Error())
	case !expected(answer.StatusCode):
		c.add(r, answer.Status)
	default:
		c.add(r, "")
	}
	return answer, err
}

// expected tells whether a status is one that the shoppers may see: a success, a case that is not there yet because its
// filing was answered with 202, an action that somebody was faster with.
func expected(status int) bool {
	return status < http.StatusBadRequest || status == http.StatusNotFound || status == http.StatusConflict
}

func (c *counter) add(r *http.Request, failure string) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.requests++
	if failure == "" {
		return
	}
	c.failed++
	if len(c.failures) < told {
		c.failures = append(c.failures, fmt.Sprintf("%s %s: %s", r.Method, r.URL.Path, failure))
	}
}

func (c *counter) into(report *Report) {
	c.mu.Lock()
	defer c.mu.Unlock()
	report.Requests, report.Failed, report.Failures = c.requests, c.failed, c.failures
}
