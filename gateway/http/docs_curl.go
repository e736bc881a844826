package http

import (
	"bytes"
	"encoding/json"
	"fmt"
	"maps"
	"net/http"
	"slices"
	"strings"

	"github.com/getkin/kin-openapi/openapi3"
)

// curl is a command that does the operation, with an example of its body: the fields that are required.
func curl(at place) (string, error) {
	var command strings.Builder
	command.WriteString("curl")
	if at.method != http.MethodGet {
		command.WriteString(" -X " + at.method)
	}
	target := strings.NewReplacer("{", "$", "}", "").Replace(at.path)
	fmt.Fprintf(&command, ` "$AFTERCARE%s" \`+"\n  -H \"Authorization: Bearer $TOKEN\"", target)
	for _, p := range at.operation.Parameters {
		if p.Value.In == openapi3.ParameterInHeader && p.Value.Required {
			fmt.Fprintf(&command, " \\\n  -H '%s: %s'", p.Value.Name, "a-key-of-your-own")
		}
	}
	if at.operation.RequestBody == nil {
		return command.String(), nil
	}
	for contentType, media := range at.operation.RequestBody.Value.Content {
		fmt.Fprintf(&command, " \\\n  -H 'Content-Type: %s'", contentType)
		if contentType != "application/json" {
			command.WriteString(" \\\n  --data-binary @file")
			continue
		}
		var body bytes.Buffer
		encoder := json.NewEncoder(&body)
		encoder.SetEscapeHTML(false)
		encoder.SetIndent("  ", "  ")
		if err := encoder.Encode(example(media.Schema.Value)); err != nil {
			return "", fmt.Errorf("write an example: %w", err)
		}
		fmt.Fprintf(&command, " \\\n  -d '%s'", strings.TrimSpace(body.String()))
	}
	return command.String(), nil
}

// example is a value that the schema allows, as small as can be.
func example(s *openapi3.Schema) any {
	switch {
	case len(s.Enum) > 0:
		return s.Enum[0]
	case s.Type.Is("object"):
		object := map[string]any{}
		for _, name := range slices.Sorted(maps.Keys(s.Properties)) {
			if slices.Contains(s.Required, name) {
				object[name] = example(s.Properties[name].Value)
			}
		}
		return object
	case s.Type.Is("array"):
		if s.MinItems == 0 {
			return []any{}
		}
		return []any{example(s.Items.Value)}
	case s.Type.Is("integer"), s.Type.Is("number"):
		if s.Min != nil {
			return int64(*s.Min)
		}
		return 1999
	case s.Type.Is("boolean"):
		return true
	}
	return exampleText(s)
}

func exampleText(s *openapi3.Schema) string {
	switch {
	case s.Format == "date-time":
		return "2026-11-21T09:00:00Z"
	case s.Format == "date":
		return "2026-11-21"
	case s.Format == "uri":
		return "https://shop.example/aftercare"
	case s.Pattern == "^[A-Z]{3}$":
		return "CNY"
	}
	text := "text-1"
	if s.Pattern != "" {
		text = "A1234567"
	}
	for uint64(len(text)) < s.MinLength {
		text += "0"
	}
	return text
}
