package report_test

import (
	"bytes"
	"flag"
	"fmt"
	"math"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"aftercare.dev/deploy/bench/report"
)

var update = flag.Bool("update", false, "write the page anew")

func TestAResultIsReadAsItWasWritten(t *testing.T) {
	var kept bytes.Buffer
	require.NoError(t, report.WriteJSON(&kept, sample()))
	read, err := report.ReadJSON(&kept)
	require.NoError(t, err)
	require.Equal(t, sample(), read)
}

func TestAResultOfAnotherVersionIsRefused(t *testing.T) {
	_, err := report.ReadJSON(strings.NewReader(`{"seed": 7, "moon": "full"}`))
	require.ErrorContains(t, err, "moon")
}

func TestARatioOfNothingIsNotWritten(t *testing.T) {
	r := sample()
	r.Comparisons[0].CPU.Value = math.NaN()
	require.ErrorContains(t, report.WriteJSON(&bytes.Buffer{}, r), "NaN")
}

func TestThePageTellsTheTargetsAndThenTheTables(t *testing.T) {
	const golden = "testdata/page.md"
	page := pageOf(t, sample())
	if *update {
		require.NoError(t, os.WriteFile(golden, []byte(page), 0o600))
	}
	want, err := os.ReadFile(golden)
	require.NoError(t, err)
	require.Equal(t, string(want), page)
}

func TestWhatWasNotMeasuredIsLeftOut(t *testing.T) {
	r := report.Result{Command: "make bench-quick", Quick: true}
	r.Judge(nil)
	page := pageOf(t, r)
	require.Equal(t, 8, strings.Count(page, "| – | not measured in this run |"))
	require.Contains(t, page, "short form")
	for _, heading := range []string{"twin\n", "HTTP", "Scale", "Memory", "Filing"} {
		for line := range strings.Lines(page) {
			require.False(t, strings.HasPrefix(line, "#") && strings.Contains(line, heading), line)
		}
	}
}

func TestFailedCasesAreToldOnThePage(t *testing.T) {
	r := sample()
	r.Comparisons[0].Twin.Failed, r.Comparisons[0].Twin.FirstError = 3, "no workers"
	r.Journeys[0].Failed, r.Journeys[0].FirstError = 1200, "it rained"
	page := pageOf(t, r)
	require.Contains(t, page, "3 cases of the twin failed (embedded, closed, 1), the first with: no workers")
	require.Contains(t, page, "1,200 cases failed (embedded, plain), the first with: it rained")
}

func TestThePageTellsWhichReadsSufferMost(t *testing.T) {
	r := sample()
	r.Scale.Reads = nil
	for i := range 12 {
		r.Scale.Reads = append(r.Scale.Reads, read(fmt.Sprintf("question %d", i), report.List, "MariaDB", 1, float64(2+i)))
	}
	page := pageOf(t, r)
	require.NotContains(t, page, "question 1 |")
	first, last := strings.Index(page, "question 11 |"), strings.Index(page, "question 2 |")
	require.Positive(t, first)
	require.Greater(t, last, first)
}

func TestAPageIsChangedOnlyBetweenItsMarks(t *testing.T) {
	const before, after = "# Performance\n\nWhat it is.\n\n<!-- benchmark -->\n", "<!-- /benchmark -->\n\nWhat follows from it.\n"
	path := filepath.Join(t.TempDir(), "performance.md")
	require.NoError(t, os.WriteFile(path, []byte(before+"what was there\n"+after), 0o640))
	for range 2 { // the second finds what the first wrote
		require.NoError(t, report.Update(path, sample()))
		content, err := os.ReadFile(path)
		require.NoError(t, err)
		require.Equal(t, before+"\n"+pageOf(t, sample())+"\n"+after, string(content))
	}
	info, err := os.Stat(path)
	require.NoError(t, err)
	require.Equal(t, os.FileMode(0o640), info.Mode().Perm())
}

func TestAPageWithoutItsMarksIsRefusedAndLeftAsItIs(t *testing.T) {
	const begin, end = "<!-- benchmark -->\n", "<!-- /benchmark -->\n"
	for name, content := range map[string]string{
		"none":           "# Performance\n",
		"only the first": begin + "tables\n",
		"only the last":  "tables\n" + end,
		"backwards":      end + "tables\n" + begin,
		"two sections":   begin + end + begin + end,
		"begun twice":    begin + begin + end,
		"in a sentence":  "Between <!-- benchmark --> and <!-- /benchmark --> is the table.\n",
	} {
		t.Run(name, func(t *testing.T) {
			path := filepath.Join(t.TempDir(), "performance.md")
			require.NoError(t, os.WriteFile(path, []byte(content), 0o600))
			require.ErrorContains(t, report.Update(path, sample()), "<!-- benchmark -->")
			left, err := os.ReadFile(path)
			require.NoError(t, err)
			require.Equal(t, content, string(left))
		})
	}
	require.ErrorIs(t, report.Update(filepath.Join(t.TempDir(), "none.md"), sample()), os.ErrNotExist)
}

func pageOf(t *testing.T, r report.Result) string {
	t.Helper()
	var page strings.Builder
	require.NoError(t, report.Markdown(&page, r))
	return page.String()
}
