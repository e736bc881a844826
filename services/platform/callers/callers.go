// Package callers says which processes of the house may call a service, how it knows them, and what each may do there.
//
// Each process has a token of its own, SERVICE_TOKEN. A service is told the SHA-256 of the tokens of those who may call it,
// SERVICE_CALLERS, so that nobody who breaks into it learns how to be another. What a caller may do is in the [Table] of
// the service; without SERVICE_CALLERS all callers share one token and may do everything.
package callers

import (
	"crypto/sha256"
	"crypto/subtle"
	"encoding/hex"
	"errors"
	"fmt"
	"slices"
	"strings"
)

// The processes that call services. A service has its own name as a caller.
const (
	Gateway      = "gateway"
	Worker       = "worker"
	Order        = "order"
	Logistics    = "logistics"
	Payment      = "payment"
	Cases        = "cases"
	Notification = "notification"
)

var names = []string{Gateway, Worker, Order, Logistics, Payment, Cases, Notification}

// Names returns all processes that call services.
func Names() []string { return slices.Clone(names) }

// Table has, for each operation of a service by its id, who may do it. What it does not have, nobody may do.
type Table map[string][]string

// Permitted returns the first of the callers that may do the operation, and false if none may.
func (t Table) Permitted(operation string, callers []string) (string, bool) {
	for _, name := range callers {
		if slices.Contains(t[operation], name) {
			return name, true
		}
	}
	return "", false
}

// List are the callers that a service knows, the value of SERVICE_CALLERS: a comma list of name:hash, where the hash is the
// SHA-256 of the caller's token in hex. A name may come twice, for two tokens while one is replaced by the other, and so
// may a hash, for callers that still share a token. The zero List is empty.
type List struct{ known []caller }

type caller struct {
	name string
	hash [sha256.Size]byte
}

var errForm = errors.New("expected a comma list of name:hash, the hash being the SHA-256 of the caller's token in hex")

// UnmarshalText reads the setting.
func (l *List) UnmarshalText(text []byte) error {
	l.known = nil
	for item := range strings.SplitSeq(string(text), ",") {
		item = strings.TrimSpace(item)
		if item == "" {
			continue
		}
		name, sum, _ := strings.Cut(item, ":")
		hash, err := hex.DecodeString(sum)
		if err != nil || len(hash) != sha256.Size || !slices.Contains(names, name) {
			return fmt.Errorf("%w; names are %s", errForm, strings.Join(names, ", "))
		}
		l.known = append(l.known, caller{name, [sha256.Size]byte(hash)})
	}
	return nil
}

// String names the callers without their hashes.
func (l List) String() string {
	known := make([]string, len(l.known))
	for i, c := range l.known {
		known[i] = c.name
	}
	return strings.Join(slices.Compact(known), ",")
}

// Empty tells whether no caller is known, so that one shared token counts.
func (l List) Empty() bool { return len(l.known) == 0 }

// Who returns the names of those whose token this is, which is more than one only where callers share it. It compares
// with every hash, whichever fits, so that the time tells nothing.
func (l List) Who(token string) []string {
	given := sha256.Sum256([]byte(token))
	var found []string
	for _, c := range l.known {
		if subtle.ConstantTimeCompare(given[:], c.hash[:]) == 1 {
			found = append(found, c.name)
		}
	}
	return found
}

// Entry is what SERVICE_CALLERS has for a caller with this token.
func Entry(name, token string) string {
	sum := sha256.Sum256([]byte(token))
	return name + ":" + hex.EncodeToString(sum[:])
}
