// Package access says who a caller is and what each role may do: tokens, and the table of role × operation.
package access

import (
	"context"
	"crypto"
	"crypto/ecdsa"
	"crypto/ed25519"
	"crypto/rsa"
	"crypto/x509"
	"encoding/pem"
	"errors"
	"fmt"
	"net/http"
	"os"
	"regexp"
	"slices"
	"strings"
	"time"

	"github.com/golang-jwt/jwt/v5"

	"aftercare.dev/services/platform/problem"
)

// leeway is how far the clock of an issuer may be off.
const leeway = 30 * time.Second

// maxToken is the longest token that is looked at, in bytes.
const maxToken = 8 << 10

// id is what subjects and merchants look like: they become ids in the services.
var id = regexp.MustCompile(`^[A-Za-z0-9][A-Za-z0-9_.:-]{0,63}$`)

// Principal is who a token speaks for.
type Principal struct {
	// Subject is the opaque id of the person or system; of a buyer it is their buyer id.
	Subject string
	// MerchantID is the tenant: nothing of another merchant exists for this principal.
	MerchantID string
	Roles      []string
}

// claims are the claims of a token beside the registered ones.
type claims struct {
	MerchantID string   `json:"merchant_id"`
	Roles      []string `json:"roles"`
	jwt.RegisteredClaims
}

// Verifier checks tokens. It is safe for concurrent use.
type Verifier struct {
	now func() time.Time
	// issuer, keys and parser are for tokens of the keys that were given; the rest is for those of issuers elsewhere.
	issuer string
	keys   []crypto.PublicKey
	parser *jwt.Parser
	remote []*remote
}

// NewVerifier returns a verifier of tokens that the issuer signed for the audience. Keys is the path of a PEM file, or
// PEM itself, with one or more public keys or certificates: Ed25519, RSA (RS256) or P-256 (ES256).
func NewVerifier(keys, issuer, audience string, now func() time.Time) (*Verifier, error) {
	if issuer == "" || audience == "" {
		return nil, errors.New("the issuer and the audience of tokens must be named")
	}
	v := &Verifier{now: now}
	return v, v.trustKeys(Config{Issuer: issuer, Audience: audience, PublicKeys: keys})
}

func (v *Verifier) trustKeys(c Config) (err error) {
	v.issuer = c.Issuer
	v.parser = jwt.NewParser(append(rules(v.now), jwt.WithIssuer(c.Issuer), jwt.WithAudience(c.Audience))...)
	v.keys, err = publicKeys(c.PublicKeys)
	return err
}

// methods are how tokens may be signed: with keys of which only the issuer has the private half.
var methods = []string{"EdDSA", "RS256", "ES256"}

// rules are what every token is checked for.
func rules(now func() time.Time) []jwt.ParserOption {
	return []jwt.ParserOption{
		jwt.WithValidMethods(methods), jwt.WithExpirationRequired(), jwt.WithIssuedAt(), jwt.WithLeeway(leeway), jwt.WithTimeFunc(now),
	}
}

// Verify tells who sent the request, by its header Authorization. A token that is not good is 401 unauthorized. One whose
// issuer does not answer is 503 unavailable, since nobody knows.
func (v *Verifier) Verify(r *http.Request) (Principal, error) {
	scheme, token, _ := strings.Cut(r.Header.Get("Authorization"), " ")
	if !strings.EqualFold(scheme, "Bearer") || token == "" {
		return Principal{}, problem.Unauthorized("send a token: Authorization: Bearer <JWT>")
	}
	if len(token) > maxToken {
		return Principal{}, problem.Unauthorized("the token is too long")
	}
	p, err := v.principal(r.Context(), token)
	switch {
	case errors.Is(err, errAway):
		return Principal{}, problem.Unavailable(problem.CodeUnavailable, errAway.Error()+"; try again").WithCause(err)
	case r.Context().Err() != nil:
		return Principal{}, r.Context().Err()
	case err != nil:
		return Principal{}, problem.Unauthorized(reason(err)).WithCause(err)
	case !id.MatchString(p.Subject):
		return Principal{}, problem.Unauthorized("the claim sub must be an id of at most 64 letters, digits and _.:-")
	case !id.MatchString(p.MerchantID):
		return Principal{}, problem.Unauthorized("the claim merchant_id must be an id of at most 64 letters, digits and _.:-")
	}
	return p, nil
}

// principal checks the token by the keys of the issuer that it names; whom it names decides only who is asked.
func (v *Verifier) principal(ctx context.Context, token string) (Principal, error) {
	var named jwt.RegisteredClaims
	unverified, _, err := jwt.NewParser().ParseUnverified(token, &named)
	if err != nil {
		return Principal{}, err
	}
	if issuer := v.remoteOf(named.Issuer); issuer != nil {
		if !slices.Contains(methods, unverified.Method.Alg()) {
			return Principal{}, jwt.ErrTokenUnverifiable
		}
		claims, err := issuer.verify(ctx, token)
		if err != nil {
			return Principal{}, err
		}
		return issuer.principal(claims), nil
	}
	if v.parser == nil {
		return Principal{}, jwt.ErrTokenInvalidIssuer
	}
	var c claims
	if _, err := v.parser.ParseWithClaims(token, &c, v.candidates); err != nil {
		return Principal{}, err
	}
	return Principal{Subject: c.Subject, MerchantID: c.MerchantID, Roles: c.Roles}, nil
}

// remoteOf is the issuer elsewhere of this name, or nil.
func (v *Verifier) remoteOf(name string) *remote {
	for _, r := range v.remote {
		if r.URL == name {
			return r
		}
	}
	return nil
}

// candidates are the keys that fit the method of the token: a key is never used with a method of another family.
func (v *Verifier) candidates(token *jwt.Token) (any, error) {
	var set jwt.VerificationKeySet
	for _, key := range v.keys {
		if methodOf(key) == token.Method.Alg() {
			set.Keys = append(set.Keys, key)
		}
	}
	if len(set.Keys) == 0 {
		return nil, jwt.ErrTokenUnverifiable
	}
	return set, nil
}

func methodOf(key crypto.PublicKey) string {
	switch key.(type) {
	case ed25519.PublicKey:
		return jwt.SigningMethodEdDSA.Alg()
	case *rsa.PublicKey:
		return jwt.SigningMethodRS256.Alg()
	case *ecdsa.PublicKey:
		return jwt.SigningMethodES256.Alg()
	}
	return ""
}

// reason says what is wrong with a token, without repeating it.
func reason(err error) string {
	for cause, sentence := range map[error]string{
		jwt.ErrTokenExpired:              "the token has expired",
		jwt.ErrTokenNotValidYet:          "the token is not valid yet",
		jwt.ErrTokenUsedBeforeIssued:     "the token is not valid yet",
		jwt.ErrTokenInvalidAudience:      "the token is for another audience",
		jwt.ErrTokenInvalidIssuer:        "the token is of another issuer",
		jwt.ErrTokenSignatureInvalid:     "the signature of the token is not valid",
		jwt.ErrTokenUnverifiable:         "the token is signed in a way that is not accepted here",
		jwt.ErrTokenRequiredClaimMissing: "the token lacks a claim: exp, iss and aud are required",
	} {
		if errors.Is(err, cause) {
			return sentence
		}
	}
	return "the token cannot be read"
}

// Sign mints a token for the principal, valid from now for the time given. It is for the local system and for tests;
// elsewhere tokens come from an identity provider.
func Sign(key crypto.Signer, p Principal, issuer, audience string, now time.Time, valid time.Duration) (string, error) {
	var method jwt.SigningMethod
	switch methodOf(key.Public()) {
	case "EdDSA":
		method = jwt.SigningMethodEdDSA
	case "RS256":
		method = jwt.SigningMethodRS256
	case "ES256":
		method = jwt.SigningMethodES256
	default:
		return "", fmt.Errorf("tokens cannot be signed with a %T", key)
	}
	token := jwt.NewWithClaims(method, claims{
		MerchantID: p.MerchantID, Roles: p.Roles,
		RegisteredClaims: jwt.RegisteredClaims{
			Issuer: issuer, Audience: jwt.ClaimStrings{audience}, Subject: p.Subject,
			IssuedAt: jwt.NewNumericDate(now), ExpiresAt: jwt.NewNumericDate(now.Add(valid)),
		},
	})
	return token.SignedString(key)
}

// publicKeys reads every key in the PEM text, or in the PEM file of that name.
func publicKeys(source string) ([]crypto.PublicKey, error) {
	text := []byte(source)
	if !strings.Contains(source, "-----BEGIN") {
		if source == "" {
			return nil, errors.New("no public key for tokens is given")
		}
		var err error
		if text, err = os.ReadFile(source); err != nil {
			return nil, fmt.Errorf("read the public keys for tokens: %w", err)
		}
	}
	var keys []crypto.PublicKey
	for block, rest := pem.Decode(text); block != nil; block, rest = pem.Decode(rest) {
		key, err := publicKey(block)
		if err != nil {
			return nil, err
		}
		keys = append(keys, key)
	}
	if len(keys) == 0 {
		return nil, errors.New("the public keys for tokens hold no PEM block")
	}
	return keys, nil
}

func publicKey(block *pem.Block) (crypto.PublicKey, error) {
	if strings.Contains(block.Type, "PRIVATE") {
		return nil, errors.New("a private key was given where public keys for tokens are expected; do not give it away")
	}
	var (
		key any
		err error
	)
	if block.Type == "CERTIFICATE" {
		var certificate *x509.Certificate
		if certificate, err = x509.ParseCertificate(block.Bytes); err == nil {
			key = certificate.PublicKey
		}
	} else {
		key, err = x509.ParsePKIXPublicKey(block.Bytes)
	}
	if err != nil {
		return nil, fmt.Errorf("read a public key for tokens: %w", err)
	}
	if rsaKey, ok := key.(*rsa.PublicKey); ok && rsaKey.N.BitLen() < 2048 {
		return nil, errors.New("an RSA key for tokens must have 2048 bits or more")
	}
	if curve, ok := key.(*ecdsa.PublicKey); ok && curve.Params().BitSize != 256 {
		return nil, errors.New("an elliptic curve key for tokens must be of P-256")
	}
	if methodOf(key) == "" {
		return nil, fmt.Errorf("a key for tokens is a %T, expected Ed25519, RSA or P-256", key)
	}
	return key, nil
}
