package http

import (
	"context"
	"net/http"
)

type headersKey struct{}

// headers are those of a request and of its answer, for code that has only the context.
type headers struct{ request, answer http.Header }

// KeepHeaders is middleware that keeps the headers of the request and of its answer for handlers and clients, whose
// signatures do not have them.
func KeepHeaders(next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		ctx := context.WithValue(r.Context(), headersKey{}, headers{r.Header, w.Header()})
		next.ServeHTTP(w, r.WithContext(ctx))
	})
}

// AnswerHeader is the header of the answer to the request that the context belongs to; outside of requests it leads
// nowhere.
func AnswerHeader(ctx context.Context) http.Header {
	if h, ok := ctx.Value(headersKey{}).(headers); ok {
		return h.answer
	}
	return http.Header{}
}

// PassLanguage makes a service answer in the language of the request that the gateway is answering.
func PassLanguage(ctx context.Context, out *http.Request) error {
	if h, ok := ctx.Value(headersKey{}).(headers); ok {
		if language := h.request.Get("Accept-Language"); language != "" {
			out.Header.Set("Accept-Language", language)
		}
	}
	return nil
}
