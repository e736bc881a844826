// Command codec is the codec server: it decrypts, for operators, what the Temporal UI and CLI show. It is configured by the
// variables of codec.Config.
package main

import (
	"context"
	"fmt"
	"log/slog"
	"net"
	"os"

	"aftercare.dev/gateway/codec"
	"aftercare.dev/services/platform/config"
	"aftercare.dev/services/platform/process"
)

func main() { process.Main("codec", run) }

func run(ctx context.Context, log *slog.Logger) error {
	cfg, err := config.Load[codec.Config]("", os.Environ())
	if err != nil {
		return err
	}
	log.Info("configuration", config.Describe("", cfg)...)
	service, err := codec.New(ctx, cfg, log)
	if err != nil {
		return err
	}
	listener, err := new(net.ListenConfig).Listen(ctx, "tcp", cfg.Listen)
	if err != nil {
		return fmt.Errorf("CODEC_LISTEN: %w", err)
	}
	return service.Run(ctx, listener)
}
