package httpserver

import (
	"fmt"
	"net/url"
	"slices"
	"strings"

	"github.com/getkin/kin-openapi/openapi3"
	"github.com/getkin/kin-openapi/routers"
	"github.com/labstack/echo/v4"
)

// operation is what the server knows of an operation of the contract.
type operation struct {
	Operation
	route     *routers.Route
	maxBody   int64
	streams   bool
	validated bool
	// bodyChecked is false for a body that is no JSON, such as a file: its schema says nothing that
	// could be checked without reading it whole.
	bodyChecked bool
}

// operationsOf indexes the contract by what Echo knows a route by.
func operationsOf(o Options) (map[string]*operation, error) {
	ops := map[string]*operation{}
	if o.Spec == nil {
		return ops, nil
	}
	named := map[string]bool{}
	base := basePath(o.Spec)
	for path, item := range o.Spec.Paths.Map() {
		for method, spec := range item.Operations() {
			id := idOf(spec)
			// Who may call is not the validator's to say; asked to, it would read every body into memory first.
			unsecured := *spec
			unsecured.Security = openapi3.NewSecurityRequirements()
			op := &operation{
				Operation: Operation{ID: id, Method: method, Path: path, Security: secured(o.Spec, spec)},
				route: &routers.Route{
					Spec: o.Spec, Path: path, PathItem: item, Method: method, Operation: &unsecured,
				},
				maxBody:     o.MaxBodyOf[id],
				streams:     slices.Contains(o.Streams, id),
				validated:   !slices.Contains(o.Unvalidated, id),
				bodyChecked: takesJSON(spec),
			}
			ops[method+" "+routeOf(base+path)] = op
			named[id] = true
		}
	}
	if err := known(o, named); err != nil {
		return nil, err
	}
	return ops, nil
}

// idOf is the id as the contract has it, in lower camel case. The copy of the contract within generated
// code has the names of Go's methods in its place: PutOrder for putOrder.
func idOf(spec *openapi3.Operation) string {
	if spec.OperationID == "" {
		return ""
	}
	return strings.ToLower(spec.OperationID[:1]) + spec.OperationID[1:]
}

// known refuses options for operations that are not there: a mistyped id would switch nothing.
func known(o Options, named map[string]bool) error {
	wanted := slices.Concat(o.Streams, o.Unvalidated)
	for id := range o.MaxBodyOf {
		wanted = append(wanted, id)
	}
	for _, id := range wanted {
		if !named[id] {
			return fmt.Errorf("the contract has no operation %q", id)
		}
	}
	return nil
}

// basePath is the path of a server of the contract that is only a path, such as "/api".
func basePath(spec *openapi3.T) string {
	for _, server := range spec.Servers {
		if strings.HasPrefix(server.URL, "/") {
			return strings.TrimSuffix(server.URL, "/")
		}
	}
	return ""
}

func secured(spec *openapi3.T, op *openapi3.Operation) bool {
	requirements := spec.Security
	if op.Security != nil {
		requirements = *op.Security
	}
	// An empty requirement among others means that authentication is optional.
	return len(requirements) > 0 && !slices.ContainsFunc(requirements, func(r openapi3.SecurityRequirement) bool { return len(r) == 0 })
}

func takesJSON(op *openapi3.Operation) bool {
	if op.RequestBody == nil || op.RequestBody.Value == nil {
		return false
	}
	for mediaType := range op.RequestBody.Value.Content {
		if strings.HasPrefix(mediaType, "application/json") || strings.HasSuffix(mediaType, "+json") {
			return true
		}
	}
	return false
}

// routeOf turns a path of the contract into Echo's form: "/cases/{id}" into "/cases/:id".
func routeOf(path string) string {
	return strings.NewReplacer("{", ":", "}", "").Replace(path)
}

// templateOf is the way back, for people.
func templateOf(route string) string {
	segments := strings.Split(route, "/")
	for i, segment := range segments {
		if name, found := strings.CutPrefix(segment, ":"); found {
			segments[i] = "{" + name + "}"
		}
	}
	return strings.Join(segments, "/")
}

// operation finds the operation of the contract that the request was routed to, or nil.
func (s *Server) operation(c echo.Context) *operation {
	return s.ops[c.Request().Method+" "+c.Path()]
}

func paramsOf(c echo.Context) map[string]string {
	params := make(map[string]string, len(c.ParamNames()))
	for i, name := range c.ParamNames() {
		value := c.ParamValues()[i]
		if decoded, err := url.PathUnescape(value); err == nil {
			value = decoded
		}
		params[name] = value
	}
	return params
}
