package outbox

import (
	"context"
	"errors"
	"time"

	"go.opentelemetry.io/otel/attribute"
	"go.opentelemetry.io/otel/metric"
	"gorm.io/gorm"

	"aftercare.dev/services/platform/telemetry"
)

// Observe measures what waits in the outbox of a service, as aftercare.outbox.waiting and aftercare.outbox.oldest.age,
// until the function that it returns is called. Every instance of the service shows the same.
func Observe(meter metric.Meter, db *gorm.DB, service string) (stop func() error, err error) {
	waiting, err1 := meter.Int64ObservableGauge("aftercare.outbox.waiting", metric.WithUnit("{message}"),
		metric.WithDescription("Messages that are not delivered"))
	oldest, err2 := meter.Float64ObservableGauge("aftercare.outbox.oldest.age", metric.WithUnit("s"),
		metric.WithDescription("Age of the oldest message that is not delivered; 0 if none waits"))
	if err := errors.Join(err1, err2); err != nil {
		return nil, err
	}
	read := telemetry.Sample(func(ctx context.Context) (Backlog, error) { return BacklogOf(ctx, db) })
	of := metric.WithAttributes(attribute.String("service", service))
	registration, err := meter.RegisterCallback(func(ctx context.Context, o metric.Observer) error {
		backlog, err := read(ctx)
		if err != nil {
			return err
		}
		age := 0.0
		if !backlog.Oldest.IsZero() {
			age = max(0, time.Since(backlog.Oldest).Seconds())
		}
		o.ObserveInt64(waiting, backlog.Waiting, of)
		o.ObserveFloat64(oldest, age, of)
		return nil
	}, waiting, oldest)
	if err != nil {
		return nil, err
	}
	return registration.Unregister, nil
}
