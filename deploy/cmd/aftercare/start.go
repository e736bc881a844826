package main

import (
	"context"
	"errors"

	"aftercare.dev/deploy/standalone"
	"aftercare.dev/services/platform/telemetry"
)

// start brings the product up, with what it tells about itself. The function that it returns ends both, the product first.
func start(ctx context.Context, cfg standalone.Config) (*standalone.System, func(), error) {
	log, err := newLogger()
	if err != nil {
		return nil, nil, err
	}
	flush, err := telemetry.Start(ctx, "aftercare", log)
	if err != nil {
		return nil, nil, err
	}
	// What is left is sent even if a signal ended ctx.
	ending := context.WithoutCancel(ctx)
	system, err := standalone.Start(ctx, cfg, log)
	if err != nil {
		return nil, nil, errors.Join(err, flush(ending))
	}
	return system, func() {
		system.Stop()
		if err := flush(ending); err != nil {
			log.Warn("last telemetry is lost", "error", err)
		}
	}, nil
}
