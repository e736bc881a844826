package http

import (
	"encoding/json"
	"fmt"
	"maps"
	"path"
	"regexp"
	"slices"
	"strings"

	"github.com/getkin/kin-openapi/openapi3"
)

// drawnIn is the name that the generator gives to a schema of a service's contract when it draws it into ours.
var drawnIn = regexp.MustCompile(`^services_([a-z]+)_api_openapi_(\w+)$`)

// published is a copy of the contract with the names that people shall read: those of schemas without where they come
// from, and those of operations as the contract has them.
func published(spec *openapi3.T) (*openapi3.T, error) {
	content, err := json.Marshal(spec)
	if err != nil {
		return nil, fmt.Errorf("copy the contract: %w", err)
	}
	var document map[string]any
	if err := json.Unmarshal(content, &document); err != nil {
		return nil, fmt.Errorf("copy the contract: %w", err)
	}
	names := shortNames(slices.Sorted(maps.Keys(spec.Components.Schemas)))
	rename(document, names)
	if content, err = json.Marshal(document); err != nil {
		return nil, fmt.Errorf("copy the contract: %w", err)
	}
	copied, err := openapi3.NewLoader().LoadFromData(content)
	if err != nil {
		return nil, fmt.Errorf("copy the contract: %w", err)
	}
	for _, item := range copied.Paths.Map() {
		for _, operation := range item.Operations() {
			operation.OperationID = strings.ToLower(operation.OperationID[:1]) + operation.OperationID[1:]
		}
	}
	return copied, nil
}

// shortNames gives each schema of a service its own name, and a name with the service before it where two contracts use
// one name for two things. What our contract has too means the same everywhere.
func shortNames(all []string) map[string]string {
	owners := map[string]int{}
	for _, name := range all {
		if parts := drawnIn.FindStringSubmatch(name); parts != nil {
			owners[parts[2]]++
		}
	}
	names := map[string]string{}
	for _, name := range all {
		parts := drawnIn.FindStringSubmatch(name)
		switch {
		case parts == nil:
		case owners[parts[2]] == 1 || slices.Contains(all, parts[2]):
			names[name] = parts[2]
		default:
			names[name] = strings.ToUpper(parts[1][:1]) + parts[1][1:] + parts[2]
		}
	}
	return names
}

// rename gives every schema and every reference to it its new name, and drops what is for the generator.
func rename(node any, names map[string]string) {
	switch node := node.(type) {
	case map[string]any:
		if ref, ok := node["$ref"].(string); ok {
			if short, ok := names[path.Base(ref)]; ok {
				node["$ref"] = "#/components/schemas/" + short
			}
		}
		for _, key := range slices.Sorted(maps.Keys(node)) {
			// How Go spells a type is nobody else's concern.
			if strings.HasPrefix(key, "x-go-") {
				delete(node, key)
				continue
			}
			rename(node[key], names)
			if short, ok := names[key]; ok {
				node[short] = node[key]
				delete(node, key)
			}
		}
	case []any:
		for _, item := range node {
			rename(item, names)
		}
	}
}
