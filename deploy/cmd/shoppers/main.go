// Command shoppers keeps a house for trying out busy: people who buy, return and are paid, until SIGTERM. Then they bring
// their open cases to the end, and the last line on standard output is a report in JSON. The exit code is 1 if a request
// failed or a case was lost.
package main

import (
	"context"
	"encoding/json"
	"fmt"
	"log/slog"
	"os"
	"strings"
	"sync/atomic"
	"time"

	"aftercare.dev/deploy/keys"
	"aftercare.dev/deploy/load"
	cases "aftercare.dev/services/cases/api"
	"aftercare.dev/services/platform/config"
	"aftercare.dev/services/platform/process"
)

// Config is read from the environment.
type Config struct {
	// GatewayURL is where they shop, and SandboxURL where the provider's journal is.
	GatewayURL string `env:"SHOPPERS_GATEWAY_URL" envDefault:"http://localhost:8080" validate:"http_url"`
	SandboxURL string `env:"SHOPPERS_SANDBOX_URL" envDefault:"http://localhost:8090" validate:"http_url"`
	// Merchant is the tenant, which nobody else should use.
	Merchant string `env:"SHOPPERS_MERCHANT" envDefault:"busy" validate:"required,max=64"`
	// AtOnce is how many cases are under way.
	AtOnce int `env:"SHOPPERS_AT_ONCE" envDefault:"4" validate:"min=1,max=1000"`
	// Waiting is how many further cases are filed that wait for a person, who does not come.
	Waiting int `env:"SHOPPERS_WAITING" envDefault:"3" validate:"min=0,max=100"`
	// Patience is how long a case may take.
	Patience time.Duration `env:"SHOPPERS_PATIENCE" envDefault:"5m" validate:"min=1s"`
	// SigningKey signs their tokens; `sandbox secrets` made it.
	SigningKey config.Secret `env:"JWT_SIGNING_KEY,required,notEmpty"`
}

func main() { process.Main("shoppers", run) }

func run(ctx context.Context, log *slog.Logger) error {
	cfg, err := config.Load[Config]("", os.Environ())
	if err != nil {
		return err
	}
	log.Info("configuration", config.Describe("", cfg)...)
	signer, err := keys.ParseSigning(string(cfg.SigningKey))
	if err != nil {
		return &config.Error{Variable: "JWT_SIGNING_KEY", Sentence: "JWT_SIGNING_KEY " + err.Error()}
	}
	var closed atomic.Int64
	made, err := load.Run(ctx, load.Options{
		URL: strings.TrimSuffix(cfg.GatewayURL, "/"), Keys: signer, Merchant: cfg.Merchant, Shoppers: cfg.AtOnce, Waiting: cfg.Waiting, Patience: cfg.Patience,
		Closed: func(c cases.Case) { log.Info("case closed", "case_id", c.CaseID, "closed", closed.Add(1)) },
	})
	if err != nil {
		return err
	}
	account, err := load.Audit(context.WithoutCancel(ctx), made, strings.TrimSuffix(cfg.SandboxURL, "/"))
	if err != nil {
		return err
	}
	line, err := json.Marshal(account)
	if err != nil {
		return err
	}
	fmt.Println(string(line))
	return account.Check()
}
