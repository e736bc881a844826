package insurer

import (
	"crypto/hmac"
	"crypto/rand"
	"crypto/sha256"
	"crypto/subtle"
	"encoding/base64"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"strconv"
	"strings"
	"time"

	"aftercare.dev/deploy/sandbox/fault"
)

// tokenLife is how long an access token is good. It is not scaled: callers
// refresh by their own clock.
const tokenLife = 7200 * time.Second

// apiError is an error as WeChat answers it, with HTTP status 200.
type apiError struct {
	code    int
	message string
}

func (e *apiError) Error() string { return fmt.Sprintf("%d: %s", e.code, e.message) }

// newToken makes a token that needs no memory: when it was given out, and a
// proof.
func (s *Service) newToken(now time.Time) string {
	body := strconv.FormatInt(now.UnixMilli(), 36) + "_" + rand.Text()
	return body + "_" + s.proof(body)
}

func (s *Service) proof(body string) string {
	mac := hmac.New(sha256.New, []byte(s.cfg.AppSecret))
	mac.Write([]byte(body))
	return base64.RawURLEncoding.EncodeToString(mac.Sum(nil))
}

// checkToken follows the global return codes: 41001 missing, 40001 wrong, 42001
// expired.
func (s *Service) checkToken(token string) *apiError {
	if token == "" {
		return &apiError{41001, "access_token missing"}
	}
	parts := strings.SplitN(token, "_", 3)
	invalid := &apiError{40001, "invalid credential, access_token is invalid or not latest"}
	if len(parts) != 3 || subtle.ConstantTimeCompare([]byte(s.proof(parts[0]+"_"+parts[1])), []byte(parts[2])) != 1 {
		return invalid
	}
	ms, err := strconv.ParseInt(parts[0], 36, 64)
	if err != nil {
		return invalid
	}
	given := time.UnixMilli(ms)
	s.mu.Lock()
	revoked := !s.tokensFrom.IsZero() && !given.After(s.tokensFrom)
	s.mu.Unlock()
	if revoked || s.cfg.Clock.Now().After(given.Add(tokenLife)) {
		return &apiError{42001, "access_token expired"}
	}
	return nil
}

// ExpireTokens makes all tokens given out so far expired.
func (s *Service) ExpireTokens() error {
	s.mu.Lock()
	now := s.cfg.Clock.Now()
	t, err := s.journal.Enqueue(settingLine{Op: "tokens_expired", Time: now})
	if err == nil {
		s.tokensFrom = now
	}
	s.mu.Unlock()
	if err != nil {
		return err
	}
	return s.journal.Wait(t)
}

type tokenRequest struct {
	GrantType string `json:"grant_type"`
	AppID     string `json:"appid"`
	Secret    string `json:"secret"`
}

// serveToken is GET /cgi-bin/token.
func (s *Service) serveToken(w http.ResponseWriter, r *http.Request) {
	v := r.URL.Query()
	s.giveToken(w, r, tokenRequest{v.Get("grant_type"), v.Get("appid"), v.Get("secret")})
}

// serveStableToken is POST /cgi-bin/stable_token.
func (s *Service) serveStableToken(w http.ResponseWriter, r *http.Request) {
	var q tokenRequest
	if err := json.NewDecoder(io.LimitReader(r.Body, maxBody)).Decode(&q); err != nil {
		refuse(&apiError{47001, "data format error"}).Send(w)
		return
	}
	s.giveToken(w, r, q)
}

func (s *Service) giveToken(w http.ResponseWriter, r *http.Request, q tokenRequest) {
	equal := func(a, b string) bool { return subtle.ConstantTimeCompare([]byte(a), []byte(b)) == 1 }
	call := fault.Call{System: System, Operation: "token", Keys: map[string]string{"appid": q.AppID}}
	s.cfg.Faults.Serve(w, r, call, func() fault.Answer {
		switch {
		case q.GrantType != "client_credential":
			return refuse(&apiError{40002, "invalid grant_type"})
		case !equal(q.AppID, s.cfg.AppID):
			return refuse(&apiError{40013, "invalid appid"})
		case !equal(q.Secret, s.cfg.AppSecret):
			return refuse(&apiError{40125, "invalid appsecret"})
		}
		return reply(map[string]any{"access_token": s.newToken(s.cfg.Clock.Now()), "expires_in": int(tokenLife.Seconds())})
	}, ruled)
}
