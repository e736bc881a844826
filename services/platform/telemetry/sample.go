package telemetry

import (
	"context"
	"sync"
	"time"
)

// What gauges that are read from a database cost at most, however often somebody asks for them.
const (
	sampleFor     = 10 * time.Second
	sampleTimeout = 3 * time.Second
)

// Sample makes of a question to a database one that gauges may ask: it waits 3 s at most, and is asked anew after 10 s
// at the earliest, also if it failed. It is safe for concurrent use.
func Sample[T any](read func(context.Context) (T, error)) func(context.Context) (T, error) {
	var (
		mu    sync.Mutex
		until time.Time
		value T
		err   error
	)
	return func(ctx context.Context) (T, error) {
		mu.Lock()
		defer mu.Unlock()
		if time.Now().Before(until) {
			return value, err
		}
		ctx, cancel := context.WithTimeout(ctx, sampleTimeout)
		defer cancel()
		value, err = read(ctx)
		until = time.Now().Add(sampleFor)
		return value, err
	}
}
