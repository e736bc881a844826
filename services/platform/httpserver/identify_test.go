package httpserver_test

import (
	"context"
	"net/http"
	"strings"
	"testing"

	"go.opentelemetry.io/otel"
	"go.opentelemetry.io/otel/attribute"
	"go.opentelemetry.io/otel/sdk/metric"
	"go.opentelemetry.io/otel/sdk/metric/metricdata"

	"aftercare.dev/services/platform/httpserver"
	"aftercare.dev/services/platform/telemetry"
)

func TestLogsNameTheCaseOfTheRequest(t *testing.T) {
	const id = "case_01KACTZ0000000000000000000"
	letIn := func(ctx context.Context, _ httpserver.Operation, _ *http.Request) (context.Context, error) {
		return ctx, nil
	}
	tests := map[string]struct {
		path, header string
		authorize    func(context.Context, httpserver.Operation, *http.Request) (context.Context, error)
		named        bool
	}{
		"by its path":                             {"/v1/cases/" + id + "/files", "", nil, true},
		"by what a process of the house said":     {"/v1/cases/other/files", id, nil, true},
		"not by what anybody says":                {"/v1/cases/other/files", id, letIn, false},
		"not by something else in a case's place": {"/v1/cases/13800138000/files", "", nil, false},
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			var out strings.Builder
			s := newServer(t, func(o *httpserver.Options) {
				o.Logger, o.Authorize = telemetry.NewLogger(&out, telemetry.LogConfig{Format: "json"}), test.authorize
			})
			ask(t, s, http.MethodPost, test.path, "photo", "Content-Type", "application/octet-stream", telemetry.CaseHeader, test.header)
			if named := strings.Contains(out.String(), `"case_id":"`+id+`"`); named != test.named || strings.Contains(out.String(), "13800138000") {
				t.Error(out.String())
			}
		})
	}
}

func TestRequestsAreCountedByRouteAndNeverById(t *testing.T) {
	reader := metric.NewManualReader()
	before := otel.GetMeterProvider()
	otel.SetMeterProvider(metric.NewMeterProvider(metric.WithReader(reader)))
	t.Cleanup(func() { otel.SetMeterProvider(before) })
	ask(t, newServer(t, nil), http.MethodGet, "/v1/cases/c1", "")

	var all metricdata.ResourceMetrics
	if err := reader.Collect(t.Context(), &all); err != nil {
		t.Fatal(err)
	}
	for _, scope := range all.ScopeMetrics {
		for _, m := range scope.Metrics {
			histogram, ok := m.Data.(metricdata.Histogram[float64])
			if m.Name != "http.server.request.duration" || !ok {
				continue
			}
			point := histogram.DataPoints[0]
			for key, want := range map[string]string{
				"http.route": "/v1/cases/{case_id}", "http.request.method": "GET", "http.response.status_code": "200", "service": "test",
			} {
				if got, _ := point.Attributes.Value(attribute.Key(key)); got.String() != want {
					t.Errorf("%s is %q, want %q", key, got.String(), want)
				}
			}
			return
		}
	}
	t.Error("no request was measured")
}
