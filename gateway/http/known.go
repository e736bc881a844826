package http

import (
	"aftercare.dev/gateway/access"
	cases "aftercare.dev/services/cases/api"
	"aftercare.dev/services/platform/memory"
)

// remembered bounds of how many cases a gateway remembers whose they are.
const remembered = 1 << 15

type caseKey struct{ merchantID, caseID string }

// known has the buyers of the cases that this process has read, which never change: whose a case is need not be read before
// everything that is done to it. What is not in it, or is somebody else's, is read.
type known struct{ buyers *memory.Map[caseKey, string] }

func newKnown() known { return known{memory.New[caseKey, string](remembered)} }

// mayAct tells that the case is there, and the caller's to act on.
func (k known) mayAct(caller access.Caller, caseID string) bool {
	buyer, ok := k.buyers.Get(caseKey{caller.MerchantID, caseID})
	return ok && (!caller.Confined() || buyer == caller.Subject)
}

func (k known) keep(c cases.Case) { k.buyers.Put(caseKey{c.MerchantID, c.CaseID}, c.BuyerID) }
