package e2e

import (
	"context"
	"encoding/json"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"aftercare.dev/deploy/replay"
)

// sample is a piece of a real shop's export.
var sample = filepath.Join("..", "replay", "testdata", "sample.csv.gz")

func TestAReplayThatIsKilledTwiceEndsToTheLastPenny(t *testing.T) {
	t.Parallel()
	p := newPlace(t, "20000")
	ctx, stop := context.WithTimeout(context.Background(), 3*time.Minute)
	defer stop()
	// The replay goes on while the system under it is killed and comes back.
	kill := p.run()
	c := p.command(ctx, "replay", "--data", sample)
	out, err := c.StdoutPipe()
	require.NoError(t, err)
	require.NoError(t, c.Start())
	t.Cleanup(func() { _ = c.Process.Kill() })
	said := make(chan string, 1)
	driving, began := make(chan struct{}), sync.Once{}
	go func() {
		var last string
		lines(out, func(line string) {
			if strings.Contains(line, "returns") {
				began.Do(func() { close(driving) })
			}
			if strings.TrimSpace(line) != "" {
				last = line
			}
		})
		said <- last
	}()
	select {
	case <-driving:
	case <-ctx.Done():
		require.FailNow(t, "no return was filed", p.said.String())
	}
	for range 2 {
		clerk := p.house.as(t, "online-retail", "operator", "o")
		eventually(t, "some cases are open", func() bool {
			a, err := clerk.try("GET", "/v1/cases?status=open", nil)
			return err == nil && strings.Contains(string(a.body), `"case_id"`)
		})
		kill()
		kill = p.run()
	}
	last := <-said
	require.NoErrorf(t, c.Wait(), "%s\n%s", last, around(p.said.String(), "\naftercare: "))
	var report replay.Report
	require.NoErrorf(t, json.Unmarshal([]byte(last), &report), "%s", last)
	t.Log(last)
	require.Positive(t, report.ReturnsFiled)
	require.Equal(t, report.ReturnsFiled, report.ReturnsClosed)
	require.Zero(t, report.DifferenceMinor)
	sum, _, ok, err := replay.Journaled(filepath.Join(p.dir, "sandbox", "payment.ndjson"), "GBP")
	require.NoError(t, err)
	require.True(t, ok)
	require.Equal(t, report.ExpectedMinor, sum, "the payment provider's journal")
}
