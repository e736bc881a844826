package http

import (
	"context"
	"net/http"
)

type languagesKey struct{}

// Languages is middleware that lets the handlers know which language the reader wants, by the header
// Accept-Language.
func Languages(next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		ctx := context.WithValue(r.Context(), languagesKey{}, r.Header.Get("Accept-Language"))
		next.ServeHTTP(w, r.WithContext(ctx))
	})
}

func languages(ctx context.Context) string {
	header, _ := ctx.Value(languagesKey{}).(string)
	return header
}
