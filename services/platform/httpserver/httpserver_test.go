package httpserver_test

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net"
	"net/http"
	"net/http/httptest"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/getkin/kin-openapi/openapi3"
	"github.com/labstack/echo/v4"

	"aftercare.dev/services/platform/httpserver"
	"aftercare.dev/services/platform/problem"
)

const contract = `
openapi: 3.0.3
info: {title: Cases, version: "1"}
paths:
  /v1/cases:
    post:
      operationId: openCase
      security: [{token: []}]
      parameters:
        - {name: Idempotency-Key, in: header, required: true, schema: {type: string, minLength: 1, maxLength: 64}}
      requestBody:
        required: true
        content:
          application/json:
            schema:
              type: object
              additionalProperties: false
              required: [order_id, lines]
              properties:
                order_id: {type: string, pattern: "^[a-z0-9]+$"}
                phone: {type: string, maxLength: 5}
                lines:
                  type: array
                  minItems: 1
                  items:
                    type: object
                    required: [quantity]
                    properties:
                      quantity: {type: integer, minimum: 1}
      responses: {"201": {description: opened}}
  /v1/cases/{case_id}:
    get:
      operationId: getCase
      parameters:
        - {name: case_id, in: path, required: true, schema: {type: string, maxLength: 10}}
        - {name: limit, in: query, schema: {type: integer, maximum: 100}}
      responses: {"200": {description: ok}}
  /v1/cases/{case_id}/files:
    post:
      operationId: addFile
      parameters:
        - {name: case_id, in: path, required: true, schema: {type: string}}
      requestBody:
        required: true
        content:
          application/octet-stream: {schema: {type: string, format: binary}}
      responses: {"201": {description: ok}}
  /v1/events:
    get:
      operationId: followEvents
      responses: {"200": {description: ok}}
components:
  securitySchemes:
    token: {type: http, scheme: bearer}
`

func specOf(t testing.TB) *openapi3.T {
	t.Helper()
	loader := openapi3.NewLoader()
	spec, err := loader.LoadFromData([]byte(contract))
	if err != nil {
		t.Fatal(err)
	}
	if err := spec.Validate(loader.Context); err != nil {
		t.Fatal(err)
	}
	return spec
}

func newServer(t testing.TB, change func(*httpserver.Options)) *httpserver.Server {
	t.Helper()
	o := httpserver.Options{
		Name:   "test",
		Logger: slog.New(slog.DiscardHandler),
		Spec:   specOf(t),
		Register: func(r httpserver.Router) {
			r.POST("/v1/cases", func(c echo.Context) error {
				body, err := io.ReadAll(c.Request().Body)
				if err != nil {
					return err
				}
				return c.JSONBlob(http.StatusCreated, body)
			})
			r.GET("/v1/cases/:case_id", func(c echo.Context) error {
				switch c.Param("case_id") {
				case "panic":
					panic("13800138000")
				case "broken":
					return errors.New("password=hunter2")
				case "refused":
					return fmt.Errorf("get case: %w", problem.Conflict("case_closed", "it is closed").With("allowed", []string{"reopen"}))
				case "bind":
					return echo.NewHTTPError(http.StatusBadRequest, "Invalid format for parameter limit: parsing \"13800138000\"")
				case "gave-up":
					return context.Canceled // of something within, the client still waits
				case "slow":
					<-c.Request().Context().Done()
					return c.Request().Context().Err()
				}
				return c.String(http.StatusOK, c.Param("case_id"))
			})
			r.POST("/v1/cases/:case_id/files", func(c echo.Context) error {
				n, err := io.Copy(io.Discard, c.Request().Body)
				if err != nil {
					return err
				}
				return c.String(http.StatusCreated, strconv.FormatInt(n, 10))
			})
		},
		MaxBody:   200,
		MaxBodyOf: map[string]int64{"addFile": 1000},
	}
	if change != nil {
		change(&o)
	}
	s, err := httpserver.New(o)
	if err != nil {
		t.Fatal(err)
	}
	return s
}

func ask(t *testing.T, s *httpserver.Server, method, path, body string, headers ...string) *httptest.ResponseRecorder {
	t.Helper()
	r := httptest.NewRequestWithContext(t.Context(), method, path, strings.NewReader(body))
	if body != "" {
		r.Header.Set("Content-Type", "application/json")
	}
	for i := 0; i < len(headers); i += 2 {
		r.Header.Set(headers[i], headers[i+1])
	}
	w := httptest.NewRecorder()
	s.Handler().ServeHTTP(w, r)
	return w
}

func decode(t *testing.T, w *httptest.ResponseRecorder) *problem.Error {
	t.Helper()
	if got := w.Header().Get("Content-Type"); got != problem.ContentType {
		t.Fatalf("status %d, content type %q: %s", w.Code, got, w.Body)
	}
	return problem.Decode(w.Code, w.Body.Bytes())
}

func TestARequestThatBreaksTheContractIsExplained(t *testing.T) {
	const fine = `{"order_id":"o1","lines":[{"quantity":1}]}`
	key := []string{"Idempotency-Key", "k"}
	tests := map[string]struct {
		method, path, body string
		headers            []string
		status             int
		code               string
		fields             string
	}{
		"no mistake":                 {"POST", "/v1/cases", fine, key, 201, "", ""},
		"a header is missing":        {"POST", "/v1/cases", fine, nil, 400, "invalid_request", "Idempotency-Key: is required (header)"},
		"a property is missing":      {"POST", "/v1/cases", `{"lines":[{"quantity":1}]}`, key, 400, "invalid_request", "order_id: is required"},
		"a property deep within":     {"POST", "/v1/cases", `{"order_id":"o1","lines":[{"quantity":1},{"quantity":0}]}`, key, 400, "invalid_request", "lines[1].quantity: number must be at least 1"},
		"a wrong type":               {"POST", "/v1/cases", `{"order_id":1,"lines":[{"quantity":1}]}`, key, 400, "invalid_request", "order_id: value must be a string"},
		"a wrong form":               {"POST", "/v1/cases", `{"order_id":"O-1","lines":[{"quantity":1}]}`, key, 400, "invalid_request", "order_id: must match ^[a-z0-9]+$"},
		"a property too many":        {"POST", "/v1/cases", `{"order_id":"o1","lines":[{"quantity":1}],"x":1}`, key, 400, "invalid_request", `body: property "x" is unsupported`},
		"two mistakes":               {"POST", "/v1/cases", `{"order_id":"O","lines":[]}`, key, 400, "invalid_request", "lines: minimum number of items is 1|order_id: must match ^[a-z0-9]+$"},
		"no body":                    {"POST", "/v1/cases", "", key, 400, "invalid_request", "body: a body is required"},
		"a body that is no JSON":     {"POST", "/v1/cases", "{", key, 400, "invalid_request", "body: the body cannot be read as JSON"},
		"another content type":       {"POST", "/v1/cases", "a=b", append(key, "Content-Type", "application/x-www-form-urlencoded"), 415, "unsupported_media_type", ""},
		"a body too large":           {"POST", "/v1/cases", strings.Repeat(" ", 201), key, 413, "too_large", ""},
		"a path parameter":           {"GET", "/v1/cases/12345678901", "", nil, 400, "invalid_request", "case_id: maximum string length is 10"},
		"a query that is too much":   {"GET", "/v1/cases/c1?limit=101", "", nil, 400, "invalid_request", "limit: number must be at most 100"},
		"a query that is no number":  {"GET", "/v1/cases/c1?limit=many", "", nil, 400, "invalid_request", "limit: has not the form that the contract names"},
		"a path that is not there":   {"GET", "/v1/nothing", "", nil, 404, "not_found", ""},
		"a method that is not there": {"DELETE", "/v1/cases", "", nil, 405, "method_not_allowed", ""},
		"a file":                     {"POST", "/v1/cases/c1/files", strings.Repeat("x", 1000), []string{"Content-Type", "application/octet-stream"}, 201, "", ""},
		"a file too large":           {"POST", "/v1/cases/c1/files", strings.Repeat("x", 1001), []string{"Content-Type", "application/octet-stream"}, 413, "too_large", ""},
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			w := ask(t, newServer(t, nil), test.method, test.path, test.body, test.headers...)
			if w.Code != test.status {
				t.Fatalf("status %d, want %d: %s", w.Code, test.status, w.Body)
			}
			if test.code == "" {
				return
			}
			got := decode(t, w)
			var fields []string
			for _, f := range got.Errors {
				fields = append(fields, f.Field+": "+f.Detail)
			}
			if got.Code != test.code || strings.Join(fields, "|") != test.fields {
				t.Errorf("code %s, fields %q\nwant %s, %q", got.Code, fields, test.code, test.fields)
			}
		})
	}
}

func TestTheHandlerReadsWhatWasSent(t *testing.T) {
	const body = `{ "order_id":"o1",  "lines":[{"quantity":9007199254740993}]}`
	w := ask(t, newServer(t, nil), "POST", "/v1/cases", body, "Idempotency-Key", "k")
	if w.Body.String() != body {
		t.Errorf("got %s", w.Body)
	}
}

func TestABodyOfUnknownLengthIsLimitedToo(t *testing.T) {
	r := httptest.NewRequestWithContext(t.Context(), "POST", "/v1/cases", io.MultiReader(strings.NewReader(strings.Repeat(" ", 500))))
	r.Header.Set("Content-Type", "application/json")
	r.Header.Set("Idempotency-Key", "k")
	w := httptest.NewRecorder()
	newServer(t, nil).Handler().ServeHTTP(w, r)
	if got := decode(t, w); got.Status != 413 {
		t.Errorf("got %v", got)
	}
}

func TestAnErrorOfAHandlerBecomesAProblem(t *testing.T) {
	tests := map[string]struct {
		id     string
		status int
		code   string
	}{
		"a refusal":         {"refused", 409, "case_closed"},
		"an unknown error":  {"broken", 500, "internal"},
		"a panic":           {"panic", 500, "internal"},
		"a failed binding":  {"bind", 400, "invalid_request"},
		"time that ran out": {"slow", 503, "timeout"},
		"work given up":     {"gave-up", 500, "internal"},
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			s := newServer(t, func(o *httpserver.Options) { o.Timeout = 10 * time.Millisecond })
			w := ask(t, s, "GET", "/v1/cases/"+test.id, "", "X-Request-Id", "r1", "Accept-Language", "zh-CN")
			got := decode(t, w)
			if got.Status != test.status || got.Code != test.code {
				t.Errorf("got %v", got)
			}
			if text := w.Body.String(); strings.Contains(text, "hunter2") || strings.Contains(text, "13800138000") {
				t.Errorf("tells too much: %s", text)
			}
			if !strings.Contains(w.Body.String(), `"instance":"urn:request:r1"`) || w.Header().Get("X-Request-Id") != "r1" {
				t.Errorf("the request is not named: %s", w.Body)
			}
			if w.Header().Get("Content-Language") != "zh-CN" {
				t.Errorf("the title is in %s", w.Header().Get("Content-Language"))
			}
		})
	}
}

func TestOnlyTheServiceTokenOpensTheDoor(t *testing.T) {
	s := newServer(t, func(o *httpserver.Options) { o.ServiceToken = "right" })
	s.Mount("GET", "/docs/*", http.NotFoundHandler())
	tests := map[string]struct {
		path, header string
		status       int
	}{
		"the token":                  {"/v1/cases/c1", "Bearer right", 200},
		"the scheme in lower case":   {"/v1/cases/c1", "bearer right", 200},
		"no token":                   {"/v1/cases/c1", "", 401},
		"another token":              {"/v1/cases/c1", "Bearer wrong", 401},
		"a token that begins right":  {"/v1/cases/c1", "Bearer righ", 401},
		"another scheme":             {"/v1/cases/c1", "Basic right", 401},
		"a path that is not there":   {"/v1/nothing", "", 401},
		"a handler that was mounted": {"/docs/x", "", 401},
		"liveness needs none":        {"/livez", "", 200},
		"readiness needs none":       {"/readyz", "", 200},
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			w := ask(t, s, "GET", test.path, "", "Authorization", test.header)
			if w.Code != test.status {
				t.Errorf("status %d, want %d", w.Code, test.status)
			}
		})
	}
}

func TestReadinessNamesWhatIsMissing(t *testing.T) {
	s := newServer(t, func(o *httpserver.Options) {
		o.Ready = map[string]httpserver.Check{
			"database": func(context.Context) error { return errors.New("password=hunter2") },
			"cache":    func(context.Context) error { return nil },
		}
	})
	w := ask(t, s, "GET", "/readyz", "")
	if want := `{"status":"not ready","missing":["database"]}`; w.Code != 503 || strings.TrimSpace(w.Body.String()) != want {
		t.Errorf("status %d: %s", w.Code, w.Body)
	}
	if w := ask(t, s, "GET", "/livez", ""); w.Code != 200 {
		t.Errorf("not alive: %d", w.Code)
	}
}

func TestAuthorizeKnowsTheOperation(t *testing.T) {
	type who struct{}
	var asked []httpserver.Operation
	s := newServer(t, func(o *httpserver.Options) {
		o.Authorize = func(ctx context.Context, op httpserver.Operation, r *http.Request) (context.Context, error) {
			asked = append(asked, op)
			if r.Header.Get("Authorization") == "" {
				return nil, problem.Forbidden("role_missing", "")
			}
			return context.WithValue(ctx, who{}, "me"), nil
		}
		o.Register = func(r httpserver.Router) {
			r.GET("/v1/cases/:case_id", func(c echo.Context) error {
				return c.String(200, fmt.Sprint(c.Request().Context().Value(who{})))
			})
			r.POST("/v1/cases", func(c echo.Context) error { return c.NoContent(201) })
		}
	})
	// Refusal comes before validation, which would tell a stranger about the contract.
	if w := ask(t, s, "POST", "/v1/cases", "{"); w.Code != 403 {
		t.Errorf("status %d", w.Code)
	}
	if w := ask(t, s, "GET", "/v1/cases/a%2Fb", "", "Authorization", "x"); w.Code != 200 || w.Body.String() != "me" {
		t.Errorf("status %d: %s", w.Code, w.Body)
	}
	want := []httpserver.Operation{
		{ID: "openCase", Method: "POST", Path: "/v1/cases", Security: true},
		{ID: "getCase", Method: "GET", Path: "/v1/cases/{case_id}", Params: map[string]string{"case_id": "a/b"}},
	}
	if fmt.Sprint(asked) != fmt.Sprint(want) {
		t.Errorf("got  %+v\nwant %+v", asked, want)
	}
}

func TestTheAccessLogHasNoPersonalData(t *testing.T) {
	var out bytes.Buffer
	s := newServer(t, func(o *httpserver.Options) { o.Logger = slog.New(slog.NewJSONHandler(&out, nil)) })
	ask(t, s, "GET", "/v1/cases/c1?phone=13800138000", "", "X-Request-Id", "bad id\n")
	var record map[string]any
	if err := json.Unmarshal(out.Bytes(), &record); err != nil {
		t.Fatalf("%v: %s", err, out.String())
	}
	if record["route"] != "/v1/cases/{case_id}" || record["method"] != "GET" || record["status"] != 200.0 {
		t.Errorf("got %v", record)
	}
	for _, text := range []string{"13800138000", "c1\"", "bad id"} {
		if strings.Contains(out.String(), text) {
			t.Errorf("the log has %q: %s", text, out.String())
		}
	}
}

func TestAMountedHandlerAndMiddlewareAreServed(t *testing.T) {
	s := newServer(t, func(o *httpserver.Options) {
		o.Middleware = []func(http.Handler) http.Handler{func(next http.Handler) http.Handler {
			return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
				w.Header().Set("X-Through", "yes")
				next.ServeHTTP(w, r)
			})
		}}
	})
	s.Mount("POST", "/callbacks/:provider", http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if _, err := io.ReadAll(r.Body); err != nil {
			s.WriteProblem(w, r, problem.Invalid("", "unreadable"))
			return
		}
		_, _ = io.WriteString(w, r.PathValue("provider"))
	}))
	w := ask(t, s, "POST", "/callbacks/wechat", "{}")
	if w.Body.String() != "wechat" || w.Header().Get("X-Through") != "yes" {
		t.Errorf("got %s, %v", w.Body, w.Header())
	}
	if w := ask(t, s, "POST", "/callbacks/wechat", strings.Repeat(" ", 300)); w.Code != 413 {
		t.Errorf("status %d", w.Code)
	}
	if w := ask(t, s, "GET", "/livez", ""); w.Header().Get("X-Through") != "" {
		t.Error("the probes go through middleware")
	}
}

func TestAMistypedOperationIsRefusedAtStart(t *testing.T) {
	_, err := httpserver.New(httpserver.Options{Name: "x", Spec: specOf(t), Streams: []string{"folowEvents"}})
	if err == nil || err.Error() != `the contract has no operation "folowEvents"` {
		t.Errorf("got %v", err)
	}
}

func TestStoppingLetsRequestsFinishAndEndsStreams(t *testing.T) {
	working, finish := make(chan struct{}), make(chan struct{})
	following := make(chan struct{})
	s := newServer(t, func(o *httpserver.Options) {
		o.Streams = []string{"followEvents"}
		o.Register = func(r httpserver.Router) {
			r.GET("/v1/cases/:case_id", func(c echo.Context) error {
				close(working)
				<-finish
				return c.String(200, "finished")
			})
			r.GET("/v1/events", func(c echo.Context) error {
				c.Response().WriteHeader(200)
				c.Response().Flush()
				close(following)
				<-c.Request().Context().Done()
				_, err := c.Response().Write([]byte("bye"))
				return err
			})
		}
	})
	listener, err := new(net.ListenConfig).Listen(t.Context(), "tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	base := "http://" + listener.Addr().String()
	ctx, stop := context.WithCancel(t.Context())
	stopped := make(chan error, 1)
	go func() { stopped <- s.Run(ctx, listener) }()

	read := func(path string) string {
		r, err := http.NewRequestWithContext(t.Context(), http.MethodGet, base+path, nil)
		if err != nil {
			return err.Error()
		}
		answer, err := http.DefaultClient.Do(r)
		if err != nil {
			return err.Error()
		}
		defer answer.Body.Close()
		body, err := io.ReadAll(answer.Body)
		if err != nil {
			return err.Error()
		}
		return string(body)
	}
	var running sync.WaitGroup
	running.Go(func() {
		if got := read("/v1/cases/c1"); got != "finished" {
			t.Errorf("the request ended with %q", got)
		}
	})
	running.Go(func() {
		if got := read("/v1/events"); got != "bye" {
			t.Errorf("the stream ended with %q", got)
		}
	})
	<-working
	<-following
	stop()
	if w := waitForDraining(t, s); !strings.Contains(w.Body.String(), "draining") {
		t.Errorf("readiness says %s", w.Body)
	}
	close(finish)
	running.Wait()
	if err := <-stopped; err != nil {
		t.Error(err)
	}
}

// waitForDraining asks until readiness has changed, which the server does by itself.
func waitForDraining(t *testing.T, s *httpserver.Server) *httptest.ResponseRecorder {
	t.Helper()
	for {
		w := ask(t, s, "GET", "/readyz", "")
		if w.Code != 200 || t.Context().Err() != nil {
			return w
		}
	}
}

func TestADrainingServerTakesRequestsAndEndsTheirConnections(t *testing.T) {
	s := newServer(t, func(o *httpserver.Options) {
		o.DrainDelay = 2 * time.Second
		o.Register = func(r httpserver.Router) {
			r.GET("/v1/cases/:case_id", func(c echo.Context) error { return c.String(200, "here") })
		}
	})
	listener, err := new(net.ListenConfig).Listen(t.Context(), "tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	ctx, stop := context.WithCancel(t.Context())
	stopped := make(chan error, 1)
	go func() { stopped <- s.Run(ctx, listener) }()
	closes := func() bool {
		r, err := http.NewRequestWithContext(t.Context(), http.MethodGet, "http://"+listener.Addr().String()+"/v1/cases/c1", nil)
		if err != nil {
			t.Fatal(err)
		}
		answer, err := http.DefaultClient.Do(r)
		if err != nil {
			t.Fatal(err)
		}
		defer answer.Body.Close()
		if answer.StatusCode != http.StatusOK {
			t.Errorf("status %d", answer.StatusCode)
		}
		return answer.Close
	}
	if closes() {
		t.Error("a connection ends before the server drains")
	}
	stop()
	waitForDraining(t, s)
	if !closes() {
		t.Error("a connection stays open while the server drains")
	}
	if err := <-stopped; err != nil {
		t.Error(err)
	}
}
