package main

import (
	"context"
	"fmt"
	"io"
	"net/http"
	"os"
	"path/filepath"
	"time"

	"aftercare.dev/deploy/client"
	"aftercare.dev/deploy/standalone"
	"aftercare.dev/services/platform/config"
)

// place is a system to work on.
type place struct {
	url, ui, dir string
	keys         client.Signer
	leave        func()
}

// attach finds the running system of AFTERCARE_DIR, or starts it there until leave is called.
func attach(ctx context.Context, out io.Writer) (*place, error) {
	cfg, err := config.Load[standalone.Config]("", os.Environ())
	if err != nil {
		return nil, err
	}
	if found, err := running(ctx, cfg); found != nil || err != nil {
		return found, err
	}
	fmt.Fprintln(out, "Aftercare does not run; starting it for as long as this takes.")
	return begin(ctx, cfg)
}

// running is the system that answers at the configured address, or nil.
func running(ctx context.Context, cfg standalone.Config) (*place, error) {
	url := "http://" + cfg.GatewayAddr
	ctx, stop := context.WithTimeout(ctx, 2*time.Second)
	defer stop()
	request, err := http.NewRequestWithContext(ctx, http.MethodGet, url+"/readyz", nil)
	if err != nil {
		return nil, err
	}
	answer, err := http.DefaultClient.Do(request)
	if err != nil {
		return nil, nil //nolint:nilerr,nilnil // nobody there means: not running
	}
	_ = answer.Body.Close()
	if answer.StatusCode != http.StatusOK {
		return nil, fmt.Errorf("something answers at %s but is not ready: wait for it, or stop it", url)
	}
	keys, err := standalone.EnsureKeys(filepath.Join(cfg.Dir, "keys"))
	if err != nil {
		return nil, err
	}
	return &place{url: url, ui: "http://" + cfg.UIAddr, dir: cfg.Dir, keys: keys, leave: func() {}}, nil
}

// begin starts a system.
func begin(ctx context.Context, cfg standalone.Config) (*place, error) {
	log, err := newLogger()
	if err != nil {
		return nil, err
	}
	system, err := standalone.Start(ctx, cfg, log)
	if err != nil {
		return nil, err
	}
	return &place{url: system.GatewayURL, ui: system.UIURL, dir: cfg.Dir, keys: system.Keys, leave: system.Stop}, nil
}
