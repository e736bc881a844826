package crash_test

import (
	"fmt"
	"net/http"
	"net/http/httptest"
	"os/exec"
	"path/filepath"
	"sync/atomic"
	"syscall"
	"testing"

	"github.com/stretchr/testify/require"

	"aftercare.dev/services/platform/crash"
)

// victim builds the program that dies, with crash points or without.
func victim(t *testing.T, tags ...string) string {
	t.Helper()
	path := filepath.Join(t.TempDir(), "victim")
	args := append([]string{"build", "-o", path}, tags...)
	said, err := exec.CommandContext(t.Context(), "go", append(args, "./testdata/victim")...).CombinedOutput()
	require.NoError(t, err, "%s", said)
	return path
}

// run runs it, and tells what it printed and whether SIGKILL was its end.
func run(t *testing.T, path string, folder crash.Folder, environ ...string) (said string, killed bool) {
	t.Helper()
	c := exec.CommandContext(t.Context(), path)
	c.Env = append(c.Environ(), append(environ, "CRASH_DIR="+string(folder))...)
	out, err := c.Output()
	if err == nil {
		return string(out), false
	}
	var exit *exec.ExitError
	require.ErrorAs(t, err, &exit)
	status, ok := exit.Sys().(syscall.WaitStatus)
	require.True(t, ok && status.Signaled() && status.Signal() == syscall.SIGKILL, "%s: %s", err, exit.Stderr)
	return string(out), true
}

const (
	all      = "before\nafter\nreserved\n"
	packaged = "platform/crash/testdata/victim/shop."
)

func TestAProcessDiesAtAnArmedPointAndOnlyOnce(t *testing.T) {
	path := victim(t, "-tags", "crashpoints")
	folder := crash.Folder(t.TempDir())
	said, killed := run(t, path, folder)
	require.False(t, killed)
	require.Equal(t, all, said)

	for point, survived := range map[string]string{
		crash.Point("a/step", crash.BeforeCommit):                      "",
		crash.Point("a/step", crash.AfterCommit):                       "before\n",
		crash.Point(packaged+"Sell", crash.AfterCommit):                "before\nafter\n",
		crash.Point(packaged+"Store.Reserve:inTx", crash.BeforeCommit): "before\nafter\n",
	} {
		require.NoError(t, folder.Arm(point, 0))
		said, killed = run(t, path, folder)
		require.True(t, killed, point)
		require.Equal(t, survived, said, point)
		said, killed = run(t, path, folder)
		require.False(t, killed, "%s fires once", point)
		require.Equal(t, all, said)
	}
}

func TestAProcessNotesEachPointThatItPasses(t *testing.T) {
	folder := crash.Folder(t.TempDir())
	path := victim(t, "-tags", "crashpoints")
	run(t, path, folder)
	run(t, path, folder)
	passed, err := folder.Passed()
	require.NoError(t, err)
	require.Equal(t, map[string]int{
		"a/step@commit.after": 2, "a/step@commit.before": 2, packaged + "Sell@commit.after": 2, packaged + "Store.Reserve:inTx@commit.before": 2,
	}, passed)
	require.NoError(t, folder.Forget())
	passed, err = folder.Passed()
	require.NoError(t, err)
	require.Empty(t, passed)
}

func TestAPointCanLetSomePassesGoBy(t *testing.T) {
	folder := crash.Folder(t.TempDir())
	path := victim(t, "-tags", "crashpoints")
	require.NoError(t, folder.Arm(crash.Point("a/step", crash.AfterCommit), 2))
	for pass, dies := range []bool{false, false, true, false} {
		_, killed := run(t, path, folder)
		require.Equal(t, dies, killed, "pass %d", pass)
	}
}

func TestACallHasAPointBeforeTheRequestAndOneAfterTheAnswer(t *testing.T) {
	var asked atomic.Int64
	server := httptest.NewServer(http.HandlerFunc(func(http.ResponseWriter, *http.Request) { asked.Add(1) }))
	defer server.Close()
	path := victim(t, "-tags", "crashpoints")
	folder := crash.Folder(t.TempDir())
	for place, arrived := range map[crash.Place]int64{crash.BeforeCall: 0, crash.AfterCall: 1} {
		asked.Store(0)
		require.NoError(t, folder.Arm(crash.Point(packaged+"Ask", place), 0))
		said, killed := run(t, path, folder, "VICTIM_URL="+server.URL)
		require.True(t, killed, place)
		require.Equal(t, all, said)
		require.Equal(t, arrived, asked.Load(), place)
	}
	said, killed := run(t, path, folder, "VICTIM_URL="+server.URL)
	require.False(t, killed)
	require.Equal(t, all+"asked\n", said)
}

func TestAPointThatWasTakenBackDoesNotFire(t *testing.T) {
	path := victim(t, "-tags", "crashpoints")
	folder := crash.Folder(t.TempDir())
	point := crash.Point("a/step", crash.AfterCommit)
	require.NoError(t, folder.Arm(point, 0))
	waited, err := folder.Disarm(point)
	require.NoError(t, err)
	require.True(t, waited)
	waited, err = folder.Disarm(point)
	require.NoError(t, err, "once more is nothing")
	require.False(t, waited)
	_, killed := run(t, path, folder)
	require.False(t, killed)
}

// Two points of a process that are passed in the same moment would otherwise share a death, and one of them proves nothing.
func TestEachDeathIsThatOfOnePointAlsoIfManyArePassedAtOnce(t *testing.T) {
	const points = 40
	path := victim(t, "-tags", "crashpoints")
	folder := crash.Folder(t.TempDir())
	for n := range points {
		require.NoError(t, folder.Arm(crash.Point(fmt.Sprint("at-once/", n), crash.BeforeCommit), 0))
	}
	for n := range points {
		said, killed := run(t, path, folder, fmt.Sprint("VICTIM_AT_ONCE=", points))
		require.True(t, killed, "%d points fired by %d deaths", points, n)
		require.Equal(t, all, said)
	}
	said, killed := run(t, path, folder, fmt.Sprint("VICTIM_AT_ONCE=", points))
	require.False(t, killed)
	require.Equal(t, all+"all at once\n", said)
}

// What is not armed costs nothing in a program that people run: the functions are not even in it.
func TestANormalBuildHasNoCrashPoints(t *testing.T) {
	require.False(t, crash.Enabled)
	next := &http.Transport{}
	require.Same(t, next, crash.Transport(next))

	folder := crash.Folder(t.TempDir())
	require.NoError(t, folder.Arm(crash.Point("a/step", crash.BeforeCommit), 0))
	path := victim(t)
	said, killed := run(t, path, folder)
	require.False(t, killed)
	require.Equal(t, all, said)
	passed, err := folder.Passed()
	require.NoError(t, err)
	require.Empty(t, passed)

	require.NotContains(t, symbols(t, path), "platform/crash.")
	require.Contains(t, symbols(t, victim(t, "-tags", "crashpoints")), "platform/crash.")
}

func symbols(t *testing.T, path string) string {
	t.Helper()
	said, err := exec.CommandContext(t.Context(), "go", "tool", "nm", path).CombinedOutput()
	require.NoError(t, err, "%s", said)
	return string(said)
}
