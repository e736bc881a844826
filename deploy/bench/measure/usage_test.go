package measure

import (
	"io/fs"
	"os"
	"os/exec"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

// busy has the test's program burn CPU as a process of its own.
const busy = "MEASURE_TEST_BURNS"

// burns is for how long it does so, of CPU time.
const burns = 300 * time.Millisecond

func TestMain(m *testing.M) {
	if os.Getenv(busy) == "" {
		os.Exit(m.Run())
	}
	used := func() time.Duration {
		u, err := Read(map[string]int{"self": os.Getpid()})
		if err != nil {
			os.Exit(1)
		}
		return seconds(u["self"].CPU)
	}
	ballast := make([]byte, 64<<20)
	for i := range ballast {
		ballast[i] = byte(i)
	}
	for used() < burns {
		for i := range ballast[:1<<20] {
			ballast[i]++
		}
	}
	if os.Getenv(busy) == "waits" {
		_, _ = os.Stdout.WriteString("done\n")
		_, _ = os.Stdin.Read(make([]byte, 1)) // until the test has read the usage
	}
}

func TestAProcessThatBurnsCPUIsSeen(t *testing.T) {
	t.Parallel()
	command := exec.CommandContext(t.Context(), os.Args[0])
	command.Env = append(os.Environ(), busy+"=waits")
	in, err := command.StdinPipe()
	require.NoError(t, err)
	out, err := command.StdoutPipe()
	require.NoError(t, err)
	require.NoError(t, command.Start())
	pids := map[string]int{"busy": command.Process.Pid, "self": os.Getpid()}
	before, err := Read(pids)
	require.NoError(t, err)
	_, err = out.Read(make([]byte, 5))
	require.NoError(t, err)
	after, err := Read(pids)
	require.NoError(t, err)
	require.NoError(t, in.Close())
	require.NoError(t, command.Wait())

	since := after.Since(before)
	require.InDelta(t, burns.Seconds(), since["busy"].CPU, 0.25)
	require.Greater(t, since["busy"].RSS, int64(64<<20))
	require.GreaterOrEqual(t, since["busy"].PeakRSS, since["busy"].RSS)
	require.InDelta(t, since["busy"].CPU+since["self"].CPU, since.Total().CPU, 1e-9)

	_, err = Read(pids)
	require.ErrorIs(t, err, fs.ErrNotExist)
	require.ErrorContains(t, err, "busy")
}

func TestChildrenThatWereWaitedForCount(t *testing.T) { //nolint:paralleltest // other children would count, too
	self := map[string]int{"self": os.Getpid()}
	before, err := Read(self)
	require.NoError(t, err)
	command := exec.CommandContext(t.Context(), os.Args[0])
	command.Env = append(os.Environ(), busy+"=ends")
	require.NoError(t, command.Run())
	after, err := Read(self)
	require.NoError(t, err)
	require.GreaterOrEqual(t, after.Since(before)["self"].CPU, burns.Seconds()-0.02)
}

func TestANameWithBlanksAndParenthesesMisleadsNobody(t *testing.T) {
	t.Parallel()
	ticks, err := ticksOf([]byte("42 (a) b (c 9 9) S 1 2 3 4 5 6 7 8 9 10 100 20 3 4 20 0 1 0\n"))
	require.NoError(t, err)
	require.EqualValues(t, 127, ticks)
	for _, wrong := range []string{"", "42 (x) S 1 2", "42 (x) S 1 2 3 4 5 6 7 8 9 10 a 20 3 4"} {
		_, err := ticksOf([]byte(wrong))
		require.ErrorIs(t, err, errFormat, wrong)
	}
}
