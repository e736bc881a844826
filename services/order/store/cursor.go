package store

import (
	"encoding/base64"
	"regexp"
	"strconv"
	"strings"
	"time"

	"aftercare.dev/services/platform/database"
	"aftercare.dev/services/platform/problem"
)

// cursor is the last order of a page.
type cursor struct {
	placedAt database.Time
	orderID  string
}

// encode gives the opaque form: the microseconds and the order id, which an id's alphabet keeps apart.
func (c cursor) encode() string {
	text := strconv.FormatInt(c.placedAt.UnixMicro(), 10) + "/" + c.orderID
	return base64.RawURLEncoding.EncodeToString([]byte(text))
}

// orderIDs are what the contract lets orders be called. Anything else would be for the database to refuse.
var orderIDs = regexp.MustCompile(`^[A-Za-z0-9_.:-]{1,64}$`)

func decodeCursor(text string) (cursor, error) {
	if text == "" {
		return cursor{}, nil
	}
	malformed := problem.Invalid("cursor", "not a cursor of this list; leave it out to begin with the newest order")
	plain, err := base64.RawURLEncoding.DecodeString(text)
	if err != nil {
		return cursor{}, malformed
	}
	placed, orderID, found := strings.Cut(string(plain), "/")
	micros, err := strconv.ParseInt(placed, 10, 64)
	if !found || err != nil || !orderIDs.MatchString(orderID) {
		return cursor{}, malformed
	}
	return cursor{placedAt: database.At(time.UnixMicro(micros)), orderID: orderID}, nil
}
