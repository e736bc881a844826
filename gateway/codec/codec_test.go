package codec_test

import (
	"bytes"
	"crypto/ed25519"
	"crypto/rand"
	"crypto/x509"
	"encoding/base64"
	"encoding/json"
	"encoding/pem"
	"io"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"go.temporal.io/api/common/v1"
	"go.temporal.io/sdk/converter"

	"aftercare.dev/gateway/access"
	"aftercare.dev/gateway/codec"
	"aftercare.dev/services/platform/config"
	"aftercare.dev/services/platform/problem"
	"aftercare.dev/workflows/payload"
)

const (
	ui  = "https://temporal.example.com"
	own = "http://127.0.0.1:8087"

	issuer, audience, tenant = "tests", "aftercare", "operations"
)

// secret is a key of the tests, in base64.
func secret(n byte) string { return base64.StdEncoding.EncodeToString(bytes.Repeat([]byte{n}, 32)) }

// logged is a log that a test can read.
type logged struct {
	mu   sync.Mutex
	text bytes.Buffer
}

func (l *logged) Write(p []byte) (int, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.text.Write(p)
}

func (l *logged) String() string {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.text.String()
}

// world is a codec server with the keys k2 and k1.
type world struct {
	t      *testing.T
	server *httptest.Server
	signer ed25519.PrivateKey
	log    *logged
}

func newWorld(t *testing.T, environ ...string) *world {
	t.Helper()
	public, private, err := ed25519.GenerateKey(rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	der, err := x509.MarshalPKIXPublicKey(public)
	if err != nil {
		t.Fatal(err)
	}
	w := &world{t: t, signer: private, log: &logged{}}
	cfg, err := config.Load[codec.Config]("", append([]string{
		"PAYLOAD_KEYS=k2:" + secret(2) + ",k1:" + secret(1), "CODEC_TENANT=" + tenant, "CODEC_ORIGINS=" + ui,
		"JWT_ISSUER=" + issuer, "JWT_AUDIENCE=" + audience,
		"JWT_PUBLIC_KEYS=" + string(pem.EncodeToMemory(&pem.Block{Type: "PUBLIC KEY", Bytes: der})),
	}, environ...))
	if err != nil {
		t.Fatal(err)
	}
	log := slog.New(slog.NewJSONHandler(w.log, &slog.HandlerOptions{Level: slog.LevelDebug}))
	log.Info("configuration", config.Describe("", cfg)...)
	service, err := codec.New(t.Context(), cfg, log)
	if err != nil {
		t.Fatal(err)
	}
	w.server = httptest.NewServer(service.Handler())
	t.Cleanup(w.server.Close)
	return w
}

func (w *world) token(p access.Principal, age time.Duration) string {
	w.t.Helper()
	token, err := access.Sign(w.signer, p, issuer, audience, time.Now().Add(-age), time.Hour)
	if err != nil {
		w.t.Fatal(err)
	}
	return token
}

// operator is the token of somebody who may see payloads.
func (w *world) operator() string {
	return w.token(access.Principal{Subject: "olga", MerchantID: tenant, Roles: []string{"operator"}}, 0)
}

type answer struct {
	status int
	header http.Header
	body   string
}

func (w *world) ask(method, path, body string, headers ...string) answer {
	w.t.Helper()
	r, err := http.NewRequestWithContext(w.t.Context(), method, w.server.URL+path, strings.NewReader(body))
	if err != nil {
		w.t.Fatal(err)
	}
	if method == http.MethodPost {
		r.Header.Set("Content-Type", "application/json")
	}
	for i := 0; i < len(headers); i += 2 {
		r.Header.Set(headers[i], headers[i+1])
	}
	got, err := http.DefaultClient.Do(r)
	if err != nil {
		w.t.Fatal(err)
	}
	defer got.Body.Close()
	text, err := io.ReadAll(got.Body)
	if err != nil {
		w.t.Fatal(err)
	}
	return answer{got.StatusCode, got.Header, string(text)}
}

// refused checks that the answer is a problem of this status, with a way out in its detail.
func (w *world) refused(got answer, status int, detail string) {
	w.t.Helper()
	p := problem.Decode(got.status, []byte(got.body))
	if got.status != status || got.header.Get("Content-Type") != problem.ContentType || !strings.Contains(p.Detail, detail) {
		w.t.Errorf("got %d %s, want %d … %q", got.status, got.body, status, detail)
	}
	if strings.Contains(got.body, "secretive") {
		w.t.Errorf("gives away %s", got.body)
	}
}

// sealed is the body of a request to decode one payload that k<n> encrypted.
func sealed(t *testing.T, n byte) string {
	t.Helper()
	keys, err := payload.ParseKeys("k" + string('0'+rune(n)) + ":" + secret(n))
	if err != nil {
		t.Fatal(err)
	}
	plain, err := converter.GetDefaultDataConverter().ToPayload("secretive")
	if err != nil {
		t.Fatal(err)
	}
	encrypted, err := payload.Codec(keys).Encode([]*common.Payload{plain})
	if err != nil {
		t.Fatal(err)
	}
	body, err := json.Marshal(map[string]any{"payloads": []any{map[string]any{
		"metadata": map[string][]byte{
			"encoding": encrypted[0].GetMetadata()["encoding"], payload.MetadataKeyID: encrypted[0].GetMetadata()[payload.MetadataKeyID],
		},
		"data": encrypted[0].GetData(),
	}}})
	if err != nil {
		t.Fatal(err)
	}
	return string(body)
}

// opened checks that the answer holds the decrypted payload.
func (w *world) opened(got answer) {
	w.t.Helper()
	var decoded struct {
		Payloads []struct{ Data []byte }
	}
	if err := json.Unmarshal([]byte(got.body), &decoded); err != nil || got.status != 200 || len(decoded.Payloads) != 1 ||
		string(decoded.Payloads[0].Data) != `"secretive"` {
		w.t.Errorf("got %d %s, %v", got.status, got.body, err)
	}
}

func TestAnOperatorReadsWhatAnyOfTheKeysEncrypted(t *testing.T) {
	w := newWorld(t)
	for _, n := range []byte{1, 2} {
		w.opened(w.ask("POST", "/decode?preserveStorageRefs=true", sealed(t, n), "Authorization", "Bearer "+w.operator()))
	}
}

// TestTemporalsOwnClientOfCodecServersIsUnderstood: the CLI works with it, too.
func TestTemporalsOwnClientOfCodecServersIsUnderstood(t *testing.T) {
	w := newWorld(t)
	remote := converter.NewRemotePayloadCodec(converter.RemotePayloadCodecOptions{
		Endpoint: w.server.URL, ModifyRequest: func(r *http.Request) error {
			r.Header.Set("Authorization", "Bearer "+w.operator())
			r.Header.Set("X-Namespace", "aftercare")
			return nil
		},
	})
	data := converter.NewCodecDataConverter(converter.GetDefaultDataConverter(), remote)
	encrypted, err := data.ToPayload("secretive")
	if err != nil || string(encrypted.GetMetadata()[payload.MetadataKeyID]) != "k2" {
		t.Fatalf("got %v, %v", encrypted, err)
	}
	var text string
	if err := data.FromPayload(encrypted, &text); err != nil || text != "secretive" {
		t.Errorf("got %q, %v", text, err)
	}
}

func TestWhoMayNotIsRefusedAndLearnsNothing(t *testing.T) {
	w := newWorld(t)
	bearer := func(p access.Principal, age time.Duration) []string {
		return []string{"Authorization", "Bearer " + w.token(p, age)}
	}
	of := func(merchant string, roles ...string) access.Principal {
		return access.Principal{Subject: "s", MerchantID: merchant, Roles: roles}
	}
	tests := map[string]struct {
		headers []string
		status  int
		detail  string
	}{
		"nobody":                   {nil, 401, "send a token"},
		"another scheme":           {[]string{"Authorization", "Basic b2xnYTp4"}, 401, "send a token"},
		"an empty token":           {[]string{"Authorization", "Bearer "}, 401, "send a token"},
		"a token of nobody":        {[]string{"Authorization", "Bearer a.b.c"}, 401, "cannot be read"},
		"an old token":             {bearer(of(tenant, "operator"), 2*time.Hour), 401, "expired"},
		"an operator of a shop":    {bearer(of("m1", "operator", "administrator"), 0), 403, "CODEC_TENANT"},
		"an agent":                 {bearer(of(tenant, "agent", "finance", "warehouse", "storefront", "buyer"), 0), 403, "none of the roles"},
		"no role":                  {bearer(of(tenant), 0), 403, "none of the roles"},
		"a page of another origin": {append(bearer(of(tenant, "operator"), 0), "Origin", "https://evil.example.com"), 403, "CODEC_ORIGINS"},
		"a page of no origin":      {append(bearer(of(tenant, "operator"), 0), "Origin", "null"), 403, "CODEC_ORIGINS"},
		"nearly the origin":        {append(bearer(of(tenant, "operator"), 0), "Origin", ui+".evil.com"), 403, "CODEC_ORIGINS"},
		"a cookie without origin":  {[]string{"Cookie", "aftercare-codec=" + w.operator()}, 403, "Origin"},
		"a cookie of another page": {[]string{"Cookie", "aftercare-codec=" + w.operator(), "Origin", "https://evil.example.com"}, 403, "CODEC_ORIGINS"},
		"a bad cookie":             {[]string{"Cookie", "aftercare-codec=a.b.c", "Origin", ui}, 401, "cannot be read"},
		"a cookie of another name": {[]string{"Cookie", "codec=" + w.operator(), "Origin", ui}, 401, "send a token"},
		"a bad token and a cookie": {[]string{"Authorization", "Bearer x", "Cookie", "aftercare-codec=" + w.operator(), "Origin", ui}, 401, "cannot be read"},
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			w := *w
			w.t = t
			for _, path := range []string{"/decode", "/encode"} {
				got := w.ask("POST", path, sealed(t, 1), test.headers...)
				w.refused(got, test.status, test.detail)
				if test.status == 401 && got.header.Get("WWW-Authenticate") != "Bearer" {
					t.Error("does not say how to sign in")
				}
			}
		})
	}
}

func TestNothingElseIsThere(t *testing.T) {
	w := newWorld(t)
	authorization := []string{"Authorization", "Bearer " + w.operator()}
	for _, path := range []string{"/download", "/decode/", "/x/decode", "/keys"} {
		w.refused(w.ask("POST", path, sealed(t, 1), authorization...), 404, "")
	}
	w.refused(w.ask("GET", "/decode", "", authorization...), 405, "")
	w.refused(w.ask("GET", "/session", "", authorization...), 405, "")
}

func TestARequestThatIsNoneIsRefused(t *testing.T) {
	w := newWorld(t)
	tests := map[string]struct {
		body, kind string
		status     int
	}{
		"a form":                  {"payloads=1", "application/x-www-form-urlencoded", 415},
		"text, as forms can send": {sealed(t, 1), "text/plain", 415},
		"no JSON":                 {"{", "application/json", 400},
		"other JSON":              {`{"payloads":7}`, "application/json", 400},
		"no payload":              {`{"payloads":[null]}`, "application/json", 400},
		"too much":                {`{"payloads":[{"data":"` + strings.Repeat("A", 8<<20) + `"}]}`, "application/json", 413},
		"an unknown key":          {sealed(t, 3), "application/json", 422},
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			w := *w
			w.t = t
			w.refused(w.ask("POST", "/decode", test.body, "Authorization", "Bearer "+w.operator(), "Content-Type", test.kind), test.status, "")
		})
	}
	got := w.ask("POST", "/decode", sealed(t, 3), "Authorization", "Bearer "+w.operator())
	w.refused(got, 422, `encrypted with the key "k3": add this key to PAYLOAD_KEYS`)
}

func TestAPageOfTheUIMayAskAndReadAndNoOtherPage(t *testing.T) {
	w := newWorld(t, "CODEC_ORIGINS= "+ui+", http://127.0.0.1:8233")
	for origin, known := range map[string]bool{
		ui: true, "http://127.0.0.1:8233": true, "https://evil.example.com": false, "": false, "null": false, "https://temporal.example.com:444": false,
	} {
		for _, path := range []string{"/decode", "/encode"} {
			preflight := w.ask("OPTIONS", path, "", "Origin", origin, "Access-Control-Request-Method", "POST")
			want, methods := "", ""
			if known {
				want, methods = origin, "POST"
			}
			h := preflight.header
			if preflight.status != 204 || h.Get("Access-Control-Allow-Origin") != want || h.Get("Access-Control-Allow-Methods") != methods ||
				(h.Get("Access-Control-Allow-Credentials") == "true") != known || !slices.Contains(h.Values("Vary"), "Origin") {
				t.Errorf("%q at %s: %d %v", origin, path, preflight.status, h)
			}
			if known && !strings.Contains(h.Get("Access-Control-Allow-Headers"), "X-Namespace") {
				t.Errorf("the header of the UI is not allowed: %v", h)
			}
			// The page must be able to read why it was refused.
			if got := w.ask("POST", path, "{}", "Origin", origin).header.Get("Access-Control-Allow-Origin"); got != want {
				t.Errorf("%q at %s may read: %q", origin, path, got)
			}
		}
	}
	for _, path := range []string{"/session", "/"} {
		if got := w.ask("POST", path, "{}", "Origin", ui).header.Get("Access-Control-Allow-Origin"); got != "" {
			t.Errorf("%s is open to other pages: %q", path, got)
		}
	}
}

func TestOnlyTheNamespaceThatIsSetCounts(t *testing.T) {
	w := newWorld(t, "TEMPORAL_NAMESPACE=aftercare")
	authorization := "Bearer " + w.operator()
	w.refused(w.ask("POST", "/decode", sealed(t, 1), "Authorization", authorization, "X-Namespace", "default"), 403, "TEMPORAL_NAMESPACE")
	w.refused(w.ask("POST", "/decode", sealed(t, 1), "Authorization", authorization), 403, "TEMPORAL_NAMESPACE")
	w.opened(w.ask("POST", "/decode", sealed(t, 1), "Authorization", authorization, "X-Namespace", "aftercare"))
}

func TestNobodyAsksWithoutEnd(t *testing.T) {
	w := newWorld(t, "CODEC_REQUESTS_PER_SECOND=0.01")
	authorization := []string{"Authorization", "Bearer " + w.operator()}
	w.opened(w.ask("POST", "/decode", sealed(t, 1), authorization...))
	got := w.ask("POST", "/decode", sealed(t, 1), authorization...)
	w.refused(got, 429, "CODEC_REQUESTS_PER_SECOND")
	if got.header.Get("Retry-After") == "" {
		t.Error("does not say when to come back")
	}
}
