// Package fault is the one table from what a service answered to what a workflow does about it.
package fault

import (
	"errors"
	"net/http"
	"time"

	"go.temporal.io/sdk/temporal"

	"aftercare.dev/services/platform/httpclient"
	"aftercare.dev/services/platform/problem"
)

// Types of application errors. A workflow matches them with [Is]; Go error types do not cross the activity boundary.
const (
	// Unavailable: nobody answered, or not now. Retried by itself.
	Unavailable = "unavailable"
	// Refused: the service said no and will say no again. Details are a [Reason].
	Refused = "refused"
	// Missing: what was asked about is not there.
	Missing = "missing"
	// Conflicting: it is not in a state in which this can be done. Details are a [Reason].
	Conflicting = "conflicting"
	// Misconfigured: the service does not let us in. A person has to mend it; retried slowly.
	Misconfigured = "misconfigured"
	// Unexpected: an error that nobody has classified, or a panic. Most likely a defect of ours.
	Unexpected = "unexpected"
)

// Reason is what a service said, by code; never its free text, which may hold personal data.
type Reason struct {
	Code   string   `json:"code"`
	Status int      `json:"status"`
	Fields []string `json:"fields,omitempty"`
}

// From turns an error of a service client into the error that Temporal shall see.
func From(err error) error {
	if err == nil {
		return nil
	}
	var lost *httpclient.TransportError
	if errors.As(err, &lost) {
		return temporal.NewApplicationErrorWithCause("the service did not answer", Unavailable, err)
	}
	p, ok := problem.As(err)
	if !ok {
		return err
	}
	reason := Reason{Code: p.Code, Status: p.Status}
	for _, field := range p.Errors {
		reason.Fields = append(reason.Fields, field.Field)
	}
	switch {
	case p.Status == http.StatusUnauthorized, p.Status == http.StatusForbidden:
		return temporal.NewApplicationErrorWithOptions(p.Code, Misconfigured, temporal.ApplicationErrorOptions{
			NextRetryDelay: 30 * time.Second, Details: []any{reason},
		})
	case p.Status == http.StatusNotFound:
		return temporal.NewNonRetryableApplicationError(p.Code, Missing, nil, reason)
	case p.Status == http.StatusConflict:
		return temporal.NewNonRetryableApplicationError(p.Code, Conflicting, nil, reason)
	case p.Status == http.StatusTooManyRequests:
		return temporal.NewApplicationErrorWithOptions(p.Code, Unavailable, temporal.ApplicationErrorOptions{
			NextRetryDelay: 5 * time.Second, Details: []any{reason},
		})
	case p.Status >= http.StatusInternalServerError:
		return temporal.NewApplicationError(p.Code, Unavailable, reason)
	default:
		return temporal.NewNonRetryableApplicationError(p.Code, Refused, nil, reason)
	}
}

// Is tells whether err is an application error of one of the types.
func Is(err error, types ...string) bool {
	var failure *temporal.ApplicationError
	if !errors.As(err, &failure) {
		return false
	}
	for _, t := range types {
		if failure.Type() == t {
			return true
		}
	}
	return false
}

// ReasonOf is what the service said, or the zero Reason.
func ReasonOf(err error) Reason {
	var (
		failure *temporal.ApplicationError
		reason  Reason
	)
	if errors.As(err, &failure) && failure.HasDetails() {
		if failure.Details(&reason) != nil {
			return Reason{}
		}
	}
	return reason
}

// Code is the code to show for err: the service's, else what kind of failure it is.
func Code(err error) string {
	if reason := ReasonOf(err); reason.Code != "" {
		return reason.Code
	}
	var (
		failure *temporal.ApplicationError
		timeout *temporal.TimeoutError
	)
	switch {
	case errors.As(err, &failure) && isCode(failure.Type()):
		return failure.Type()
	case errors.As(err, &timeout):
		return Unavailable
	default:
		return Unexpected
	}
}

// isCode tells a code from the name of a Go type, which the SDK gives to an error that nobody has classified.
func isCode(text string) bool {
	for _, c := range text {
		if c != '_' && (c < 'a' || c > 'z') && (c < '0' || c > '9') {
			return false
		}
	}
	return text != ""
}
