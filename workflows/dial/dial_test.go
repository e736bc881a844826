package dial

import (
	"log/slog"
	"testing"

	"github.com/stretchr/testify/require"
	"go.temporal.io/sdk/client"
)

func TestOnlyWhatLeavesTheMachineIsCompressed(t *testing.T) {
	for address, compresses := range map[string]bool{"127.0.0.1:7233": false, "[::1]:7233": false, "10.0.0.7:7233": true, "temporal:7233": true, "": true} {
		options := client.Options{HostPort: address}
		require.NoError(t, Complete(&options, Config{}, slog.New(slog.DiscardHandler)))
		require.Equal(t, compresses, options.ConnectionOptions.GrpcCompression == nil, address)
	}
}
