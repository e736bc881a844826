package temporal

import (
	"context"
	"fmt"
	"net/http"
	"net/netip"
	"strings"
	"time"

	uiserver "github.com/temporalio/ui-server/v2/server"
	uiconfig "github.com/temporalio/ui-server/v2/server/config"
	"github.com/temporalio/ui-server/v2/server/server_options"
)

// startUI runs the Web UI and returns when it answers. Its port was found free by reserve: should
// somebody take it in the few milliseconds since then, ui-server ends the process.
func startUI(ctx context.Context, cfg Config, at listen) (*uiserver.Server, error) {
	ui := uiserver.NewServer(server_options.WithConfigProvider(uiConfig(cfg, at)))
	go func() { _ = ui.Start() }()
	if err := waitUntil(ctx, func(ctx context.Context) error { return uiHealth(ctx, at.ui) }); err != nil {
		ui.Stop()
		return nil, fmt.Errorf("temporal: the UI does not answer: %w", err)
	}
	return ui, nil
}

func uiConfig(cfg Config, at listen) *uiconfig.Config {
	host, _, _ := strings.Cut(at.ui.String(), fmt.Sprintf(":%d", at.ui.Port()))
	return &uiconfig.Config{
		Host:                  host,
		Port:                  int(at.ui.Port()),
		TemporalGRPCAddress:   dialable(at.frontend).String(),
		DefaultNamespace:      cfg.Namespace,
		EnableUI:              true,
		DisableNewsFetch:      true,
		HideLogs:              true,
		WorkflowPauseDisabled: true, // off in the server, too (frontend.WorkflowPauseEnabled)
		CORS:                  uiconfig.CORS{CookieInsecure: true},
		Codec:                 codecConfig(cfg.CodecURL),
	}
}

// codecConfig has the UI ask the codec server, and send people there who have not signed in.
func codecConfig(url string) uiconfig.Codec {
	if url == "" {
		return uiconfig.Codec{}
	}
	return uiconfig.Codec{
		Endpoint: url, IncludeCredentials: true, DefaultErrorLink: url,
		DefaultErrorMessage: "Payloads are encrypted. Sign in at the codec server, then load this page again:",
	}
}

func uiHealth(ctx context.Context, at netip.AddrPort) error {
	ctx, cancel := context.WithTimeout(ctx, time.Second)
	defer cancel()
	request, err := http.NewRequestWithContext(ctx, http.MethodGet, "http://"+dialable(at).String()+"/healthz", nil)
	if err != nil {
		return err
	}
	response, err := http.DefaultClient.Do(request)
	if err != nil {
		return err
	}
	defer response.Body.Close()
	if response.StatusCode != http.StatusOK {
		return fmt.Errorf("status %s", response.Status)
	}
	return nil
}
