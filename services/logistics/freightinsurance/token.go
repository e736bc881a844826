package freightinsurance

import (
	"context"
	"encoding/json"
	"sync"
	"time"

	"aftercare.dev/services/logistics/domain"
)

// tokenMargin is how long before its end a token is replaced.
const tokenMargin = 5 * time.Minute

// tokenSource keeps the access token. One caller fetches it, the others wait.
type tokenSource struct {
	fetch func(context.Context) (string, time.Duration, error)
	now   func() time.Time

	mu    sync.Mutex
	token string
	until time.Time
}

func (s *tokenSource) get(ctx context.Context) (string, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.token != "" && s.now().Before(s.until) {
		return s.token, nil
	}
	token, life, err := s.fetch(ctx)
	if err != nil {
		return "", err
	}
	// A token with a short life is kept for half of it.
	s.token, s.until = token, s.now().Add(max(life-tokenMargin, life/2))
	return token, nil
}

// forget drops the token, unless somebody has replaced it already.
func (s *tokenSource) forget(token string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.token == token {
		s.token = ""
	}
}

type tokenAnswer struct {
	AccessToken string `json:"access_token"`
	ExpiresIn   int64  `json:"expires_in"`
}

// tokenRequest asks for a stable token: all processes of a shop get the same one, so that they do not
// make each other's invalid, as those of /cgi-bin/token would.
type tokenRequest struct {
	GrantType string `json:"grant_type"`
	AppID     string `json:"appid"`
	Secret    string `json:"secret"`
}

// fetchToken asks for an access token (获取稳定版接口调用凭据). Whatever goes wrong here, the call that
// needs the token was not made.
func (c *Client) fetchToken(ctx context.Context) (string, time.Duration, error) {
	request, err := json.Marshal(tokenRequest{
		GrantType: "client_credential", AppID: c.cfg.AppID, Secret: string(c.cfg.AppSecret),
	})
	if err != nil {
		return "", 0, err
	}
	body, err := c.do(ctx, c.base+"/cgi-bin/stable_token", request)
	if err != nil {
		return "", 0, notDone(err)
	}
	var a tokenAnswer
	if err := decode(body, &a); err != nil {
		return "", 0, notDone(err)
	}
	if a.AccessToken == "" || a.ExpiresIn <= 0 {
		return "", 0, &domain.ProviderError{Trouble: domain.NotDone, Code: "no_access_token"}
	}
	return a.AccessToken, time.Duration(a.ExpiresIn) * time.Second, nil
}

func notDone(err error) error {
	trouble := domain.NotDone
	if t := domain.TroubleOf(err); t == domain.Misconfigured || t == domain.Refusal {
		trouble = domain.Misconfigured
	}
	return &domain.ProviderError{Trouble: trouble, Code: "access_token_" + domain.CodeOf(err), Cause: err}
}
