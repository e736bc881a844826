package codec

import (
	"bytes"
	"net/http"
	"net/http/httptest"
	"testing"

	"github.com/stretchr/testify/require"

	"aftercare.dev/services/platform/problem"
)

func FuzzWhatAnOperatorAsksFor(f *testing.F) {
	f.Add([]byte(`{"payloads":[{"metadata":{"encoding":"YmluYXJ5L2VuY3J5cHRlZA=="},"data":"AAAA"}]}`))
	f.Add([]byte(`{"payloads":null}`))
	f.Add([]byte(`[`))
	f.Fuzz(func(t *testing.T, body []byte) {
		r := httptest.NewRequestWithContext(t.Context(), http.MethodPost, "/decode", bytes.NewReader(body))
		r.Header.Set("Content-Type", "application/json")
		if _, err := read(r); err != nil {
			p, ok := problem.As(err)
			require.True(t, ok, "%v", err)
			require.Less(t, p.Status, 500)
		}
	})
}
