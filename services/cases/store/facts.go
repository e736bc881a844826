package store

// facts are what never changes of a case. A process remembers them of the cases that it has met, so that they need not be read
// with each step.
type facts struct {
	OrderID string
	BuyerID string
	Type    string
	Reason  string
	Channel string
}

// caseKey names a case of a merchant.
type caseKey struct{ merchantID, caseID string }

// remembered bounds of how many cases a process remembers the facts.
const remembered = 1 << 14
