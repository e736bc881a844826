package shipping

import (
	"context"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"aftercare.dev/services/logistics/domain"
)

// company is a carrier, to be embedded: a carrier has a method of its own name.
type company = Carrier

// interrupted is a carrier at whose door something happens before it is asked.
type interrupted struct {
	company
	before func()
}

func (c interrupted) Book(ctx context.Context, b domain.Booking) (domain.Report, error) {
	c.before()
	return c.company.Book(ctx, b)
}

func (c interrupted) Subscribe(ctx context.Context, carrier, number, phone, token, salt string) error {
	c.before()
	return c.company.Subscribe(ctx, carrier, number, phone, token, salt)
}

// interrupt lets something happen before the carrier is asked for the first time.
func (r *room) interrupt(fn func()) {
	carrier := r.Desk.carrier
	r.Desk.carrier = interrupted{carrier, func() {
		r.Desk.carrier = carrier
		fn()
	}}
}

func TestWhatIsAskedForIsWrittenBeforeTheCarrierIsAsked(t *testing.T) {
	t.Parallel()
	for name, request := range map[string]domain.Request{"pickup": pickup(), "self_ship": selfShip("YT000001")} {
		t.Run(name, func(t *testing.T) {
			with(t, func(t *testing.T, r *room) {
				asked := false
				r.interrupt(func() {
					s, err := r.store.Shipment(t.Context(), "m", "s1")
					require.NoError(t, err)
					require.Equal(t, noon, s.AskedAt)
					require.Equal(t, 1, s.Asked)
					require.NotEmpty(t, s.Lease, "nobody else asks meanwhile")
					// Somebody who repeats the request is answered and asks nothing.
					require.Equal(t, domain.Requested, r.create("s1", request).Seen.State)
					asked = true
				})
				r.create("s1", request)
				require.True(t, asked)
				require.Equal(t, 1, r.carrier.count("bOrder")+r.carrier.count("poll"))
			})
		})
	}
}

func TestAProcessThatDiesBeforeTheCarrierIsAskedLeavesWorkForAnother(t *testing.T) {
	t.Parallel()
	for name, request := range map[string]domain.Request{"pickup": pickup(), "self_ship": selfShip("YT000001")} {
		t.Run(name, func(t *testing.T) {
			with(t, func(t *testing.T, r *room) {
				died := "the process died"
				r.interrupt(func() { panic(died) })
				require.PanicsWithValue(t, died, func() { r.create("s1", request) })
				require.NoError(t, r.Sweep(t.Context()))
				require.Zero(t, r.carrier.count("bOrder")+r.carrier.count("poll"), "nobody knows yet that the carrier was not asked")
				r.pass(patience.Rebook + time.Second)
				require.NoError(t, r.Sweep(t.Context()))
				require.Equal(t, 1, r.carrier.count("bOrder")+r.carrier.count("poll"))
				s, err := r.Get(t.Context(), "m", "s1", false)
				require.NoError(t, err)
				r.wants(s, domain.Booked)
				require.Empty(t, s.Lease)
			})
		})
	}
}

func TestACancellationWhileACourierIsAskedForIsCarriedOutByWhoAsks(t *testing.T) {
	with(t, func(t *testing.T, r *room) {
		r.interrupt(func() {
			_, err := r.Cancel(t.Context(), "m", "s1")
			require.NoError(t, err)
		})
		r.wants(r.create("s1", pickup()), domain.Cancelled)
		require.Empty(t, r.carrier.live())
		s, err := r.Get(t.Context(), "m", "s1", false)
		require.NoError(t, err)
		require.Empty(t, s.Lease)
	})
}

func TestWhoHasLostTheLeaseDoesNothingMoreAndDoesNotGiveItBack(t *testing.T) {
	t.Parallel()
	for name, ask := range map[string]func(r *room){
		"new": func(r *room) { r.create("s1", pickup()) },
		"asked before": func(r *room) {
			taken := r.Desk.carrier
			r.interrupt(func() { panic("the process died") })
			require.Panics(r.t, func() { r.create("s1", pickup()) })
			r.Desk.carrier = taken
			r.pass(patience.Rebook + time.Second)
			require.NoError(r.t, r.Sweep(r.t.Context()))
		},
	} {
		t.Run(name, func(t *testing.T) {
			with(t, func(t *testing.T, r *room) {
				r.interrupt(func() {
					r.pass(patience.Lease)
					_, err := r.store.UpdateShipment(t.Context(), "m", "s1", func(s *domain.Shipment) error {
						require.True(t, s.Acquire("another", r.clock(), patience.Lease))
						s.CallOff(r.clock())
						return nil
					})
					require.NoError(t, err)
				})
				ask(r)
				s, err := r.Get(t.Context(), "m", "s1", false)
				require.NoError(t, err)
				require.Equal(t, "another", s.Lease)
				require.Equal(t, "T1", s.Order.TaskID, "what the carrier has answered is kept all the same")
				require.Zero(t, r.carrier.count("cancel"), "that is for whoever has the lease")
			})
		})
	}
}
