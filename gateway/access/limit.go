package access

import (
	"container/list"
	"slices"
	"sync"
	"time"

	"golang.org/x/time/rate"

	"aftercare.dev/workflows/contract"
)

// maxBuckets is how many subjects, and how many tenants, are remembered: some 30 MB if all are. Who was not seen for
// longest is forgotten first, and begins again with a full bucket.
const maxBuckets = 100_000

// Rates are requests a second, with bursts of twice as many. A rate of 0 bounds nothing.
type Rates struct {
	// Subject bounds each subject, Buyer those who have no other role than buyer; both count.
	Subject, Buyer float64
	// Tenant bounds all subjects of a merchant together.
	Tenant float64
}

// Limiter bounds how often each subject, and each tenant, asks. Its memory is bounded, too. It is safe for concurrent
// use, and knows only what this process was asked.
type Limiter struct {
	now                       func() time.Time
	subjects, buyers, tenants *buckets
}

type key struct{ merchantID, subject string }

// NewLimiter returns a limiter with full buckets.
func NewLimiter(r Rates, now func() time.Time) *Limiter {
	return &Limiter{now: now, subjects: newBuckets(r.Subject), buyers: newBuckets(r.Buyer), tenants: newBuckets(r.Tenant)}
}

// Take takes one request of the principal. If there is none left, it takes nothing and returns how long to wait for
// the next.
func (l *Limiter) Take(p Principal) time.Duration {
	now := l.now()
	subject := key{p.MerchantID, p.Subject}
	taken := []*rate.Reservation{l.subjects.take(subject, now)}
	if onlyBuys(p) {
		taken = append(taken, l.buyers.take(subject, now))
	}
	taken = append(taken, l.tenants.take(key{merchantID: p.MerchantID}, now))
	var wait time.Duration
	for _, r := range taken {
		if r != nil {
			wait = max(wait, r.DelayFrom(now))
		}
	}
	if wait == 0 {
		return 0
	}
	// The newest first, so that each gets back what it had.
	for _, r := range slices.Backward(taken) {
		if r != nil {
			r.CancelAt(now)
		}
	}
	return wait
}

func onlyBuys(p Principal) bool {
	return !slices.ContainsFunc(p.Roles, func(role string) bool { return role != string(contract.Buyer) })
}

// buckets are the newest of those that somebody drew from.
type buckets struct {
	rate  rate.Limit
	burst int
	most  int

	mu     sync.Mutex
	known  map[key]*list.Element
	recent *list.List // of *bucket, the newest in front
}

type bucket struct {
	*rate.Limiter
	of key
}

func newBuckets(perSecond float64) *buckets {
	return &buckets{
		rate: rate.Limit(perSecond), burst: max(1, int(2*perSecond)), most: maxBuckets,
		known: map[key]*list.Element{}, recent: list.New(),
	}
}

// take draws one, which may be had only later. Without a rate there is nothing to draw: nil.
func (b *buckets) take(of key, now time.Time) *rate.Reservation {
	if b.rate <= 0 {
		return nil
	}
	return b.find(of).ReserveN(now, 1)
}

func (b *buckets) find(of key) *bucket {
	b.mu.Lock()
	defer b.mu.Unlock()
	if e, ok := b.known[of]; ok {
		b.recent.MoveToFront(e)
		return e.Value.(*bucket) //nolint:forcetypeassert // nothing else is in the list
	}
	if b.recent.Len() >= b.most {
		oldest := b.recent.Remove(b.recent.Back()).(*bucket) //nolint:forcetypeassert // as above
		delete(b.known, oldest.of)
	}
	fresh := &bucket{rate.NewLimiter(b.rate, b.burst), of}
	b.known[of] = b.recent.PushFront(fresh)
	return fresh
}
