package bench

import (
	"fmt"
	"strings"

	"aftercare.dev/deploy/bench/measure"
	"aftercare.dev/deploy/bench/report"
	"aftercare.dev/deploy/bench/twin"
)

// pair is a turn of each side, one after the other.
type pair struct{ product, twin turn }

// sum is what all turns of a side come to.
type sum struct {
	measure.Run
	perSecond measure.Interval
	used      measure.Usage
	footprint twin.Footprint
}

func sumOf(pairs []pair, of func(pair) turn, seed uint64) sum {
	all := sum{used: measure.Usage{}}
	var perSecond []measure.Pair
	for _, p := range pairs {
		t := of(p)
		all.Done += t.Done
		all.Failed += t.Failed
		all.Elapsed += t.Elapsed
		all.Latencies = append(all.Latencies, t.Latencies...)
		if all.FirstError == "" {
			all.FirstError = t.FirstError
		}
		for name, used := range t.used {
			used.CPU += all.used[name].CPU
			all.used[name] = used
		}
		all.footprint = all.footprint.Plus(t.footprint)
		perSecond = append(perSecond, measure.Pair{A: float64(t.Done), B: t.Elapsed.Seconds()})
	}
	all.perSecond = measure.Ratio(perSecond, seed)
	return all
}

// side is the sum in the report.
func (s sum) side() report.Side {
	return report.Side{
		Done: s.Done, Failed: s.Failed, FirstError: s.FirstError, PerSecond: report.Interval(s.perSecond),
		Latency: report.Latency(s.Latencies.Summary()), CPUSeconds: cpuOf(s.used, s.Done), Shape: shapeOf(s.footprint),
	}
}

func shapeOf(f twin.Footprint) report.Shape {
	n := float64(max(f.Cases, 1))
	return report.Shape{Events: float64(f.Events) / n, Bytes: float64(f.Bytes) / n, Transitions: float64(f.Transitions) / n}
}

// invalid says why nothing follows from the turns of product and twin. It is empty if something does.
func invalid(product, other sum) string {
	var reasons []string
	for _, s := range []struct {
		name string
		sum
	}{{"the product", product}, {"the twin", other}} {
		if s.Failed > 0 {
			reasons = append(reasons, fmt.Sprintf("%d of %d cases of %s failed", s.Failed, s.Failed+s.Done, s.name))
		}
	}
	if err := twin.Compare(product.footprint, other.footprint); err != nil {
		reasons = append(reasons, strings.ReplaceAll(err.Error(), "\n", "; "))
	}
	return strings.Join(reasons, "; ")
}
