// Package process is the frame around main: signals, logs, exit codes, and the order in which the
// parts of a process stop.
//
//	func main() {
//		process.Main("payment", func(ctx context.Context, log *slog.Logger) error {
//			...
//			group := process.NewGroup(log)
//			group.Server("http", func(ctx context.Context) error { return server.Run(ctx, listener) })
//			group.Loop("outbox", relay.Run)
//			group.Closer("database", sqlDB.Close)
//			return group.Run(ctx)
//		})
//	}
package process

import (
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"os"
	"os/signal"
	"strings"
	"syscall"

	"aftercare.dev/services/platform/config"
	"aftercare.dev/services/platform/telemetry"
)

// Exit codes of [Main].
const (
	ExitOK     = 0
	ExitFailed = 1
	// ExitConfig says that starting again without another configuration is useless.
	ExitConfig = 2
)

// Main runs the process and exits. It sets up logging (LOG_LEVEL, LOG_FORMAT) and tracing (OTEL_*),
// and cancels ctx on SIGTERM or SIGINT; a second signal kills at once. An error of run is one
// sentence on standard error and exit code 1, or 2 for a wrong configuration. An error that only
// says that ctx was cancelled is an orderly end.
func Main(name string, run func(ctx context.Context, log *slog.Logger) error) {
	os.Exit(execute(name, run, os.Environ(), os.Stderr))
}

func execute(name string, run func(context.Context, *slog.Logger) error, environ []string, stderr io.Writer) int {
	ctx, stop := signal.NotifyContext(context.Background(), syscall.SIGTERM, syscall.SIGINT)
	defer stop()
	context.AfterFunc(ctx, stop) // from now on a signal has its usual effect

	cfg, err := config.Load[telemetry.LogConfig]("", environ)
	if err != nil {
		return fail(stderr, name, err)
	}
	log := telemetry.NewLogger(stderr, cfg).With("service", name)
	flush, err := telemetry.Start(ctx, name, log)
	if err != nil {
		return fail(stderr, name, err)
	}
	defer func() {
		if err := flush(context.WithoutCancel(ctx)); err != nil {
			log.Warn("last telemetry is lost", "error", err)
		}
	}()

	log.Info("starting", "version", telemetry.Version())
	if err := run(ctx, log); err != nil && (ctx.Err() == nil || !errors.Is(err, context.Canceled)) {
		return fail(stderr, name, err)
	}
	log.Info("stopped")
	return ExitOK
}

func fail(stderr io.Writer, name string, err error) int {
	code := ExitFailed
	var wrong *config.Error
	if errors.As(err, &wrong) {
		code = ExitConfig
	}
	for line := range strings.Lines(err.Error()) {
		fmt.Fprintf(stderr, "%s: %s\n", name, strings.TrimSpace(line))
	}
	return code
}
