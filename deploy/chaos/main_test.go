package chaos

import (
	"context"
	"fmt"
	"log/slog"
	"os"
	"path/filepath"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"aftercare.dev/deploy/split"
)

// workshop is where the programs are built.
var workshop string

// programs are built once for all tests.
var programs = sync.OnceValues(func() (split.Programs, error) {
	return split.Build(context.Background(), filepath.Join(workshop, "programs"))
})

func TestMain(m *testing.M) {
	var err error
	if workshop, err = os.MkdirTemp("", "aftercare-chaos-"); err != nil {
		fmt.Fprintln(os.Stderr, "chaos:", err)
		os.Exit(1)
	}
	code := m.Run()
	_ = os.RemoveAll(workshop)
	os.Exit(code)
}

// house is one that runs until the end of the test.
func house(t *testing.T, o Options) *runner {
	t.Helper()
	built, err := programs()
	require.NoError(t, err)
	o.Dir, o.Programs, o.Log = t.TempDir(), built, slog.New(slog.NewTextHandler(t.Output(), nil))
	ctx, stop := context.WithTimeout(t.Context(), 2*time.Minute)
	defer stop()
	r, err := start(ctx, o)
	require.NoError(t, err)
	t.Cleanup(func() { require.NoError(t, r.close()) })
	return r
}
