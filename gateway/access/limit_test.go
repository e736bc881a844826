package access

import (
	"fmt"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

// stopped is a clock that a test moves.
type stopped struct{ at time.Time }

func (c *stopped) now() time.Time { return c.at }

func TestEachSubjectHasItsOwnBucket(t *testing.T) {
	clock := &stopped{noon}
	l := NewLimiter(Rates{Subject: 1}, clock.now)
	require.Zero(t, l.Take(alice))
	require.Zero(t, l.Take(alice))
	wait := l.Take(alice)
	require.Positive(t, wait)
	require.LessOrEqual(t, wait, time.Second)
	require.Zero(t, l.Take(Principal{Subject: "alice", MerchantID: "m2"}), "the same name at another merchant")
	clock.at = clock.at.Add(time.Second)
	require.Zero(t, l.Take(alice), "after a second")
}

func TestWhoIsRefusedPaysNothingForAsking(t *testing.T) {
	clock := &stopped{noon}
	l := NewLimiter(Rates{Subject: 1, Tenant: 100}, clock.now)
	for range 1000 {
		l.Take(alice)
	}
	clock.at = clock.at.Add(time.Second)
	require.Zero(t, l.Take(alice), "a thousand refusals have cost her something")
	require.Zero(t, l.Take(Principal{Subject: "bob", MerchantID: alice.MerchantID}), "a thousand refusals have cost her colleague something")
}

func TestATenantHasABoundHoweverManySubjectsItHas(t *testing.T) {
	l := NewLimiter(Rates{Subject: 10, Tenant: 5}, (&stopped{noon}).now)
	taken := 0
	for n := range 100 {
		if l.Take(Principal{Subject: fmt.Sprint("buyer-", n), MerchantID: "m1"}) == 0 {
			taken++
		}
	}
	require.Equal(t, 10, taken, "bursts are twice the rate")
	require.Zero(t, l.Take(Principal{Subject: "buyer-1", MerchantID: "m2"}), "another tenant waits")
}

func TestABuyerHasANarrowerBoundThanAStorefront(t *testing.T) {
	l := NewLimiter(Rates{Subject: 100, Buyer: 1}, (&stopped{noon}).now)
	taken := func(roles ...string) int {
		n := 0
		for range 300 {
			if l.Take(Principal{Subject: fmt.Sprint("s", roles), MerchantID: "m1", Roles: roles}) == 0 {
				n++
			}
		}
		return n
	}
	require.Equal(t, 2, taken("buyer"))
	require.Equal(t, 200, taken("storefront"))
	require.Equal(t, 200, taken("buyer", "agent"), "somebody who works here and buys here")
}

func TestWithoutARateNothingIsBounded(t *testing.T) {
	l := NewLimiter(Rates{}, time.Now)
	for range 1000 {
		require.Zero(t, l.Take(alice))
	}
}

func TestTheMemoryOfALimiterIsBounded(t *testing.T) {
	l := NewLimiter(Rates{Subject: 1}, (&stopped{noon}).now)
	l.subjects.most = 10
	for range 2 {
		l.Take(alice)
	}
	for n := range 100 {
		l.Take(Principal{Subject: fmt.Sprint("b", n), MerchantID: "m1"})
		require.Positive(t, l.Take(alice), "whoever keeps asking is not forgotten")
	}
	require.Len(t, l.subjects.known, 10)
	require.Equal(t, 10, l.subjects.recent.Len())
}

func TestPlacesAreHadBySubjectAndTenantAndComeBack(t *testing.T) {
	places := NewPlaces(2, 3)
	bob := Principal{Subject: "bob", MerchantID: alice.MerchantID}
	first, ok := places.Take(alice)
	require.True(t, ok)
	_, ok = places.Take(alice)
	require.True(t, ok)
	_, ok = places.Take(alice)
	require.False(t, ok, "the third of one subject")
	second, ok := places.Take(bob)
	require.True(t, ok)
	_, ok = places.Take(bob)
	require.False(t, ok, "the fourth of one tenant")
	_, ok = places.Take(Principal{Subject: "alice", MerchantID: "m2"})
	require.True(t, ok, "another tenant")
	first()
	_, ok = places.Take(bob)
	require.True(t, ok, "one came back")
	second()
	require.Len(t, places.taken, 5, "who has no place is forgotten: %v", places.taken)
}
