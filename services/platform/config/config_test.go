package config_test

import (
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
	"strings"
	"testing"
	"time"

	"aftercare.dev/services/platform/config"
)

type upstream struct {
	URL     string        `env:"URL" envDefault:"http://localhost:1" validate:"url"`
	Timeout time.Duration `env:"TIMEOUT" envDefault:"10s" validate:"min=1s"`
}

type settings struct {
	Listen  string        `env:"LISTEN" envDefault:":8080"`
	Token   config.Secret `env:"TOKEN,required"`
	Engine  string        `env:"ENGINE" envDefault:"sqlite" validate:"oneof=sqlite mysql"`
	Workers int           `env:"WORKERS" envDefault:"4" validate:"min=1"`
	Debug   bool          `env:"DEBUG"`
	Order   upstream      `envPrefix:"ORDER_"`
	Payment upstream      `envPrefix:"PAYMENT_"`
	ignored int
}

func TestSettingsComeFromTheEnvironment(t *testing.T) {
	got, err := config.Load[settings]("APP_", []string{
		"APP_TOKEN=t", "APP_WORKERS=8", "APP_PAYMENT_TIMEOUT=3s", "TOKEN=not this one",
	})
	if err != nil {
		t.Fatal(err)
	}
	if got.Token != "t" || got.Workers != 8 || got.Payment.Timeout != 3*time.Second || got.Order.Timeout != 10*time.Second {
		t.Errorf("got %+v", got)
	}
	_ = got.ignored
}

func TestAWrongValueIsNamedInASentence(t *testing.T) {
	tests := map[string]struct {
		environ []string
		want    string
	}{
		"a missing secret":                {nil, "APP_TOKEN is not set, expected a secret text"},
		"a number that is none":           {[]string{"APP_WORKERS=many"}, `APP_WORKERS is "many", expected a whole number`},
		"a number too small":              {[]string{"APP_WORKERS=0"}, `APP_WORKERS is "0", expected at least 1`},
		"a duration without unit, nested": {[]string{"APP_PAYMENT_TIMEOUT=10"}, `APP_PAYMENT_TIMEOUT is "10", expected a duration such as 30s or 5m`},
		"a duration too short":            {[]string{"APP_ORDER_TIMEOUT=10ms"}, `APP_ORDER_TIMEOUT is "10ms", expected at least 1s`},
		"a choice that is not offered":    {[]string{"APP_ENGINE=postgres"}, `APP_ENGINE is "postgres", expected one of sqlite, mysql`},
		"a boolean that is none":          {[]string{"APP_DEBUG=maybe"}, `APP_DEBUG is "maybe", expected true or false`},
		"a URL that is none":              {[]string{"APP_ORDER_URL=localhost"}, `APP_ORDER_URL is "localhost", expected a URL such as http://localhost:8080`},
		"two at once":                     {[]string{"APP_WORKERS=many", "APP_DEBUG=maybe"}, "APP_WORKERS is \"many\", expected a whole number\nAPP_DEBUG is \"maybe\", expected true or false"},
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			environ := test.environ
			if environ != nil {
				environ = append(environ, "APP_TOKEN=hunter2")
			}
			_, err := config.Load[settings]("APP_", environ)
			if err == nil || err.Error() != test.want {
				t.Fatalf("got  %v\nwant %s", err, test.want)
			}
			var wrong *config.Error
			if !errors.As(err, &wrong) || !strings.HasPrefix(test.want, wrong.Variable) {
				t.Errorf("names %+v", wrong)
			}
		})
	}
}

func TestASecretIsNeverPrinted(t *testing.T) {
	cfg := settings{Token: "hunter2", Order: upstream{URL: "http://user:hunter2@host/"}}
	var log strings.Builder
	slog.New(slog.NewJSONHandler(&log, nil)).Info("x", "token", cfg.Token, "cfg", cfg.Token)
	encoded, err := json.Marshal(cfg.Token)
	if err != nil {
		t.Fatal(err)
	}
	for name, text := range map[string]string{
		"%v": fmt.Sprintf("%v", cfg.Token), "%+v": fmt.Sprintf("%+v", struct{ T config.Secret }{cfg.Token}),
		"%#v": fmt.Sprintf("%#v", cfg.Token), "%s": fmt.Sprintf("<%s>", cfg.Token), "%q": fmt.Sprintf("%q", cfg.Token),
		"slog": log.String(), "JSON": string(encoded), "Describe": fmt.Sprint(config.Describe("", cfg)...),
	} {
		if strings.Contains(text, "hunter2") {
			t.Errorf("%s prints %s", name, text)
		}
	}
}

func TestDescribeListsEveryVariable(t *testing.T) {
	cfg, err := config.Load[settings]("APP_", []string{"APP_TOKEN=hunter2"})
	if err != nil {
		t.Fatal(err)
	}
	got := fmt.Sprint(config.Describe("APP_", cfg))
	want := "[APP_LISTEN :8080 APP_TOKEN *** APP_ENGINE sqlite APP_WORKERS 4 APP_DEBUG false" +
		" APP_ORDER_URL http://localhost:1 APP_ORDER_TIMEOUT 10s APP_PAYMENT_URL http://localhost:1 APP_PAYMENT_TIMEOUT 10s]"
	if got != want {
		t.Errorf("got  %s\nwant %s", got, want)
	}
}
