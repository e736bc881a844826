package gateway_test

import (
	"slices"
	"strings"
	"testing"

	"github.com/getkin/kin-openapi/openapi3"
	"github.com/stretchr/testify/require"

	"aftercare.dev/gateway/api"
)

func TestEveryListAndTextThatARequestMayBringHasABound(t *testing.T) {
	spec, err := api.GetSpec()
	require.NoError(t, err)
	for path, item := range spec.Paths.Map() {
		for method, op := range item.Operations() {
			at := method + " " + path
			for _, p := range slices.Concat(item.Parameters, op.Parameters) {
				bounded(t, at+" "+p.Value.Name, p.Value.Schema.Value, nil)
				if p.Value.Name == "limit" {
					require.NotNil(t, p.Value.Schema.Value.Max, "%s: a page needs a maximum", at)
					require.LessOrEqual(t, *p.Value.Schema.Value.Max, 200.0, at)
				}
			}
			if op.RequestBody == nil {
				continue
			}
			if body := op.RequestBody.Value.Content.Get("application/json"); body != nil {
				bounded(t, at, body.Schema.Value, nil)
			}
		}
	}
}

// bounded fails the test for an array without maxItems, and for a text that may be of any length.
func bounded(t *testing.T, at string, s *openapi3.Schema, above []*openapi3.Schema) {
	t.Helper()
	if slices.Contains(above, s) {
		return
	}
	above = append(above, s)
	fixed := len(s.Enum) > 0 || s.Format == "date-time" || s.Format == "date" || s.Pattern != "" && !strings.ContainsAny(s.Pattern, "*+")
	switch {
	case s.Type.Is("array") && s.MaxItems == nil:
		t.Errorf("%s: the list needs maxItems", at)
	case s.Type.Is("string") && s.MaxLength == nil && !fixed:
		t.Errorf("%s: the text needs maxLength", at)
	}
	if s.Items != nil {
		bounded(t, at+"[]", s.Items.Value, above)
	}
	for name, property := range s.Properties {
		bounded(t, at+" "+name, property.Value, above)
	}
	for _, one := range slices.Concat(s.AllOf, s.AnyOf, s.OneOf) {
		bounded(t, at, one.Value, above)
	}
	if extra := s.AdditionalProperties.Schema; extra != nil {
		bounded(t, at+" *", extra.Value, above)
	}
}
