package e2e

import (
	"context"
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"aftercare.dev/deploy/split"
)

// apart is a house of processes, each on its own, as a platform runs them.
type apart struct {
	*split.House
	t     testing.TB
	house *house
}

// assemble prepares a house of processes. Nothing runs yet; at the end of the test nothing runs any more.
func assemble(t testing.TB, options split.Options) *apart {
	t.Helper()
	if options.Programs == "" {
		built, err := programs()
		require.NoError(t, err)
		options.Programs = built
	}
	options.Dir = t.TempDir()
	processes, err := split.Assemble(context.Background(), options)
	require.NoError(t, err)
	a := &apart{House: processes, t: t, house: &house{
		url: processes.URL, sandbox: processes.SandboxURL, temporal: processes.Temporal, dir: options.Dir, keys: processes.Keys,
	}}
	a.house.said = a.said
	a.house.databases = func() string { return processes.MySQL.Directory() }
	t.Cleanup(func() {
		if t.Failed() {
			a.tell()
		}
		require.NoError(t, processes.Close())
	})
	return a
}

// startApart has a whole house of processes up.
func startApart(t testing.TB, options split.Options) *apart {
	t.Helper()
	a := assemble(t, options)
	ctx, stop := patiently()
	defer stop()
	require.NoError(t, a.Start(ctx))
	return a
}

// patiently is a context for one step of a process.
func patiently() (context.Context, context.CancelFunc) {
	return context.WithTimeout(context.Background(), patience)
}

// said is the log of all processes.
func (a *apart) said() string {
	var all strings.Builder
	for _, p := range a.Processes() {
		content, err := p.Log()
		require.NoError(a.t, err)
		all.WriteString(content)
	}
	return all.String()
}

// tell shows what the processes complained of.
func (a *apart) tell() {
	for _, p := range a.Processes() {
		content, err := p.Log()
		if err != nil {
			continue
		}
		told := 0
		for line := range strings.Lines(content) {
			if (strings.Contains(line, `"level":"WARN"`) || strings.Contains(line, `"level":"ERROR"`)) && told < 20 {
				a.t.Logf("%s: %s", p.Name, line[:min(len(line), 400)])
				told++
			}
		}
	}
}

// does fails the test unless a step of a process succeeds in time.
func (a *apart) does(step func(context.Context) error) {
	a.t.Helper()
	ctx, stop := patiently()
	defer stop()
	require.NoError(a.t, step(ctx))
}

// waitsFor waits until a process says that exactly this is missing.
func (a *apart) waitsFor(name string, what ...string) {
	a.t.Helper()
	eventually(a.t, fmt.Sprintf("%s waits for %v", name, what), func() bool {
		ctx, stop := context.WithTimeout(context.Background(), 5*time.Second)
		defer stop()
		said, err := a.Process(name).Ready(ctx)
		return err == nil && slices.Equal(said.Missing, what)
	})
}

// named are the processes whose name ends so.
func (a *apart) named(suffix string) []*split.Process {
	return slices.DeleteFunc(a.Processes(), func(p *split.Process) bool { return !strings.HasSuffix(p.Name, suffix) })
}
