package store

import (
	"errors"
	"testing"

	"github.com/stretchr/testify/require"
	"gorm.io/gorm"

	"aftercare.dev/services/platform/database/databasetest"
)

func TestWhatAPersonReadsIsTheirOwn(t *testing.T) {
	databasetest.Each(t, Migrations(), func(t *testing.T, db *gorm.DB) {
		s := New(db, newClock().now, true)
		publish(t, s, event(t, "m1", "evt_1", "refund.succeeded"))
		inbox := func(person string) ([]string, error) {
			messages, _, err := s.Inbox(t.Context(), "m1", person, false, Page{})
			var found []string
			for _, m := range messages {
				found = append(found, m.Delivery.DeliveryID)
			}
			return found, err
		}
		mine, err := inbox("buyer_1")
		require.NoError(t, err)
		require.Len(t, mine, 1)
		databasetest.Confined(t, db, "target_id", databasetest.Reads{
			"an inbox": func(person, _ string) error {
				found, err := inbox(person)
				if err == nil && len(found) == 0 {
					return errors.New("nothing")
				}
				return err
			},
			"a message": func(person, id string) error { _, err := s.MarkRead(t.Context(), "m1", person, id); return err },
		}, "buyer_1", mine[0], "buyer_2", "dlv_none")
	})
}
