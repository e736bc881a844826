package access

import (
	"crypto"
	"crypto/ecdsa"
	"crypto/ed25519"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/rsa"
	"crypto/x509"
	"encoding/pem"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/golang-jwt/jwt/v5"

	"aftercare.dev/services/platform/problem"
)

var (
	noon  = time.Date(2026, 11, 21, 12, 0, 0, 0, time.UTC)
	alice = Principal{Subject: "alice", MerchantID: "m1", Roles: []string{"agent"}}
)

func edKey(t *testing.T) ed25519.PrivateKey {
	t.Helper()
	_, key, err := ed25519.GenerateKey(rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	return key
}

func publicPEM(t testing.TB, key crypto.Signer) string {
	t.Helper()
	der, err := x509.MarshalPKIXPublicKey(key.Public())
	if err != nil {
		t.Fatal(err)
	}
	return string(pem.EncodeToMemory(&pem.Block{Type: "PUBLIC KEY", Bytes: der}))
}

func verifier(t testing.TB, keys string) *Verifier {
	t.Helper()
	v, err := NewVerifier(keys, "issuer", "aftercare", func() time.Time { return noon })
	if err != nil {
		t.Fatal(err)
	}
	return v
}

func request(authorization string) *http.Request {
	r := httptest.NewRequest(http.MethodGet, "/", nil)
	if authorization != "" {
		r.Header.Set("Authorization", authorization)
	}
	return r
}

func sign(t *testing.T, key crypto.Signer, p Principal, issuer, audience string, at time.Time, valid time.Duration) string {
	t.Helper()
	token, err := Sign(key, p, issuer, audience, at, valid)
	if err != nil {
		t.Fatal(err)
	}
	return token
}

func TestTokensOfEveryKindOfKeyAreAccepted(t *testing.T) {
	rsaKey, err := rsa.GenerateKey(rand.Reader, 2048)
	if err != nil {
		t.Fatal(err)
	}
	ecKey, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	signers := []crypto.Signer{edKey(t), edKey(t), rsaKey, ecKey}
	var keys strings.Builder
	for _, s := range signers {
		keys.WriteString(publicPEM(t, s))
	}
	file := filepath.Join(t.TempDir(), "keys.pem")
	if err := os.WriteFile(file, []byte(keys.String()), 0o600); err != nil {
		t.Fatal(err)
	}
	for _, source := range []string{keys.String(), file} {
		v := verifier(t, source)
		for _, s := range signers {
			got, err := v.Verify(request("Bearer " + sign(t, s, alice, "issuer", "aftercare", noon, time.Hour)))
			if err != nil || got.Subject != "alice" || got.MerchantID != "m1" || len(got.Roles) != 1 {
				t.Errorf("%T: %v, %v", s, got, err)
			}
		}
	}
}

func TestATokenThatIsNotRightIsRefusedAndNeverRepeated(t *testing.T) {
	key := edKey(t)
	public := publicPEM(t, key)
	good := sign(t, key, alice, "issuer", "aftercare", noon, time.Hour)
	parts := strings.Split(good, ".")
	raw := func(method jwt.SigningMethod, signer any, c jwt.MapClaims) string {
		token, err := jwt.NewWithClaims(method, c).SignedString(signer)
		if err != nil {
			t.Fatal(err)
		}
		return "Bearer " + token
	}
	full := func(change func(jwt.MapClaims)) jwt.MapClaims {
		c := jwt.MapClaims{
			"iss": "issuer", "aud": "aftercare", "sub": "alice", "merchant_id": "m1", "roles": []string{"agent"}, "exp": noon.Add(time.Hour).Unix(),
		}
		change(c)
		return c
	}
	tests := map[string]string{
		"none":                      "",
		"another scheme":            "Basic YTpi",
		"no token":                  "Bearer ",
		"no JWT":                    "Bearer abc",
		"expired":                   "Bearer " + sign(t, key, alice, "issuer", "aftercare", noon.Add(-2*time.Hour), time.Hour),
		"from the future":           "Bearer " + sign(t, key, alice, "issuer", "aftercare", noon.Add(time.Hour), time.Hour),
		"for another audience":      "Bearer " + sign(t, key, alice, "issuer", "others", noon, time.Hour),
		"of another issuer":         "Bearer " + sign(t, key, alice, "others", "aftercare", noon, time.Hour),
		"of another key":            "Bearer " + sign(t, edKey(t), alice, "issuer", "aftercare", noon, time.Hour),
		"with other claims":         "Bearer " + parts[0] + "." + strings.Split(sign(t, edKey(t), Principal{"bob", "m1", nil}, "issuer", "aftercare", noon, time.Hour), ".")[1] + "." + parts[2],
		"without signature":         raw(jwt.SigningMethodNone, jwt.UnsafeAllowNoneSignatureType, full(func(jwt.MapClaims) {})),
		"signed with our own key":   raw(jwt.SigningMethodHS256, []byte(public), full(func(jwt.MapClaims) {})),
		"without expiry":            raw(jwt.SigningMethodEdDSA, key, full(func(c jwt.MapClaims) { delete(c, "exp") })),
		"without subject":           raw(jwt.SigningMethodEdDSA, key, full(func(c jwt.MapClaims) { delete(c, "sub") })),
		"without merchant":          raw(jwt.SigningMethodEdDSA, key, full(func(c jwt.MapClaims) { delete(c, "merchant_id") })),
		"of a merchant with a path": raw(jwt.SigningMethodEdDSA, key, full(func(c jwt.MapClaims) { c["merchant_id"] = "../m2" })),
		"of a subject with a path":  raw(jwt.SigningMethodEdDSA, key, full(func(c jwt.MapClaims) { c["sub"] = "a/b" })),
		"that is endless":           "Bearer " + strings.Repeat("a", maxToken+1),
	}
	v := verifier(t, public)
	for name, header := range tests {
		t.Run(name, func(t *testing.T) {
			got, err := v.Verify(request(header))
			p, ok := problem.As(err)
			if !ok || p.Status != http.StatusUnauthorized || got.Subject != "" {
				t.Fatalf("got %v, %v", got, err)
			}
			if _, token, _ := strings.Cut(header, " "); len(token) > 10 && strings.Contains(p.Detail, token) {
				t.Errorf("repeats the token: %s", p.Detail)
			}
		})
	}
}

func TestAClockThatIsALittleOffIsForgiven(t *testing.T) {
	key := edKey(t)
	v := verifier(t, publicPEM(t, key))
	for _, at := range []time.Time{noon.Add(20 * time.Second), noon.Add(-time.Hour - 20*time.Second)} {
		if _, err := v.Verify(request("bearer " + sign(t, key, alice, "issuer", "aftercare", at, time.Hour))); err != nil {
			t.Errorf("%s: %v", at, err)
		}
	}
}

func TestKeysThatCannotBeUsedAreNamedAtTheStart(t *testing.T) {
	key := edKey(t)
	der, err := x509.MarshalPKCS8PrivateKey(key)
	if err != nil {
		t.Fatal(err)
	}
	weak, err := rsa.GenerateKey(rand.Reader, 1024)
	if err != nil {
		t.Fatal(err)
	}
	for name, source := range map[string]string{
		"nothing":       "",
		"no file":       filepath.Join(t.TempDir(), "missing.pem"),
		"a private key": string(pem.EncodeToMemory(&pem.Block{Type: "PRIVATE KEY", Bytes: der})),
		"garbage":       "-----BEGIN PUBLIC KEY-----\nAAAA\n-----END PUBLIC KEY-----\n",
		"no PEM":        "-----BEGIN nonsense",
		"a weak key":    publicPEM(t, weak),
	} {
		if _, err := NewVerifier(source, "issuer", "aftercare", time.Now); err == nil {
			t.Errorf("%s is accepted", name)
		}
	}
	if _, err := NewVerifier(publicPEM(t, key), "", "", time.Now); err == nil {
		t.Error("no issuer is accepted")
	}
}
