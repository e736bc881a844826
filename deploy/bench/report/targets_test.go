package report_test

import (
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"aftercare.dev/deploy/bench/report"
)

func TestATargetIsMetUpToItsBoundAndNotBeyond(t *testing.T) {
	ratio := func(x float64) report.Interval { return report.Interval{Value: x} }
	each := func(change func(*report.Comparison)) func(*report.Result) {
		return func(r *report.Result) {
			for i := range r.Comparisons {
				change(&r.Comparisons[i])
			}
		}
	}
	cost := func(change func(*report.Cost)) func(*report.Result) {
		return func(r *report.Result) { change(&r.Costs[0]) }
	}
	for name, c := range map[string]struct {
		target       report.Name
		just, beyond func(*report.Result)
	}{
		"throughput": {
			report.Throughput,
			each(func(c *report.Comparison) { c.Throughput = ratio(0.85) }),
			each(func(c *report.Comparison) { c.Throughput = ratio(0.8499) }),
		},
		"CPU": {
			report.CPU,
			each(func(c *report.Comparison) { c.CPU = ratio(1.35) }),
			each(func(c *report.Comparison) { c.CPU = ratio(1.3501) }),
		},
		"p99 of a filing": {
			report.PostP99,
			func(r *report.Result) { r.Posts[0].P99 = ratio(1.5) },
			func(r *report.Result) { r.Posts[0].P99 = ratio(1.501) },
		},
		"actions": {
			report.Actions,
			cost(func(c *report.Cost) { c.Actions, c.StraightforwardActions = 27, 45 }),
			cost(func(c *report.Cost) { c.Actions, c.StraightforwardActions = 28, 45 }),
		},
		"events": {
			report.History,
			cost(func(c *report.Cost) { c.Parent = report.Shape{Events: 60, Bytes: 60_000} }),
			cost(func(c *report.Cost) { c.Parent = report.Shape{Events: 61, Bytes: 60_000} }),
		},
		"bytes": {
			report.History,
			cost(func(c *report.Cost) { c.Parent = report.Shape{Events: 60, Bytes: 60_000} }),
			cost(func(c *report.Cost) { c.Parent = report.Shape{Events: 60, Bytes: 60_001} }),
		},
		"lists": {
			report.ReadsAtScale,
			func(r *report.Result) { r.Scale.Reads[0].P99 = ratio(1.5) },
			func(r *report.Result) { r.Scale.Reads[0].P99 = ratio(1.51) },
		},
		"work-lists": {
			report.ReadsAtScale,
			func(r *report.Result) { r.Scale.Reads[1].P99 = ratio(1.5) },
			func(r *report.Result) { r.Scale.Reads[1].P99 = ratio(1.51) },
		},
		"statements": {
			report.Statements,
			cost(func(c *report.Cost) { c.Statements = map[string]int{"cases": 40, "order": 20} }),
			cost(func(c *report.Cost) { c.Statements = map[string]int{"cases": 40, "order": 21} }),
		},
		"a second worker": {
			report.SecondWorker,
			func(r *report.Result) { r.Scale.Workers[1].PerSecond = ratio(18) },
			func(r *report.Result) { r.Scale.Workers[1].PerSecond = ratio(17.9) },
		},
	} {
		t.Run(name, func(t *testing.T) {
			r := sample()
			c.just(&r)
			require.True(t, judged(&r, c.target, "").Met)
			c.beyond(&r)
			missed := judged(&r, c.target, "the profile shows why")
			require.False(t, missed.Met)
			require.Equal(t, "the profile shows why", missed.Reason)
			require.Contains(t, row(t, r, missed), ": the profile shows why |")
		})
	}
}

func TestATargetIsMissedIfOneSetUpMissesIt(t *testing.T) {
	r := sample()
	missed := judged(&r, report.Throughput, "SQL | rows")
	require.False(t, missed.Met)
	require.Len(t, missed.Measured, 2)
	require.True(t, missed.Measured[0].Met)
	require.False(t, missed.Measured[1].Met)
	require.Contains(t, row(t, r, missed), `**no** (split): SQL \| rows |`)
}

func TestAMissedTargetWithoutAReasonSaysSo(t *testing.T) {
	r := sample()
	require.Contains(t, row(t, r, judged(&r, report.Throughput, "")), "**no** (split): no profile has shown the reason yet")
}

func TestAMetTargetNeedsNoReason(t *testing.T) {
	r := sample()
	met := judged(&r, report.CPU, "left over from the last run")
	require.Empty(t, met.Reason)
	require.Contains(t, row(t, r, met), "| yes |")
}

func TestNothingFollowsFromAnInvalidComparison(t *testing.T) {
	r := sample()
	for i := range r.Comparisons {
		r.Comparisons[i].Throughput.Value = 1
		if r.Comparisons[i].SetUp == report.Embedded {
			r.Comparisons[i].Invalid = "events differ by 4 %"
		}
	}
	target := judged(&r, report.Throughput, "")
	require.False(t, target.Met)
	require.Contains(t, row(t, r, target), "**no** (embedded): the comparison is invalid, events differ by 4 %")
	require.Contains(t, pageOf(t, r), "**Invalid** (embedded, closed, 32): events differ by 4 %.")
}

func TestATargetThatWasNotMeasuredAsItIsMeantIsNotMet(t *testing.T) {
	for name, c := range map[string]struct {
		target report.Name
		change func(*report.Result)
	}{
		"too few cases": {report.ReadsAtScale, func(r *report.Result) {
			for i := range r.Scale.Reads {
				r.Scale.Reads[i].Many.Cases = 999_999
			}
		}},
		"another load": {report.PostP99, func(r *report.Result) { r.Posts[0].Load.Share = 0.7 }},
		"another concurrency": {report.CPU, func(r *report.Result) {
			for i := range r.Comparisons {
				r.Comparisons[i].Load.Concurrency = 8
			}
		}},
		"another kind of case": {report.Statements, func(r *report.Result) { r.Costs[0].Kind = "courier" }},
		"a number left empty":  {report.PostP99, func(r *report.Result) { r.Posts[0].P99 = report.Interval{} }},
		"one worker alone":     {report.SecondWorker, func(r *report.Result) { r.Scale.Workers = r.Scale.Workers[:1] }},
	} {
		t.Run(name, func(t *testing.T) {
			r := sample()
			c.change(&r)
			target := judged(&r, c.target, "not known")
			require.False(t, target.Met)
			require.Empty(t, target.Measured)
			require.Contains(t, row(t, r, target), "| – | not measured in this run |")
		})
	}
}

func TestASlowSearchMissesNoTarget(t *testing.T) {
	r := sample()
	target := judged(&r, report.ReadsAtScale, "")
	require.True(t, target.Met)
	require.Equal(t, "SQLite, list", target.Measured[0].Of)
}

// judged judges a result, with a reason for one target, and returns that target.
func judged(r *report.Result, name report.Name, reason string) report.Target {
	r.Judge(map[report.Name]string{name: reason})
	for _, target := range r.Targets {
		if target.Name == name {
			return target
		}
	}
	return report.Target{}
}

// row is the line of the page about a target.
func row(t *testing.T, r report.Result, target report.Target) string {
	t.Helper()
	for line := range strings.Lines(pageOf(t, r)) {
		if strings.HasPrefix(line, "| "+target.What+" |") {
			return line
		}
	}
	require.Fail(t, "the page does not name a target", target.What)
	return ""
}
