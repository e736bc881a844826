package cases

import (
	"context"
	"path/filepath"
	"testing"
	"time"

	"go.opentelemetry.io/otel/attribute"
	"go.opentelemetry.io/otel/sdk/metric"
	"go.opentelemetry.io/otel/sdk/metric/metricdata"

	"aftercare.dev/services/cases/domain"
	"aftercare.dev/services/cases/store"
	"aftercare.dev/services/platform/config"
	"aftercare.dev/services/platform/database"
)

// collected are the sums and gauges that a reader finds, by name and attributes.
func collected(t *testing.T, reader metric.Reader) map[string]float64 {
	t.Helper()
	var all metricdata.ResourceMetrics
	if err := reader.Collect(t.Context(), &all); err != nil {
		t.Fatal(err)
	}
	found := map[string]float64{}
	add := func(name string, of attribute.Set, value float64) {
		found[name+" "+of.Encoded(attribute.DefaultEncoder())] = value
	}
	for _, scope := range all.ScopeMetrics {
		for _, m := range scope.Metrics {
			switch data := m.Data.(type) {
			case metricdata.Sum[int64]:
				for _, p := range data.DataPoints {
					add(m.Name, p.Attributes, float64(p.Value))
				}
			case metricdata.Gauge[int64]:
				for _, p := range data.DataPoints {
					add(m.Name, p.Attributes, float64(p.Value))
				}
			case metricdata.Gauge[float64]:
				for _, p := range data.DataPoints {
					add(m.Name, p.Attributes, p.Value)
				}
			}
		}
	}
	return found
}

func TestWhatHappensToCasesIsCounted(t *testing.T) {
	reader := metric.NewManualReader()
	c, err := newCounters(metric.NewMeterProvider(metric.WithReader(reader)).Meter("test"))
	if err != nil {
		t.Fatal(err)
	}
	for _, r := range []store.Recorded{
		{Type: "return_refund", Opened: true},
		{Type: "return_refund", Missed: "approved_automatically"},
		{Type: "return_refund", Closed: true, Outcome: "refunded", Missed: "closed"},
		{Type: "return_refund", Reopened: "refund_returned"},
		{Version: 3},
	} {
		c.count(t.Context(), "m1", r)
	}
	want := map[string]float64{
		"aftercare.cases.reopened merchant_id=m1,reason=refund_returned,type=return_refund":                     1,
		"aftercare.cases.opened merchant_id=m1,type=return_refund":                                              1,
		"aftercare.cases.closed merchant_id=m1,outcome=refunded,type=return_refund":                             1,
		"aftercare.cases.deadlines_missed consequence=approved_automatically,merchant_id=m1,type=return_refund": 1,
		"aftercare.cases.deadlines_missed consequence=closed,merchant_id=m1,type=return_refund":                 1,
	}
	found := collected(t, reader)
	for name, n := range want {
		if found[name] != n {
			t.Errorf("%s is %v, want %v", name, found[name], n)
		}
	}
	if len(found) != len(want) {
		t.Errorf("found %v", found)
	}
}

func TestOpenCasesAreShownUntilTheServiceStops(t *testing.T) {
	db, err := database.Open(t.Context(), database.Config{Driver: database.SQLite, DSN: config.Secret(filepath.Join(t.TempDir(), "cases.db"))})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = database.Close(db) })
	if err := database.Migrate(t.Context(), db, store.Migrations()); err != nil {
		t.Fatal(err)
	}
	records := store.New(db, time.Now)
	opened := time.Now().Add(-time.Hour)
	open(t, records, opened, domain.State{
		Stage: "reviewing", Status: domain.StatusOpen, Document: []byte(`{}`), Deadline: opened.Add(time.Minute),
		NeedsAttention: true, AttentionReason: "provider_refused",
	})
	reader := metric.NewManualReader()
	stop, err := observe(metric.NewMeterProvider(metric.WithReader(reader)).Meter("test"), records)
	if err != nil {
		t.Fatal(err)
	}

	found := collected(t, reader)
	for name, n := range map[string]float64{
		"aftercare.cases.open merchant_id=m1,stage=reviewing,type=return_refund": 1,
		"aftercare.cases.needs_attention merchant_id=m1,reason=provider_refused": 1,
		"aftercare.cases.overdue merchant_id=m1,type=return_refund":              1,
	} {
		if found[name] != n {
			t.Errorf("%s is %v, want %v; found %v", name, found[name], n, found)
		}
	}
	if age := found["aftercare.cases.oldest.age merchant_id=m1,type=return_refund"]; age < 3600 || age > 3700 {
		t.Errorf("the oldest is %v s old", age)
	}
	if err := stop(); err != nil {
		t.Fatal(err)
	}
	if found := collected(t, reader); len(found) != 0 {
		t.Errorf("still shown: %v", found)
	}
}

func open(t *testing.T, records *store.Store, at time.Time, state domain.State) {
	t.Helper()
	ctx := context.Background()
	buyer := domain.Actor{Role: domain.RoleBuyer, ID: "b1"}
	caseID, _, err := records.StoreApplication(ctx, "m1", "key", domain.Application{Applicant: buyer, BuyerID: "b1", OrderID: "o1", Type: "return_refund"}, nil)
	if err != nil {
		t.Fatal(err)
	}
	step, err := domain.NewStep([]domain.Entry{{Number: 1, Type: "case.opened", At: at, Actor: buyer, Audience: domain.Everyone}}, state, 0)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := records.RecordStep(ctx, "m1", caseID, step); err != nil {
		t.Fatal(err)
	}
}
