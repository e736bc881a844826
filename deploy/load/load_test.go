package load_test

import (
	"context"
	"net/http"
	"net/http/httptest"
	"net/http/httputil"
	"net/url"
	"sync/atomic"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"aftercare.dev/deploy/load"
	"aftercare.dev/deploy/standalone"
	cases "aftercare.dev/services/cases/api"
	"aftercare.dev/services/platform/telemetry"
)

func TestAFailedRequestIsCountedAndTriedAgainUntilEveryCaseHasEnded(t *testing.T) {
	const free = "127.0.0.1:0"
	system, err := standalone.Start(t.Context(), standalone.Config{
		Dir: t.TempDir(), GatewayAddr: free, TemporalAddr: free, UIAddr: free, SandboxAddr: free, MailAddr: free, TimeScale: 20_000,
	}, telemetry.NewLogger(t.Output(), telemetry.LogConfig{Level: 12, Format: "text"}))
	require.NoError(t, err)
	defer system.Stop()
	gateway, err := url.Parse(system.GatewayURL)
	require.NoError(t, err)
	var asked, refused atomic.Int64
	proxy := httputil.NewSingleHostReverseProxy(gateway)
	door := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		// The first request sets the shop up.
		if n := asked.Add(1); n > 1 && n%10 == 0 {
			refused.Add(1)
			w.WriteHeader(http.StatusBadGateway)
			return
		}
		proxy.ServeHTTP(w, r)
	}))
	defer door.Close()

	shopping, enough := context.WithCancel(t.Context())
	defer enough()
	var closed atomic.Int64
	report, err := load.Run(shopping, load.Options{
		URL: door.URL, Keys: system.Keys, Merchant: "busy", Shoppers: 3, Waiting: 2, Patience: 2 * time.Minute,
		Closed: func(cases.Case) {
			if closed.Add(1) == 3 {
				enough()
			}
		},
	})
	require.NoError(t, err)
	require.Positive(t, refused.Load())
	require.Equal(t, refused.Load(), report.Failed, report.Failures)
	require.Equal(t, asked.Load(), report.Requests)
	require.Empty(t, report.Lost)
	require.GreaterOrEqual(t, report.Closed, 3)
	require.Equal(t, report.Filed, report.Closed)
	require.Equal(t, 2, report.Waiting)
	account, err := load.Audit(t.Context(), report, system.SandboxURL)
	require.NoError(t, err)
	require.ErrorContains(t, account.Check(), "requests failed", "somebody noticed")
	account.Failed = 0
	require.NoError(t, account.Check())
}
