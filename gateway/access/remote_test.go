package access

import (
	"crypto"
	"crypto/ed25519"
	"encoding/json"
	"fmt"
	"maps"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/go-jose/go-jose/v4"
	"github.com/golang-jwt/jwt/v5"
	"github.com/stretchr/testify/require"

	"aftercare.dev/services/platform/config"
	"aftercare.dev/services/platform/problem"
)

// login is an issuer of OpenID Connect.
type login struct {
	*httptest.Server
	mu    sync.Mutex
	down  bool
	calls map[string]int
	keys  map[string]ed25519.PrivateKey
}

func newLogin(t *testing.T) *login {
	t.Helper()
	l := &login{calls: map[string]int{}, keys: map[string]ed25519.PrivateKey{"k1": edKey(t)}}
	l.Server = httptest.NewServer(http.HandlerFunc(l.serve))
	t.Cleanup(l.Close)
	return l
}

func (l *login) serve(w http.ResponseWriter, r *http.Request) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.calls[r.URL.Path]++
	if l.down {
		w.WriteHeader(http.StatusBadGateway)
		return
	}
	answer := map[string]any{"issuer": l.URL, "jwks_uri": l.URL + "/keys", "authorization_endpoint": l.URL, "token_endpoint": l.URL}
	if r.URL.Path == "/keys" {
		var keys []jose.JSONWebKey
		for kid, key := range l.keys {
			keys = append(keys, jose.JSONWebKey{Key: key.Public(), KeyID: kid, Algorithm: "EdDSA", Use: "sig"})
		}
		answer = map[string]any{"keys": keys}
	}
	body, err := json.Marshal(answer)
	if err != nil {
		w.WriteHeader(http.StatusInternalServerError)
		return
	}
	_, _ = w.Write(body)
}

// is changes what the issuer does.
func (l *login) is(change func()) {
	l.mu.Lock()
	defer l.mu.Unlock()
	change()
}

func (l *login) asked(path string) int {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.calls[path]
}

// token is one of the issuer's, with changed claims; the key is known by the id unless another is given.
func (l *login) token(t *testing.T, now time.Time, kid string, key crypto.Signer, change jwt.MapClaims) string {
	t.Helper()
	claims := jwt.MapClaims{
		"iss": l.URL, "aud": []string{"other", "aftercare"}, "sub": "alice", "merchant_id": "m1", "roles": []string{"agent", "unheard-of"},
		"iat": now.Unix(), "exp": now.Add(time.Hour).Unix(),
	}
	maps.Copy(claims, change)
	token := jwt.NewWithClaims(jwt.SigningMethodEdDSA, claims)
	token.Header["kid"] = kid
	if key == nil {
		key = l.keys[kid]
	}
	signed, err := token.SignedString(key)
	require.NoError(t, err)
	return "Bearer " + signed
}

func (l *login) setting(members string) string {
	return fmt.Sprintf(`[{"issuer":%q,"audience":"aftercare"%s}]`, l.URL, members)
}

// clock is a time that a test moves.
type clock struct {
	mu sync.Mutex
	at time.Time
}

func (c *clock) now() time.Time {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.at
}

func (c *clock) pass(d time.Duration) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.at = c.at.Add(d)
}

func trusting(t *testing.T, c *clock, setting string) *Verifier {
	t.Helper()
	v, err := Config{Issuers: setting}.Verifier(c.now)
	require.NoError(t, err)
	return v
}

func statusOf(err error) int {
	if err == nil {
		return http.StatusOK
	}
	return problem.From(err).Status
}

func TestATokenOfAnIssuerIsTakenByTheKeysThatItPublishes(t *testing.T) {
	l, c := newLogin(t), &clock{at: noon}
	v := trusting(t, c, l.setting(""))
	require.Zero(t, l.asked("/keys"), "the issuer is asked before there is a token of it")
	got, err := v.Verify(request(l.token(t, noon, "k1", nil, nil)))
	require.NoError(t, err)
	require.Equal(t, Principal{Subject: "alice", MerchantID: "m1", Roles: []string{"agent"}}, got)
	for range 50 {
		_, err := v.Verify(request(l.token(t, noon, "k1", nil, nil)))
		require.NoError(t, err)
	}
	require.Equal(t, 1, l.asked("/keys"), "keys are asked for again and again")
}

func TestATokenOfAnIssuerMustBeWhole(t *testing.T) {
	l, c := newLogin(t), &clock{at: noon}
	v := trusting(t, c, l.setting(""))
	for name, header := range map[string]string{
		"expired":             l.token(t, noon.Add(-2*time.Hour), "k1", nil, nil),
		"of later":            l.token(t, noon, "k1", nil, jwt.MapClaims{"nbf": noon.Add(time.Hour).Unix()}),
		"for another":         l.token(t, noon, "k1", nil, jwt.MapClaims{"aud": "others"}),
		"for nobody":          l.token(t, noon, "k1", nil, jwt.MapClaims{"aud": nil}),
		"without an end":      l.token(t, noon, "k1", nil, jwt.MapClaims{"exp": nil}),
		"of another issuer":   l.token(t, noon, "k1", nil, jwt.MapClaims{"iss": "https://login.example.com"}),
		"of the issuer's own": l.token(t, noon, "k1", nil, jwt.MapClaims{"iss": l.URL + "/"}),
		"of another key":      l.token(t, noon, "k1", edKey(t), nil),
		"of no subject":       l.token(t, noon, "k1", nil, jwt.MapClaims{"sub": ""}),
		"of no merchant":      l.token(t, noon, "k1", nil, jwt.MapClaims{"merchant_id": 7}),
		"changed":             strings.Replace(l.token(t, noon, "k1", nil, nil), ".", ".e30", 1),
	} {
		got, err := v.Verify(request(header))
		require.Equal(t, http.StatusUnauthorized, statusOf(err), "%s: %v %v", name, got, err)
	}
	none, err := jwt.NewWithClaims(jwt.SigningMethodNone, jwt.MapClaims{"iss": l.URL, "aud": "aftercare", "sub": "a", "merchant_id": "m1"}).SignedString(jwt.UnsafeAllowNoneSignatureType)
	require.NoError(t, err)
	_, err = v.Verify(request("Bearer " + none))
	require.Equal(t, http.StatusUnauthorized, statusOf(err))
}

func TestAnIssuerMayChangeItsKeys(t *testing.T) {
	l, c := newLogin(t), &clock{at: noon}
	v := trusting(t, c, l.setting(""))
	old := l.token(t, noon, "k1", nil, nil)
	_, err := v.Verify(request(old))
	require.NoError(t, err)

	l.is(func() { l.keys["k2"] = edKey(t) })
	_, err = v.Verify(request(l.token(t, noon, "k2", nil, nil)))
	require.NoError(t, err, "a new key is not asked for")
	_, err = v.Verify(request(old))
	require.NoError(t, err)

	withdrawn := l.keys["k1"]
	l.is(func() { delete(l.keys, "k1") })
	c.pass(keysFor + time.Minute)
	require.Eventually(t, func() bool {
		_, err := v.Verify(request(l.token(t, c.now(), "k1", withdrawn, nil)))
		return statusOf(err) == http.StatusUnauthorized
	}, 5*time.Second, 10*time.Millisecond, "a key that was withdrawn counts for ever")
	_, err = v.Verify(request(l.token(t, c.now(), "k2", nil, nil)))
	require.NoError(t, err)
}

func TestAnIssuerThatIsAwayTakesNobodyElseDown(t *testing.T) {
	l, c := newLogin(t), &clock{at: noon}
	l.is(func() { l.down = true })
	local := edKey(t)
	v, err := Config{Issuer: "issuer", Audience: "aftercare", PublicKeys: publicPEM(t, local), Issuers: l.setting("")}.Verifier(c.now)
	require.NoError(t, err, "nothing starts while the issuer is away")
	token := l.token(t, noon, "k1", nil, nil)
	for range 20 {
		_, err = v.Verify(request(token))
		require.Equal(t, http.StatusServiceUnavailable, statusOf(err), "%v", err)
	}
	require.Equal(t, 1, l.asked("/.well-known/openid-configuration"), "an issuer that is away is asked again and again")
	_, err = v.Verify(request("Bearer " + sign(t, local, alice, "issuer", "aftercare", noon, time.Hour)))
	require.NoError(t, err)

	l.is(func() { l.down = false })
	c.pass(2 * retryAfter)
	_, err = v.Verify(request(token))
	require.NoError(t, err, "an issuer that is back is not asked again")

	l.is(func() { l.down = true })
	_, err = v.Verify(request(token))
	require.NoError(t, err, "keys that are known are forgotten")
	c.pass(keysFor + time.Minute)
	for range 20 {
		_, err = v.Verify(request(l.token(t, c.now(), "k1", nil, nil)))
		require.NoError(t, err, "keys that cannot be had anew count no more")
	}
}

func TestMadeUpKeyIdsDoNotSendAFloodToTheIssuer(t *testing.T) {
	l, c := newLogin(t), &clock{at: noon}
	v := trusting(t, c, l.setting(""))
	foreign := edKey(t)
	for i := range 200 {
		_, err := v.Verify(request(l.token(t, noon, fmt.Sprint("made-up-", i), foreign, nil)))
		require.NotEqual(t, http.StatusOK, statusOf(err))
	}
	require.LessOrEqual(t, l.asked("/keys"), keyAsks+1)
	_, err := v.Verify(request(l.token(t, noon, "k1", nil, nil)))
	require.NoError(t, err, "who has a good token pays for it")
}

func TestClaimsAreReadWhereTheIssuerHasThem(t *testing.T) {
	l, c := newLogin(t), &clock{at: noon}
	for name, test := range map[string]struct {
		members string
		claims  jwt.MapClaims
		want    Principal
	}{
		"nested, in its own words": {
			`,"claims":{"subject":"employee","merchant_id":"org.id","roles":"realm_access.roles"},"roles":{"as-agents":"agent","as-money":"finance"}`,
			jwt.MapClaims{"employee": "e7", "org": map[string]any{"id": "m9"}, "realm_access": map[string]any{"roles": []string{"as-agents", "administrator", "x"}}},
			Principal{"e7", "m9", []string{"agent"}},
		},
		"a name with dots": {
			`,"claims":{"roles":"https://shop.example.com/roles"}`,
			jwt.MapClaims{"https://shop.example.com/roles": "agent warehouse"},
			Principal{"alice", "m1", []string{"agent", "warehouse"}},
		},
		"one merchant's own, whatever it claims": {
			`,"merchant_id":"m5"`, jwt.MapClaims{"merchant_id": "m1"}, Principal{"alice", "m5", []string{"agent"}},
		},
		"no roles": {"", jwt.MapClaims{"roles": nil}, Principal{"alice", "m1", nil}},
		"roles of another kind": {
			"", jwt.MapClaims{"roles": []any{1, nil, map[string]any{"a": "agent"}, "system"}}, Principal{"alice", "m1", []string{}},
		},
	} {
		v := trusting(t, c, l.setting(test.members))
		got, err := v.Verify(request(l.token(t, noon, "k1", nil, test.claims)))
		require.NoError(t, err, name)
		require.Equal(t, test.want, got, name)
	}
}

func TestOneIssuerCannotSpeakForAnother(t *testing.T) {
	one, other, c := newLogin(t), newLogin(t), &clock{at: noon}
	v := trusting(t, c, fmt.Sprintf(`[{"issuer":%q,"audience":"aftercare","merchant_id":"m1"},{"issuer":%q,"audience":"aftercare","merchant_id":"m2"}]`, one.URL, other.URL))
	for l, merchantID := range map[*login]string{one: "m1", other: "m2"} {
		got, err := v.Verify(request(l.token(t, noon, "k1", nil, jwt.MapClaims{"merchant_id": "m3"})))
		require.NoError(t, err)
		require.Equal(t, merchantID, got.MerchantID)
	}
	_, err := v.Verify(request(one.token(t, noon, "k1", nil, jwt.MapClaims{"iss": other.URL})))
	require.Equal(t, http.StatusUnauthorized, statusOf(err))
}

func TestIssuersThatCannotBeTrustedAreNamedAtTheStart(t *testing.T) {
	for name, setting := range map[string]string{
		"no file":                "/nowhere/issuers.json",
		"no list":                `[`,
		"no issuer":              `[]`,
		"two lists":              `[{"issuer":"https://a.example","audience":"x"}] []`,
		"no TLS":                 `[{"issuer":"http://login.example.com","audience":"x"}]`,
		"no audience":            `[{"issuer":"https://login.example.com"}]`,
		"a member that is wrong": `[{"issuer":"https://login.example.com","audience":"x","merchant":"m1"}]`,
		"a role that is wrong":   `[{"issuer":"https://login.example.com","audience":"x","roles":{"a":"boss"}}]`,
		"a merchant with a path": `[{"issuer":"https://login.example.com","audience":"x","merchant_id":"../m"}]`,
		"the same one twice":     `[{"issuer":"https://a.example","audience":"x"},{"issuer":"https://a.example","audience":"y"}]`,
	} {
		_, err := Config{Issuers: setting}.Verifier(time.Now)
		var told *config.Error
		require.ErrorAs(t, err, &told, name)
		require.Equal(t, "OIDC_ISSUERS", told.Variable, name)
	}
	for variable, c := range map[string]Config{
		"JWT_ISSUER":      {},
		"JWT_AUDIENCE":    {Issuer: "i"},
		"JWT_PUBLIC_KEYS": {Issuer: "i", Audience: "a", Issuers: `[{"issuer":"https://a.example","audience":"x"}]`},
		"OIDC_ISSUERS":    {Issuer: "https://a.example", Audience: "a", PublicKeys: publicPEM(t, edKey(t)), Issuers: `[{"issuer":"https://a.example","audience":"x"}]`},
	} {
		_, err := c.Verifier(time.Now)
		var told *config.Error
		require.ErrorAs(t, err, &told, variable)
		require.Equal(t, variable, told.Variable)
	}
}
