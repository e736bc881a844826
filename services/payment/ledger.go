package payment

import (
	"context"
	"time"
)

// catchUpEvery is how long what a program of release 0.1 does beside this one may be missing in the ledger.
const catchUpEvery = time.Minute

// keepBooks books refunds from before the ledger, and those of older programs while an upgrade goes on. It works beside
// requests, because there may be millions.
func (s *Service) keepBooks(ctx context.Context) error {
	ticker := time.NewTicker(catchUpEvery)
	defer ticker.Stop()
	for {
		booked, err := s.store.CatchUp(ctx)
		switch {
		case ctx.Err() != nil:
			return nil
		case err != nil:
			s.log.ErrorContext(ctx, "the ledger lacks refunds of an older program; it is tried again", "error", err)
		case booked > 0:
			s.log.InfoContext(ctx, "booked refunds of an older program", "parts", booked)
		}
		select {
		case <-ctx.Done():
			return nil
		case <-ticker.C:
		}
	}
}
