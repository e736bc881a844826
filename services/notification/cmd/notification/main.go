// Command notification is the notification service: it tells people and systems what happened to a case,
// once. It is configured by the variables of notification.Config.
package main

import (
	"context"
	"fmt"
	"log/slog"
	"net"
	"os"

	"aftercare.dev/services/notification"
	"aftercare.dev/services/platform/config"
	"aftercare.dev/services/platform/process"
)

func main() { process.Main("notification", run) }

func run(ctx context.Context, log *slog.Logger) error {
	cfg, err := config.Load[notification.Config]("", os.Environ())
	if err != nil {
		return err
	}
	log.Info("configuration", config.Describe("", cfg)...)
	service, err := notification.New(ctx, cfg, log)
	if err != nil {
		return err
	}
	listener, err := new(net.ListenConfig).Listen(ctx, "tcp", cfg.Listen)
	if err != nil {
		return fmt.Errorf("NOTIFICATION_LISTEN: %w", err)
	}
	return service.Run(ctx, listener)
}
