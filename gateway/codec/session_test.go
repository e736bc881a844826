package codec_test

import (
	"net/http"
	"regexp"
	"strings"
	"testing"
	"time"

	"aftercare.dev/gateway/access"
)

// cookieOf is the cookie that an answer sets.
func cookieOf(t *testing.T, got answer) *http.Cookie {
	t.Helper()
	cookie, err := http.ParseSetCookie(got.header.Get("Set-Cookie"))
	if err != nil {
		t.Fatalf("%d sets %q: %v", got.status, got.header.Get("Set-Cookie"), err)
	}
	return cookie
}

func TestWhoSignsInIsKnownToTheUI(t *testing.T) {
	w := newWorld(t)
	got := w.ask("POST", "/session", `{"token":"`+w.operator()+`"}`, "Origin", own)
	if got.status != 204 || got.body != "" {
		t.Fatalf("got %d %s", got.status, got.body)
	}
	cookie := cookieOf(t, got)
	w.opened(w.ask("POST", "/decode", sealed(t, 1), "Cookie", cookie.Name+"="+cookie.Value, "Origin", ui))
	if page := w.ask("GET", "/", "", "Cookie", cookie.Name+"="+cookie.Value).body; !strings.Contains(page, "olga") || strings.Contains(page, cookie.Value) {
		t.Errorf("the page is\n%s", page)
	}
	got = w.ask("DELETE", "/session", "", "Origin", own)
	if gone := cookieOf(t, got); gone.Name != cookie.Name || gone.Value != "" || gone.MaxAge >= 0 {
		t.Errorf("signing out sets %v", gone)
	}
}

func TestTheCookieIsForBrowsersAndFromNoScript(t *testing.T) {
	tests := map[string]struct {
		environ  []string
		origin   string
		name     string
		secure   bool
		sameSite http.SameSite
	}{
		"on this machine": {nil, own, "aftercare-codec", false, http.SameSiteStrictMode},
		"behind TLS":      {[]string{"CODEC_PUBLIC_URL=https://codec.example.com/"}, "https://codec.example.com", "__Host-aftercare-codec", true, http.SameSiteStrictMode},
		"for another site's UI": {
			[]string{"CODEC_PUBLIC_URL=https://codec.example.org", "CODEC_SAME_SITE=none"},
			"https://codec.example.org",
			"__Host-aftercare-codec", true, http.SameSiteNoneMode,
		},
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			w := newWorld(t, test.environ...)
			c := cookieOf(t, w.ask("POST", "/session", `{"token":"`+w.operator()+`"}`, "Origin", test.origin))
			if c.Name != test.name || c.Secure != test.secure || c.SameSite != test.sameSite || !c.HttpOnly || c.Path != "/" || c.Domain != "" {
				t.Errorf("sets %v", c)
			}
		})
	}
}

func TestOnlyItsOwnPageSignsAnybodyInOrOut(t *testing.T) {
	w := newWorld(t)
	for _, origin := range []string{"", "null", ui, "https://evil.example.com", "http://localhost:8087"} {
		for _, method := range []string{"POST", "DELETE"} {
			got := w.ask(method, "/session", `{"token":"`+w.operator()+`"}`, "Origin", origin)
			w.refused(got, 403, "sign in and out on the page at CODEC_PUBLIC_URL, "+own)
			if got.header.Get("Set-Cookie") != "" {
				t.Errorf("%q sets %v", origin, got.header)
			}
		}
	}
}

func TestWhoMayNotSeePayloadsCannotSignIn(t *testing.T) {
	w := newWorld(t)
	operator := access.Principal{Subject: "s", MerchantID: tenant, Roles: []string{"operator"}}
	shop := access.Principal{Subject: "s", MerchantID: "m1", Roles: []string{"administrator"}}
	agent := access.Principal{Subject: "s", MerchantID: tenant, Roles: []string{"agent"}}
	large := access.Principal{Subject: "s", MerchantID: tenant, Roles: []string{"operator", strings.Repeat("x", 3000)}}
	token := func(p access.Principal, age time.Duration) string { return `{"token":"` + w.token(p, age) + `"}` }
	tests := map[string]struct {
		body   string
		status int
	}{
		"an old token":            {token(operator, 2*time.Hour), 401},
		"a token of a shop":       {token(shop, 0), 403},
		"a token of an agent":     {token(agent, 0), 403},
		"no token":                {`{}`, 401},
		"no JSON":                 {`token=x`, 400},
		"a token for no cookie":   {token(large, 0), 400},
		"more than is looked at":  {`{"token":"` + strings.Repeat("x", 8000) + `"}`, 413},
		"a token in another form": {`{"token":["x"]}`, 400},
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			w := *w
			w.t = t
			got := w.ask("POST", "/session", test.body, "Origin", own)
			w.refused(got, test.status, "")
			if got.header.Get("Set-Cookie") != "" {
				t.Errorf("sets %v", got.header)
			}
		})
	}
}

func TestThePageRunsItsOwnScriptAndNoOther(t *testing.T) {
	w := newWorld(t)
	nonce := regexp.MustCompile(`<script nonce="([A-Z0-9]{20,})">`)
	seen := map[string]bool{}
	for range 3 {
		got := w.ask("GET", "/", "")
		match := nonce.FindStringSubmatch(got.body)
		if got.status != 200 || len(match) != 2 || seen[match[1]] {
			t.Fatalf("got %d %v", got.status, match)
		}
		seen[match[1]] = true
		policy := got.header.Get("Content-Security-Policy")
		for _, part := range []string{"default-src 'none'", "script-src 'nonce-" + match[1] + "'", "frame-ancestors 'none'", "connect-src 'self'"} {
			if !strings.Contains(policy, part) {
				t.Errorf("%q is not in %s", part, policy)
			}
		}
		if strings.Count(got.body, "<script") != 1 || !strings.Contains(got.body, `type="password"`) || got.header.Get("Cache-Control") != "no-store" {
			t.Errorf("the page is %v\n%s", got.header, got.body)
		}
	}
}
