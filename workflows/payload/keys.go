package payload

import (
	"bytes"
	"crypto/aes"
	"crypto/cipher"
	"encoding/base64"
	"fmt"
	"log/slog"
	"regexp"
	"slices"
	"strings"

	"aftercare.dev/services/platform/config"
)

// variable is where keys come from; errors name it.
const variable = "PAYLOAD_KEYS"

// keySize is that of AES-256, in bytes.
const keySize = 32

// plain stands in the first place for a key that does not encrypt.
const plain = "plain"

// keyID is what the name of a key looks like. It is in every payload and in logs, so it must say nothing.
var keyID = regexp.MustCompile(`^[a-z0-9-]{1,32}$`)

// Keys encrypt and decrypt payloads. The zero Keys encrypt nothing and decrypt nothing. Keys never change and never show
// in a log.
type Keys struct {
	// first is the id of the key that encrypts; empty if none does.
	first string
	ids   []string
	seals map[string]cipher.AEAD
}

// ParseKeys reads the value of PAYLOAD_KEYS: a comma list of id:key, where the id is 1 to 32 of a-z, 0-9 and -, and the
// key is 32 random bytes in base64. The first key encrypts, all decrypt. With the word plain in the first place, nothing
// is encrypted and the keys decrypt: so encryption is switched on and off while everything runs. An empty list is no error.
// Errors are *config.Error and never repeat the value.
func ParseKeys(list string) (Keys, error) {
	if strings.TrimSpace(list) == "" {
		return Keys{}, nil
	}
	keys := Keys{seals: map[string]cipher.AEAD{}}
	var seen [][]byte
	for i, entry := range strings.Split(list, ",") {
		id, text, _ := strings.Cut(strings.TrimSpace(entry), ":")
		if id == plain {
			if i > 0 || text != "" {
				return Keys{}, fault("%q is no key: it stands alone, before the first one, if nothing is to be encrypted", plain)
			}
			keys.ids = append(keys.ids, plain)
			continue
		}
		// What is no id may be a key in the wrong place.
		if !keyID.MatchString(id) {
			return Keys{}, fault("entry %d does not begin with the id of a key, 1 to 32 of a-z, 0-9 and -, and a colon", i+1)
		}
		raw, err := base64.StdEncoding.Strict().DecodeString(text)
		if err != nil || len(raw) != keySize {
			return Keys{}, fault("the key %q is not %d bytes in base64; make one with: openssl rand -base64 %d", id, keySize, keySize)
		}
		if _, twice := keys.seals[id]; twice {
			return Keys{}, fault("the id %q is given twice; a new key needs a new id", id)
		}
		if slices.ContainsFunc(seen, func(other []byte) bool { return bytes.Equal(raw, other) }) {
			return Keys{}, fault("the key %q is the same as one before it; make a new one with: openssl rand -base64 %d", id, keySize)
		}
		seal, err := newSeal(raw)
		if err != nil {
			return Keys{}, fault("the key %q cannot be used: %v", id, err)
		}
		keys.ids, keys.seals[id], seen = append(keys.ids, id), seal, append(seen, raw)
	}
	if keys.ids[0] != plain {
		keys.first = keys.ids[0]
	}
	return keys, nil
}

func newSeal(key []byte) (cipher.AEAD, error) {
	block, err := aes.NewCipher(key)
	if err != nil {
		return nil, err
	}
	return cipher.NewGCMWithRandomNonce(block)
}

func fault(format string, args ...any) error {
	return &config.Error{Variable: variable, Sentence: variable + ": " + fmt.Sprintf(format, args...)}
}

// encrypt tells whether any key encrypts.
func (k Keys) encrypt() bool { return k.first != "" }

// String names the keys, the one that encrypts first.
func (k Keys) String() string { return strings.Join(k.ids, ",") }

// GoString names the keys.
func (k Keys) GoString() string { return k.String() }

// LogValue names the keys.
func (k Keys) LogValue() slog.Value { return slog.StringValue(k.String()) }
