package store

import (
	"encoding/base64"
	"fmt"
	"regexp"
	"strings"

	"gorm.io/gorm"

	"aftercare.dev/services/platform/problem"
)

// cursor is the last case of a page.
type cursor struct {
	byDeadline bool
	// key is the deadline or the opening, in microseconds.
	key    int64
	caseID string
}

const cursorForm = "%s/%d/%s"

func (c cursor) encode() string {
	text := fmt.Sprintf(cursorForm, order(c.byDeadline), c.key, c.caseID)
	return base64.RawURLEncoding.EncodeToString([]byte(text))
}

func order(byDeadline bool) string {
	if byDeadline {
		return "deadline"
	}
	return "newest"
}

// caseIDs are what cases are called. Anything else would be for the database to refuse.
var caseIDs = regexp.MustCompile(`^[A-Za-z0-9_.:-]{1,64}$`)

func decodeCursor(text string, byDeadline bool) (cursor, error) {
	malformed := problem.Invalid("cursor", "not a cursor of this list and sort; leave it out to begin with the first page")
	plain, err := base64.RawURLEncoding.DecodeString(text)
	if err != nil {
		return cursor{}, malformed
	}
	sort, rest, _ := strings.Cut(string(plain), "/")
	c := cursor{byDeadline: byDeadline}
	if n, err := fmt.Sscanf(rest, "%d/%s", &c.key, &c.caseID); err != nil || n != 2 || sort != order(byDeadline) || !caseIDs.MatchString(c.caseID) {
		return cursor{}, malformed
	}
	return c, nil
}

func (q Query) cursorAt(last Case) cursor {
	if q.ByDeadline {
		return cursor{byDeadline: true, key: last.Deadline, caseID: last.CaseID}
	}
	return cursor{key: last.OpenedAt.UnixMicro(), caseID: last.CaseID}
}

// after limits the query to what comes after the cursor. The first comparison alone bounds the index.
func (q Query) after(query *gorm.DB) (*gorm.DB, error) {
	if q.Cursor == "" {
		return query, nil
	}
	c, err := decodeCursor(q.Cursor, q.ByDeadline)
	if err != nil {
		return nil, err
	}
	if q.ByDeadline && c.key == noDeadline {
		// Most cases have none, and are told apart by their ids alone.
		return query.Where("c.deadline = ? AND c.case_id > ?", c.key, c.caseID), nil
	}
	if q.ByDeadline {
		return query.Where("c.deadline >= ? AND (c.deadline > ? OR c.case_id > ?)", c.key, c.key, c.caseID), nil
	}
	return query.Where("c.opened_at <= ? AND (c.opened_at < ? OR c.case_id < ?)", c.key, c.key, c.caseID), nil
}
