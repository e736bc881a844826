package gateway_test

import (
	"encoding/json"
	"fmt"
	"maps"
	"net/http"
	"net/url"
	stdpath "path"
	"slices"
	"strings"
	"testing"

	"github.com/getkin/kin-openapi/openapi3"

	"aftercare.dev/gateway/api"
)

// Endings of ids: what is there and what never was.
const (
	there    = "_1"
	notThere = "_9"
)

// sampler makes values that a schema takes. An id is named after its field: of case_id it is case_1, or case_9 if it is to
// be of nothing.
type sampler struct {
	t      *testing.T
	ending string
	// full also gives what is optional. Otherwise only what is required is given, and every id.
	full  bool
	hours int
}

// known are the fields whose value the tests need to know. A closed case ends its stream of events.
var known = map[string]any{"merchant_id": merchant, "buyer_id": owner, "recipient_id": owner, "status": "closed"}

func namesIDs(field string) bool {
	return strings.HasSuffix(field, "_id") || strings.HasSuffix(field, "_ids")
}

func (s *sampler) of(field string, schema *openapi3.Schema) any {
	s.t.Helper()
	value, fixed := known[field]
	switch {
	case fixed && schema.VisitJSON(value) == nil:
	case schema.Example != nil:
		value = schema.Example
	case len(schema.Enum) > 0:
		value = schema.Enum[0]
	case schema.Type.Is(openapi3.TypeObject):
		value = s.object(schema)
	case schema.Type.Is(openapi3.TypeArray):
		list := []any{}
		for range max(1, schema.MinItems) {
			list = append(list, s.of(strings.TrimSuffix(field, "s"), schema.Items.Value))
		}
		value = list
	case schema.Type.Is(openapi3.TypeBoolean):
		value = true
	case schema.Type.Is(openapi3.TypeInteger), schema.Type.Is(openapi3.TypeNumber):
		value = 1.0
		if schema.Min != nil {
			value = max(1, *schema.Min)
		}
	default:
		value = s.text(field, schema)
	}
	if err := schema.VisitJSON(value); err != nil {
		s.t.Fatalf("the sample %v does not fit the field %s; teach the sampler this schema: %v", value, field, err)
	}
	return value
}

func (s *sampler) object(schema *openapi3.Schema) map[string]any {
	s.t.Helper()
	members := map[string]any{}
	// What is required comes in the order of the contract, which has a start before its end.
	names := slices.Concat(schema.Required, slices.Sorted(maps.Keys(schema.Properties)))
	for _, name := range names {
		if members[name] != nil {
			continue
		}
		if s.full || namesIDs(name) || slices.Contains(schema.Required, name) {
			members[name] = s.of(name, schema.Properties[name].Value)
		}
	}
	return members
}

// text is the first of some texts that the schema takes.
func (s *sampler) text(field string, schema *openapi3.Schema) string {
	// Each time is after the one before, so that a slot ends after it has begun.
	s.hours++
	switch schema.Format {
	case "date-time":
		return fmt.Sprintf("2126-01-01T%02d:00:00Z", s.hours%24)
	case "date":
		return "2126-01-01"
	case "byte":
		return "c2FtcGxl"
	case "uri":
		return "https://shop.example/hook"
	}
	texts := []string{"sample-1", "CNY", "case.approved", "fee", "1"}
	if namesIDs(field) {
		texts = []string{strings.TrimSuffix(field, "_id") + s.ending}
	}
	for _, text := range texts {
		if schema.VisitJSON(text) == nil {
			return text
		}
	}
	s.t.Fatalf("no text fits the field %s with the pattern %q; teach the sampler one", field, schema.Pattern)
	return ""
}

// contractOp is an operation of the contract, from which requests are made that are right in everything but who sends them.
type contractOp struct {
	op
	parameters openapi3.Parameters
	body       *openapi3.MediaType
	kind       string
	// target tells that it is about something that has to be there: by its path, or by what its body must name. A PUT
	// makes what the last part of its path names, for the caller's own merchant.
	target bool
	// batch tells that its body names a list of what has to be there, and that each of the list has an answer of its own.
	batch bool
}

// contractOps are all of them, in the order of their ids.
func contractOps(t *testing.T) []contractOp {
	t.Helper()
	spec, err := api.GetSpec()
	if err != nil {
		t.Fatal(err)
	}
	var list []contractOp
	for path, item := range spec.Paths.Map() {
		for method, o := range item.Operations() {
			a := contractOp{
				op:         op{strings.ToLower(o.OperationID[:1]) + o.OperationID[1:], method, path},
				parameters: slices.Concat(item.Parameters, o.Parameters),
			}
			put := method == http.MethodPut
			a.target = strings.Contains(path, "{")
			if put {
				a.target = strings.Contains(stdpath.Dir(path), "{")
			}
			if o.RequestBody != nil {
				for kind, body := range o.RequestBody.Value.Content {
					a.kind, a.body = kind, body
				}
				a.target = a.target || !put && slices.ContainsFunc(a.body.Schema.Value.Required, namesIDs)
				a.batch = !a.target && !put && slices.ContainsFunc(slices.Collect(maps.Keys(a.body.Schema.Value.Properties)), namesIDs)
				if a.kind == "application/x-ndjson" {
					a.body = lineOf(spec)
				}
			}
			list = append(list, a)
		}
	}
	slices.SortFunc(list, func(a, b contractOp) int { return strings.Compare(a.id, b.id) })
	return list
}

// lineOf is what a line of NDJSON is like: the body of PUT.
func lineOf(spec *openapi3.T) *openapi3.MediaType {
	return spec.Paths.Value("/v1/orders/{order_id}").Put.RequestBody.Value.Content["application/json"]
}

// ask sends a request for the operation. Its ids have the ending.
func (o contractOp) ask(w *world, authorization, ending string) response {
	w.t.Helper()
	s := &sampler{t: w.t, ending: ending}
	path, query, headers := o.path, url.Values{}, []string{}
	for _, p := range o.parameters {
		name := p.Value.Name
		if !p.Value.Required && !strings.HasSuffix(name, "_id") {
			continue
		}
		value := fmt.Sprint(s.of(name, p.Value.Schema.Value))
		switch p.Value.In {
		case openapi3.ParameterInPath:
			path = strings.ReplaceAll(path, "{"+name+"}", value)
		case openapi3.ParameterInQuery:
			query.Set(name, value)
		default:
			headers = append(headers, name, value)
		}
	}
	if len(query) > 0 {
		path += "?" + query.Encode()
	}
	if authorization != "" {
		headers = append(headers, "Authorization", authorization)
	}
	content := ""
	if o.body != nil {
		content = s.content(o)
		headers = append(headers, "Content-Type", o.kind)
	}
	return w.ask("", o.method, path, content, headers...)
}

func (s *sampler) content(o contractOp) string {
	s.t.Helper()
	if o.kind == "application/octet-stream" {
		return "\x89PNG\r\n\x1a\n"
	}
	sample := s.of("", o.body.Schema.Value)
	if members, ok := sample.(map[string]any); ok && o.kind == "application/x-ndjson" {
		members["order_id"] = "order" + s.ending
	}
	content, err := json.Marshal(sample)
	if err != nil {
		s.t.Fatal(err)
	}
	return string(content)
}
