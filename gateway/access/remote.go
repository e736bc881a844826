package access

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"sync"
	"time"

	"github.com/coreos/go-oidc/v3/oidc"
	"github.com/golang-jwt/jwt/v5"
	"golang.org/x/time/rate"
)

const (
	// askTimeout bounds one question to an issuer.
	askTimeout = 5 * time.Second
	// retryAfter is how long an issuer that did not answer is left alone.
	retryAfter = 5 * time.Second
	// keysFor is how long keys count before they are asked for again, so that one that was withdrawn is forgotten. Keys that
	// cannot be had anew count on.
	keysFor = time.Hour
	// keyAsks bounds the questions for keys that tokens with unknown key ids cause: anybody can make up such tokens.
	keyAsks, keyAsksEvery = 4, 10 * time.Second
)

// errAway means that the issuer did not answer, so that nobody knows whether a token is good.
var errAway = errors.New("the issuer of the token does not answer")

// remote is an issuer with the keys that it publishes. It is safe for concurrent use.
type remote struct {
	Issuer
	now       func() time.Time
	client    *http.Client
	validator *jwt.Validator
	// asking holds one value, which who wants to ask the issuer for its description takes.
	asking chan struct{}

	mu       sync.Mutex
	keys     *oidc.RemoteKeySet
	before   *oidc.RemoteKeySet // until keys have been fetched once
	since    time.Time
	failedAt time.Time
	failure  error
}

func newRemote(issuer Issuer, now func() time.Time) *remote {
	r := &remote{
		Issuer: issuer, now: now, asking: make(chan struct{}, 1),
		validator: jwt.NewValidator(append(rules(now), jwt.WithIssuer(issuer.URL), jwt.WithAudience(issuer.Audience))...),
		client: &http.Client{
			Timeout:       askTimeout,
			Transport:     &careful{base: http.DefaultTransport, now: now, asks: rate.NewLimiter(rate.Every(keyAsksEvery/keyAsks), keyAsks)},
			CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse },
		},
	}
	r.asking <- struct{}{}
	return r
}

// verify returns the claims of a token that the issuer signed and that is valid now.
func (r *remote) verify(ctx context.Context, token string) (jwt.MapClaims, error) {
	keys, before, err := r.keysNow(ctx)
	if err != nil {
		return nil, err
	}
	payload, err := keys.VerifySignature(ctx, token)
	switch {
	case err == nil && before != nil:
		r.settle(keys)
	case errors.Is(err, errAway) && before != nil:
		payload, err = before.VerifySignature(ctx, token)
	}
	if ctx.Err() != nil {
		return nil, ctx.Err()
	}
	if errors.Is(err, errAway) {
		return nil, err
	}
	if err != nil {
		return nil, fmt.Errorf("%w: %w", jwt.ErrTokenSignatureInvalid, err)
	}
	claims := jwt.MapClaims{}
	if err := json.Unmarshal(payload, &claims); err != nil {
		return nil, fmt.Errorf("%w: %w", jwt.ErrTokenMalformed, err)
	}
	return claims, r.validator.Validate(claims)
}

// keysNow are the keys to check with, and those before them while the new ones have not been used. Only the very first
// request waits for the issuer's description; later ones go on with what is known.
func (r *remote) keysNow(ctx context.Context) (keys, before *oidc.RemoteKeySet, err error) {
	if keys, before, err = r.known(ctx); keys != nil || err != nil {
		return keys, before, err
	}
	select {
	case <-r.asking:
		defer func() { r.asking <- struct{}{} }()
	case <-ctx.Done():
		return nil, nil, ctx.Err()
	}
	if keys, before, err = r.known(ctx); keys != nil || err != nil {
		return keys, before, err
	}
	r.discover(ctx)
	return r.known(ctx)
}

// known are the keys, or why there are none if that was seen just now. It asks again beside the requests when the keys are old.
func (r *remote) known(ctx context.Context) (keys, before *oidc.RemoteKeySet, err error) {
	r.mu.Lock()
	defer r.mu.Unlock()
	failed := r.failure != nil && r.now().Sub(r.failedAt) < retryAfter
	switch {
	case r.keys == nil && failed:
		return nil, nil, r.failure
	case r.keys != nil && !failed && r.now().Sub(r.since) > keysFor:
		select {
		case <-r.asking:
			go func() {
				defer func() { r.asking <- struct{}{} }()
				r.discover(ctx)
			}()
		default:
		}
	}
	return r.keys, r.before, nil
}

// discover reads the issuer's description and keeps where its keys are, or why not.
func (r *remote) discover(ctx context.Context) {
	// The first to ask does it for all who wait, so its own end must not end it.
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), askTimeout)
	defer cancel()
	address, err := r.describe(oidc.ClientContext(ctx, r.client))
	r.mu.Lock()
	defer r.mu.Unlock()
	if err != nil {
		r.failure, r.failedAt = fmt.Errorf("%w: %w", errAway, err), r.now()
		return
	}
	r.failure = nil
	r.before, r.since = r.keys, r.now()
	r.keys = oidc.NewRemoteKeySet(oidc.ClientContext(context.WithoutCancel(ctx), r.client), address)
}

// describe returns the address of the issuer's keys.
func (r *remote) describe(ctx context.Context) (string, error) {
	provider, err := oidc.NewProvider(ctx, r.URL)
	if err != nil {
		return "", err
	}
	var described struct {
		Keys string `json:"jwks_uri"`
	}
	if err := provider.Claims(&described); err != nil {
		return "", err
	}
	if !reachableSafely(described.Keys) {
		return "", errors.New("the address of its keys is not by https")
	}
	return described.Keys, nil
}

// settle forgets the keys before, once the newer ones are there.
func (r *remote) settle(keys *oidc.RemoteKeySet) {
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.keys == keys {
		r.before = nil
	}
}

// careful asks an issuer only so often, and tells failures of the issuer from those of a token.
type careful struct {
	base http.RoundTripper
	now  func() time.Time
	asks *rate.Limiter
}

// RoundTrip implements [http.RoundTripper].
func (c *careful) RoundTrip(r *http.Request) (*http.Response, error) {
	if !c.asks.AllowN(c.now(), 1) {
		return nil, fmt.Errorf("%w: it was asked often enough just now", errAway)
	}
	answer, err := c.base.RoundTrip(r)
	if err != nil {
		return nil, fmt.Errorf("%w: %w", errAway, err)
	}
	if answer.StatusCode != http.StatusOK {
		return nil, errors.Join(fmt.Errorf("%w: it answers %s", errAway, answer.Status), answer.Body.Close())
	}
	answer.Body = http.MaxBytesReader(nil, answer.Body, maxAnswer)
	return answer, nil
}

// maxAnswer is more than the description or the keys of any issuer take, in bytes.
const maxAnswer = 1 << 20
