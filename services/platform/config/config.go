// Package config reads a process's settings from environment variables into one struct.
//
// The struct is described by the tags of github.com/caarlos0/env and checked by the tags of
// github.com/go-playground/validator:
//
//	type Config struct {
//		Listen   string          `env:"LISTEN" envDefault:":8081"`
//		Token    config.Secret   `env:"SERVICE_TOKEN,required"`
//		Database database.Config `envPrefix:"DB_"`
//		Timeout  time.Duration   `env:"TIMEOUT" envDefault:"10s" validate:"min=1s"`
//	}
//
//	cfg, err := config.Load[Config]("PAYMENT_", os.Environ())
//	log.Info("configuration", config.Describe("PAYMENT_", cfg)...)
//
// The tag form, such as `form:"the path of a directory"`, says what is expected where the type alone does
// not tell. A variable with a default, or without "required", may be missing.
//
// A wrong value stops the process with a sentence that names it:
//
//	PAYMENT_TIMEOUT is "10", expected a duration such as 30s or 5m
package config

import (
	"errors"
	"fmt"
	"reflect"
	"strings"

	"github.com/caarlos0/env/v11"
	"github.com/go-playground/validator/v10"
)

// Error says which variable is wrong, and how. Its text is one sentence for the person who starts
// the process and never holds a secret.
type Error struct {
	// Variable is the full name of the environment variable.
	Variable string
	// Sentence tells what is wrong and what is expected; it begins with Variable.
	Sentence string
}

// Error returns the sentence.
func (e *Error) Error() string { return e.Sentence }

// Load reads T from the environment in the form of [os.Environ]; prefix is put before the name of
// every variable. Several wrong variables give several sentences, a line each, and every one of
// them is an [*Error] to errors.As. If T has a method Validate() error, it has the last word.
func Load[T any](prefix string, environ []string) (T, error) {
	var zero, cfg T
	environment := env.ToMap(environ)
	settings, err := settingsOf(reflect.TypeFor[T](), prefix)
	if err != nil {
		return zero, err
	}
	if err := env.ParseWithOptions(&cfg, env.Options{Environment: environment, Prefix: prefix}); err != nil {
		return zero, explain(err, settings, environment)
	}
	if err := validate(&cfg, settings); err != nil {
		return zero, err
	}
	if v, ok := any(&cfg).(interface{ Validate() error }); ok {
		if err := v.Validate(); err != nil {
			return zero, err
		}
	}
	return cfg, nil
}

// explain turns the parser's error, which speaks of Go fields, into sentences about variables.
func explain(err error, settings []setting, environment map[string]string) error {
	var found []error
	for _, s := range settings {
		value, set := environment[s.variable]
		switch {
		case s.required && !set:
			found = append(found, s.fault("is not set, expected "+s.form()))
		case s.notEmpty && value == "" && s.standard == "":
			found = append(found, s.fault("is empty, expected "+s.form()))
		case value != "" && !s.parses(value):
			found = append(found, s.fault(s.is(value)+", expected "+s.form()))
		}
	}
	if len(found) == 0 {
		return fmt.Errorf("read configuration: %w", err)
	}
	return errors.Join(found...)
}

// validate checks the tags "validate".
func validate(cfg any, settings []setting) error {
	if reflect.TypeOf(cfg).Elem().Kind() != reflect.Struct {
		return nil
	}
	err := validator.New(validator.WithRequiredStructEnabled()).Struct(cfg)
	var faults validator.ValidationErrors
	if !errors.As(err, &faults) {
		return err
	}
	var found []error
	for _, fault := range faults {
		_, path, _ := strings.Cut(fault.StructNamespace(), ".")
		path, _, _ = strings.Cut(path, "[")
		sentence := "configuration field " + path + " is invalid"
		variable := path
		for _, s := range settings {
			if s.path == path {
				variable = s.variable
				sentence = s.variable + " " + s.is(fmt.Sprint(fault.Value())) + ", expected " + wanted(fault)
			}
		}
		found = append(found, &Error{Variable: variable, Sentence: sentence})
	}
	return errors.Join(found...)
}

// wanted says in words what a validation tag asks for.
func wanted(fault validator.FieldError) string {
	param := fault.Param()
	switch fault.Tag() {
	case "required":
		return "a value"
	case "oneof":
		return "one of " + strings.Join(strings.Fields(param), ", ")
	case "min", "gte":
		return "at least " + param
	case "max", "lte":
		return "at most " + param
	case "gt":
		return "more than " + param
	case "lt":
		return "less than " + param
	case "len":
		return "a length of " + param
	case "url", "http_url":
		return "a URL such as http://localhost:8080"
	case "hostname_port":
		return "a host and port such as localhost:8080"
	case "email":
		return "an e-mail address"
	}
	return strings.TrimSpace(fault.Tag() + " " + param)
}

// Describe lists every variable with the value in force, secrets masked, as arguments for one slog
// record at start. The prefix is the one given to [Load].
func Describe(prefix string, cfg any) []any {
	value := reflect.Indirect(reflect.ValueOf(cfg))
	settings, err := settingsOf(value.Type(), prefix)
	if err != nil {
		return []any{"error", err}
	}
	attributes := make([]any, 0, 2*len(settings))
	for _, s := range settings {
		attributes = append(attributes, s.variable, s.print(value))
	}
	return attributes
}
