package e2e

import (
	"bufio"
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"aftercare.dev/deploy/standalone"
)

// binary builds the product once.
var binary = sync.OnceValues(func() (string, error) {
	path := filepath.Join(workshop, "aftercare")
	build := exec.CommandContext(context.Background(), "go", "build", "-o", path, "aftercare.dev/deploy/cmd/aftercare")
	said, err := build.CombinedOutput()
	if err != nil {
		return "", errors.New(string(said))
	}
	return path, nil
})

// place is where a product of its own lives: its folder and its addresses, which it keeps when it is started again.
type place struct {
	t       testing.TB
	dir     string
	environ []string
	house   *house
	// said is what it logged, over all its lives.
	said *record
}

// newPlace finds free ports. The product must come back at the same ones: couriers were told where to call.
func newPlace(t testing.TB, scale string) *place {
	t.Helper()
	p := &place{t: t, dir: t.TempDir(), said: &record{}}
	at := map[string]string{}
	for _, part := range []string{"GATEWAY", "TEMPORAL", "UI", "SANDBOX", "MAIL"} {
		at[part] = freeAddress(t)
	}
	p.environ = append(os.Environ(), "LOG_LEVEL=debug", "AFTERCARE_DIR="+p.dir, "AFTERCARE_SANDBOX_TIME_SCALE="+scale)
	for part, address := range at {
		p.environ = append(p.environ, "AFTERCARE_"+part+"_ADDR="+address)
	}
	p.house = &house{
		url: "http://" + at["GATEWAY"], sandbox: "http://" + at["SANDBOX"], temporal: at["TEMPORAL"], dir: p.dir, said: p.said.String,
	}
	return p
}

// ports are tried one after the other, below those that a system gives to connections by itself: a port must still be
// free when the product comes back to it.
var ports = func() *atomic.Int64 {
	var next atomic.Int64
	next.Store(15_000 + int64(os.Getpid()%10_000))
	return &next
}()

func freeAddress(t testing.TB) string {
	t.Helper()
	for range 1000 {
		l, err := net.Listen("tcp", fmt.Sprintf("127.0.0.1:%d", ports.Add(1)))
		if err == nil {
			defer func() { _ = l.Close() }()
			return l.Addr().String()
		}
	}
	require.FailNow(t, "no port is free")
	return ""
}

// command is the product told to do something at its place.
func (p *place) command(ctx context.Context, args ...string) *exec.Cmd {
	p.t.Helper()
	path, err := binary()
	require.NoError(p.t, err)
	c := exec.CommandContext(ctx, path, args...)
	c.Env, c.Stderr = p.environ, p.said
	// A test must not wait for ever for what a killed process left open.
	c.WaitDelay = 5 * time.Second
	return c
}

// run starts the product and returns a kill -9 that also waits for the end of it. At the end of the test it is gone.
func (p *place) run() (kill func()) {
	p.t.Helper()
	c := p.command(context.Background(), "run")
	require.NoError(p.t, c.Start())
	var ended sync.Once
	kill = func() {
		ended.Do(func() {
			_ = c.Process.Kill()
			_ = c.Wait()
		})
	}
	p.t.Cleanup(kill)
	p.ready()
	keys, err := standalone.EnsureKeys(filepath.Join(p.dir, "keys"))
	require.NoError(p.t, err)
	p.house.keys = keys
	return kill
}

// ready waits until requests are answered.
func (p *place) ready() {
	p.t.Helper()
	eventually(p.t, "ready", func() bool {
		a, err := (&person{t: p.t, url: p.house.url}).try(http.MethodGet, "/readyz", nil)
		return err == nil && a.status == http.StatusOK
	})
}

// lines gives each line of what a process says, until it ends.
func lines(r io.Reader, each func(string)) {
	scanner := bufio.NewScanner(r)
	scanner.Split(func(data []byte, atEOF bool) (int, []byte, error) {
		// A progress bar ends its lines with a carriage return.
		if i := bytes.IndexAny(data, "\r\n"); i >= 0 {
			return i + 1, data[:i], nil
		}
		if atEOF && len(data) > 0 {
			return len(data), data, nil
		}
		return 0, nil, nil
	})
	for scanner.Scan() {
		each(scanner.Text())
	}
}
