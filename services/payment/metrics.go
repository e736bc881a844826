package payment

import (
	"context"
	"errors"
	"time"

	"go.opentelemetry.io/otel/attribute"
	"go.opentelemetry.io/otel/metric"

	"aftercare.dev/services/payment/domain"
	"aftercare.dev/services/payment/store"
	"aftercare.dev/services/platform/telemetry"
)

// counters count money that went back to buyers, by the provider or by finance. What is known counts once; what was taken
// back later stays counted.
type counters struct{ succeeded, amount metric.Int64Counter }

func newCounters(meter metric.Meter) (*counters, error) {
	var (
		c    counters
		errs [2]error
	)
	c.succeeded, errs[0] = meter.Int64Counter("aftercare.refunds.succeeded", metric.WithUnit("{refund}"),
		metric.WithDescription("Refunds of which the buyer has everything"))
	c.amount, errs[1] = meter.Int64Counter("aftercare.refunds.amount",
		metric.WithDescription("Money that went back to buyers, in minor units of the currency"))
	return &c, errors.Join(errs[:]...)
}

func (c *counters) count(ctx context.Context, refund domain.Refund, repaid store.Repaid) {
	of := metric.WithAttributes(attribute.String("merchant_id", refund.MerchantID), attribute.String("currency", refund.Currency))
	c.amount.Add(ctx, repaid.Amount, of)
	if repaid.Whole {
		c.succeeded.Add(ctx, 1, of)
	}
}

// waiting is a pair of gauges about what waits: how many, and for how long the oldest has.
type waiting struct {
	count metric.Int64ObservableGauge
	age   metric.Float64ObservableGauge
	sort  string // the attribute that tells them apart
	read  func(context.Context) ([]store.Measure, error)
}

// observe shows the refunds that are not settled and the differences that nobody has resolved, as the database has them,
// until the function that it returns is called. Every instance of the service shows the same.
func observe(meter metric.Meter, records *store.Store) (stop func() error, err error) {
	refunds := waiting{sort: "state", read: telemetry.Sample(records.Unsettled)}
	differences := waiting{sort: "kind", read: telemetry.Sample(records.Unresolved)}
	var errs [4]error
	refunds.count, errs[0] = meter.Int64ObservableGauge("aftercare.refunds.unsettled", metric.WithUnit("{refund}"),
		metric.WithDescription("Refunds whose money has neither moved nor been given up"))
	refunds.age, errs[1] = meter.Float64ObservableGauge("aftercare.refunds.unsettled.age", metric.WithUnit("s"),
		metric.WithDescription("Age of the oldest refund that is not settled"))
	differences.count, errs[2] = meter.Int64ObservableGauge("aftercare.differences.unresolved", metric.WithUnit("{difference}"),
		metric.WithDescription("What a provider and we do not agree about, and no person is done with"))
	differences.age, errs[3] = meter.Float64ObservableGauge("aftercare.differences.unresolved.age", metric.WithUnit("s"),
		metric.WithDescription("Age of the oldest difference that is not resolved"))
	if err := errors.Join(errs[:]...); err != nil {
		return nil, err
	}
	registration, err := meter.RegisterCallback(func(ctx context.Context, o metric.Observer) error {
		return errors.Join(refunds.tell(ctx, o), differences.tell(ctx, o))
	}, refunds.count, refunds.age, differences.count, differences.age)
	if err != nil {
		return nil, err
	}
	return registration.Unregister, nil
}

func (w waiting) tell(ctx context.Context, o metric.Observer) error {
	measures, err := w.read(ctx)
	if err != nil {
		return err
	}
	for _, m := range measures {
		of := metric.WithAttributes(attribute.String("merchant_id", m.MerchantID), attribute.String(w.sort, m.Sort))
		o.ObserveInt64(w.count, m.Count, of)
		o.ObserveFloat64(w.age, time.Since(m.Oldest.Time).Seconds(), of)
	}
	return nil
}
