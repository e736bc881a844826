package config

import (
	"encoding"
	"fmt"
	"net/url"
	"reflect"
	"strings"
	"time"

	"github.com/caarlos0/env/v11"
)

// setting is one variable of a configuration struct.
type setting struct {
	variable string
	path     string // of the Go field: "Database.DSN"
	index    []int
	field    reflect.StructField
	standard string // value of the tag envDefault
	required bool
	notEmpty bool
}

// settingsOf lists the variables of a struct type the way env does: nested structs with the tag
// envPrefix, and structs without a variable of their own are looked into.
func settingsOf(t reflect.Type, prefix string) ([]setting, error) {
	if t.Kind() != reflect.Struct {
		return nil, fmt.Errorf("configuration must be a struct, not %s", t)
	}
	return walk(t, prefix, "", nil), nil
}

func walk(t reflect.Type, prefix, path string, index []int) []setting {
	var settings []setting
	for i := range t.NumField() {
		field := t.Field(i)
		if !field.IsExported() {
			continue
		}
		at := append(append([]int(nil), index...), i)
		name, options, _ := strings.Cut(field.Tag.Get("env"), ",")
		switch {
		case name == "-":
		case name != "":
			settings = append(settings, setting{
				variable: prefix + name,
				path:     path + field.Name,
				index:    at,
				field:    field,
				standard: field.Tag.Get("envDefault"),
				required: has(options, "required"),
				notEmpty: has(options, "notEmpty"),
			})
		case field.Type.Kind() == reflect.Struct:
			settings = append(settings, walk(field.Type, prefix+field.Tag.Get("envPrefix"), path+field.Name+".", at)...)
		}
	}
	return settings
}

func has(options, option string) bool {
	for o := range strings.SplitSeq(options, ",") {
		if o == option {
			return true
		}
	}
	return false
}

func (s setting) fault(what string) error {
	return &Error{Variable: s.variable, Sentence: s.variable + " " + what}
}

// parses tells whether the value suits this variable alone, by asking the same parser with a struct
// that has only this field.
func (s setting) parses(value string) bool {
	const name = "VALUE"
	field := s.field
	field.Anonymous, field.Index, field.Offset = false, nil, 0
	_, options, _ := strings.Cut(s.field.Tag.Get("env"), ",")
	tag := name
	if options != "" {
		tag += "," + options
	}
	field.Tag = reflect.StructTag(fmt.Sprintf("env:%q envSeparator:%q envKeyValSeparator:%q", tag,
		orElse(s.field.Tag.Get("envSeparator"), ","), orElse(s.field.Tag.Get("envKeyValSeparator"), ":")))
	probe := reflect.New(reflect.StructOf([]reflect.StructField{field}))
	err := env.ParseWithOptions(probe.Interface(), env.Options{Environment: map[string]string{name: value}})
	return err == nil
}

func orElse(value, otherwise string) string {
	if value == "" {
		return otherwise
	}
	return value
}

func (s setting) secret() bool {
	t := s.field.Type
	for t.Kind() == reflect.Pointer || t.Kind() == reflect.Slice || t.Kind() == reflect.Map {
		t = t.Elem()
	}
	return t == reflect.TypeFor[Secret]()
}

// is says what the value is, without giving a secret away.
func (s setting) is(value string) string {
	if s.secret() {
		return "has a value that does not fit"
	}
	return fmt.Sprintf("is %q", value)
}

// form says in words what a value of this variable looks like.
func (s setting) form() string {
	if words := s.field.Tag.Get("form"); words != "" {
		return words
	}
	if choices := oneOf(s.field.Tag.Get("validate")); choices != "" {
		return "one of " + choices
	}
	return formOf(s.field.Type)
}

func oneOf(tag string) string {
	for rule := range strings.SplitSeq(tag, ",") {
		if choices, found := strings.CutPrefix(rule, "oneof="); found {
			return strings.Join(strings.Fields(choices), ", ")
		}
	}
	return ""
}

func formOf(t reflect.Type) string {
	switch t {
	case reflect.TypeFor[Secret]():
		return "a secret text"
	case reflect.TypeFor[time.Duration]():
		return "a duration such as 30s or 5m"
	case reflect.TypeFor[url.URL]():
		return "a URL such as http://localhost:8080"
	}
	if reflect.PointerTo(t).Implements(reflect.TypeFor[encoding.TextUnmarshaler]()) {
		return "a " + strings.ToLower(t.Name())
	}
	switch t.Kind() {
	case reflect.Pointer:
		return formOf(t.Elem())
	case reflect.Bool:
		return "true or false"
	case reflect.Int, reflect.Int8, reflect.Int16, reflect.Int32, reflect.Int64:
		return "a whole number"
	case reflect.Uint, reflect.Uint8, reflect.Uint16, reflect.Uint32, reflect.Uint64:
		return "a whole number, zero or more"
	case reflect.Float32, reflect.Float64:
		return "a number"
	case reflect.Slice:
		return "a list with commas between its items, each " + formOf(t.Elem())
	case reflect.Map:
		return "a list of key:value with commas between"
	default:
		return "a text"
	}
}

// print gives the value in force as text.
func (s setting) print(config reflect.Value) string {
	value := config.FieldByIndex(s.index)
	if s.secret() && !value.IsZero() {
		return mask
	}
	if value.Kind() == reflect.Pointer {
		if value.IsNil() {
			return ""
		}
		value = value.Elem()
	}
	text := fmt.Sprint(value.Interface())
	if value.Kind() == reflect.String {
		return hidePassword(text)
	}
	return text
}

// hidePassword masks the password of a URL, which is a secret that hides in a plain setting.
func hidePassword(text string) string {
	u, err := url.Parse(text)
	if err != nil || u.User == nil {
		return text
	}
	if _, set := u.User.Password(); !set {
		return text
	}
	return u.Redacted()
}
