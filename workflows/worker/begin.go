package worker

import (
	"context"
	"log/slog"
	"time"

	"go.temporal.io/sdk/client"
)

// begin starts workers as soon as Temporal and the namespace are there, or fails when ctx ends. A worker whose start
// failed cannot be started again, so each attempt makes new ones.
func begin(ctx context.Context, c client.Client, cfg Config, log *slog.Logger) (*Workers, error) {
	const soon, late = 200 * time.Millisecond, 5 * time.Second
	for pause := soon; ; pause = min(2*pause, late) {
		workers, err := New(c, cfg)
		if err != nil {
			return nil, err
		}
		if _, err = c.CheckHealth(ctx, &client.CheckHealthRequest{}); err == nil {
			if err = workers.Start(); err == nil {
				return workers, nil
			}
		}
		if ctx.Err() != nil {
			return nil, ctx.Err()
		}
		log.Warn("the workers cannot start yet", "error", err)
		select {
		case <-ctx.Done():
			return nil, ctx.Err()
		case <-time.After(pause):
		}
	}
}
