package client

import (
	"context"
	"errors"
	"net/http"
	"time"

	"aftercare.dev/services/platform/httpclient"
	"aftercare.dev/services/platform/problem"
)

// Persist repeats what failed because nobody answered, for as long as patience: the system may be killed and started again
// on the way. Do must be safe to repeat.
func Persist(ctx context.Context, patience time.Duration, do func() error) error {
	until := time.Now().Add(patience)
	pause := 100 * time.Millisecond
	for {
		err := do()
		if err == nil || !passing(err) || time.Now().After(until) {
			return err
		}
		select {
		case <-ctx.Done():
			return err
		case <-time.After(pause):
			pause = min(2*pause, 5*time.Second)
		}
	}
}

// passing tells that an error may be gone at the next attempt.
func passing(err error) bool {
	var lost *httpclient.TransportError
	if errors.As(err, &lost) || errors.Is(err, context.DeadlineExceeded) {
		return true
	}
	p, ok := problem.As(err)
	return ok && (p.Status >= http.StatusInternalServerError || p.Status == http.StatusTooManyRequests)
}
