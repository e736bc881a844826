package store

import (
	"context"
	"testing"

	"aftercare.dev/services/logistics/domain"
	"aftercare.dev/services/platform/problem"
)

func TestAChangeOfAShipmentThatWasKnownIsMadeOnWhatItIsNow(t *testing.T) {
	t.Parallel()
	each(t, func(t *testing.T, s *Store) {
		ctx := context.Background()
		added := pickup(t, "m", "s1")
		added.Strays = []domain.Stray{{Order: domain.OrderRef{TaskID: "X"}}}
		known, _, err := s.AddShipment(ctx, added)
		if err != nil {
			t.Fatal(err)
		}
		const writers, each = 4, 5
		together(writers, func(int) {
			for range each {
				_, err := s.ChangeShipment(ctx, known, func(c *domain.Shipment) error {
					c.FreightFen++
					c.Strays[0].Ended = true
					return nil
				})
				if err != nil {
					t.Error(err)
				}
			}
		})
		got, err := s.Shipment(ctx, "m", "s1")
		if err != nil || got.FreightFen != writers*each || got.Version != 1+writers*each {
			t.Errorf("freight %d, version %d, %v", got.FreightFen, got.Version, err)
		}
		if known.Strays[0].Ended {
			t.Error("what the caller knew has changed under its hands")
		}
		// What was known may be a reason to refuse that is gone.
		_, err = s.ChangeShipment(ctx, known, func(c *domain.Shipment) error {
			if c.Version == known.Version {
				return errStale
			}
			return nil
		})
		if err != nil {
			t.Errorf("refused by what was known: %v", err)
		}
		other := known
		other.MerchantID = "other"
		_, err = s.ChangeShipment(ctx, other, func(*domain.Shipment) error { return nil })
		if !problem.HasCode(err, domain.CodeShipmentNotFound) {
			t.Errorf("of another merchant: %v", err)
		}
	})
}
