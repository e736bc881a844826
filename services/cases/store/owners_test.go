package store_test

import (
	"errors"
	"testing"

	"github.com/stretchr/testify/require"
	"gorm.io/gorm"

	"aftercare.dev/services/cases/domain"
	"aftercare.dev/services/cases/store"
	"aftercare.dev/services/platform/database/databasetest"
)

var errNone = errors.New("nothing")

func some[T any](found []T, err error) error {
	if err == nil && len(found) == 0 {
		return errNone
	}
	return err
}

func TestWhatABuyerReadsIsTheirOwn(t *testing.T) {
	each(t, func(t *testing.T, s *store.Store, db *gorm.DB) {
		ctx := t.Context()
		require.NoError(t, s.AddEvidence(ctx, store.Evidence{MerchantID: merchant, EvidenceID: "photo", Role: domain.RoleBuyer, ActorID: "b1", ContentType: "image/png"}))
		application := asked("b1")
		application.EvidenceIDs = []string{"photo"}
		mine := apply(t, s, "key-1", application)
		record(t, s, mine, stepOf(t, state(), start, 1))

		databasetest.Confined(t, db, "buyer_id", databasetest.Reads{
			"a case":        func(buyer, id string) error { _, err := s.Case(ctx, merchant, id, buyer); return err },
			"how far it is": func(buyer, id string) error { _, err := s.CaseHead(ctx, merchant, id, buyer); return err },
			"a timeline": func(buyer, id string) error {
				return some(s.Entries(ctx, merchant, id, buyer, 0, 10, false, 10))
			},
			"a list": func(buyer, _ string) error {
				page, _, err := s.List(ctx, merchant, store.Query{BuyerID: buyer, OrderID: "o-b1", Limit: 10})
				return some(page, err)
			},
			"a list by prefix": func(buyer, id string) error {
				page, _, err := s.List(ctx, merchant, store.Query{BuyerID: buyer, Prefix: id, Limit: 10})
				return some(page, err)
			},
			"a photo": func(buyer, id string) error {
				if id == mine {
					id = "photo"
				}
				_, err := s.Evidence(ctx, merchant, id, buyer, false)
				return err
			},
		}, "b1", mine, "b2", "case_none")
	})
}
