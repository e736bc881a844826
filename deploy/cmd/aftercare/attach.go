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
	"aftercare.dev/deploy/keys"
	"aftercare.dev/deploy/standalone"
	"aftercare.dev/gateway/access"
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
	at := &place{url: "http://" + cfg.GatewayAddr, ui: "http://" + cfg.UIAddr, dir: cfg.Dir, leave: func() {}}
	ctx, stop := context.WithTimeout(ctx, 2*time.Second)
	defer stop()
	status, err := get(ctx, at.url+"/readyz", "")
	switch {
	case err != nil:
		return nil, nil // nobody there means: not running
	case status != http.StatusOK:
		return nil, fmt.Errorf("something answers at %s but is not ready: wait for it, or stop it", at.url)
	}
	own, err := keys.Ensure(filepath.Join(cfg.Dir, "keys"))
	if err != nil {
		return nil, err
	}
	token, err := own.Token(access.Principal{Subject: "local", MerchantID: "demo", Roles: []string{"administrator"}}, time.Minute)
	if err != nil {
		return nil, err
	}
	if status, err = get(ctx, at.url+"/v1/policy", token); err != nil || status != http.StatusOK {
		return nil, fmt.Errorf("what answers at %s is not the Aftercare of the folder %s: stop it, or set AFTERCARE_DIR to its folder", at.url, cfg.Dir)
	}
	at.keys = own
	return at, nil
}

func get(ctx context.Context, url, token string) (int, error) {
	request, err := http.NewRequestWithContext(ctx, http.MethodGet, url, nil)
	if err != nil {
		return 0, err
	}
	if token != "" {
		request.Header.Set("Authorization", "Bearer "+token)
	}
	answer, err := http.DefaultClient.Do(request)
	if err != nil {
		return 0, err
	}
	return answer.StatusCode, answer.Body.Close()
}

// begin starts a system.
func begin(ctx context.Context, cfg standalone.Config) (*place, error) {
	system, stop, err := start(ctx, cfg)
	if err != nil {
		return nil, err
	}
	return &place{url: system.GatewayURL, ui: system.UIURL, dir: cfg.Dir, keys: system.Keys, leave: stop}, nil
}
