package process

import (
	"log/slog"
	"math"
	"os"
	"runtime/debug"
	"testing"

	"github.com/stretchr/testify/require"
)

// tuned is how often garbage is collected, and the limit of memory, after [TuneMemory] under these variables. Both are as before
// after the test.
func tuned(t *testing.T, environ map[string]string) (percent int, limit int64) {
	t.Helper()
	for _, name := range []string{"GOGC", "GOMEMLIMIT", "AUTOMEMLIMIT"} {
		t.Setenv(name, environ[name])
		if _, set := environ[name]; !set {
			require.NoError(t, os.Unsetenv(name))
		}
	}
	percentBefore, limitBefore := debug.SetGCPercent(100), debug.SetMemoryLimit(math.MaxInt64)
	TuneMemory(slog.New(slog.DiscardHandler))
	return debug.SetGCPercent(percentBefore), debug.SetMemoryLimit(limitBefore)
}

func TestGarbageIsCollectedLessOftenThanGoWould(t *testing.T) {
	percent, _ := tuned(t, nil)
	require.Equal(t, gcPercent, percent)
}

func TestWhoSetsTheCollectorIsObeyed(t *testing.T) {
	// The runtime reads both when the program starts: what it found stays.
	percent, limit := tuned(t, map[string]string{"GOGC": "50", "GOMEMLIMIT": "1GiB"})
	require.Equal(t, 100, percent)
	require.EqualValues(t, math.MaxInt64, limit)
}
