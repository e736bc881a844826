package httpclient_test

import (
	"context"
	"errors"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	"aftercare.dev/services/platform/config"
	"aftercare.dev/services/platform/httpclient"
	"aftercare.dev/services/platform/problem"
	"aftercare.dev/services/platform/telemetry"
)

func get(ctx context.Context, t *testing.T, c *httpclient.Client, url string) (int, []byte, error) {
	t.Helper()
	r, err := http.NewRequestWithContext(ctx, http.MethodGet, url, nil)
	if err != nil {
		t.Fatal(err)
	}
	answer, err := c.Do(r)
	if err != nil {
		return 0, nil, err
	}
	defer answer.Body.Close()
	body, err := io.ReadAll(answer.Body)
	return answer.StatusCode, body, err
}

func TestAnAnswerIsAValueOrAProblem(t *testing.T) {
	type value struct{ ID string }
	tests := map[string]struct {
		status int
		body   string
		parsed *value
		check  func(value, error) bool
	}{
		"a value":                        {200, `{"ID":"x"}`, &value{"x"}, func(v value, err error) bool { return err == nil && v.ID == "x" }},
		"a refusal":                      {409, `{"code":"busy","status":409}`, nil, func(_ value, err error) bool { return problem.HasCode(err, "busy") }},
		"a failure":                      {500, ``, nil, func(_ value, err error) bool { return problem.HasCode(err, "internal") }},
		"a success that cannot be read":  {200, `<html>`, nil, func(_ value, err error) bool { return errors.As(err, new(*httpclient.TransportError)) }},
		"a redirect, which nobody gives": {302, ``, nil, func(_ value, err error) bool { _, ok := problem.As(err); return ok }},
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			if v, err := httpclient.Check(test.status, []byte(test.body), test.parsed); !test.check(v, err) {
				t.Errorf("got %v, %v", v, err)
			}
		})
	}
}

func TestTheTokenGoesToTheServiceAlone(t *testing.T) {
	seen := make(chan string, 1)
	handler := http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) { seen <- r.Header.Get("Authorization") })
	own, other := httptest.NewServer(handler), httptest.NewServer(handler)
	defer own.Close()
	defer other.Close()
	c := httpclient.New(httpclient.Options{BaseURL: own.URL, Token: "t"})
	for url, want := range map[string]string{own.URL: "Bearer t", other.URL: ""} {
		if _, _, err := get(t.Context(), t, c, url); err != nil {
			t.Fatal(err)
		}
		if got := <-seen; got != want {
			t.Errorf("%s got %q", url, got)
		}
	}
}

func TestNoAnswerIsATypedFailure(t *testing.T) {
	cut := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.URL.Path == "/half" {
			w.Header().Set("Content-Length", "100")
			_, _ = w.Write([]byte("half"))
		}
		panic(http.ErrAbortHandler)
	}))
	defer cut.Close()
	gone := httptest.NewServer(http.NotFoundHandler())
	gone.Close()
	ended, cancel := context.WithCancel(t.Context())
	cancel()

	tests := map[string]struct {
		ctx     context.Context
		url     string
		notSent bool
	}{
		"nobody listens":          {t.Context(), gone.URL, true},
		"the connection is cut":   {t.Context(), cut.URL + "/secret-path", false},
		"the answer is cut":       {t.Context(), cut.URL + "/half", false},
		"the caller has given up": {ended, cut.URL, false},
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			_, _, err := get(test.ctx, t, httpclient.New(httpclient.Options{BaseURL: test.url}), test.url)
			var failure *httpclient.TransportError
			if !errors.As(err, &failure) || failure.NotSent != test.notSent {
				t.Fatalf("got %#v", err)
			}
			if strings.Contains(err.Error(), "secret-path") {
				t.Errorf("the path is told: %v", err)
			}
			if e := problem.From(err); e.Status != http.StatusServiceUnavailable {
				t.Errorf("the caller's caller sees %v", e)
			}
		})
	}
}

func TestAnAnswerTooLargeIsNotRead(t *testing.T) {
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		_, _ = io.WriteString(w, strings.Repeat("x", len(r.URL.Query().Get("n"))))
	}))
	defer server.Close()
	c := httpclient.New(httpclient.Options{BaseURL: server.URL, MaxResponse: 10})
	for n, ok := range map[int]bool{0: true, 9: true, 10: true, 11: false, 5000: false} {
		_, body, err := get(t.Context(), t, c, server.URL+"?n="+strings.Repeat("x", n))
		if (err == nil) != ok || (ok && len(body) != n) {
			t.Errorf("%d bytes: read %d, %v", n, len(body), err)
		}
	}
}

func TestWhoGetsTheTokenIsToldTheCaseAndNobodyElse(t *testing.T) {
	seen := make(chan string, 1)
	server := httptest.NewServer(http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) { seen <- r.Header.Get(telemetry.CaseHeader) }))
	defer server.Close()
	ctx := telemetry.WithCase(t.Context(), "m1", "case_1")
	for token, want := range map[config.Secret]string{"t": "case_1", "": ""} {
		c := httpclient.New(httpclient.Options{BaseURL: server.URL, Token: token})
		if _, _, err := get(ctx, t, c, server.URL); err != nil {
			t.Fatal(err)
		}
		if told := <-seen; told != want {
			t.Errorf("with a token of %d letters: %q, want %q", len(token), told, want)
		}
	}
}
