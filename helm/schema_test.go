package helm_test

import (
	"encoding/json"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
)

// schema is the part of JSON Schema that the charts use.
type schema struct {
	Ref         string            `json:"$ref"`
	Type        any               `json:"type"`
	Properties  map[string]schema `json:"properties"`
	Additional  *json.RawMessage  `json:"additionalProperties"`
	Definitions map[string]schema `json:"definitions"`
}

func readSchema(t *testing.T, chart string) schema {
	t.Helper()
	raw, err := os.ReadFile(filepath.Join(chart, "values.schema.json"))
	require.NoError(t, err)
	var s schema
	require.NoError(t, json.Unmarshal(raw, &s))
	return s
}

// Who looks for a setting reads values.yaml; one that is only in the schema is not found.
func TestEverySettingIsInTheValuesFile(t *testing.T) {
	for _, chart := range []string{product, outside} {
		root := readSchema(t, chart)
		require.NotEmpty(t, root.Properties)
		compare(t, chart, root, root, readValues(t, filepath.Join(chart, "values.yaml")))
	}
}

// components have the keys of defaults, which are there once.
var components = []string{"gateway", "worker", "moneyWorker", "order", "logistics", "payment", "cases", "notification", "codec"}

func compare(t *testing.T, at string, root, s schema, values map[string]any) {
	t.Helper()
	for name, property := range s.Properties {
		if name == "global" && at == product || name == "global" && at == outside {
			continue
		}
		path := at + "." + name
		require.Contains(t, values, name, "%s is in the schema and not in values.yaml", path)
		if slices.Contains(components, name) && at == product {
			continue
		}
		if property.Ref != "" {
			property = root.Definitions[strings.TrimPrefix(property.Ref, "#/definitions/")]
		}
		below, ok := values[name].(map[string]any)
		if ok && strings.HasSuffix(path, ".image") && len(below) == 0 || strings.HasSuffix(path, "Probe") || strings.HasSuffix(path, "resources") {
			continue // a part of the settings of Kubernetes, or of image above
		}
		if ok {
			compare(t, path, root, property, below)
		}
	}
}

// A key with a typing error does nothing and is not noticed, so that every object says which keys it has.
func TestEveryObjectOfTheSchemaRefusesOtherKeys(t *testing.T) {
	for _, chart := range []string{product, outside} {
		root := readSchema(t, chart)
		closed(t, chart, root)
		for name, definition := range root.Definitions {
			closed(t, chart+" "+name, definition)
		}
	}
}

func closed(t *testing.T, at string, s schema) {
	t.Helper()
	if len(s.Properties) > 0 {
		require.NotNil(t, s.Additional, at)
		require.Equal(t, "false", string(*s.Additional), at)
	}
	for name, property := range s.Properties {
		closed(t, at+"."+name, property)
	}
}
