package codec

import (
	"crypto/rand"
	_ "embed"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net/http"

	"aftercare.dev/services/platform/httpserver"
	"aftercare.dev/services/platform/problem"
)

//go:embed page.html
var pageText string

// maxToken is the longest token that browsers are sure to keep in a cookie, in bytes.
const maxToken = 3800

// cookieName begins, under TLS, with what makes browsers refuse the cookie of any other host or path.
func (s *Service) cookieName() string {
	if s.cfg.secure() {
		return "__Host-aftercare-codec"
	}
	return "aftercare-codec"
}

// cookie holds the token: the server keeps no sessions, and one ends with its token. Without an expiry it ends with the
// browser, too.
func (s *Service) cookie(token string, maxAge int) *http.Cookie {
	sameSite := http.SameSiteStrictMode
	if s.cfg.SameSite == "none" {
		sameSite = http.SameSiteNoneMode
	}
	return &http.Cookie{ //nolint:gosec // G124: it is secure wherever the browser comes by TLS
		Name: s.cookieName(), Value: token, MaxAge: maxAge, Path: "/", HttpOnly: true, Secure: s.cfg.secure(), SameSite: sameSite,
	}
}

// signIn takes a token, {"token": "…"}, and keeps it in the browser if it is one that may see payloads.
func (s *Service) signIn(w http.ResponseWriter, r *http.Request) error {
	body, err := io.ReadAll(http.MaxBytesReader(w, r.Body, 2*maxToken))
	var long *http.MaxBytesError
	if errors.As(err, &long) {
		return problem.TooLarge(long.Limit)
	}
	var given struct {
		Token string `json:"token"`
	}
	if err != nil || json.Unmarshal(body, &given) != nil {
		return problem.Invalid("token", `send {"token": "…"}`)
	}
	if len(given.Token) > maxToken {
		return problem.Invalid("token", fmt.Sprintf("the token is longer than the %d bytes that fit in a cookie", maxToken))
	}
	who, err := s.verify("Bearer " + given.Token)
	if err != nil {
		return err
	}
	role, err := s.permit(who)
	s.audit(r, "sign_in", caller{Principal: who, role: role, by: "token"}, 0, err)
	if err != nil {
		return err
	}
	http.SetCookie(w, s.cookie(given.Token, 0))
	w.WriteHeader(http.StatusNoContent)
	return nil
}

// signOut makes the browser forget the token.
func (s *Service) signOut(w http.ResponseWriter, _ *http.Request) error {
	http.SetCookie(w, s.cookie("", -1))
	w.WriteHeader(http.StatusNoContent)
	return nil
}

// showPage is where people sign in and out. It needs nothing from elsewhere and cannot be put in a frame.
func (s *Service) showPage(w http.ResponseWriter, r *http.Request) {
	view := struct {
		Nonce, Subject string
		Origins        []string
	}{Nonce: rand.Text(), Origins: s.cfg.Origins}
	if cookie, err := r.Cookie(s.cookieName()); err == nil {
		if who, err := s.verify("Bearer " + cookie.Value); err == nil {
			view.Subject = who.Subject
		}
	}
	header := w.Header()
	header.Set("Content-Type", "text/html; charset=utf-8")
	header.Set("Content-Security-Policy", fmt.Sprintf(
		"default-src 'none'; script-src 'nonce-%[1]s'; style-src 'nonce-%[1]s'; connect-src 'self'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'",
		view.Nonce))
	header.Set("Referrer-Policy", "same-origin")
	if err := s.page.Execute(w, view); err != nil {
		s.log.LogAttrs(r.Context(), slog.LevelDebug, "page not delivered", slog.Any("error", err),
			slog.String("request_id", httpserver.RequestID(r.Context())))
	}
}
