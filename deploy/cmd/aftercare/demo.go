package main

import (
	"context"
	"flag"
	"fmt"
	"os"
	"time"

	"aftercare.dev/deploy/demo"
	"aftercare.dev/deploy/standalone"
	"aftercare.dev/services/platform/config"
)

// runDemo tells a return on the running system, or on one of its own in a folder that is gone afterwards.
func runDemo(ctx context.Context, flags *flag.FlagSet, args []string) error {
	if err := flags.Parse(args); err != nil {
		return err
	}
	cfg, err := config.Load[standalone.Config]("", os.Environ())
	if err != nil {
		return err
	}
	at, err := running(ctx, cfg)
	if err != nil {
		return err
	}
	passing := at == nil
	if passing {
		fmt.Println("Aftercare does not run; starting one for the demo, which leaves nothing behind.")
		dir, err := os.MkdirTemp("", "aftercare-demo-")
		if err != nil {
			return fmt.Errorf("a folder for the demo cannot be made: %w", err)
		}
		defer func() { _ = os.RemoveAll(dir) }()
		const free = "127.0.0.1:0"
		cfg.Dir, cfg.GatewayAddr, cfg.TemporalAddr, cfg.UIAddr, cfg.SandboxAddr, cfg.MailAddr, cfg.CodecAddr = dir, free, free, free, free, free, free
		if at, err = begin(ctx, cfg); err != nil {
			return err
		}
	}
	defer at.leave()
	fmt.Printf("Outside, %.0f seconds pass in one: couriers and banks take their time, the demo does not.\n\n", cfg.TimeScale)
	return demo.Run(ctx, demo.Options{URL: at.url, UI: at.ui, Keys: at.keys, Out: os.Stdout, Passing: passing, Patience: 10 * time.Minute})
}
