package cases

import (
	"context"
	"errors"
	"time"

	"go.opentelemetry.io/otel/attribute"
	"go.opentelemetry.io/otel/metric"

	"aftercare.dev/services/cases/store"
	"aftercare.dev/services/platform/telemetry"
)

// counters count what happens to cases. A step counts when its transaction has committed, and never twice; one whose
// commit was not answered does not count.
type counters struct{ opened, closed, reopened, missed metric.Int64Counter }

func newCounters(meter metric.Meter) (*counters, error) {
	var (
		c    counters
		errs [4]error
	)
	c.opened, errs[0] = meter.Int64Counter("aftercare.cases.opened", metric.WithUnit("{case}"), metric.WithDescription("Cases that were opened"))
	c.closed, errs[1] = meter.Int64Counter("aftercare.cases.closed", metric.WithUnit("{case}"), metric.WithDescription("Cases that ended, also once more"))
	c.reopened, errs[2] = meter.Int64Counter("aftercare.cases.reopened", metric.WithUnit("{case}"),
		metric.WithDescription("Closed cases that were opened again, by why"))
	c.missed, errs[3] = meter.Int64Counter("aftercare.cases.deadlines_missed", metric.WithUnit("{deadline}"),
		metric.WithDescription("Deadlines that passed before who was expected acted, by what followed"))
	return &c, errors.Join(errs[:]...)
}

func (c *counters) count(ctx context.Context, merchantID string, r store.Recorded) {
	about := []attribute.KeyValue{attribute.String("merchant_id", merchantID), attribute.String("type", r.Type)}
	if r.Opened {
		c.opened.Add(ctx, 1, metric.WithAttributes(about...))
	}
	if r.Closed {
		c.closed.Add(ctx, 1, metric.WithAttributes(append(about, attribute.String("outcome", r.Outcome))...))
	}
	if r.Reopened != "" {
		c.reopened.Add(ctx, 1, metric.WithAttributes(append(about, attribute.String("reason", r.Reopened))...))
	}
	if r.Missed != "" {
		c.missed.Add(ctx, 1, metric.WithAttributes(append(about, attribute.String("consequence", r.Missed))...))
	}
}

// gauges show the open cases as the database has them: every instance of the service shows the same.
type gauges struct {
	open, attention, overdue metric.Int64ObservableGauge
	oldest                   metric.Float64ObservableGauge
}

// observe shows the gauges until the function that it returns is called.
func observe(meter metric.Meter, records *store.Store) (stop func() error, err error) {
	var (
		g    gauges
		errs [4]error
	)
	g.open, errs[0] = meter.Int64ObservableGauge("aftercare.cases.open", metric.WithUnit("{case}"), metric.WithDescription("Open cases"))
	g.attention, errs[1] = meter.Int64ObservableGauge("aftercare.cases.needs_attention", metric.WithUnit("{case}"),
		metric.WithDescription("Open cases that wait for an operator"))
	g.overdue, errs[2] = meter.Int64ObservableGauge("aftercare.cases.overdue", metric.WithUnit("{case}"),
		metric.WithDescription("Open cases whose deadline passed more than a minute ago"))
	g.oldest, errs[3] = meter.Float64ObservableGauge("aftercare.cases.oldest.age", metric.WithUnit("s"),
		metric.WithDescription("Age of the oldest open case"))
	if err := errors.Join(errs[:]...); err != nil {
		return nil, err
	}
	read := telemetry.Sample(records.Measures)
	registration, err := meter.RegisterCallback(func(ctx context.Context, o metric.Observer) error {
		measures, err := read(ctx)
		if err != nil {
			return err
		}
		g.show(o, measures)
		return nil
	}, g.open, g.attention, g.overdue, g.oldest)
	if err != nil {
		return nil, err
	}
	return registration.Unregister, nil
}

// group are the values of up to three labels.
type group [3]string

func labelled(values group, labels ...string) metric.MeasurementOption {
	attributes := make([]attribute.KeyValue, 0, len(values))
	for i, label := range labels {
		attributes = append(attributes, attribute.String(label, values[i]))
	}
	return metric.WithAttributes(attributes...)
}

func (g *gauges) show(o metric.Observer, measures []store.Measure) {
	open, attention, overdue, oldest := map[group]int64{}, map[group]int64{}, map[group]int64{}, map[group]time.Time{}
	for _, m := range measures {
		ofType := group{m.MerchantID, m.Type}
		open[group{m.MerchantID, m.Type, m.Stage}] += m.Cases
		overdue[ofType] += m.Overdue
		if m.AttentionReason != "" {
			attention[group{m.MerchantID, m.AttentionReason}] += m.Cases
		}
		if first, known := oldest[ofType]; !known || m.Oldest.Before(first) {
			oldest[ofType] = m.Oldest.Time
		}
	}
	for k, n := range open {
		o.ObserveInt64(g.open, n, labelled(k, "merchant_id", "type", "stage"))
	}
	for k, n := range attention {
		o.ObserveInt64(g.attention, n, labelled(k, "merchant_id", "reason"))
	}
	for k, n := range overdue {
		o.ObserveInt64(g.overdue, n, labelled(k, "merchant_id", "type"))
		o.ObserveFloat64(g.oldest, time.Since(oldest[k]).Seconds(), labelled(k, "merchant_id", "type"))
	}
}
