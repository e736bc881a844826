package httpserver

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"io"
	"mime"
	"net/http"
	"strconv"
	"strings"

	"github.com/getkin/kin-openapi/openapi3"
	"github.com/getkin/kin-openapi/openapi3filter"
	"github.com/labstack/echo/v4"

	"aftercare.dev/services/platform/problem"
)

// validate holds a request against the contract. It changes nothing in it: defaults are not filled in,
// so what a handler reads, hashes or stores is what the client sent.
func (s *Server) validate(next echo.HandlerFunc) echo.HandlerFunc {
	return func(c echo.Context) error {
		op := s.operation(c)
		if op == nil || !op.validated {
			return next(c)
		}
		r := c.Request()
		err := openapi3filter.ValidateRequest(r.Context(), &openapi3filter.RequestValidationInput{
			Request:    r,
			PathParams: paramsOf(c),
			Route:      op.route,
			Options: &openapi3filter.Options{
				MultiError:          true,
				SkipSettingDefaults: true,
				ExcludeRequestBody:  !op.bodyChecked,
				AuthenticationFunc:  openapi3filter.NoopAuthenticationFunc,
			},
		})
		if err != nil {
			return explain(err)
		}
		if op.bodyChecked {
			if err := oneValue(r); err != nil {
				return err
			}
		}
		return next(c)
	}
}

// oneValue refuses a body that goes on after its JSON value. Validator and handler read the first one alone, and somebody
// between us and the client may have read another.
func oneValue(r *http.Request) error {
	kind, _, err := mime.ParseMediaType(r.Header.Get("Content-Type"))
	if err != nil || r.Body == nil || kind != "application/json" && !strings.HasSuffix(kind, "+json") {
		return nil //nolint:nilerr // a body of another type is not JSON's
	}
	body, err := io.ReadAll(r.Body)
	if err != nil {
		return explain(err)
	}
	r.Body = io.NopCloser(bytes.NewReader(body))
	if len(body) > 0 && !json.Valid(body) {
		return problem.Invalid("body", "the body cannot be read as JSON")
	}
	return nil
}

// explain turns the validator's errors into one problem that names each field at fault.
func explain(err error) error {
	var tooLarge *http.MaxBytesError
	if errors.As(err, &tooLarge) {
		return problem.TooLarge(tooLarge.Limit)
	}
	if errors.Is(err, context.Canceled) || errors.Is(err, context.DeadlineExceeded) {
		return err
	}
	var fields []problem.FieldError
	for _, fault := range flatten(err) {
		var request *openapi3filter.RequestError
		if !errors.As(fault, &request) {
			continue
		}
		if request.RequestBody != nil && strings.Contains(request.Reason, "Content-Type") {
			return problem.OfStatus(http.StatusUnsupportedMediaType, "the body must be of a content type that the contract names, such as application/json")
		}
		fields = append(fields, fieldsOf(request)...)
	}
	if len(fields) == 0 {
		return problem.Invalid("", "the request does not match the contract")
	}
	detail := fields[0].Detail
	if fields[0].Field != "" {
		detail = fields[0].Field + ": " + detail
	}
	return problem.New(http.StatusBadRequest, problem.CodeInvalid, detail).WithFields(fields...)
}

// flatten lists the errors within a MultiError, at any depth.
func flatten(err error) []error {
	// Only this very error: one that is wrapped belongs to a RequestError, which names the parameter.
	several, ok := err.(openapi3.MultiError) //nolint:errorlint // see above
	if !ok {
		return []error{err}
	}
	var all []error
	for _, e := range several {
		all = append(all, flatten(e)...)
	}
	return all
}

// fieldsOf names what is wrong with one parameter, or with the body. The text never repeats what was
// sent, which may be personal.
func fieldsOf(request *openapi3filter.RequestError) []problem.FieldError {
	prefix := ""
	if request.Parameter != nil {
		prefix = request.Parameter.Name
	}
	switch {
	case errors.Is(request.Err, openapi3filter.ErrInvalidRequired) && request.Parameter == nil:
		return []problem.FieldError{{Field: "body", Code: "required", Detail: "a body is required"}}
	case errors.Is(request.Err, openapi3filter.ErrInvalidRequired):
		return []problem.FieldError{{Field: prefix, Code: "required", Detail: "is required (" + request.Parameter.In + ")"}}
	case errors.Is(request.Err, openapi3filter.ErrInvalidEmptyValue):
		return []problem.FieldError{{Field: prefix, Code: "empty", Detail: "must not be empty"}}
	}
	var fields []problem.FieldError
	if request.Err != nil {
		for _, e := range flatten(request.Err) {
			var schema *openapi3.SchemaError
			if errors.As(e, &schema) {
				fields = append(fields, fieldOf(prefix, schema))
			}
		}
	}
	if len(fields) > 0 {
		return fields
	}
	if request.Parameter != nil {
		return []problem.FieldError{{Field: prefix, Code: "malformed", Detail: "has not the form that the contract names"}}
	}
	return []problem.FieldError{{Field: "body", Code: "malformed", Detail: "the body cannot be read as JSON"}}
}

func fieldOf(prefix string, fault *openapi3.SchemaError) problem.FieldError {
	path := prefix
	for _, step := range fault.JSONPointer() {
		if _, err := strconv.Atoi(step); err == nil {
			path += "[" + step + "]"
			continue
		}
		if path != "" {
			path += "."
		}
		path += step
	}
	if path == "" {
		path = "body"
	}
	detail := fault.Reason
	switch fault.SchemaField {
	case "required":
		detail = "is required"
	case "pattern":
		detail = "must match " + fault.Schema.Pattern
	case "":
		detail = "does not match the contract"
	}
	return problem.FieldError{Field: path, Code: fault.SchemaField, Detail: detail}
}
