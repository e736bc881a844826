package http

import (
	"sync"

	"aftercare.dev/gateway/access"
	cases "aftercare.dev/services/cases/api"
)

// remembered bounds of how many cases a gateway remembers whose they are.
const remembered = 1 << 15

// known has the buyers of the cases that this process has read, which never change: whose a case is need not be read before
// everything that is done to it. What is not in it, or is somebody else's, is read.
type known struct {
	mu     sync.Mutex
	buyers map[[2]string]string
}

// mayAct tells that the case is there, and the caller's to act on.
func (k *known) mayAct(caller access.Caller, caseID string) bool {
	k.mu.Lock()
	defer k.mu.Unlock()
	buyer, ok := k.buyers[[2]string{caller.MerchantID, caseID}]
	return ok && (!caller.Confined() || buyer == caller.Subject)
}

func (k *known) keep(c cases.Case) {
	k.mu.Lock()
	defer k.mu.Unlock()
	if k.buyers == nil || len(k.buyers) >= remembered {
		k.buyers = map[[2]string]string{}
	}
	k.buyers[[2]string{c.MerchantID, c.CaseID}] = c.BuyerID
}
