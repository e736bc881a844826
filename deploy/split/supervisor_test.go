package split

import (
	"os/exec"
	"path/filepath"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

// only is a house of one process, which runs until the end of the test.
func only(t *testing.T, script string) (*House, *Process) {
	t.Helper()
	shell, err := exec.LookPath("sh")
	require.NoError(t, err)
	h := &House{thread: newThread(), processes: map[string]*Process{}, order: []string{"p-1"}}
	p := &Process{Name: "p-1", path: shell, args: []string{"-c", script}, thread: h.thread, logPath: filepath.Join(t.TempDir(), "log")}
	h.processes[p.Name] = p
	t.Cleanup(func() {
		require.NoError(t, p.Kill())
		h.thread.close()
	})
	require.NoError(t, p.Start(t.Context()))
	return h, p
}

// dies waits until so many ends were seen.
func dies(t *testing.T, s *Supervisor, times int) []Death {
	t.Helper()
	require.Eventually(t, func() bool { return len(s.Deaths()) >= times }, 10*time.Second, 5*time.Millisecond)
	return s.Deaths()
}

func TestAProcessThatIsKilledIsStartedAgain(t *testing.T) {
	h, p := only(t, "exec sleep 600")
	s := h.Supervise(t.Context())
	first := p.cmd.Process.Pid
	for n := range 3 {
		require.Eventually(t, func() bool {
			require.NoError(t, s.Kill(p.Name, 0))
			return len(s.Deaths()) > n
		}, 10*time.Second, 5*time.Millisecond)
	}
	for _, d := range s.Deaths() {
		require.True(t, d.Killed, "%s", d)
	}
	// It runs again, as another one, and is left alone from now on.
	require.Eventually(t, func() bool {
		w := s.watched[p.Name]
		w.mu.Lock()
		defer w.mu.Unlock()
		return w.Running()
	}, 10*time.Second, 5*time.Millisecond)
	require.NoError(t, s.Stop())
	require.NotEqual(t, first, p.cmd.Process.Pid)
	require.NoError(t, p.Kill())
	require.False(t, p.Running())
	require.ErrorContains(t, s.Kill("q-1", 0), "not watched")
}

func TestAProcessStaysDownForAsLongAsItWasToldTo(t *testing.T) {
	h, p := only(t, "exec sleep 600")
	s := h.Supervise(t.Context(), p.Name)
	require.NoError(t, s.Kill(p.Name, time.Hour))
	dies(t, s, 1)
	require.NoError(t, s.Kill(p.Name, 0), "who is down cannot be killed")
	require.NoError(t, s.Stop())
	require.Len(t, s.Deaths(), 1)
	require.False(t, p.Running())
}

func TestAnEndThatNobodyAskedForIsTold(t *testing.T) {
	h, p := only(t, "echo the cat sat on it; exit 3")
	s := h.Supervise(t.Context())
	d := dies(t, s, 1)[0]
	require.NoError(t, s.Stop())
	require.False(t, d.Killed)
	require.Equal(t, p.Name, d.Process)
	require.Contains(t, d.String(), "exit status 3: the cat sat on it")
}
