package kuaidi100

import (
	"crypto/md5"
	"crypto/subtle"
	"encoding/hex"
	"strings"
)

// sign is kuaidi100's signature: the upper-case hex MD5 of the parts, one after the other. For
// borderapi.do the parts are param, t, key, secret; for query.do param, key, customer; for what
// kuaidi100 sends to us param and the salt that we gave.
func sign(parts ...string) string {
	sum := md5.Sum([]byte(strings.Join(parts, "")))
	return strings.ToUpper(hex.EncodeToString(sum[:]))
}

// signed tells in constant time whether signature is that of param with salt. The documents show
// upper case, the vendor's own examples lower case too, so the case does not count. Without a salt
// nothing is believed.
func signed(param, salt, signature string) bool {
	if salt == "" {
		return false
	}
	want, got := sign(param, salt), strings.ToUpper(signature)
	return subtle.ConstantTimeCompare([]byte(want), []byte(got)) == 1
}
