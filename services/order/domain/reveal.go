package domain

import "time"

// Reveal is one look at the contact of an order, or at all that is kept of a buyer: who, when and why.
type Reveal struct {
	RevealID string
	// OrderID or BuyerID is set.
	OrderID, BuyerID   string
	ActorRole, ActorID string
	// Reason is in words, and may name people.
	Reason string
	At     time.Time
}

// SearchOff is the problem of a search without an index key.
func SearchOff() error {
	return fault(CodeSearchOff, "", "phone numbers cannot be searched: PERSONAL_DATA_INDEX_KEY is not set at the order service")
}

// NoPhone is the problem of a search for something that is no phone number.
func NoPhone() error {
	return fault(CodeInvalidPhone, "phone", "must have five digits at least")
}
