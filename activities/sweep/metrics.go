package sweep

import (
	"context"
	"sync"
	"time"

	"go.opentelemetry.io/otel"
	"go.opentelemetry.io/otel/attribute"
	"go.opentelemetry.io/otel/metric"
)

// fresh is for how long the findings of a sweep are told. The next sweep may run in another process, whose findings then
// count; what this one found must not be told for ever.
const fresh = 15 * time.Minute

// gauges are the metrics of the last sweep in this process: aftercare.sweep.findings by kind, zero for a kind that was
// not found, and aftercare.sweep.finished.
type gauges struct {
	now func() time.Time

	mu       sync.Mutex
	last     Report
	finished time.Time
}

func newGauges(now func() time.Time) (*gauges, error) {
	meter := otel.Meter("aftercare.dev/activities/sweep")
	findings, err := meter.Int64ObservableGauge("aftercare.sweep.findings",
		metric.WithDescription("Cases and workflows that are not as they should be, by kind, as of the last sweep"))
	if err != nil {
		return nil, err
	}
	finished, err := meter.Int64ObservableGauge("aftercare.sweep.finished", metric.WithUnit("s"),
		metric.WithDescription("When the last sweep ended, in seconds since 1970"))
	if err != nil {
		return nil, err
	}
	g := &gauges{now: now}
	_, err = meter.RegisterCallback(func(_ context.Context, o metric.Observer) error {
		g.mu.Lock()
		defer g.mu.Unlock()
		if g.finished.IsZero() {
			return nil
		}
		o.ObserveInt64(finished, g.finished.Unix())
		if g.now().Sub(g.finished) < fresh {
			for _, c := range g.last.Counts {
				o.ObserveInt64(findings, c.Found, metric.WithAttributes(attribute.String("kind", string(c.Kind))))
			}
		}
		return nil
	}, findings, finished)
	return g, err
}

func (g *gauges) swept(r Report) {
	g.mu.Lock()
	defer g.mu.Unlock()
	g.last, g.finished = r, g.now()
}
