package process

import (
	"context"
	"errors"
	"log/slog"
	"slices"
	"strings"
	"sync"
	"syscall"
	"testing"

	"aftercare.dev/services/platform/config"
	"aftercare.dev/services/platform/telemetry"
)

func TestAProcessEndsWithACodeAndASentence(t *testing.T) {
	tests := map[string]struct {
		environ []string
		run     func(context.Context, *slog.Logger) error
		code    int
		says    string
	}{
		"all is well":             {nil, func(context.Context, *slog.Logger) error { return nil }, 0, ""},
		"a failure":               {nil, func(context.Context, *slog.Logger) error { return errors.New("the disk is full") }, 1, "test: the disk is full\n"},
		"a wrong setting":         {nil, func(context.Context, *slog.Logger) error { return &config.Error{Sentence: "PORT is wrong"} }, 2, "test: PORT is wrong\n"},
		"a wrong setting of ours": {[]string{"LOG_LEVEL=loud"}, nil, 2, "test: LOG_LEVEL is \"loud\", expected one of debug, info, warn, error\n"},
		"a signal": {nil, func(ctx context.Context, _ *slog.Logger) error {
			if err := syscall.Kill(syscall.Getpid(), syscall.SIGTERM); err != nil {
				return err
			}
			<-ctx.Done()
			return ctx.Err()
		}, 0, ""},
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			var out strings.Builder
			code := program{name: "test", run: test.run, environ: test.environ, stderr: &out}.main(nil)
			if code != test.code || !strings.Contains(out.String(), test.says) {
				t.Errorf("code %d, says %s", code, out.String())
			}
		})
	}
}

func TestAProgramDoesWhatItsArgumentNames(t *testing.T) {
	saying := func(what string) Run {
		return func(_ context.Context, log *slog.Logger) error {
			log.Info(what)
			return nil
		}
	}
	commands := []Command{{Name: "migrate", Does: "bring the schema up to date", Run: saying("migrating")}}
	tests := map[string]struct {
		args              []string
		code              int
		stdout, stderr    string
		silentAboutOthers string
	}{
		"nothing":           {nil, ExitOK, "", "serving", "migrating"},
		"a command":         {[]string{"migrate"}, ExitOK, "", "migrating", "serving"},
		"its version":       {[]string{"version"}, ExitOK, telemetry.Version() + "\n", "", "starting"},
		"help":              {[]string{"help"}, ExitOK, "test migrate             bring the schema up to date\n", "", "starting"},
		"an unknown word":   {[]string{"migrat"}, ExitConfig, "", "test: there is no command \"migrat\"\n", "starting"},
		"one word too much": {[]string{"migrate", "now"}, ExitConfig, "", "test: there is no command \"migrate now\"\n", "starting"},
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			var stdout, stderr strings.Builder
			p := program{name: "test", run: saying("serving"), commands: commands, stdout: &stdout, stderr: &stderr}
			if code := p.main(test.args); code != test.code {
				t.Errorf("code %d", code)
			}
			if !strings.Contains(stdout.String(), test.stdout) || !strings.Contains(stderr.String(), test.stderr) ||
				strings.Contains(stderr.String(), test.silentAboutOthers) {
				t.Errorf("stdout %q, stderr %q", stdout.String(), stderr.String())
			}
		})
	}
}

// journal writes down what happens, in order.
type journal struct {
	mu   sync.Mutex
	what []string
}

func (j *journal) add(what string) {
	j.mu.Lock()
	defer j.mu.Unlock()
	j.what = append(j.what, what)
}

func TestPartsStopInOrder(t *testing.T) {
	var j journal
	until := func(name string) func(context.Context) error {
		return func(ctx context.Context) error {
			<-ctx.Done()
			j.add(name + " stops")
			return ctx.Err()
		}
	}
	g := NewGroup(slog.New(slog.DiscardHandler))
	g.Closer("database", func() error { j.add("database closes"); return nil })
	g.Loop("outbox", until("outbox"))
	g.Server("http", until("http"))
	g.Closer("file", func() error { j.add("file closes"); return nil })

	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if err := g.Run(ctx); err != nil {
		t.Fatal(err)
	}
	want := []string{"http stops", "outbox stops", "file closes", "database closes"}
	if !slices.Equal(j.what, want) {
		t.Errorf("got %v, want %v", j.what, want)
	}
}

func TestOnePartThatFailsStopsAll(t *testing.T) {
	broken := errors.New("port in use")
	tests := map[string]struct {
		run  func(context.Context) error
		want string
	}{
		"by an error":       {func(context.Context) error { return broken }, "http: port in use"},
		"by just returning": {func(context.Context) error { return nil }, "http: it returned before it was asked to"},
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			g := NewGroup(slog.New(slog.DiscardHandler))
			closed := false
			g.Server("http", test.run)
			g.Loop("outbox", func(ctx context.Context) error { <-ctx.Done(); return nil })
			g.Closer("database", func() error { closed = true; return errors.New("later") })
			err := g.Run(t.Context())
			if err == nil || err.Error() != test.want || !closed {
				t.Errorf("got %v, closed %v", err, closed)
			}
		})
	}
}
