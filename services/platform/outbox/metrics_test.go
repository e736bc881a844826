package outbox_test

import (
	"testing"
	"time"

	"go.opentelemetry.io/otel/attribute"
	"go.opentelemetry.io/otel/sdk/metric"
	"go.opentelemetry.io/otel/sdk/metric/metricdata"
	"gorm.io/gorm"

	"aftercare.dev/services/platform/database/databasetest"
	"aftercare.dev/services/platform/outbox"
)

func TestWhatWaitsIsMeasuredUntilTheServiceStops(t *testing.T) {
	databasetest.Each(t, migrations, func(t *testing.T, db *gorm.DB) {
		add(t, db, message("a", "1"), message("a", "2"))
		reader := metric.NewManualReader()
		stop, err := outbox.Observe(metric.NewMeterProvider(metric.WithReader(reader)).Meter("test"), db, "cases")
		if err != nil {
			t.Fatal(err)
		}
		read := func() map[string]float64 {
			var all metricdata.ResourceMetrics
			if err := reader.Collect(t.Context(), &all); err != nil {
				t.Fatal(err)
			}
			found := map[string]float64{}
			for _, scope := range all.ScopeMetrics {
				for _, m := range scope.Metrics {
					switch data := m.Data.(type) {
					case metricdata.Gauge[int64]:
						found[m.Name] = float64(data.DataPoints[0].Value)
					case metricdata.Gauge[float64]:
						found[m.Name] = data.DataPoints[0].Value
						if service, _ := data.DataPoints[0].Attributes.Value(attribute.Key("service")); service.AsString() != "cases" {
							t.Errorf("the service is %q", service.AsString())
						}
					}
				}
			}
			return found
		}

		found := read()
		if age := found["aftercare.outbox.oldest.age"]; found["aftercare.outbox.waiting"] != 2 || age < 0 || age > time.Minute.Seconds() {
			t.Errorf("found %v", found)
		}
		if err := stop(); err != nil {
			t.Fatal(err)
		}
		if found := read(); len(found) != 0 {
			t.Errorf("still measured: %v", found)
		}
	})
}
