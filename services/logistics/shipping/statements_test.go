package shipping

import (
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
	"gorm.io/gorm"

	"aftercare.dev/services/logistics/domain"
	"aftercare.dev/services/logistics/store"
	"aftercare.dev/services/platform/database/databasetest"
)

// counting is with on both engines, and a function that runs something and tells how many statements it took at most.
func counting(t *testing.T, test func(t *testing.T, r *room, costs func(most int, fn func()))) {
	t.Helper()
	t.Parallel()
	databasetest.Each(t, store.Migrations(), func(t *testing.T, db *gorm.DB) {
		r := furnish(t, db)
		made := databasetest.Statements(t, db)
		test(t, r, func(most int, fn func()) {
			t.Helper()
			made()
			fn()
			statements := made()
			require.LessOrEqual(t, len(statements), most, strings.Join(statements, "\n"))
		})
	})
}

func TestRegisteringAParcelCostsAtMostFourStatements(t *testing.T) {
	counting(t, func(t *testing.T, r *room, costs func(int, func())) {
		costs(4, func() {
			s := r.create("s1", selfShip("YT000001"))
			require.True(t, s.Subscribed)
			require.Empty(t, s.Lease)
		})
		costs(1, func() { r.create("s1", selfShip("YT000001")) })
		require.Equal(t, 1, r.carrier.count("poll"))
	})
}

func TestBookingACourierCostsAtMostFiveStatements(t *testing.T) {
	counting(t, func(t *testing.T, r *room, costs func(int, func())) {
		costs(5, func() {
			s := r.create("s1", pickup())
			r.wants(s, domain.Booked)
			require.Empty(t, s.Lease)
		})
		require.Equal(t, 1, r.carrier.count("bOrder"))
	})
}

func TestAskingHowABookedParcelStandsCostsAtMostFourStatements(t *testing.T) {
	counting(t, func(t *testing.T, r *room, costs func(int, func())) {
		r.create("s1", pickup())
		costs(4, func() { require.Empty(t, r.refreshed("s1").Lease) })
	})
}
