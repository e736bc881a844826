// Command cases is the cases service: what was asked, how it was judged, and everything that happened
// since. It is configured by the variables of cases.Config.
package main

import (
	"context"
	"fmt"
	"log/slog"
	"net"
	"os"

	"aftercare.dev/services/cases"
	"aftercare.dev/services/platform/config"
	"aftercare.dev/services/platform/process"
)

func main() { process.Main("cases", run) }

func run(ctx context.Context, log *slog.Logger) error {
	cfg, err := config.Load[cases.Config]("", os.Environ())
	if err != nil {
		return err
	}
	log.Info("configuration", config.Describe("", cfg)...)
	service, err := cases.New(ctx, cfg, log)
	if err != nil {
		return err
	}
	listener, err := new(net.ListenConfig).Listen(ctx, "tcp", cfg.Listen)
	if err != nil {
		return fmt.Errorf("CASES_LISTEN: %w", err)
	}
	return service.Run(ctx, listener)
}
