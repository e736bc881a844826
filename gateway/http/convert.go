package http

import (
	"net/http"
	"slices"

	"aftercare.dev/services/platform/httpclient"
	"aftercare.dev/services/platform/problem"
)

// value is what an optional field holds, or the zero value.
func value[T any](field *T) T {
	if field == nil {
		var zero T
		return zero
	}
	return *field
}

// recode converts an optional code between the types of two contracts.
func recode[B, A ~string](field *A) *B {
	if field == nil {
		return nil
	}
	code := B(*field)
	return &code
}

// each converts a list; the result is never nil.
func each[A, B any](list []A, convert func(A) B) []B {
	converted := make([]B, len(list))
	for i, item := range list {
		converted[i] = convert(item)
	}
	return converted
}

// found is what every generated answer has whose success is 200 with a body.
type found[T any] interface {
	StatusCode() int
	GetBody() []byte
	GetJSON200() *T
}

// read turns the answer of a service into its value, or into the reason why there is none.
func read[T any, A found[T]](answer A, err error) (T, error) {
	if err != nil {
		var zero T
		return zero, err
	}
	v, err := httpclient.Check(answer.StatusCode(), answer.GetBody(), answer.GetJSON200())
	return v, public(err)
}

// public is an error of a service as the client of the gateway may see it: a service that does not let the gateway in
// is our failure, not the client's, and what is a field between services may be a header in public.
func public(err error) error {
	p, ok := problem.As(err)
	if !ok {
		return err
	}
	if p.Status == http.StatusUnauthorized || p.Status == http.StatusForbidden {
		return problem.Internal(err)
	}
	named := func(f problem.FieldError) bool { return f.Field == "idempotency_key" }
	if !slices.ContainsFunc(p.Errors, named) {
		return err
	}
	renamed := *p
	renamed.Errors = each(p.Errors, func(f problem.FieldError) problem.FieldError {
		if named(f) {
			f.Field = "Idempotency-Key"
		}
		return f
	})
	return &renamed
}
