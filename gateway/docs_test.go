package gateway_test

import (
	"net/http"
	"strings"
	"testing"

	"github.com/getkin/kin-openapi/openapi3"
)

func TestTheContractCanBeReadWithoutAnythingElse(t *testing.T) {
	w := newWorld(t)
	answer := w.ask("", http.MethodGet, "/openapi.json", "").is(http.StatusOK, "")
	spec, err := openapi3.NewLoader().LoadFromData([]byte(answer.body))
	if err != nil {
		t.Fatal(err)
	}
	if err := spec.Validate(t.Context()); err != nil {
		t.Fatal(err)
	}
	if strings.Contains(answer.body, "openapi.yaml") {
		t.Error("refers to another file")
	}
	for path, item := range spec.Paths.Map() {
		for method, operation := range item.Operations() {
			if id := operation.OperationID; id == "" || id[:1] != strings.ToLower(id[:1]) {
				t.Errorf("%s %s has the id %q", method, path, id)
			}
		}
	}
}

func TestThePageForPeopleShowsEveryOperationAndNeedsNothingFromElsewhere(t *testing.T) {
	w := newWorld(t)
	page := w.ask("", http.MethodGet, "/docs", "").is(http.StatusOK, "").body
	for _, o := range operations(t) {
		if !strings.Contains(page, `<section id="`+o.id+`">`) {
			t.Errorf("%s is missing", o.id)
		}
	}
	for _, elsewhere := range []string{"<script", "src=", "@import", "url("} {
		if strings.Contains(page, elsewhere) {
			t.Errorf("the page has %s", elsewhere)
		}
	}
	if target := w.ask("", http.MethodGet, "/", "").is(http.StatusFound, "").header.Get("Location"); target != "/docs" {
		t.Errorf("the root leads to %q", target)
	}
}
