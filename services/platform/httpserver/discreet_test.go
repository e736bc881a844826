package httpserver_test

import (
	"fmt"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"testing"

	"github.com/stretchr/testify/require"
	"go.opentelemetry.io/otel"
	sdktrace "go.opentelemetry.io/otel/sdk/trace"
	"go.opentelemetry.io/otel/sdk/trace/tracetest"

	"aftercare.dev/services/platform/httpclient"
	"aftercare.dev/services/platform/httpserver"
)

func TestATraceHasNoAddressWithItsValues(t *testing.T) {
	spans := tracetest.NewInMemoryExporter()
	provider := sdktrace.NewTracerProvider(sdktrace.WithSyncer(spans))
	before := otel.GetTracerProvider()
	otel.SetTracerProvider(provider)
	t.Cleanup(func() { otel.SetTracerProvider(before) })

	server, err := httpserver.New(httpserver.Options{Name: "door", Logger: slog.New(slog.DiscardHandler)})
	require.NoError(t, err)
	server.Mount(http.MethodGet, "/callbacks/:token", http.HandlerFunc(func(http.ResponseWriter, *http.Request) {}))
	door := httptest.NewServer(server.Handler())
	t.Cleanup(door.Close)
	client := httpclient.New(httpclient.Options{BaseURL: door.URL})
	for _, path := range []string{"/callbacks/unguessable", "/unguessable/nowhere", "/callbacks/unguessable/?access_token=unguessable"} {
		r, err := http.NewRequestWithContext(t.Context(), http.MethodGet, door.URL+path, http.NoBody)
		require.NoError(t, err)
		answer, err := client.Do(r)
		require.NoError(t, err)
		require.NoError(t, answer.Body.Close())
	}
	require.Eventually(t, func() bool { return len(spans.GetSpans()) >= 6 }, 5e9, 1e7)
	for _, span := range spans.GetSpans() {
		require.NotContains(t, fmt.Sprint(span.Name, span.Attributes), "unguessable")
	}
}
