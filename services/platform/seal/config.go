package seal

import (
	"crypto/cipher"
	"encoding/base64"
	"errors"
	"fmt"
	"regexp"
	"slices"
	"strings"

	"aftercare.dev/services/platform/config"
)

// Config is the keys, from the environment. They are the same in every process of a house.
type Config struct {
	// Keys are id:base64, 32 bytes each, with commas between; the first seals, all open.
	Keys config.Secret `env:"PERSONAL_DATA_KEYS"`
	// IndexKey makes the index by which phone numbers are found: base64 of 32 bytes or more.
	IndexKey config.Secret `env:"PERSONAL_DATA_INDEX_KEY"`
	// Seal is false while programs that cannot open sealed values run beside this one: what is written
	// then is plain, and what is sealed is still opened.
	Seal bool `env:"PERSONAL_DATA_SEAL" envDefault:"true"`
}

const (
	variableKeys  = "PERSONAL_DATA_KEYS"
	variableIndex = "PERSONAL_DATA_INDEX_KEY"
	keySize       = 32
)

// idForm keeps ids out of the way of LIKE and of the form of sealed values.
var idForm = regexp.MustCompile(`^[a-z0-9-]{1,32}$`)

// New returns the sealer of a configuration: nil without keys. An error is a [*config.Error] that names the
// variable and holds no key.
func New(cfg Config) (*Sealer, error) {
	if cfg.Keys == "" && cfg.IndexKey == "" {
		return nil, nil //nolint:nilnil // a nil Sealer is one without keys
	}
	s := &Sealer{keys: map[string]cipher.AEAD{}}
	var err error
	if s.index, err = parseIndexKey(string(cfg.IndexKey)); err != nil {
		return nil, wrong(variableIndex, err)
	}
	for entry := range strings.SplitSeq(string(cfg.Keys), ",") {
		if cfg.Keys == "" {
			break
		}
		id, aead, err := parseKey(strings.TrimSpace(entry))
		if err == nil && s.keys[id] != nil {
			err = fmt.Errorf("has two keys with the id %q; give each an id of its own", id)
		}
		if err != nil {
			return nil, wrong(variableKeys, err)
		}
		if s.sealing == "" {
			s.sealing = id
		}
		s.keys[id] = aead
	}
	if !cfg.Seal {
		s.sealing = ""
	}
	return s, nil
}

func wrong(variable string, err error) error {
	return &config.Error{Variable: variable, Sentence: variable + " " + err.Error()}
}

// parseKey never repeats what it could not read: it may be a key without an id.
func parseKey(entry string) (id string, aead cipher.AEAD, err error) {
	id, encoded, found := strings.Cut(entry, ":")
	if !found || !idForm.MatchString(id) {
		return "", nil, errors.New("expected a comma list of id:base64, with ids of at most 32 lower-case letters, digits and hyphens")
	}
	raw, err := base64.StdEncoding.DecodeString(encoded)
	if err != nil || len(raw) != keySize {
		return "", nil, fmt.Errorf("has no 32 bytes in base64 for the key %q; make one with: openssl rand -base64 32", id)
	}
	if aead, err = newAEAD(raw); err != nil {
		return "", nil, err
	}
	return id, aead, nil
}

func parseIndexKey(encoded string) ([]byte, error) {
	if encoded == "" {
		return nil, nil
	}
	raw, err := base64.StdEncoding.DecodeString(strings.TrimSpace(encoded))
	if err != nil || len(raw) < keySize {
		return nil, errors.New("expected 32 bytes or more in base64; make them with: openssl rand -base64 32")
	}
	return slices.Clone(raw), nil
}
