// Package keys are the secrets of a house that is for trying out: what the services ask of each other, and the key that
// tokens are signed with. A house in production has those of its own platform.
package keys

import (
	"cmp"
	"crypto/ed25519"
	"crypto/hmac"
	"crypto/rand"
	"crypto/sha256"
	"crypto/x509"
	"encoding/base64"
	"encoding/hex"
	"encoding/pem"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"aftercare.dev/gateway/access"
	"aftercare.dev/services/platform/callers"
)

// Issuer and Audience are in the tokens.
const (
	Issuer   = "aftercare-local"
	Audience = "aftercare"
)

// Keys are the secrets.
type Keys struct {
	// ServiceToken is what processes ask of each other where they share one token; those of their own come from it.
	ServiceToken string
	// PersonalDataKey seals people's data and IndexKey finds it by phone: base64 of 32 bytes each.
	PersonalDataKey, IndexKey string
	// SigningPEM is the key that tokens are signed with, and PublicPEM the one that the gateway checks them with.
	SigningPEM, PublicPEM string

	signing ed25519.PrivateKey
}

// New makes secrets that are nowhere else.
func New() (*Keys, error) {
	key, err := newSigningKey()
	if err != nil {
		return nil, err
	}
	keys, err := parse(rand.Text(), string(key))
	if err != nil {
		return nil, err
	}
	keys.PersonalDataKey, keys.IndexKey = string(newDataKey()), string(newDataKey())
	return keys, nil
}

// Ensure reads the secrets in dir and makes those that are not there.
func Ensure(dir string) (*Keys, error) {
	if err := os.MkdirAll(dir, 0o700); err != nil {
		return nil, fmt.Errorf("the folder %s cannot be made: %w", dir, err)
	}
	token, err := ensure(filepath.Join(dir, "service-token"), func() ([]byte, error) { return []byte(rand.Text()), nil })
	if err != nil {
		return nil, err
	}
	path := filepath.Join(dir, "signing.pem")
	raw, err := ensure(path, newSigningKey)
	if err != nil {
		return nil, err
	}
	keys, err := parse(strings.TrimSpace(string(token)), string(raw))
	if err != nil {
		return nil, fmt.Errorf("%s %w; remove it to have a new one made", path, err)
	}
	for file, into := range map[string]*string{"personal-data-key": &keys.PersonalDataKey, "personal-data-index-key": &keys.IndexKey} {
		key, err := ensure(filepath.Join(dir, file), func() ([]byte, error) { return newDataKey(), nil })
		if err != nil {
			return nil, err
		}
		*into = strings.TrimSpace(string(key))
	}
	return keys, nil
}

// ParseSigning reads the signing key alone, for signing tokens.
func ParseSigning(signingPEM string) (*Keys, error) { return parse("", signingPEM) }

func parse(token, signingPEM string) (*Keys, error) {
	block, _ := pem.Decode([]byte(signingPEM))
	if block == nil {
		return nil, errors.New("is no PEM")
	}
	parsed, err := x509.ParsePKCS8PrivateKey(block.Bytes)
	if err != nil {
		return nil, fmt.Errorf("is no private key: %w", err)
	}
	signing, ok := parsed.(ed25519.PrivateKey)
	if !ok {
		return nil, errors.New("is no Ed25519 key")
	}
	public, err := x509.MarshalPKIXPublicKey(signing.Public())
	if err != nil {
		return nil, fmt.Errorf("has no public half: %w", err)
	}
	return &Keys{
		ServiceToken: token, SigningPEM: signingPEM, signing: signing,
		PublicPEM: string(pem.EncodeToMemory(&pem.Block{Type: "PUBLIC KEY", Bytes: public})),
	}, nil
}

// Roles are what a token can be for.
var Roles = []string{"storefront", "buyer", "agent", "warehouse", "finance", "operator", "administrator"}

// Somebody is a principal in one role, for people who try things out: nobody in particular unless a subject says who. A
// buyer is always somebody.
func Somebody(role, merchant, subject string) (access.Principal, error) {
	if !slices.Contains(Roles, role) {
		return access.Principal{}, fmt.Errorf("the role is %q, expected one of %s", role, strings.Join(Roles, ", "))
	}
	if subject == "" && role == "buyer" {
		return access.Principal{}, errors.New("a buyer's token needs a subject: the buyer's id")
	}
	return access.Principal{Subject: cmp.Or(subject, "local"), MerchantID: merchant, Roles: []string{role}}, nil
}

// Token signs a token that the house takes.
func (k *Keys) Token(p access.Principal, valid time.Duration) (string, error) {
	return access.Sign(k.signing, p, Issuer, Audience, time.Now(), valid)
}

// Environ are the variables by which the processes of the house know these secrets. Beside the token that all share it has
// that of each process, SERVICE_TOKEN_GATEWAY and so on, and SERVICE_CALLERS, with which services tell them apart.
func (k *Keys) Environ() map[string]string {
	environ := map[string]string{
		"SERVICE_TOKEN":   k.ServiceToken,
		"JWT_ISSUER":      Issuer,
		"JWT_AUDIENCE":    Audience,
		"JWT_PUBLIC_KEYS": k.PublicPEM,

		"PERSONAL_DATA_KEYS":      "local:" + k.PersonalDataKey,
		"PERSONAL_DATA_INDEX_KEY": k.IndexKey,
	}
	var known []string
	for _, name := range callers.Names() {
		token := k.ServiceTokenOf(name)
		environ["SERVICE_TOKEN_"+strings.ToUpper(name)] = token
		known = append(known, callers.Entry(name, token))
	}
	environ["SERVICE_CALLERS"] = strings.Join(known, ",")
	return environ
}

// ServiceTokenOf is the token of one process of the house, by its name in package callers.
func (k *Keys) ServiceTokenOf(caller string) string {
	mac := hmac.New(sha256.New, []byte(k.ServiceToken))
	mac.Write([]byte(caller))
	return hex.EncodeToString(mac.Sum(nil))
}

// newDataKey is 32 random bytes in base64.
func newDataKey() []byte {
	key := make([]byte, 32)
	// Read never fails and never returns less (crypto/rand since Go 1.24).
	_, _ = rand.Read(key)
	return []byte(base64.StdEncoding.EncodeToString(key))
}

func newSigningKey() ([]byte, error) {
	_, private, err := ed25519.GenerateKey(rand.Reader)
	if err != nil {
		return nil, err
	}
	der, err := x509.MarshalPKCS8PrivateKey(private)
	if err != nil {
		return nil, err
	}
	return pem.EncodeToMemory(&pem.Block{Type: "PRIVATE KEY", Bytes: der}), nil
}

// ensure reads a file, or makes it whole.
func ensure(path string, fresh func() ([]byte, error)) ([]byte, error) {
	content, err := os.ReadFile(path)
	if err == nil || !errors.Is(err, fs.ErrNotExist) {
		return content, err
	}
	if content, err = fresh(); err != nil {
		return nil, err
	}
	if err := os.WriteFile(path+".new", content, 0o600); err != nil {
		return nil, fmt.Errorf("the folder %s cannot be written: %w", filepath.Dir(path), err)
	}
	return content, os.Rename(path+".new", path)
}
