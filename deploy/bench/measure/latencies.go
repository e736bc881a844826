package measure

import (
	"encoding/json"
	"math"
	"slices"
	"time"
)

// Latencies are how long things took, in seconds, in no order. All of them are kept, so that percentiles are exact. In JSON
// they are their [Summary].
type Latencies []float64

// Add keeps one more.
func (l *Latencies) Add(d time.Duration) { *l = append(*l, d.Seconds()) }

// Percentile is the smallest of the latencies that p percent of them do not exceed (nearest rank), 0 if there are none.
func (l Latencies) Percentile(p float64) time.Duration {
	return seconds(rank(slices.Sorted(slices.Values(l)), p))
}

// Summary sums the latencies up.
func (l Latencies) Summary() Summary {
	if len(l) == 0 {
		return Summary{}
	}
	sorted := slices.Sorted(slices.Values(l))
	return Summary{
		Count: len(l), P50: rank(sorted, 50), P95: rank(sorted, 95), P99: rank(sorted, 99), Max: sorted[len(sorted)-1],
	}
}

// MarshalJSON implements [json.Marshaler].
func (l Latencies) MarshalJSON() ([]byte, error) { return json.Marshal(l.Summary()) }

// Summary is what many latencies come to, in seconds.
type Summary struct {
	Count int     `json:"count"`
	P50   float64 `json:"p50_seconds"`
	P95   float64 `json:"p95_seconds"`
	P99   float64 `json:"p99_seconds"`
	Max   float64 `json:"max_seconds"`
}

// rank is the nearest-rank percentile of sorted values.
func rank(sorted []float64, p float64) float64 {
	if len(sorted) == 0 {
		return 0
	}
	n := int(math.Ceil(p / 100 * float64(len(sorted))))
	return sorted[min(max(n, 1), len(sorted))-1]
}

func seconds(s float64) time.Duration { return time.Duration(math.Round(s * float64(time.Second))) }
