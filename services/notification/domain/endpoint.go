package domain

import (
	"crypto/rand"
	"crypto/sha256"
	"encoding/base64"
	"encoding/hex"
	"regexp"
	"slices"
	"strings"
	"time"
)

// Limits of endpoints.
const (
	// MaxEndpoints is how many endpoints a merchant may have at a time.
	MaxEndpoints = 20
	// MaxSecrets is how many secrets of an endpoint may sign at a time. Each signature is 47 bytes of header.
	MaxSecrets = 5
	// OldSecretSigns is how long a rotated secret goes on signing beside the new one.
	OldSecretSigns = 24 * time.Hour
	// SecretShownFor is how long the repeat of a creation still holds the secret, as the first answer did.
	SecretShownFor = 24 * time.Hour
	maxTypes       = 50
	maxURL         = 500
)

// An endpoint is switched off as failing once it has had no success for FailingFor and at least
// FailingAttempts failures in that time: many, so that an endpoint with little traffic is not lost
// over two bad minutes five days apart.
const (
	FailingFor      = 5 * 24 * time.Hour
	FailingAttempts = 10
)

// Reasons why an endpoint is disabled.
const (
	DisabledGone    = "gone"
	DisabledFailing = "failing"
	DisabledByOwner = "by_owner"
)

// Endpoint is a URL of the merchant's that wants to hear of events. Make one with [NewEndpoint].
type Endpoint struct {
	MerchantID string
	EndpointID string
	URL        string
	// Types are the events that it wants; none means all.
	Types          []string
	Enabled        bool
	DisabledReason string
	// Failures counts attempts that failed since the last success; FailingSince is the first of them.
	Failures     int
	FailingSince time.Time
	CreatedAt    time.Time
}

var typeForm = regexp.MustCompile(`^[a-z_]+\.[a-z_]+$`)

// NewEndpoint returns an enabled endpoint, or the reason why it cannot be one. Whether the URL may be
// called is for the sender's guard to say.
func NewEndpoint(merchantID, endpointID, url string, types []string, now time.Time) (Endpoint, error) {
	e := Endpoint{MerchantID: merchantID, EndpointID: endpointID, Enabled: true, CreatedAt: now.UTC().Truncate(time.Microsecond)}
	return e.Changed(EndpointChange{URL: &url, Types: &types})
}

// EndpointChange has what a change sets; nil leaves a field alone.
type EndpointChange struct {
	URL     *string
	Types   *[]string
	Enabled *bool
	Rotate  bool
}

// Changed returns the endpoint with the change applied. Enabling forgets the failures of the past.
func (e Endpoint) Changed(c EndpointChange) (Endpoint, error) {
	if c.URL != nil {
		if *c.URL == "" || len(*c.URL) > maxURL {
			return Endpoint{}, Fault(CodeInvalidEndpoint, "url", "give a URL of at most 500 characters")
		}
		e.URL = *c.URL
	}
	if c.Types != nil {
		types, err := newTypes(*c.Types)
		if err != nil {
			return Endpoint{}, err
		}
		e.Types = types
	}
	if c.Enabled != nil && *c.Enabled != e.Enabled {
		e.Enabled = *c.Enabled
		e.DisabledReason = DisabledByOwner
		if e.Enabled {
			e.DisabledReason, e.Failures, e.FailingSince = "", 0, time.Time{}
		}
	}
	return e, nil
}

func newTypes(types []string) ([]string, error) {
	if len(types) > maxTypes {
		return nil, Fault(CodeInvalidEndpoint, "types", "list at most 50 types, or none for all")
	}
	for _, t := range types {
		if len(t) > maxType || !typeForm.MatchString(t) {
			return nil, Fault(CodeInvalidEndpoint, "types", "a type has the form case.approved")
		}
	}
	sorted := slices.Clone(types)
	slices.Sort(sorted)
	return slices.Compact(sorted), nil
}

// Wants tells whether the endpoint hears of the type now.
func (e Endpoint) Wants(eventType string) bool {
	return e.Enabled && (len(e.Types) == 0 || slices.Contains(e.Types, eventType))
}

// Fingerprint tells two requests to create an endpoint apart.
func (e Endpoint) Fingerprint() string {
	sum := sha256.Sum256([]byte(e.URL + "\n" + strings.Join(e.Types, "\n")))
	return hex.EncodeToString(sum[:])
}

// Failing tells whether the endpoint has failed so long, and so often, that it must be switched off.
func (e Endpoint) Failing(now time.Time) bool {
	return e.Failures >= FailingAttempts && !e.FailingSince.IsZero() && now.Sub(e.FailingSince) >= FailingFor
}

// secretBytes is within the 24 to 64 bytes that Standard Webhooks asks for.
const secretBytes = 32

// NewSecret returns a fresh signing secret in the form whsec_….
func NewSecret() string {
	key := make([]byte, secretBytes)
	rand.Read(key) // never fails, by its documentation
	return "whsec_" + base64.StdEncoding.EncodeToString(key)
}
