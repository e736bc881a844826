package domain

import (
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"slices"

	"aftercare.dev/services/platform/money"
)

// Hash returns a fingerprint of all that the shop has told about an order, the contact included.
// It leaves out what this service works out by itself, so that a change of our rules does not make
// an order look changed that the shop sends again as it was.
func Hash(order Order, contact Contact) (string, error) {
	order.Lines = slices.Clone(order.Lines)
	for i := range order.Lines {
		order.Lines[i].Paid = money.Money{}
	}
	told, err := json.Marshal(struct {
		Order   Order   `json:"order"`
		Contact Contact `json:"contact"`
	}{order, contact})
	if err != nil {
		return "", fmt.Errorf("hash order: %w", err)
	}
	sum := sha256.Sum256(told)
	return hex.EncodeToString(sum[:]), nil
}
