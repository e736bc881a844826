package process

import (
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
)

func TestAProbeSaysByItsExitCodeWhetherAnAddressIsWell(t *testing.T) {
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		switch r.URL.Path {
		case "/empty":
			w.WriteHeader(http.StatusNoContent)
		case "/other":
			w.WriteHeader(http.StatusServiceUnavailable)
		}
	}))
	gone := httptest.NewServer(nil)
	gone.Close()
	defer server.Close()
	tests := map[string]struct {
		url  string
		code int
		says string
	}{
		"it answers":       {server.URL + "/readyz", ExitOK, ""},
		"it has no words":  {server.URL + "/empty", ExitOK, ""},
		"it is not ready":  {server.URL + "/other", ExitFailed, "test probe: " + server.URL + "/other answers 503 Service Unavailable\n"},
		"nobody is there":  {gone.URL, ExitFailed, "connection refused"},
		"it is no address": {"://", ExitFailed, "test probe: "},
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			var out strings.Builder
			code := program{name: "test", stderr: &out}.main([]string{"probe", test.url})
			if code != test.code || !strings.Contains(out.String(), test.says) {
				t.Errorf("code %d, says %s", code, out.String())
			}
		})
	}
}
