package http

import (
	"bytes"
	_ "embed"
	"encoding/json"
	"fmt"
	"html/template"
	"maps"
	"net/http"
	"path"
	"slices"
	"strings"

	"github.com/getkin/kin-openapi/openapi3"
)

//go:embed docs.html
var docsPage string

// Docs are the contract for machines and for people, made once.
type Docs struct {
	contract, page []byte
}

// NewDocs makes the documents out of the contract.
func NewDocs(spec *openapi3.T) (*Docs, error) {
	spec, err := published(spec)
	if err != nil {
		return nil, err
	}
	contract, err := json.Marshal(spec)
	if err != nil {
		return nil, fmt.Errorf("write the contract: %w", err)
	}
	view, err := viewOf(spec)
	if err != nil {
		return nil, err
	}
	t, err := template.New("docs").Funcs(template.FuncMap{"prose": prose}).Parse(docsPage)
	if err != nil {
		return nil, fmt.Errorf("read the page of the documentation: %w", err)
	}
	var page bytes.Buffer
	if err := t.Execute(&page, view); err != nil {
		return nil, fmt.Errorf("write the documentation: %w", err)
	}
	return &Docs{contract: contract, page: page.Bytes()}, nil
}

// Contract serves the document for machines.
func (d *Docs) Contract(w http.ResponseWriter, _ *http.Request) {
	serve(w, "application/json", d.contract)
}

// Page serves the documentation for people. It needs nothing from elsewhere.
func (d *Docs) Page(w http.ResponseWriter, _ *http.Request) {
	w.Header().Set("Content-Security-Policy", "default-src 'none'; style-src 'unsafe-inline'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'")
	serve(w, "text/html; charset=utf-8", d.page)
}

func serve(w http.ResponseWriter, contentType string, content []byte) {
	w.Header().Set("Content-Type", contentType)
	w.Header().Set("Cache-Control", "public, max-age=300")
	// A client that leaves before the end is no concern of ours.
	_, _ = w.Write(content)
}

// view is what the page shows.
type view struct {
	Title, Version, Description string
	Tags                        []tagView
	Schemas                     []schemaView
}

type tagView struct {
	Name, Description string
	Operations        []operationView
}

type operationView struct {
	ID, Method, Path, Summary, Description string
	Parameters                             []fieldView
	Body                                   *bodyView
	Answers                                []answerView
	Curl                                   string
}

type bodyView struct {
	ContentType string
	Type        typeView
	Fields      []fieldView
}

type answerView struct {
	Status, Description string
	Type                typeView
}

type schemaView struct {
	Name, Description string
	Type              typeView
	Fields            []fieldView
}

type fieldView struct {
	Name, In, Description string
	Required              bool
	Type                  typeView
}

// typeView is a type in words, with a link to its schema if it has a name.
type typeView struct{ Text, Link string }

func viewOf(spec *openapi3.T) (view, error) {
	v := view{Title: spec.Info.Title, Version: spec.Info.Version, Description: spec.Info.Description}
	byTag := map[string][]operationView{}
	for _, at := range inOrder(spec) {
		operation, err := operationOf(at)
		if err != nil {
			return view{}, err
		}
		for _, tag := range at.operation.Tags {
			byTag[tag] = append(byTag[tag], operation)
		}
	}
	for _, tag := range spec.Tags {
		v.Tags = append(v.Tags, tagView{Name: tag.Name, Description: tag.Description, Operations: byTag[tag.Name]})
	}
	for _, name := range slices.Sorted(maps.Keys(spec.Components.Schemas)) {
		schema := spec.Components.Schemas[name].Value
		v.Schemas = append(v.Schemas, schemaView{
			Name: name, Description: schema.Description, Type: typeOf(&openapi3.SchemaRef{Value: schema}), Fields: fieldsOf(schema),
		})
	}
	return v, nil
}

// place is an operation where it stands.
type place struct {
	method, path string
	item         *openapi3.PathItem
	operation    *openapi3.Operation
}

// inOrder lists the operations by path, and for one path by method.
func inOrder(spec *openapi3.T) []place {
	var places []place
	for _, at := range slices.Sorted(maps.Keys(spec.Paths.Map())) {
		item := spec.Paths.Value(at)
		operations := item.Operations()
		for _, method := range []string{http.MethodGet, http.MethodPost, http.MethodPut, http.MethodPatch, http.MethodDelete} {
			if operation := operations[method]; operation != nil {
				places = append(places, place{method, at, item, operation})
			}
		}
	}
	return places
}

func operationOf(at place) (operationView, error) {
	o := operationView{
		ID: at.operation.OperationID, Method: at.method, Path: at.path, Summary: at.operation.Summary, Description: at.operation.Description,
	}
	for _, p := range slices.Concat(at.item.Parameters, at.operation.Parameters) {
		o.Parameters = append(o.Parameters, fieldView{
			Name: p.Value.Name, In: p.Value.In, Description: p.Value.Description, Required: p.Value.Required, Type: typeOf(p.Value.Schema),
		})
	}
	if at.operation.RequestBody != nil {
		for contentType, media := range at.operation.RequestBody.Value.Content {
			o.Body = &bodyView{ContentType: contentType, Type: typeOf(media.Schema), Fields: fieldsOf(media.Schema.Value)}
		}
	}
	answers := at.operation.Responses.Map()
	for _, status := range slices.Sorted(maps.Keys(answers)) {
		a := answerView{Status: status, Description: value(answers[status].Value.Description)}
		for _, media := range answers[status].Value.Content {
			a.Type = typeOf(media.Schema)
		}
		o.Answers = append(o.Answers, a)
	}
	var err error
	o.Curl, err = curl(at)
	return o, err
}

func fieldsOf(schema *openapi3.Schema) []fieldView {
	var fields []fieldView
	for _, name := range slices.Sorted(maps.Keys(schema.Properties)) {
		property := schema.Properties[name]
		fields = append(fields, fieldView{
			Name: name, Description: property.Value.Description, Required: slices.Contains(schema.Required, name), Type: typeOf(property),
		})
	}
	// What is required comes first.
	slices.SortStableFunc(fields, func(a, b fieldView) int {
		switch {
		case a.Required == b.Required:
			return 0
		case a.Required:
			return -1
		}
		return 1
	})
	return fields
}

// typeOf says in words what a value looks like.
func typeOf(ref *openapi3.SchemaRef) typeView {
	if ref == nil || ref.Value == nil {
		return typeView{Text: "any"}
	}
	if ref.Ref != "" {
		name := path.Base(ref.Ref)
		return typeView{Text: name, Link: "#schema-" + name}
	}
	s := ref.Value
	switch {
	case s.Type.Is("array"):
		items := typeOf(s.Items)
		return typeView{Text: "list of " + items.Text, Link: items.Link}
	case len(s.Enum) > 0:
		words := make([]string, 0, len(s.Enum))
		for _, word := range s.Enum {
			words = append(words, fmt.Sprint(word))
		}
		return typeView{Text: strings.Join(words, " | ")}
	case s.Type == nil:
		return typeView{Text: "any"}
	}
	text := strings.Join(s.Type.Slice(), " or ")
	if s.Format != "" {
		text += " (" + s.Format + ")"
	}
	return typeView{Text: text + bounds(s)}
}

func bounds(s *openapi3.Schema) string {
	var parts []string
	if s.MinLength > 0 || s.MaxLength != nil {
		part := fmt.Sprintf("at least %d characters", s.MinLength)
		if s.MaxLength != nil {
			part = fmt.Sprintf("%d to %d characters", s.MinLength, *s.MaxLength)
		}
		parts = append(parts, part)
	}
	if s.Min != nil {
		parts = append(parts, fmt.Sprintf("from %v", *s.Min))
	}
	if s.Max != nil {
		parts = append(parts, fmt.Sprintf("to %.0f", *s.Max))
	}
	if s.Default != nil {
		parts = append(parts, fmt.Sprintf("%v if left out", s.Default))
	}
	if len(parts) == 0 {
		return ""
	}
	return ", " + strings.Join(parts, ", ")
}
