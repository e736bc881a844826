package sweep

import (
	"testing"
	"time"

	"go.opentelemetry.io/otel"
	"go.opentelemetry.io/otel/attribute"
	"go.opentelemetry.io/otel/sdk/metric"
	"go.opentelemetry.io/otel/sdk/metric/metricdata"

	"aftercare.dev/services/cases/api"
)

func TestTheMetricsHaveEveryKindAndForgetASweepThatIsNotTheLastAnyMore(t *testing.T) {
	reader := metric.NewManualReader()
	before := otel.GetMeterProvider()
	otel.SetMeterProvider(metric.NewMeterProvider(metric.WithReader(reader)))
	t.Cleanup(func() { otel.SetMeterProvider(before) })
	clock := now
	g, err := newGauges(func() time.Time { return clock })
	if err != nil {
		t.Fatal(err)
	}
	if got := collect(t, reader); len(got) > 0 {
		t.Errorf("before the first sweep: %v", got)
	}
	s := &sweeping{counts: map[api.FindingKind]int64{api.NoProgress: 3}}
	g.swept(s.report())
	got := collect(t, reader)
	if got["no_progress"] != 3 || got["finished"] != now.Unix() || len(got) != len(kinds)+1 {
		t.Errorf("after a sweep: %v", got)
	}
	if _, zero := got["stage_differs"]; !zero {
		t.Error("a kind that was not found is not zero")
	}
	clock = now.Add(fresh)
	if got = collect(t, reader); len(got) != 1 || got["finished"] != now.Unix() {
		t.Errorf("when other processes sweep: %v", got)
	}
}

// collect are the values by kind, and when the last sweep ended.
func collect(t *testing.T, reader *metric.ManualReader) map[string]int64 {
	t.Helper()
	var all metricdata.ResourceMetrics
	if err := reader.Collect(t.Context(), &all); err != nil {
		t.Fatal(err)
	}
	values := map[string]int64{}
	for _, scope := range all.ScopeMetrics {
		for _, m := range scope.Metrics {
			points, ok := m.Data.(metricdata.Gauge[int64])
			if !ok {
				t.Fatalf("%s is no gauge", m.Name)
			}
			for _, p := range points.DataPoints {
				name := "finished"
				if m.Name == "aftercare.sweep.findings" {
					kind, _ := p.Attributes.Value(attribute.Key("kind"))
					name = kind.AsString()
				}
				values[name] = p.Value
			}
		}
	}
	return values
}
