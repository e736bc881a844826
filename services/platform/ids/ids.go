// Package ids mints the identifiers of the house: a prefix that tells a reader what the id names,
// an underscore, and a ULID, such as "case_01JD2T5S4FYQ1C9X3W7B8M6N0K".
//
// Ids sort by the time they were minted, to the millisecond across processes and strictly within
// one. They hold nothing about their owner and cannot be guessed, yet they are no secrets.
package ids

import (
	"bufio"
	"crypto/rand"
	"crypto/sha256"
	"encoding/binary"
	"strings"
	"sync"
	"time"

	"github.com/oklog/ulid/v2"
)

// generator makes ULIDs that grow within one process. ULIDs of one millisecond share their random
// part and count up, so the source has to be one for the whole process.
type generator struct {
	mu      sync.Mutex
	entropy *ulid.MonotonicEntropy
}

var minted = generator{entropy: ulid.Monotonic(bufio.NewReader(rand.Reader), 0)}

// New returns a fresh id. It is safe for concurrent use.
func New(prefix string) string {
	return prefix + "_" + minted.next().String()
}

func (g *generator) next() ulid.ULID {
	g.mu.Lock()
	defer g.mu.Unlock()
	for now := ulid.Now(); ; now++ {
		id, err := ulid.New(now, g.entropy)
		if err == nil {
			return id
		}
		// The only failure left is that the count within this millisecond ran over, once in 2^48:
		// the next millisecond starts a new count.
	}
}

// Derive returns the id that belongs to the parts: always the same, and another one for other
// parts. ("a", "bc") and ("ab", "c") are different parts. Use it where an id must be the same on
// every attempt, such as the case opened by a merchant with an idempotency key.
func Derive(prefix string, parts ...string) string {
	hash := sha256.New()
	var length [8]byte
	for _, part := range parts {
		binary.BigEndian.PutUint64(length[:], uint64(len(part)))
		hash.Write(length[:])
		hash.Write([]byte(part))
	}
	var id ulid.ULID
	copy(id[:], hash.Sum(nil))
	return prefix + "_" + id.String()
}

// Is tells whether id has the form that [New] and [Derive] give with this prefix.
func Is(prefix, id string) bool {
	rest, found := strings.CutPrefix(id, prefix+"_")
	if !found {
		return false
	}
	parsed, err := ulid.ParseStrict(rest)
	return err == nil && parsed.String() == rest
}

// Time returns when [New] minted the id. It means nothing for an id of [Derive].
func Time(id string) (time.Time, bool) {
	_, rest, found := strings.Cut(id, "_")
	if !found {
		return time.Time{}, false
	}
	parsed, err := ulid.ParseStrict(rest)
	if err != nil {
		return time.Time{}, false
	}
	return parsed.Timestamp().UTC(), true
}
