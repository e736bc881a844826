// Command aftercare is the whole product in one program, and what there is to try it with.
package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"log/slog"
	"os"
	"os/signal"
	"strings"
	"syscall"

	"aftercare.dev/services/platform/process"
	"aftercare.dev/services/platform/telemetry"
)

const usage = `aftercare runs after-sales for an online shop.

  aftercare run       start everything in one process; data is kept under var/
  aftercare demo      one return told step by step
  aftercare replay    --data FILE [--limit N]: a shop's export as orders and returns
  aftercare token     [--role R] [--merchant M] [--subject S]: a token for the local system
  aftercare temporal  [--dir D] [--listen A] [--ui A] [--bare]: the Temporal server alone

Settings are environment variables: AFTERCARE_DIR, AFTERCARE_GATEWAY_ADDR, AFTERCARE_UI_ADDR,
AFTERCARE_TEMPORAL_ADDR, AFTERCARE_SANDBOX_ADDR, AFTERCARE_MAIL_ADDR, AFTERCARE_CODEC_ADDR, PAYLOAD_KEYS,
AFTERCARE_SANDBOX_TIME_SCALE, LOG_LEVEL, OTEL_….
`

// errUsage says that the usage was shown.
var errUsage = errors.New("usage")

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), syscall.SIGINT, syscall.SIGTERM)
	defer stop()
	process.TuneMemory(slog.Default())
	err := command(ctx, os.Args[1:])
	switch {
	case errors.Is(err, flag.ErrHelp), errors.Is(err, errUsage):
		os.Exit(2)
	case err != nil:
		fmt.Fprintf(os.Stderr, "aftercare: %s\n", err)
		os.Exit(1)
	}
}

func command(ctx context.Context, args []string) error {
	if len(args) == 0 {
		fmt.Fprint(os.Stderr, usage)
		return errUsage
	}
	flags := flag.NewFlagSet("aftercare "+args[0], flag.ContinueOnError)
	switch name := args[0]; name {
	case "run":
		return run(ctx, flags, args[1:])
	case "demo":
		return runDemo(ctx, flags, args[1:])
	case "replay":
		return runReplay(ctx, flags, args[1:])
	case "temporal":
		return runTemporal(ctx, flags, args[1:])
	case "token":
		return token(flags, args[1:])
	default:
		fmt.Fprint(os.Stderr, usage)
		return fmt.Errorf("there is no command %q", name)
	}
}

// newLogger writes warnings and worse, unless LOG_LEVEL says otherwise: on a terminal the addresses are what counts.
func newLogger() (*slog.Logger, error) {
	level := slog.LevelWarn
	if set := os.Getenv("LOG_LEVEL"); set != "" {
		if err := level.UnmarshalText([]byte(set)); err != nil {
			return nil, fmt.Errorf("LOG_LEVEL is %q, expected debug, info, warn or error", set)
		}
	}
	format := os.Getenv("LOG_FORMAT")
	if format == "" {
		format = "text"
	}
	return telemetry.NewLogger(os.Stderr, telemetry.LogConfig{Level: level, Format: strings.ToLower(format)}), nil
}
