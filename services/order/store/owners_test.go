package store_test

import (
	"errors"
	"testing"

	"gorm.io/gorm"

	"aftercare.dev/services/order/store"
	"aftercare.dev/services/platform/database/databasetest"
)

func TestWhatABuyerReadsIsTheirOwn(t *testing.T) {
	onBoth(t, func(t *testing.T, s *store.Store, db *gorm.DB) {
		put(t, s, "o-1", draft())
		databasetest.Confined(t, db, "buyer_id", databasetest.Reads{
			"an order": func(buyer, id string) error { _, err := s.Get(t.Context(), merchant, id, buyer); return err },
			"a list": func(buyer, _ string) error {
				page, _, err := s.List(t.Context(), merchant, store.Query{BuyerID: buyer, Limit: 10})
				if err == nil && len(page) == 0 {
					return errors.New("nothing")
				}
				return err
			},
		}, "buyer-1", "o-1", "buyer-2", "o-none")
	})
}
