package e2e

import (
	"bytes"
	"context"
	"flag"
	"fmt"
	"log/slog"
	"os"
	"sync"
	"testing"

	"aftercare.dev/deploy/standalone"
	"aftercare.dev/services/platform/telemetry"
)

// shared is the system that all tests use which kill nothing.
var shared *house

// quickly is how many seconds pass outside in one: a parcel is there after four real ones.
const quickly = 20_000

func TestMain(m *testing.M) {
	flag.Parse()
	// The tests wait for the world outside and not for processors.
	if err := flag.Set("test.parallel", "24"); err != nil {
		fmt.Fprintln(os.Stderr, "e2e:", err)
		os.Exit(1)
	}
	code, err := inside(m.Run)
	if err != nil {
		fmt.Fprintln(os.Stderr, "e2e:", err)
		os.Exit(1)
	}
	os.Exit(code)
}

// inside runs the tests with the shared system up. It removes whatever they made.
func inside(run func() int) (code int, err error) {
	dir, err := os.MkdirTemp("", "aftercare-e2e-")
	if err != nil {
		return 1, err
	}
	defer func() { _ = os.RemoveAll(dir) }()
	workshop = dir
	shared, err = open(dir + "/shared")
	if err != nil {
		return 1, err
	}
	defer shared.stop()
	return run(), nil
}

// workshop is the folder of everything that the tests make and that outlives one of them.
var workshop string

func open(dir string) (*house, error) {
	const free = "127.0.0.1:0"
	said := &record{}
	system, err := standalone.Start(context.Background(), standalone.Config{
		Dir: dir, GatewayAddr: free, TemporalAddr: free, UIAddr: free, SandboxAddr: free, MailAddr: free, TimeScale: quickly,
	}, telemetry.NewLogger(said, telemetry.LogConfig{Level: slog.LevelDebug, Format: "json"}))
	if err != nil {
		return nil, err
	}
	return &house{
		url: system.GatewayURL, sandbox: system.SandboxURL, temporal: system.Temporal, dir: dir, keys: system.Keys,
		said: said.String, stop: system.Stop,
	}, nil
}

// record keeps what is written. It is safe for concurrent use.
type record struct {
	mu      sync.Mutex
	content bytes.Buffer
}

func (r *record) Write(p []byte) (int, error) {
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.content.Write(p)
}

// String is what was written so far.
func (r *record) String() string {
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.content.String()
}
