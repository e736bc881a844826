package access

import (
	"errors"
	"time"

	"aftercare.dev/services/platform/config"
)

// Config says whose tokens are taken: those of a key that is given here, those of issuers that publish their keys, or
// both.
type Config struct {
	// Issuer, Audience and PublicKeys go together: PublicKeys are PEM, or the path of a PEM file.
	Issuer     string `env:"JWT_ISSUER"`
	Audience   string `env:"JWT_AUDIENCE"`
	PublicKeys string `env:"JWT_PUBLIC_KEYS" form:"PEM with public keys, or the path of such a file"`
	// Issuers are those of OpenID Connect, see [Issuer]: JSON, or the path of a JSON file.
	Issuers string `env:"OIDC_ISSUERS" form:"a JSON list of issuers, or the path of such a file"`
}

// Verifier checks the settings, whose errors are [*config.Error], and asks no issuer for anything yet.
func (c Config) Verifier(now func() time.Time) (*Verifier, error) {
	v := &Verifier{now: now}
	if c.Issuers != "" {
		issuers, err := parseIssuers(c.Issuers)
		if err != nil {
			return nil, &config.Error{Variable: "OIDC_ISSUERS", Sentence: "OIDC_ISSUERS cannot be used: " + err.Error()}
		}
		for _, issuer := range issuers {
			v.remote = append(v.remote, newRemote(issuer, now))
		}
	}
	if c.Issuer == "" && c.Audience == "" && c.PublicKeys == "" && c.Issuers != "" {
		return v, nil
	}
	for _, needed := range []struct{ variable, value string }{
		{"JWT_ISSUER", c.Issuer}, {"JWT_AUDIENCE", c.Audience}, {"JWT_PUBLIC_KEYS", c.PublicKeys},
	} {
		if needed.value == "" {
			return nil, &config.Error{
				Variable: needed.variable,
				Sentence: needed.variable + " is not set: set JWT_ISSUER, JWT_AUDIENCE and JWT_PUBLIC_KEYS, or OIDC_ISSUERS alone, so that tokens can be checked",
			}
		}
	}
	if err := v.trustKeys(c); err != nil {
		return nil, &config.Error{Variable: "JWT_PUBLIC_KEYS", Sentence: "JWT_PUBLIC_KEYS cannot be used: " + err.Error()}
	}
	if v.remoteOf(c.Issuer) != nil {
		err := errors.New("it names the issuer of JWT_ISSUER as well; name it in one of them")
		return nil, &config.Error{Variable: "OIDC_ISSUERS", Sentence: "OIDC_ISSUERS cannot be used: " + err.Error()}
	}
	return v, nil
}
