package store

import (
	"gorm.io/gorm"

	"aftercare.dev/services/platform/ids"
	"aftercare.dev/services/platform/problem"
)

// Limits of a page.
const (
	DefaultLimit = 50
	MaxLimit     = 200
)

// Page says which part of a listing is wanted: at most Limit rows after the one that Cursor names, from
// the start if it is empty. A Limit of 0 is [DefaultLimit].
type Page struct {
	Cursor string
	Limit  int
}

// query orders deliveries newest first and reads one row more than wanted, to know whether there are
// more. The cursor is the id of the last row, since ids sort by time.
func (p Page) query(tx *gorm.DB) (*gorm.DB, int, error) {
	limit := p.Limit
	if limit <= 0 {
		limit = DefaultLimit
	}
	limit = min(limit, MaxLimit)
	if p.Cursor != "" {
		if !ids.Is(deliveryPrefix, p.Cursor) {
			return nil, 0, problem.Invalid("cursor", "use the next_cursor of the page before")
		}
		tx = tx.Where("delivery_id < ?", p.Cursor)
	}
	return tx.Order("delivery_id DESC").Limit(limit + 1), limit, nil
}

// cut takes the extra row off and returns the cursor of the next page, or "".
func cut(rows []deliveryRow, limit int) ([]deliveryRow, string) {
	if len(rows) <= limit {
		return rows, ""
	}
	return rows[:limit], rows[limit-1].DeliveryID
}
