package httpserver_test

import (
	"encoding/json"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"aftercare.dev/services/platform/problem"
)

// A body is taken or explained, and what was in it is not repeated.
func FuzzAJSONBody(f *testing.F) {
	for _, body := range []string{
		`{"order_id":"o1","lines":[{"quantity":1}]}`, `{"order_id":"O1","lines":[]}`, `{"lines":[{"quantity":1e400}]}`, `[`, `null`, `"x"`,
		`{"order_id":"o1","lines":[{"quantity":1}],"phone":"13800138000"}`, `{"order_id":"o1","order_id":"o2","lines":[{"quantity":0}]}`,
		"{\"order_id\":\"\xff\",\"lines\":[{}]}", strings.Repeat("[", 100), `{"order_id":"o1","lines":[{"quantity":1}]}{}`,
	} {
		f.Add(body, "application/json")
	}
	f.Add("order_id=o1", "application/x-www-form-urlencoded")
	f.Add("{}", "application/json; charset=utf-7")
	handler := newServer(f, nil).Handler()
	f.Fuzz(func(t *testing.T, body, kind string) {
		r := httptest.NewRequestWithContext(t.Context(), http.MethodPost, "/v1/cases", strings.NewReader(body))
		r.Header.Set("Content-Type", kind)
		r.Header.Set("Idempotency-Key", "k")
		w := httptest.NewRecorder()
		handler.ServeHTTP(w, r)
		if w.Code == http.StatusCreated {
			require.Truef(t, json.Valid([]byte(body)), "taken: %q", body)
			return
		}
		require.Contains(t, []int{http.StatusBadRequest, http.StatusRequestEntityTooLarge, http.StatusUnsupportedMediaType}, w.Code, "%s", w.Body)
		require.Equal(t, problem.ContentType, w.Header().Get("Content-Type"))
		require.NotContains(t, w.Body.String(), "13800138000")
	})
}
