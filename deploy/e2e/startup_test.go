package e2e

import (
	"context"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

func TestWhatKeepsAProductFromStartingIsSaidInOneSentence(t *testing.T) {
	t.Parallel()
	taken, err := net.Listen("tcp", "127.0.0.1:0")
	require.NoError(t, err)
	defer func() { _ = taken.Close() }()
	file := filepath.Join(t.TempDir(), "file")
	require.NoError(t, os.WriteFile(file, nil, 0o600))
	tests := map[string]struct {
		setting, value, says string
	}{
		"the gateway's port is taken":    {"AFTERCARE_GATEWAY_ADDR", taken.Addr().String(), "AFTERCARE_GATEWAY_ADDR"},
		"the Temporal port is taken":     {"AFTERCARE_TEMPORAL_ADDR", taken.Addr().String(), "AFTERCARE_TEMPORAL_ADDR"},
		"the port of the UI is taken":    {"AFTERCARE_UI_ADDR", taken.Addr().String(), "AFTERCARE_UI_ADDR"},
		"the sandbox's port is taken":    {"AFTERCARE_SANDBOX_ADDR", taken.Addr().String(), "AFTERCARE_SANDBOX_ADDR"},
		"the mail port is taken":         {"AFTERCARE_MAIL_ADDR", taken.Addr().String(), "AFTERCARE_MAIL_ADDR"},
		"the folder is a file":           {"AFTERCARE_DIR", file, "AFTERCARE_DIR"},
		"the folder is below a file":     {"AFTERCARE_DIR", filepath.Join(file, "var"), "AFTERCARE_DIR"},
		"the folder is in use":           {"AFTERCARE_DIR", shared.dir, "another Aftercare runs"},
		"an address is none":             {"AFTERCARE_GATEWAY_ADDR", "nowhere", "AFTERCARE_GATEWAY_ADDR"},
		"the time scale is no number":    {"AFTERCARE_SANDBOX_TIME_SCALE", "fast", "AFTERCARE_SANDBOX_TIME_SCALE"},
		"the time scale is out of range": {"AFTERCARE_SANDBOX_TIME_SCALE", "0", "AFTERCARE_SANDBOX_TIME_SCALE"},
		"the log level is unknown":       {"LOG_LEVEL", "loud", "LOG_LEVEL"},
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			p := newPlace(t, "7200")
			p.environ = append(p.environ, "LOG_LEVEL=error", test.setting+"="+test.value)
			ctx, stop := context.WithTimeout(context.Background(), patience)
			defer stop()
			c := p.command(ctx, "run")
			out, err := c.Output()
			var exit *exec.ExitError
			require.ErrorAs(t, err, &exit, "it starts: %s", out)
			require.Equal(t, 1, exit.ExitCode())
			said := strings.TrimSpace(p.said.String())
			require.Contains(t, said, test.says)
			require.Len(t, strings.Split(said, "\n"), 1, said)
			require.True(t, strings.HasPrefix(said, "aftercare: "), said)
			require.Empty(t, out)
		})
	}
}

func TestTheDemoEndsWellAndLeavesNothingBehind(t *testing.T) {
	t.Parallel()
	p := newPlace(t, "7200")
	home := t.TempDir()
	p.environ = append(p.environ, "TMPDIR="+home, "LOG_LEVEL=warn", "AFTERCARE_SANDBOX_TIME_SCALE=20000")
	ctx, stop := context.WithTimeout(context.Background(), 2*time.Minute)
	defer stop()
	c := p.command(ctx, "demo")
	c.Dir = home
	out, err := c.Output()
	require.NoErrorf(t, err, "%s\n%s", out, p.said)
	for _, step := range []string{"files the return", "courier", "inspects", "refunded to the buyer      CNY", "return freight, by insurer", "/namespaces/aftercare/workflows/"} {
		require.Contains(t, string(out), step)
	}
	for _, dir := range []string{home, p.dir} {
		left, err := os.ReadDir(dir)
		require.NoError(t, err)
		require.Empty(t, left, "files left behind")
	}
}
