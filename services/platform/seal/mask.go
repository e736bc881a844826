package seal

import (
	"regexp"
	"strings"
	"unicode/utf8"
)

// Name shows the first letter of a name: 张*. Latin names keep the first letter of the first word: J*.
func Name(name string) string {
	name = strings.TrimSpace(name)
	if name == "" {
		return ""
	}
	first, _ := utf8.DecodeRuneInString(name)
	return string(first) + "*"
}

// Phone shows three digits in front and four at the end: 138****8000. A number of fewer than eleven digits
// shows the last two at most.
func Phone(phone string) string {
	digits := []rune(strings.TrimSpace(phone))
	switch n := len(digits); {
	case n == 0:
		return ""
	case n >= 11:
		return string(digits[:3]) + "****" + string(digits[n-4:])
	case n >= 5:
		return "****" + string(digits[n-2:])
	}
	return "****"
}

// Email shows the first letter and the domain: z***@example.com.
func Email(address string) string {
	if address == "" {
		return ""
	}
	local, domain, found := strings.Cut(address, "@")
	if !found || local == "" {
		return "***"
	}
	first, _ := utf8.DecodeRuneInString(local)
	return string(first) + "***@" + domain
}

// inText is a mobile number of China inside other words, with its country code or without.
var inText = regexp.MustCompile(`(?:\+?86[ -]?)?1[3-9]\d[ -]?\d{4}[ -]?\d{4}`)

// Text masks the mobile numbers in a text.
func Text(text string) string { return inText.ReplaceAllStringFunc(text, Phone) }

// Hidden stands for what is not shown at all, such as a street.
func Hidden(text string) string {
	if text == "" {
		return ""
	}
	return "***"
}
