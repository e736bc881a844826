package httpclient

import (
	"net/http"

	"go.opentelemetry.io/otel/attribute"
	"go.opentelemetry.io/otel/trace"
)

// Discreet is a transport that keeps from the trace what otelhttp around it took of the address beyond the host: some
// providers want a token in the query, and a path or query may name people. A span of the other side has the route.
func Discreet(base http.RoundTripper) http.RoundTripper { return discreet{base} }

type discreet struct{ http.RoundTripper }

// RoundTrip implements [http.RoundTripper].
func (d discreet) RoundTrip(r *http.Request) (*http.Response, error) {
	trace.SpanFromContext(r.Context()).SetAttributes(attribute.String("url.full", r.URL.Scheme+"://"+r.URL.Host))
	return d.RoundTripper.RoundTrip(r)
}
