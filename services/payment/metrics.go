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

// observe shows the refunds that are not settled, as the database has them, until the function that it returns is called.
// Every instance of the service shows the same.
func observe(meter metric.Meter, records *store.Store) (stop func() error, err error) {
	unsettled, err1 := meter.Int64ObservableGauge("aftercare.refunds.unsettled", metric.WithUnit("{refund}"),
		metric.WithDescription("Refunds whose money has neither moved nor been given up"))
	age, err2 := meter.Float64ObservableGauge("aftercare.refunds.unsettled.age", metric.WithUnit("s"),
		metric.WithDescription("Age of the oldest refund that is not settled"))
	if err := errors.Join(err1, err2); err != nil {
		return nil, err
	}
	read := telemetry.Sample(records.Unsettled)
	registration, err := meter.RegisterCallback(func(ctx context.Context, o metric.Observer) error {
		measures, err := read(ctx)
		if err != nil {
			return err
		}
		for _, m := range measures {
			of := metric.WithAttributes(attribute.String("merchant_id", m.MerchantID), attribute.String("state", string(m.State)))
			o.ObserveInt64(unsettled, m.Refunds, of)
			o.ObserveFloat64(age, time.Since(m.Oldest.Time).Seconds(), of)
		}
		return nil
	}, unsettled, age)
	if err != nil {
		return nil, err
	}
	return registration.Unregister, nil
}
