package problem_test

import (
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"maps"
	"net/http"
	"net/http/httptest"
	"slices"
	"strings"
	"testing"
	"testing/fstest"

	"aftercare.dev/services/platform/problem"
)

func render(t *testing.T, err error, languages string) (*httptest.ResponseRecorder, map[string]any) {
	t.Helper()
	renderer, loadErr := problem.NewRenderer(fstest.MapFS{
		"en.json":    {Data: []byte(`{"refund_exceeds_payment": "The refund is more than was paid"}`)},
		"zh-CN.json": {Data: []byte(`{"refund_exceeds_payment": "退款金额超过实付金额"}`)},
	})
	if loadErr != nil {
		t.Fatal(loadErr)
	}
	w := httptest.NewRecorder()
	at := problem.Occasion{Languages: languages, Instance: "urn:request:r1", TraceID: "abc"}
	if err := renderer.Write(w, err, at); err != nil {
		t.Fatal(err)
	}
	var document map[string]any
	if err := json.Unmarshal(w.Body.Bytes(), &document); err != nil {
		t.Fatal(err)
	}
	return w, document
}

func TestTitlesComeInTheReadersLanguage(t *testing.T) {
	known := problem.Unprocessable("refund_exceeds_payment", "")
	tests := map[string]struct {
		err       error
		languages string
		title     string
		language  string
	}{
		"English by default":           {known, "", "The refund is more than was paid", "en"},
		"Chinese":                      {known, "zh-CN,zh;q=0.9,en;q=0.8", "退款金额超过实付金额", "zh-CN"},
		"Chinese without a country":    {known, "zh", "退款金额超过实付金额", "zh-CN"},
		"a language that we have not":  {known, "fr", "The refund is more than was paid", "en"},
		"a header that makes no sense": {known, ";;;", "The refund is more than was paid", "en"},
		"a code without a title":       {problem.Conflict("nobody_knows", ""), "zh-CN", "请求与当前状态不符", "zh-CN"},
		"a title that came along":      {&problem.Error{Status: 409, Code: "nobody_knows", Title: "Ask them"}, "zh-CN", "Ask them", "en"},
		"a status that is rare":        {problem.New(418, "teapot", ""), "en", "I'm a teapot", "en"},
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			w, document := render(t, test.err, test.languages)
			if document["title"] != test.title {
				t.Errorf("title %q, want %q", document["title"], test.title)
			}
			if got := w.Header().Get("Content-Language"); got != test.language {
				t.Errorf("language %q, want %q", got, test.language)
			}
		})
	}
}

func TestADocumentHasWhatAClientNeeds(t *testing.T) {
	err := problem.Conflict("action_not_allowed", "the case is closed").
		With("allowed", []string{"reopen"}).With("status", "overridden?").
		WithFields(problem.FieldError{Field: "action", Detail: "is not offered"})
	w, got := render(t, fmt.Errorf("close case: %w", err), "en")
	want := map[string]any{
		"type":     "https://aftercare.dev/problems/action_not_allowed",
		"title":    "The request does not fit the present state",
		"status":   float64(409),
		"detail":   "the case is closed",
		"code":     "action_not_allowed",
		"instance": "urn:request:r1",
		"trace_id": "abc",
		"allowed":  []any{"reopen"},
		"errors":   []any{map[string]any{"field": "action", "detail": "is not offered"}},
	}
	if fmt.Sprint(got) != fmt.Sprint(want) {
		t.Errorf("got  %v\nwant %v", got, want)
	}
	if w.Code != 409 || w.Header().Get("Content-Type") != "application/problem+json" {
		t.Errorf("status %d, type %s", w.Code, w.Header().Get("Content-Type"))
	}
	decoded := problem.Decode(w.Code, w.Body.Bytes())
	if decoded.Code != err.Code || decoded.Detail != err.Detail || len(decoded.Errors) != 1 || decoded.Meta["allowed"] == nil {
		t.Errorf("decoded as %+v", decoded)
	}
}

func TestAnUnknownErrorSaysNothingOfItself(t *testing.T) {
	w, document := render(t, errors.New("dial tcp 10.0.0.3:3306: password=hunter2"), "en")
	if w.Code != 500 || document["code"] != "internal" {
		t.Errorf("got %v", document)
	}
	if strings.Contains(w.Body.String(), "hunter2") || strings.Contains(w.Body.String(), "10.0.0.3") {
		t.Errorf("the cause is told: %s", w.Body)
	}
	if w, _ := render(t, &problem.Error{Code: "forgot_the_status"}, "en"); w.Code != 500 {
		t.Errorf("status %d", w.Code)
	}
	w, _ = render(t, problem.Conflict("busy", "busy").WithCause(errors.New("hunter2")), "en")
	if strings.Contains(w.Body.String(), "hunter2") {
		t.Errorf("the cause is told: %s", w.Body)
	}
}

func TestWhateverWasAnsweredDecodesToAProblem(t *testing.T) {
	tests := map[string]struct {
		status int
		body   string
		want   string
	}{
		"a problem of ours":        {409, `{"type":"https://aftercare.dev/problems/x","code":"x","status":409}`, "x"},
		"a problem without a code": {409, `{"type":"https://aftercare.dev/problems/x"}`, "x"},
		"a blank problem":          {404, `{"type":"about:blank","title":"Not Found"}`, "not_found"},
		"a proxy's page":           {502, `<html>Bad Gateway</html>`, "unavailable"},
		"nothing":                  {500, ``, "internal"},
		"other JSON":               {429, `{"message":"slow down"}`, "too_many_requests"},
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			got := problem.Decode(test.status, []byte(test.body))
			if got.Code != test.want || got.Status != test.status {
				t.Errorf("got %+v", got)
			}
		})
	}
}

func TestConstructorsDoNotShareState(t *testing.T) {
	base := problem.Conflict("x", "")
	a, b := base.With("k", 1), base.With("k", 2)
	if base.Meta != nil || a.Meta["k"] != 1 || b.Meta["k"] != 2 {
		t.Errorf("base %v, a %v, b %v", base.Meta, a.Meta, b.Meta)
	}
}

func TestEveryCodeHasATitleInEachLanguage(t *testing.T) {
	codes := map[string][]string{}
	for _, file := range []string{"en.json", "zh-CN.json"} {
		data, err := fs.ReadFile(problem.Catalog(), file)
		if err != nil {
			t.Fatal(err)
		}
		titles := map[string]string{}
		if err := json.Unmarshal(data, &titles); err != nil {
			t.Fatal(err)
		}
		codes[file] = slices.Sorted(maps.Keys(titles))
	}
	if !slices.Equal(codes["en.json"], codes["zh-CN.json"]) {
		t.Errorf("en %v\nzh-CN %v", codes["en.json"], codes["zh-CN.json"])
	}
}

func TestAFaultHasTheStatusOfItsCodeAndNamesItsField(t *testing.T) {
	statuses := problem.Statuses{"gone": http.StatusNotFound}
	for _, test := range []struct {
		code, field string
		status      int
		fields      int
	}{
		{"gone", "", http.StatusNotFound, 0},
		{"gone", "id", http.StatusNotFound, 1},
		{"unheard_of", "lines[0]", http.StatusUnprocessableEntity, 1},
	} {
		e := statuses.Fault(test.code, test.field, "why")
		if e.Status != test.status || e.Code != test.code || e.Detail != "why" || len(e.Errors) != test.fields {
			t.Errorf("%+v gives %+v", test, e)
		}
	}
}
