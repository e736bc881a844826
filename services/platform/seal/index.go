package seal

import (
	"crypto/hmac"
	"crypto/sha256"
	"encoding/hex"
	"strings"
)

// noPhone ends the index of a row without a phone number, so that it is not looked at again and again.
const noPhone = "-"

// Indexes tells whether there is an index key: without one nothing is found by phone.
func (s *Sealer) Indexes() bool { return s != nil && s.index != nil }

// PhoneIndex returns the blind index of a merchant's customer's phone number: the same number, written in
// whatever way, has the same index at the same merchant, and nobody can go back without the index key. It
// has at most 43 characters, begins with a mark of the index key, and is empty without one.
func (s *Sealer) PhoneIndex(merchantID, phone string) string {
	if !s.Indexes() {
		return ""
	}
	number := normalPhone(phone)
	if number == "" {
		return s.indexMark() + noPhone
	}
	mac := hmac.New(sha256.New, s.index)
	for _, part := range []string{"phone", merchantID, number} {
		mac.Write([]byte(part + "\x00"))
	}
	return s.indexMark() + hex.EncodeToString(mac.Sum(nil)[:16])
}

// indexMark tells indexes of different keys apart.
func (s *Sealer) indexMark() string {
	mac := hmac.New(sha256.New, s.index)
	mac.Write([]byte("mark"))
	return hex.EncodeToString(mac.Sum(nil)[:4]) + ":"
}

// IsPhone tells whether the text has enough digits to be looked for.
func IsPhone(text string) bool { return normalPhone(text) != "" }

// normalPhone is the digits alone. China's country code is left out, because nobody writes it always; the
// shortest number that is looked for has five digits, so that one cannot go through all short ones.
func normalPhone(phone string) string {
	digits := strings.Map(func(r rune) rune {
		if r >= '0' && r <= '9' {
			return r
		}
		return -1
	}, phone)
	for _, code := range []string{"0086", "86"} {
		if rest, found := strings.CutPrefix(digits, code); found && len(rest) == 11 {
			digits = rest
		}
	}
	if len(digits) < 5 {
		return ""
	}
	return digits
}
