package e2e

import (
	"bufio"
	"bytes"
	"context"
	"io"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"aftercare.dev/deploy/keys"
	"aftercare.dev/deploy/split"
)

// programs builds the product once: the single program, and those of the processes.
var programs = sync.OnceValues(func() (split.Programs, error) {
	return split.Build(context.Background(), filepath.Join(workshop, "programs"))
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
		address, err := split.FreeAddress(context.Background())
		require.NoError(t, err)
		at[part] = address
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

// command is the product told to do something at its place.
func (p *place) command(ctx context.Context, args ...string) *exec.Cmd {
	p.t.Helper()
	built, err := programs()
	require.NoError(p.t, err)
	c := exec.CommandContext(ctx, built.Path("aftercare"), args...)
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
	own, err := keys.Ensure(filepath.Join(p.dir, "keys"))
	require.NoError(p.t, err)
	p.house.keys = own
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
