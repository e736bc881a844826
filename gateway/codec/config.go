package codec

import (
	"fmt"
	"net/url"
	"strings"
	"time"

	"aftercare.dev/gateway/access"
	"aftercare.dev/services/platform/config"
)

// Config is read from the environment.
type Config struct {
	// Listen is where the process takes requests.
	Listen string `env:"CODEC_LISTEN" envDefault:"127.0.0.1:8087" validate:"hostname_port"`
	// DrainDelay is how long requests are still taken after /readyz has turned red.
	DrainDelay time.Duration `env:"CODEC_DRAIN_DELAY" envDefault:"0s" validate:"min=0"`
	// PublicURL is where browsers reach this process. Under https the cookie of a session is never sent without TLS.
	PublicURL string `env:"CODEC_PUBLIC_URL" envDefault:"http://127.0.0.1:8087" validate:"http_url"`
	// Origins are those of the Temporal UI. With none, only programs that send a token get in.
	Origins []string `env:"CODEC_ORIGINS"`
	// SameSite of the cookie: strict if the UI is on the same site, which is the same host or the same registered domain,
	// whatever the port. None needs https.
	SameSite string `env:"CODEC_SAME_SITE" envDefault:"strict" validate:"oneof=strict none"`
	// RequestsPerSecond bounds each subject, with bursts of twice as many: the UI asks once for each payload that it shows.
	// 0 means no bound.
	RequestsPerSecond float64 `env:"CODEC_REQUESTS_PER_SECOND" envDefault:"200" validate:"min=0"`

	// PayloadKeys are those of the gateway and the workers.
	PayloadKeys config.Secret `env:"PAYLOAD_KEYS,required,notEmpty" form:"a comma list of id:key, each key 32 bytes in base64"`
	// Namespace, if set, is the only one that requests may name.
	Namespace string `env:"TEMPORAL_NAMESPACE"`
	// Tenant is the merchant id in the tokens of those who run the system. A payload does not say whose it is, and who
	// sees one history sees all, so a token of any other merchant is refused.
	Tenant string `env:"CODEC_TENANT,required,notEmpty"`
	// Tokens says whose tokens are taken.
	Tokens access.Config
}

// Validate checks the origins, which a browser compares letter by letter.
func (c *Config) Validate() error {
	for i, origin := range c.Origins {
		c.Origins[i] = strings.TrimSpace(origin)
		if !isOrigin(c.Origins[i]) {
			return &config.Error{Variable: "CODEC_ORIGINS", Sentence: fmt.Sprintf(
				"CODEC_ORIGINS has %q, expected a comma list of origins such as https://temporal.example.com: lower case, without a path, a slash at the end or *",
				origin)}
		}
	}
	c.PublicURL = strings.TrimSuffix(c.PublicURL, "/")
	if !isOrigin(c.PublicURL) {
		return &config.Error{Variable: "CODEC_PUBLIC_URL", Sentence: fmt.Sprintf(
			"CODEC_PUBLIC_URL is %q, expected the scheme and host of this process such as https://codec.example.com, in lower case and without a path", c.PublicURL)}
	}
	if c.SameSite == "none" && !c.secure() {
		return &config.Error{
			Variable: "CODEC_SAME_SITE",
			Sentence: "CODEC_SAME_SITE is none, which browsers take only over TLS: make CODEC_PUBLIC_URL an https address, or leave it strict",
		}
	}
	return nil
}

func (c *Config) secure() bool { return strings.HasPrefix(c.PublicURL, "https://") }

// isOrigin tells whether the text is an origin as browsers write it.
func isOrigin(text string) bool {
	u, err := url.Parse(text)
	return err == nil && (u.Scheme == "http" || u.Scheme == "https") && u.Hostname() != "" && !strings.Contains(u.Host, "*") &&
		text == u.Scheme+"://"+strings.ToLower(u.Host)
}
