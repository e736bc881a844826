package codec_test

import (
	"log/slog"
	"strings"
	"testing"

	"aftercare.dev/gateway/codec"
	"aftercare.dev/services/platform/config"
)

func TestASettingThatCannotBeIsNamed(t *testing.T) {
	good := map[string]string{
		"PAYLOAD_KEYS": "k1:" + secret(1), "CODEC_TENANT": tenant, "JWT_ISSUER": issuer, "JWT_AUDIENCE": audience, "JWT_PUBLIC_KEYS": "keys.pem",
	}
	tests := map[string]struct{ variable, value, want string }{
		"no keys":                      {"PAYLOAD_KEYS", "", "PAYLOAD_KEYS"},
		"no tenant":                    {"CODEC_TENANT", "", "CODEC_TENANT"},
		"every origin":                 {"CODEC_ORIGINS", "*", "CODEC_ORIGINS"},
		"every host":                   {"CODEC_ORIGINS", "https://*.example.com", "CODEC_ORIGINS"},
		"an origin with a slash":       {"CODEC_ORIGINS", ui + "/", "CODEC_ORIGINS"},
		"an origin with a path":        {"CODEC_ORIGINS", ui + "," + ui + "/ui", "CODEC_ORIGINS"},
		"an origin without a scheme":   {"CODEC_ORIGINS", "temporal.example.com", "CODEC_ORIGINS"},
		"the origin null":              {"CODEC_ORIGINS", "null", "CODEC_ORIGINS"},
		"capitals":                     {"CODEC_ORIGINS", "https://Temporal.example.com", "CODEC_ORIGINS"},
		"an address with a path":       {"CODEC_PUBLIC_URL", "https://codec.example.com/codec", "CODEC_PUBLIC_URL"},
		"other sites without TLS":      {"CODEC_SAME_SITE", "none", "CODEC_SAME_SITE"},
		"no rule for other sites":      {"CODEC_SAME_SITE", "lax", "CODEC_SAME_SITE"},
		"fewer than no request":        {"CODEC_REQUESTS_PER_SECOND", "-1", "CODEC_REQUESTS_PER_SECOND"},
		"keys that cannot be used":     {"PAYLOAD_KEYS", "k1:abc", "PAYLOAD_KEYS"},
		"tokens that nobody can check": {"JWT_PUBLIC_KEYS", "-----BEGIN NOTHING", "JWT_PUBLIC_KEYS"},
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			environ := []string{}
			for variable, value := range good {
				if variable != test.variable {
					environ = append(environ, variable+"="+value)
				}
			}
			cfg, err := config.Load[codec.Config]("", append(environ, test.variable+"="+test.value))
			if err == nil {
				_, err = codec.New(t.Context(), cfg, slog.New(slog.DiscardHandler))
			}
			if err == nil || !strings.HasPrefix(err.Error(), test.want) {
				t.Errorf("got %v", err)
			}
		})
	}
}
