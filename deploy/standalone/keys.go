package standalone

import (
	"context"
	"crypto/ed25519"
	"crypto/rand"
	"crypto/x509"
	"encoding/pem"
	"errors"
	"fmt"
	"io/fs"
	"log/slog"
	"os"
	"path/filepath"
	"strings"
	"time"

	"aftercare.dev/gateway/access"
)

// Issuer and Audience are in the tokens of the local system.
const (
	Issuer   = "aftercare-local"
	Audience = "aftercare"
)

// Keys are the secrets of a local system, made once and kept in its folder.
type Keys struct {
	// ServiceToken is what the services ask of each other.
	ServiceToken string
	// PublicPEM is the key that the gateway checks tokens with.
	PublicPEM string

	signing ed25519.PrivateKey
}

// EnsureKeys reads the keys in dir and makes those that are not there.
func EnsureKeys(dir string) (*Keys, error) {
	if err := os.MkdirAll(dir, 0o700); err != nil {
		return nil, fmt.Errorf("the folder %s cannot be made: %w", dir, err)
	}
	token, err := ensure(filepath.Join(dir, "service-token"), func() ([]byte, error) { return []byte(rand.Text()), nil })
	if err != nil {
		return nil, err
	}
	raw, err := ensure(filepath.Join(dir, "signing.pem"), newSigningKey)
	if err != nil {
		return nil, err
	}
	block, _ := pem.Decode(raw)
	if block == nil {
		return nil, fmt.Errorf("%s is not a PEM file; remove it to have a new key made", filepath.Join(dir, "signing.pem"))
	}
	parsed, err := x509.ParsePKCS8PrivateKey(block.Bytes)
	if err != nil {
		return nil, fmt.Errorf("read the signing key: %w", err)
	}
	signing, ok := parsed.(ed25519.PrivateKey)
	if !ok {
		return nil, fmt.Errorf("%s is no Ed25519 key; remove it to have a new one made", filepath.Join(dir, "signing.pem"))
	}
	public, err := x509.MarshalPKIXPublicKey(signing.Public())
	if err != nil {
		return nil, fmt.Errorf("encode the public key: %w", err)
	}
	return &Keys{
		ServiceToken: strings.TrimSpace(string(token)), signing: signing,
		PublicPEM: string(pem.EncodeToMemory(&pem.Block{Type: "PUBLIC KEY", Bytes: public})),
	}, nil
}

// Token signs a token for the local system.
func (k *Keys) Token(p access.Principal, valid time.Duration) (string, error) {
	return access.Sign(k.signing, p, Issuer, Audience, time.Now(), valid)
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

// quiet keeps what the Temporal SDK tells about its daily work out of the log.
func quiet(log *slog.Logger) *slog.Logger { return slog.New(atLeastWarn{log.Handler()}) }

type atLeastWarn struct{ slog.Handler }

// Enabled implements [slog.Handler].
func (h atLeastWarn) Enabled(ctx context.Context, level slog.Level) bool {
	return level >= slog.LevelWarn && h.Handler.Enabled(ctx, level)
}
