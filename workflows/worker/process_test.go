package worker

import (
	"context"
	"encoding/json"
	"log/slog"
	"net"
	"net/http"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"go.temporal.io/sdk/client"
	temporallog "go.temporal.io/sdk/log"

	"aftercare.dev/services/platform/config"
)

func TestAWorkerWithoutTemporalLivesSaysWhatIsMissingAndStops(t *testing.T) {
	nobody, err := net.Listen("tcp", "127.0.0.1:0")
	require.NoError(t, err)
	require.NoError(t, nobody.Close())
	log := slog.New(slog.DiscardHandler)
	c, err := client.NewLazyClient(client.Options{HostPort: nobody.Addr().String(), Logger: temporallog.NewStructuredLogger(log)})
	require.NoError(t, err)
	cfg, err := config.Load[ProcessConfig]("", nil)
	require.NoError(t, err)
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	require.NoError(t, err)
	ctx, stop := context.WithCancel(t.Context())
	defer stop()
	ended := make(chan error, 1)
	go func() { ended <- Run(ctx, c, cfg, listener, log) }()

	url := "http://" + listener.Addr().String()
	alive, err := http.Get(url + "/livez")
	require.NoError(t, err)
	require.NoError(t, alive.Body.Close())
	require.Equal(t, http.StatusOK, alive.StatusCode)
	ready, err := http.Get(url + "/readyz")
	require.NoError(t, err)
	var said struct{ Missing []string }
	require.NoError(t, json.NewDecoder(ready.Body).Decode(&said))
	require.NoError(t, ready.Body.Close())
	require.Equal(t, []string{"temporal", "workers"}, said.Missing)

	stop()
	select {
	case err := <-ended:
		require.NoError(t, err)
	case <-time.After(20 * time.Second):
		require.Fail(t, "it does not stop")
	}
}
