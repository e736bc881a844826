// Package problem is the one shape that a refusal has in the house: an RFC 9457 problem with a
// stable code.
//
// A [*Error] is made where the reason is known (domain, store, handler) and passed up unchanged;
// the HTTP server writes it, the HTTP client reads it back. Its Detail is for developers, in English,
// and must hold no personal data; its title is for people and comes in the reader's language from a
// catalog by code, see [Renderer].
package problem

import (
	"cmp"
	"errors"
	"fmt"
	"net/http"
	"strings"
)

// Codes that the platform itself gives. A service adds its own, in snake_case, such as
// "refund_exceeds_payment"; a code never changes its meaning.
const (
	CodeInvalid              = "invalid_request"
	CodeUnauthorized         = "unauthorized"
	CodeForbidden            = "forbidden"
	CodeNotFound             = "not_found"
	CodeMethodNotAllowed     = "method_not_allowed"
	CodeConflict             = "conflict"
	CodeTooLarge             = "too_large"
	CodeUnsupportedMediaType = "unsupported_media_type"
	CodeUnprocessable        = "unprocessable"
	CodeTooManyRequests      = "too_many_requests"
	CodeInternal             = "internal"
	CodeUnavailable          = "unavailable"
	CodeTimeout              = "timeout"
)

// Error is a refusal. Two of them are the same reason if their codes are equal: see [HasCode].
type Error struct {
	// Status is the HTTP status.
	Status int
	// Code is the stable, machine-readable reason.
	Code string
	// Title overrides the catalog's title only if the catalog does not know the code.
	Title string
	// Detail tells a developer what happened this time.
	Detail string
	// Errors names the fields at fault.
	Errors []FieldError
	// Meta has further members of the problem document, such as "allowed". The members that
	// RFC 9457 and this package define cannot be overridden.
	Meta map[string]any

	cause error
}

// FieldError tells what is wrong with one field of a request.
type FieldError struct {
	// Field is the path of the field as a client writes it: "lines[0].quantity".
	Field string `json:"field"`
	// Code is a stable reason, if clients should tell reasons apart.
	Code string `json:"code,omitempty"`
	// Detail says what is expected. It does not repeat the value that was sent.
	Detail string `json:"detail"`
}

// New returns a problem; the other constructors are shorter ways to say it.
func New(status int, code, detail string) *Error {
	return &Error{Status: status, Code: code, Detail: detail}
}

// Invalid is a request that cannot be understood, because of this field: 400 invalid_request.
// An empty field means the request as a whole.
func Invalid(field, detail string) *Error {
	e := New(http.StatusBadRequest, CodeInvalid, detail)
	if field != "" {
		e.Detail = field + ": " + detail
		e.Errors = []FieldError{{Field: field, Detail: detail}}
	}
	return e
}

// NotFound is something that does not exist, or not for this caller: 404.
func NotFound(code, detail string) *Error { return New(http.StatusNotFound, code, detail) }

// Conflict is a request that does not fit the present state: 409.
func Conflict(code, detail string) *Error { return New(http.StatusConflict, code, detail) }

// Unprocessable is a request that is understood but refused by a rule: 422.
func Unprocessable(code, detail string) *Error {
	return New(http.StatusUnprocessableEntity, code, detail)
}

// Forbidden is a caller who is known and may not: 403.
func Forbidden(code, detail string) *Error { return New(http.StatusForbidden, code, detail) }

// Unauthorized is a caller who is not known: 401.
func Unauthorized(detail string) *Error {
	return New(http.StatusUnauthorized, CodeUnauthorized, detail)
}

// TooLarge is a body past the limit in bytes: 413, with the member "limit".
func TooLarge(limit int64) *Error {
	e := New(http.StatusRequestEntityTooLarge, CodeTooLarge, fmt.Sprintf("the body is larger than %d bytes", limit))
	return e.With("limit", limit)
}

// TooManyRequests is a caller who should come back later: 429.
func TooManyRequests(detail string) *Error {
	return New(http.StatusTooManyRequests, CodeTooManyRequests, detail)
}

// Unavailable is a failure that passes: 503. The caller may repeat the request unchanged.
func Unavailable(code, detail string) *Error { return New(http.StatusServiceUnavailable, code, detail) }

// Internal is a failure of ours: 500. The cause is for the log and never leaves the process.
func Internal(cause error) *Error {
	e := New(http.StatusInternalServerError, CodeInternal, "")
	e.cause = cause
	return e
}

// Error tells status, code and detail, for logs.
func (e *Error) Error() string {
	var b strings.Builder
	fmt.Fprintf(&b, "%s (%d)", e.Code, e.Status)
	if e.Detail != "" {
		b.WriteString(": " + e.Detail)
	}
	if e.cause != nil {
		b.WriteString(": " + e.cause.Error())
	}
	return b.String()
}

// Unwrap returns the cause, if there is one.
func (e *Error) Unwrap() error { return e.cause }

// With returns a copy with one more member in the document, such as With("allowed", actions).
func (e *Error) With(key string, value any) *Error {
	c := *e
	c.Meta = make(map[string]any, len(e.Meta)+1)
	for k, v := range e.Meta {
		c.Meta[k] = v
	}
	c.Meta[key] = value
	return &c
}

// WithCause returns a copy that wraps the cause, which is logged and never sent.
func (e *Error) WithCause(cause error) *Error {
	c := *e
	c.cause = cause
	return &c
}

// WithFields returns a copy that names the fields at fault.
func (e *Error) WithFields(fields ...FieldError) *Error {
	c := *e
	c.Errors = append(append([]FieldError(nil), e.Errors...), fields...)
	return &c
}

// As finds the problem in an error's chain.
func As(err error) (*Error, bool) {
	var e *Error
	ok := errors.As(err, &e)
	return e, ok
}

// HasCode tells whether the error is a problem with this code.
func HasCode(err error, code string) bool {
	e, ok := As(err)
	return ok && e.Code == code
}

// From returns the problem that an error is, or means: an error in the chain may have a method
// Problem() *Error. Any other error is [Internal], whose cause is the error.
func From(err error) *Error {
	if e, ok := As(err); ok {
		return e
	}
	var means interface{ Problem() *Error }
	if errors.As(err, &means) {
		return means.Problem().WithCause(err)
	}
	return Internal(err)
}

// codeOf names a status for which nobody gave a code.
func codeOf(status int) string {
	switch status {
	case http.StatusBadRequest:
		return CodeInvalid
	case http.StatusUnauthorized:
		return CodeUnauthorized
	case http.StatusForbidden:
		return CodeForbidden
	case http.StatusNotFound:
		return CodeNotFound
	case http.StatusMethodNotAllowed:
		return CodeMethodNotAllowed
	case http.StatusConflict:
		return CodeConflict
	case http.StatusRequestEntityTooLarge:
		return CodeTooLarge
	case http.StatusUnsupportedMediaType:
		return CodeUnsupportedMediaType
	case http.StatusUnprocessableEntity:
		return CodeUnprocessable
	case http.StatusTooManyRequests:
		return CodeTooManyRequests
	case http.StatusBadGateway, http.StatusServiceUnavailable:
		return CodeUnavailable
	case http.StatusGatewayTimeout, http.StatusRequestTimeout:
		return CodeTimeout
	case http.StatusInternalServerError:
		return CodeInternal
	}
	name := http.StatusText(status)
	return cmp.Or(strings.ToLower(strings.NewReplacer(" ", "_", "-", "_", "'", "").Replace(name)), fmt.Sprintf("status_%d", status))
}

// OfStatus is the problem that only a status tells of.
func OfStatus(status int, detail string) *Error { return New(status, codeOf(status), detail) }
