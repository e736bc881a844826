// Package temporaltest starts embedded Temporal servers for tests and benchmarks.
package temporaltest

import (
	"context"
	"io"
	"log/slog"
	"sync"
	"testing"

	"go.temporal.io/sdk/client"
	sdklog "go.temporal.io/sdk/log"

	"aftercare.dev/deploy/temporal"
)

// Start runs a server until the end of the test. Without changes to the configuration it is in memory, has no UI and
// listens on a free port; set Dir for a database on disk. Warnings go to the log of the test.
func Start(tb testing.TB, changes ...func(*temporal.Config)) *temporal.Server {
	tb.Helper()
	cfg := temporal.Config{FrontendAddr: "127.0.0.1:0", Logger: Logger(tb)}
	for _, change := range changes {
		change(&cfg)
	}
	cfg.InMemory = cfg.Dir == ""
	server, err := temporal.Start(context.Background(), cfg)
	if err != nil {
		tb.Fatal(err)
	}
	tb.Cleanup(server.Stop)
	return server
}

// Dial returns a client for the server's default namespace, closed at the end of the test.
func Dial(tb testing.TB, server *temporal.Server) client.Client {
	tb.Helper()
	c, err := client.Dial(client.Options{
		HostPort:  server.FrontendAddr(),
		Namespace: server.Namespace(),
		Logger:    sdklog.NewStructuredLogger(Logger(tb)),
	})
	if err != nil {
		tb.Fatal(err)
	}
	tb.Cleanup(c.Close)
	return c
}

// Logger writes warnings to the log of the test, until its end.
func Logger(tb testing.TB) *slog.Logger {
	out := &output{to: tb.Output()}
	tb.Cleanup(out.close)
	return slog.New(slog.NewTextHandler(out, &slog.HandlerOptions{Level: slog.LevelWarn}))
}

// output drops what is written after the end of the test, which would be a panic.
type output struct {
	mu sync.Mutex
	to io.Writer
}

func (o *output) Write(p []byte) (int, error) {
	o.mu.Lock()
	defer o.mu.Unlock()
	return o.to.Write(p)
}

func (o *output) close() {
	o.mu.Lock()
	defer o.mu.Unlock()
	o.to = io.Discard
}
