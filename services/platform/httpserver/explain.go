package httpserver

import "github.com/getkin/kin-openapi/openapi3filter"

// Explain is the problem of a value that a schema of the contract refused, such as one line of a bulk: it names each
// field at fault, as for the body of a request. Give it what [openapi3.Schema.VisitJSON] returned.
func Explain(err error) error {
	return explain(&openapi3filter.RequestError{Err: err})
}
