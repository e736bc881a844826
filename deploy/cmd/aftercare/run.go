package main

import (
	"context"
	"encoding/json"
	"errors"
	"flag"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"time"

	"aftercare.dev/deploy/keys"
	"aftercare.dev/deploy/replay"
	"aftercare.dev/deploy/standalone"
	"aftercare.dev/gateway/access"
	"aftercare.dev/services/platform/config"
)

// run starts everything and keeps it up until a signal comes.
func run(ctx context.Context, flags *flag.FlagSet, args []string) error {
	if err := flags.Parse(args); err != nil {
		return err
	}
	cfg, err := config.Load[standalone.Config]("", os.Environ())
	if err != nil {
		return err
	}
	begun := time.Now()
	system, stop, err := start(ctx, cfg)
	if err != nil {
		return err
	}
	defer stop()
	token, err := system.Token(access.Principal{Subject: "local", MerchantID: "demo", Roles: []string{"administrator"}}, 30*24*time.Hour)
	if err != nil {
		return err
	}
	fmt.Printf(`Aftercare is up (%s)

  API and its documentation   %s/docs
  Temporal UI                 %s/namespaces/aftercare/workflows
  outside world (sandbox)     %s    its mail: %s/mail
  data                        %s
%s
A token of an administrator of the merchant "demo", valid for 30 days (others: make token ROLE=buyer SUBJECT=b1):

%s

  curl -H "Authorization: Bearer $TOKEN" %s/v1/cases

Ctrl-C stops it; open cases go on when it is started again.
`, time.Since(begun).Round(100*time.Millisecond), system.GatewayURL, system.UIURL, system.SandboxURL, system.SandboxURL,
		cfg.Dir, aboutCodec(system), token, system.GatewayURL)
	return system.Wait(ctx)
}

// aboutCodec tells how to read payloads, if they are encrypted.
func aboutCodec(system *standalone.System) string {
	if system.CodecURL == "" {
		return ""
	}
	return fmt.Sprintf("  codec server                %s    sign in with: make token ROLE=operator MERCHANT=%s SUBJECT=me\n",
		system.CodecURL, standalone.Operations)
}

// token prints a token for the system whose keys are in AFTERCARE_DIR.
func token(flags *flag.FlagSet, args []string) error {
	role := flags.String("role", "storefront", strings.Join(keys.Roles, ", "))
	merchant := flags.String("merchant", "demo", "the tenant")
	subject := flags.String("subject", "", "who it is; for a buyer the buyer's id")
	if err := flags.Parse(args); err != nil {
		return err
	}
	who, err := keys.Somebody(*role, *merchant, *subject)
	if err != nil {
		return err
	}
	cfg, err := config.Load[standalone.Config]("", os.Environ())
	if err != nil {
		return err
	}
	own, err := keys.Ensure(filepath.Join(cfg.Dir, "keys"))
	if err != nil {
		return err
	}
	signed, err := own.Token(who, 30*24*time.Hour)
	if err != nil {
		return err
	}
	fmt.Println(signed)
	return nil
}

// runReplay replays an export on the running system of AFTERCARE_DIR, or starts it for as long as the replay takes.
func runReplay(ctx context.Context, flags *flag.FlagSet, args []string) error {
	data := flags.String("data", "", "the export, *.csv or *.csv.gz")
	limit := flags.Int("limit", 0, "stop after so many matched credit-note lines; 0 takes everything")
	atOnce := flags.Int("at-once", 24, "how many cases are driven side by side")
	if err := flags.Parse(args); err != nil {
		return err
	}
	if *data == "" {
		return errors.New("which export? make replay DATA=<file.csv.gz> [LIMIT=<n>]")
	}
	if *limit < 0 || *atOnce < 1 {
		return errors.New("LIMIT is not below 0, and at least one case is driven at a time")
	}
	if _, err := os.Stat(*data); err != nil {
		return fmt.Errorf("the export cannot be read: %w", err)
	}
	place, err := attach(ctx, os.Stdout)
	if err != nil {
		return err
	}
	report, err := replay.Run(ctx, replay.Options{
		Data: *data, Limit: *limit, AtOnce: *atOnce, URL: place.url, Keys: place.keys,
		Dir: place.dir, Journal: filepath.Join(place.dir, "sandbox", "payment.ndjson"),
		Out: os.Stdout, Terminal: terminal(os.Stdout),
	})
	place.leave()
	// The report is the last line, whatever the system had to say when it stopped.
	last, encoded := json.Marshal(report)
	fmt.Println(string(last))
	return errors.Join(err, encoded)
}

// terminal tells whether a file is one.
func terminal(f *os.File) bool {
	info, err := f.Stat()
	return err == nil && info.Mode()&os.ModeCharDevice != 0
}
