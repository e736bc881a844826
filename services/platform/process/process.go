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
	_ "time/tzdata" // an image of one file has no time zones

	_ "golang.org/x/crypto/x509roots/fallback" // nor roots of certificate authorities

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

// Run is the work of a process, or of one of its commands. It ends when ctx does.
type Run func(ctx context.Context, log *slog.Logger) error

// Command is a further thing that a program can do, asked for by its first argument: "order migrate".
type Command struct {
	// Name is the argument, such as "migrate".
	Name string
	// Does says in a few words what it is for.
	Does string
	Run  Run
}

// Main runs the process and exits. Without an argument it does run; an argument names one of the commands, or
// "version", "help" or "probe URL", which every program has.
//
// It sets up logging (LOG_LEVEL, LOG_FORMAT), telemetry (OTEL_*) and memory (GOGC, GOMEMLIMIT, see [TuneMemory]), and cancels ctx on SIGTERM or
// SIGINT; a second signal kills at once. An error of the work is one sentence on standard error and
// exit code 1, or 2 for a wrong configuration or argument. An error that only says that ctx was
// cancelled is an orderly end.
//
// A program can run where nothing else is: roots of the certificate authorities and time zones are
// compiled in, and used where the machine has none.
func Main(name string, run Run, commands ...Command) {
	p := program{name: name, run: run, commands: commands, environ: os.Environ(), stdout: os.Stdout, stderr: os.Stderr}
	os.Exit(p.main(os.Args[1:]))
}

// program is what Main runs.
type program struct {
	name           string
	run            Run
	commands       []Command
	environ        []string
	stdout, stderr io.Writer
}

func (p program) main(args []string) int {
	if len(args) == 0 {
		return p.execute(p.name, p.run)
	}
	if len(args) == 1 {
		switch args[0] {
		case "version":
			fmt.Fprintln(p.stdout, telemetry.Version())
			return ExitOK
		case "help", "-h", "--help":
			p.usage(p.stdout)
			return ExitOK
		}
		for _, c := range p.commands {
			if c.Name == args[0] {
				return p.execute(p.name+" "+c.Name, c.Run)
			}
		}
	}
	if len(args) == 2 && args[0] == "probe" {
		return p.probe(args[1])
	}
	fmt.Fprintf(p.stderr, "%s: there is no command %q\n", p.name, strings.Join(args, " "))
	p.usage(p.stderr)
	return ExitConfig
}

func (p program) usage(w io.Writer) {
	fmt.Fprintf(w, "  %-24s run until SIGTERM; settings are environment variables\n", p.name)
	for _, c := range p.commands {
		fmt.Fprintf(w, "  %-24s %s\n", p.name+" "+c.Name, c.Does)
	}
	fmt.Fprintf(w, "  %-24s exit with 0 if an address such as http://localhost:8081/readyz is well\n", p.name+" probe URL")
	fmt.Fprintf(w, "  %-24s print the version\n", p.name+" version")
}

// execute runs one piece of work. Telemetry bears the name of the program, whatever the command.
func (p program) execute(name string, run Run) int {
	environ, stderr := p.environ, p.stderr
	ctx, stop := signal.NotifyContext(context.Background(), syscall.SIGTERM, syscall.SIGINT)
	defer stop()
	context.AfterFunc(ctx, stop) // from now on a signal has its usual effect

	cfg, err := config.Load[telemetry.LogConfig]("", environ)
	if err != nil {
		return fail(stderr, name, err)
	}
	log := telemetry.NewLogger(stderr, cfg).With("service", p.name)
	flush, err := telemetry.Start(ctx, p.name, log)
	if err != nil {
		return fail(stderr, name, err)
	}
	defer func() {
		if err := flush(context.WithoutCancel(ctx)); err != nil {
			log.Warn("last telemetry is lost", "error", err)
		}
	}()

	log.Info("starting", "version", telemetry.Version())
	TuneMemory(log)
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
