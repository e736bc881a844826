package access

import (
	"sync"
	"time"

	"golang.org/x/time/rate"
)

// idle is how long a bucket is kept that nobody draws from. A bucket is full again long before.
const idle = 10 * time.Minute

// Limiter bounds the requests of each subject of each merchant. It is safe for concurrent use.
type Limiter struct {
	rate  rate.Limit
	burst int
	now   func() time.Time

	mu      sync.Mutex
	buckets map[key]*bucket
	swept   time.Time
}

type key struct{ merchantID, subject string }

type bucket struct {
	*rate.Limiter
	used time.Time
}

// NewLimiter returns a limiter of so many requests a second, twice as many at once. With 0 nothing is limited.
func NewLimiter(perSecond float64, now func() time.Time) *Limiter {
	return &Limiter{
		rate: rate.Limit(perSecond), burst: max(1, int(2*perSecond)), now: now,
		buckets: map[key]*bucket{}, swept: now(),
	}
}

// Take takes one request of the principal. If there is none left, it returns how long to wait for the next.
func (l *Limiter) Take(p Principal) time.Duration {
	if l.rate <= 0 {
		return 0
	}
	now := l.now()
	reservation := l.bucket(key{p.MerchantID, p.Subject}, now).ReserveN(now, 1)
	wait := reservation.DelayFrom(now)
	if wait > 0 {
		reservation.CancelAt(now)
	}
	return wait
}

func (l *Limiter) bucket(k key, now time.Time) *bucket {
	l.mu.Lock()
	defer l.mu.Unlock()
	if now.Sub(l.swept) > idle {
		l.swept = now
		for k, b := range l.buckets {
			if now.Sub(b.used) > idle {
				delete(l.buckets, k)
			}
		}
	}
	b, known := l.buckets[k]
	if !known {
		b = &bucket{Limiter: rate.NewLimiter(l.rate, l.burst)}
		l.buckets[k] = b
	}
	b.used = now
	return b
}
