// Package seal keeps people's data unreadable in a database: columns are encrypted with a key that has an
// id, so that keys can be changed, and a phone number is found by an index that only the key's owner can make.
//
// A sealed value is text, "sealed:1:<key id>:<base64 of nonce and AES-256-GCM ciphertext>". It is bound to
// the table, the column and the row that it was sealed for, so that a value copied elsewhere does not open.
// What was written before there were keys is plain, and reads as it is.
package seal

import (
	"crypto/aes"
	"crypto/cipher"
	"crypto/rand"
	"encoding/base64"
	"encoding/binary"
	"encoding/json"
	"errors"
	"fmt"
	"strings"
)

const (
	// prefix begins every sealed value; the number is that of the form.
	prefix = "sealed:1:"
	// escaped begins a plain text that itself begins like a sealed value: somebody typed it.
	escaped = "sealed:0:"
	// reserved is what both begin with.
	reserved = "sealed:"
)

// Errors of [Sealer.Open], wrapped with the place. They never hold the value.
var (
	// ErrNoKey is a value whose key is not in PERSONAL_DATA_KEYS.
	ErrNoKey = errors.New("the key is not in PERSONAL_DATA_KEYS")
	// ErrDamaged is a value that was changed, or moved from another place.
	ErrDamaged = errors.New("the sealed value does not belong here or was changed")
)

// Place is where a value is kept. Make one with [In].
type Place struct {
	table, column string
	key           []string
}

// In names the place of a value: its table, its column, and the primary key of its row, which must not
// change as long as the row lives.
func In(table, column string, key ...string) Place { return Place{table, column, key} }

// String names table and column; the row is left out, because this goes into errors.
func (p Place) String() string { return p.table + "." + p.column }

// bind is what a value sealed here with a key is bound to. Each part has its length in front, so that no
// two places read alike.
func (p Place) bind(keyID string) []byte {
	bound := []byte(prefix)
	for _, part := range append([]string{keyID, p.table, p.column}, p.key...) {
		bound = binary.BigEndian.AppendUint32(bound, uint32(len(part)))
		bound = append(bound, part...)
	}
	return bound
}

// Sealer seals and opens values. It is safe for concurrent use. A nil Sealer has no keys: it writes plain
// text and opens only that.
type Sealer struct {
	keys map[string]cipher.AEAD
	// sealing is the id of the key that seals; empty writes plain text.
	sealing string
	index   []byte
}

// Sealing tells whether values are sealed when they are written.
func (s *Sealer) Sealing() bool { return s != nil && s.sealing != "" }

// Seal returns what to write for a text. The empty text stays empty: that there is nothing is no secret.
func (s *Sealer) Seal(at Place, text string) (string, error) {
	switch {
	case text == "":
		return "", nil
	case !s.Sealing() && strings.HasPrefix(text, reserved):
		return escaped + base64.RawStdEncoding.EncodeToString([]byte(text)), nil
	case !s.Sealing():
		return text, nil
	}
	// A random nonce of 96 bits is safe for 2^32 values of one key (NIST SP 800-38D, 8.3).
	aead := s.keys[s.sealing]
	nonce := make([]byte, aead.NonceSize(), aead.NonceSize()+len(text)+aead.Overhead())
	if _, err := rand.Read(nonce); err != nil {
		return "", fmt.Errorf("seal %s: %w", at, err)
	}
	sealed := aead.Seal(nonce, nonce, []byte(text), at.bind(s.sealing))
	return prefix + s.sealing + ":" + base64.RawStdEncoding.EncodeToString(sealed), nil
}

// Open returns the text of what was written at this place, sealed with any of the keys or plain. Errors are
// [ErrNoKey] and [ErrDamaged].
func (s *Sealer) Open(at Place, written string) (string, error) {
	if rest, is := strings.CutPrefix(written, escaped); is {
		text, err := base64.RawStdEncoding.DecodeString(rest)
		if err != nil {
			return "", fmt.Errorf("open %s: %w", at, ErrDamaged)
		}
		return string(text), nil
	}
	rest, is := strings.CutPrefix(written, prefix)
	if !is {
		return written, nil
	}
	id, encoded, _ := strings.Cut(rest, ":")
	if s == nil || s.keys[id] == nil {
		return "", fmt.Errorf("open %s, sealed with key %q: %w", at, id, ErrNoKey)
	}
	sealed, err := base64.RawStdEncoding.DecodeString(encoded)
	aead := s.keys[id]
	if err != nil || len(sealed) < aead.NonceSize() {
		return "", fmt.Errorf("open %s: %w", at, ErrDamaged)
	}
	text, err := aead.Open(nil, sealed[:aead.NonceSize()], sealed[aead.NonceSize():], at.bind(id))
	if err != nil {
		return "", fmt.Errorf("open %s: %w", at, ErrDamaged)
	}
	return string(text), nil
}

// current tells whether a value is written as this sealer writes it today.
func (s *Sealer) current(written string) bool {
	return written == "" || strings.HasPrefix(written, prefix+s.sealing+":")
}

// Document seals a value as JSON.
func Document[T any](s *Sealer, at Place, v T) (string, error) {
	data, err := json.Marshal(v)
	if err != nil {
		return "", fmt.Errorf("write %T as JSON: %w", v, err)
	}
	return s.Seal(at, string(data))
}

// OpenDocument opens what [Document] sealed, or plain JSON. The empty text is the zero value.
func OpenDocument[T any](s *Sealer, at Place, written string) (T, error) {
	var v T
	text, err := s.Open(at, written)
	if err != nil || text == "" {
		return v, err
	}
	if err := json.Unmarshal([]byte(text), &v); err != nil {
		// The decoder's own words may repeat what it read.
		return v, fmt.Errorf("open %s: it is no JSON of %T", at, v)
	}
	return v, nil
}

func newAEAD(key []byte) (cipher.AEAD, error) {
	block, err := aes.NewCipher(key)
	if err != nil {
		return nil, err
	}
	return cipher.NewGCM(block)
}
