package access

import "sync"

// Places bound how many requests are worked on at once for each subject and each tenant, so that whoever sends slowly or
// asks for what takes long does not take the room of all others. It is safe for concurrent use.
type Places struct {
	perSubject, perTenant int

	mu    sync.Mutex
	taken map[key]int
}

// NewPlaces returns so many places for each subject and for all subjects of a tenant together.
func NewPlaces(perSubject, perTenant int) *Places {
	return &Places{perSubject: perSubject, perTenant: perTenant, taken: map[key]int{}}
}

// Take takes a place for the principal, if one is free. Whoever took it calls release once.
func (l *Places) Take(p Principal) (release func(), ok bool) {
	subject, tenant := key{p.MerchantID, p.Subject}, key{merchantID: p.MerchantID}
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.taken[subject] >= l.perSubject || l.taken[tenant] >= l.perTenant {
		return nil, false
	}
	l.taken[subject]++
	l.taken[tenant]++
	return func() {
		l.mu.Lock()
		defer l.mu.Unlock()
		l.leave(subject)
		l.leave(tenant)
	}, true
}

// leave forgets who has no place any more. The caller holds the lock.
func (l *Places) leave(k key) {
	if l.taken[k]--; l.taken[k] <= 0 {
		delete(l.taken, k)
	}
}
