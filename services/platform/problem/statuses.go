package problem

import "net/http"

// Statuses are the HTTP statuses of a service's own codes; one that is not among them is a 422.
type Statuses map[string]int

// Fault returns the problem of a code. An empty field means that no field of the request is to blame.
func (s Statuses) Fault(code, field, detail string) *Error {
	status, known := s[code]
	if !known {
		status = http.StatusUnprocessableEntity
	}
	e := New(status, code, detail)
	if field == "" {
		return e
	}
	return e.WithFields(FieldError{Field: field, Detail: detail})
}
