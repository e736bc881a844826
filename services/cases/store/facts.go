package store

import "sync"

// facts are what never changes of a case.
type facts struct {
	OrderID string
	BuyerID string
	Type    string
	Reason  string
	Channel string
}

// remembered bounds how many cases a process remembers the facts of.
const remembered = 1 << 14

// known has the facts of the cases that this process has met, so that they need not be read with each step.
type known struct {
	mu     sync.Mutex
	byCase map[[2]string]facts
}

func newKnown() *known { return &known{byCase: map[[2]string]facts{}} }

func (k *known) of(merchantID, caseID string) (facts, bool) {
	k.mu.Lock()
	defer k.mu.Unlock()
	f, ok := k.byCase[[2]string{merchantID, caseID}]
	return f, ok
}

func (k *known) keep(merchantID, caseID string, f facts) {
	k.mu.Lock()
	defer k.mu.Unlock()
	if len(k.byCase) >= remembered {
		clear(k.byCase)
	}
	k.byCase[[2]string{merchantID, caseID}] = f
}
