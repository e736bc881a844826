package database_test

import (
	"slices"
	"testing"

	"go.opentelemetry.io/otel"
	"go.opentelemetry.io/otel/attribute"
	"go.opentelemetry.io/otel/sdk/metric"
	"go.opentelemetry.io/otel/sdk/metric/metricdata"

	"aftercare.dev/services/platform/config"
	"aftercare.dev/services/platform/database"
	"aftercare.dev/services/platform/database/databasetest"
)

func TestConnectionsAreMeasuredWhileTheDatabaseIsOpen(t *testing.T) {
	tests := map[string]struct {
		configOf func(t *testing.T) database.Config
		pools    []string
	}{
		"sqlite": {func(t *testing.T) database.Config {
			return database.Config{Driver: database.SQLite, DSN: config.Secret(t.TempDir() + "/cases.db")}
		}, []string{"read", "write"}},
		"mysql": {func(t *testing.T) database.Config {
			return database.Config{Driver: database.MySQL, DSN: config.Secret(databasetest.NewMySQL(t))}
		}, []string{"all"}},
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			cfg := test.configOf(t)
			reader := metric.NewManualReader()
			before := otel.GetMeterProvider()
			otel.SetMeterProvider(metric.NewMeterProvider(metric.WithReader(reader)))
			t.Cleanup(func() { otel.SetMeterProvider(before) })
			db, err := database.Open(t.Context(), cfg)
			if err != nil {
				t.Fatal(err)
			}
			if pools := measuredPools(t, reader); !slices.Equal(pools, test.pools) {
				t.Errorf("pools %v, want %v", pools, test.pools)
			}
			if err := database.Close(db); err != nil {
				t.Fatal(err)
			}
			if pools := measuredPools(t, reader); len(pools) != 0 {
				t.Errorf("still measured: %v", pools)
			}
		})
	}
}

// measuredPools are the pools whose largest size a reader finds, each with the name of its database.
func measuredPools(t *testing.T, reader metric.Reader) []string {
	t.Helper()
	var all metricdata.ResourceMetrics
	if err := reader.Collect(t.Context(), &all); err != nil {
		t.Fatal(err)
	}
	var pools []string
	for _, scope := range all.ScopeMetrics {
		for _, m := range scope.Metrics {
			gauge, ok := m.Data.(metricdata.Gauge[int64])
			if m.Name != "db.sql.connection.max_open" || !ok {
				continue
			}
			for _, point := range gauge.DataPoints {
				pool, _ := point.Attributes.Value(attribute.Key("pool"))
				if name, _ := point.Attributes.Value(attribute.Key("db.namespace")); name.AsString() == "" {
					t.Errorf("pool %s has no name", pool.AsString())
				}
				pools = append(pools, pool.AsString())
			}
		}
	}
	slices.Sort(pools)
	return pools
}
