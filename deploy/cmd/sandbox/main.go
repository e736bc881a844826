// Command sandbox is the outside world as a process of its own, for trying Aftercare out where nobody has accounts with
// providers: in a cluster, with compose, in tests. It also makes the secrets of such a house, and tokens for it.
package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"log/slog"
	"net"
	"os"
	"strings"

	"aftercare.dev/deploy/sandbox"
	"aftercare.dev/deploy/sandbox/insurer"
	"aftercare.dev/services/platform/config"
	"aftercare.dev/services/platform/process"
)

// Config is read from the environment.
type Config struct {
	// Listen is where the providers answer, and MailListen where the mail server does.
	Listen     string `env:"SANDBOX_LISTEN" envDefault:":8090" validate:"hostname_port"`
	MailListen string `env:"SANDBOX_MAIL_LISTEN" envDefault:":8025" validate:"hostname_port"`
	// Dir holds the journals, and the credentials unless Credentials brings them.
	Dir string `env:"SANDBOX_DIR" envDefault:"data" validate:"required"`
	// TimeScale is how many seconds pass in the sandbox in one real second.
	TimeScale float64 `env:"SANDBOX_TIME_SCALE" envDefault:"7200" validate:"min=1,max=100000"`
	// CallbackURL is the base URL of the gateway, for the insurer; the other providers are told where to call.
	CallbackURL string `env:"SANDBOX_CALLBACK_URL" envDefault:"http://localhost:8080" validate:"http_url"`
	// Credentials are what `sandbox secrets` printed.
	Credentials config.Secret `env:"SANDBOX_CREDENTIALS"`
}

func main() {
	if len(os.Args) > 1 {
		if verb, ok := verbs[os.Args[1]]; ok {
			os.Exit(answer(verb, os.Args[1:]))
		}
	}
	process.Main("sandbox", run)
}

// verbs print something and end. They have flags, and nothing of theirs is a log.
var verbs = map[string]func(*flag.FlagSet, []string) error{"secrets": secrets, "token": token}

func answer(verb func(*flag.FlagSet, []string) error, args []string) int {
	err := verb(flag.NewFlagSet("sandbox "+args[0], flag.ContinueOnError), args[1:])
	switch {
	case err == nil:
		return process.ExitOK
	case errors.Is(err, flag.ErrHelp):
		return process.ExitConfig
	}
	fmt.Fprintf(os.Stderr, "sandbox %s: %s\n", args[0], err)
	return process.ExitFailed
}

func run(ctx context.Context, log *slog.Logger) error {
	cfg, err := config.Load[Config]("", os.Environ())
	if err != nil {
		return err
	}
	log.Info("configuration", config.Describe("", cfg)...)
	world := sandbox.Config{
		Dir: cfg.Dir, HTTPAddr: cfg.Listen, SMTPAddr: cfg.MailListen, TimeScale: cfg.TimeScale, Logger: log,
		InsurerCallback: insurer.Callback{URL: sandbox.CallbackOf(strings.TrimSuffix(cfg.CallbackURL, "/"))},
	}
	if cfg.Credentials != "" {
		if world.Credentials, err = sandbox.ParseCredentials([]byte(cfg.Credentials)); err != nil {
			return &config.Error{Variable: "SANDBOX_CREDENTIALS", Sentence: fmt.Sprintf("SANDBOX_CREDENTIALS cannot be used (%s): set it to what `sandbox secrets` prints", err)}
		}
	}
	outside, err := sandbox.Start(context.WithoutCancel(ctx), world)
	var network *net.OpError
	if errors.As(err, &network) {
		return fmt.Errorf("SANDBOX_LISTEN or SANDBOX_MAIL_LISTEN: %w", err)
	}
	if err != nil {
		return err
	}
	log.Info("listening", "listen", cfg.Listen, "mail", cfg.MailListen)
	<-ctx.Done()
	return outside.Close()
}
