package outbox

import (
	"context"
	"errors"

	"gorm.io/gorm"

	"aftercare.dev/services/platform/database"
)

// runLength bounds how many messages of a key are delivered together.
const runLength = 32

// claim takes what waits of each key whose first waiting message is due. A claim is a lease: it moves next_attempt_at to where
// the lease ends, if nobody else has moved it, and needs no other mark.
func (r *Relay) claim(ctx context.Context) ([]row, error) {
	now := database.At(r.o.Now())
	var due []row
	err := r.o.DB.WithContext(ctx).Raw(`SELECT m.* FROM (
		SELECT message_key, sequence FROM outbox_messages
		WHERE delivered_at IS NULL AND next_attempt_at <= ? AND NOT EXISTS (SELECT 1 FROM outbox_messages earlier
			WHERE earlier.message_key = outbox_messages.message_key
			AND earlier.sequence < outbox_messages.sequence AND earlier.delivered_at IS NULL)
		ORDER BY next_attempt_at LIMIT ?) AS head
	JOIN outbox_messages m ON m.message_key = head.message_key AND m.sequence >= head.sequence
		AND m.sequence < head.sequence + ? AND m.delivered_at IS NULL
	ORDER BY m.message_key, m.sequence`, now, r.o.Batch, runLength).Scan(&due).Error
	if err != nil || len(due) == 0 {
		return nil, err
	}
	due = dueTogether(due, now)
	until := database.At(now.Add(r.o.Lease))
	var claimed []row
	err = database.InTx(ctx, r.o.DB, func(tx *gorm.DB) error {
		claimed = nil
		whole, err := take(tx, due, now, until)
		if err != nil || whole {
			claimed = due
			return err
		}
		// Another instance has some of them: whose each is, its row decides, and what stands behind a lost one is lost, too.
		lost := ""
		for _, m := range due {
			if m.MessageKey == lost {
				continue
			}
			mine, err := take(tx, []row{m}, now, until)
			if err != nil {
				return err
			}
			if mine {
				claimed = append(claimed, m)
			} else {
				lost = m.MessageKey
			}
		}
		return nil
	})
	for i := range claimed {
		claimed[i].NextAttemptAt = until
	}
	return claimed, err
}

// errTaken undoes a claim of which another instance has a part.
var errTaken = errors.New("taken by another instance")

// take leases rows that are due, all or none of them.
func take(tx *gorm.DB, rows []row, now, until database.Time) (bool, error) {
	err := tx.Transaction(func(tx *gorm.DB) error {
		update := tx.Model(&row{}).Where("id IN ? AND delivered_at IS NULL AND next_attempt_at <= ?", idsOf(rows), now).
			Updates(map[string]any{"next_attempt_at": until, "attempts": gorm.Expr("attempts + 1")})
		if update.Error == nil && update.RowsAffected != int64(len(rows)) {
			return errTaken
		}
		return update.Error
	})
	if errors.Is(err, errTaken) {
		return false, nil
	}
	return err == nil, err
}

// dueTogether leaves out what cannot be delivered now: what is not due itself, and what stands behind it in line.
func dueTogether(rows []row, now database.Time) []row {
	var due []row
	for i, m := range rows {
		first := i == 0 || rows[i-1].MessageKey != m.MessageKey
		follows := len(due) > 0 && due[len(due)-1].MessageKey == m.MessageKey && due[len(due)-1].Sequence == m.Sequence-1
		if (first || follows) && !m.NextAttemptAt.After(now.Time) {
			due = append(due, m)
		}
	}
	return due
}

// runs cuts rows, which are in order, into what is delivered together: one key, one topic, without a gap.
func runs(rows []row) [][]row {
	var cut [][]row
	for i, m := range rows {
		if i > 0 && rows[i-1].MessageKey == m.MessageKey && rows[i-1].Topic == m.Topic && rows[i-1].Sequence == m.Sequence-1 {
			cut[len(cut)-1] = append(cut[len(cut)-1], m)
			continue
		}
		// Of a key that was taken in parts, the second part may not overtake the first.
		if i > 0 && rows[i-1].MessageKey == m.MessageKey {
			continue
		}
		cut = append(cut, []row{m})
	}
	return cut
}

func idsOf(rows []row) []string {
	all := make([]string, len(rows))
	for i, m := range rows {
		all[i] = m.ID
	}
	return all
}
