package store

import (
	"gorm.io/gorm"
	"gorm.io/gorm/clause"

	"aftercare.dev/services/payment/domain"
)

// catchUp books a batch of the merchant's parts that the ledger is behind of, and tells how many.
func (s *Store) catchUp(tx *gorm.DB, merchantID string) (int, error) {
	var parts []partRow
	err := tx.Clauses(clause.Locking{Strength: "UPDATE"}).Where("merchant_id = ? AND unbooked = ?", merchantID, true).
		Order("refund_number").Limit(batch).Find(&parts).Error
	if err != nil || len(parts) == 0 {
		return 0, err
	}
	numbers, refundIDs := make([]string, len(parts)), make([]string, len(parts))
	for i, p := range parts {
		numbers[i], refundIDs[i] = p.RefundNumber, p.RefundID
	}
	var rows []refundRow
	if err := tx.Where("merchant_id = ? AND refund_id IN ?", merchantID, refundIDs).Find(&rows).Error; err != nil {
		return 0, err
	}
	refunds := make(map[string]refundRow, len(rows))
	for _, row := range rows {
		refunds[row.RefundID] = row
	}
	booked, err := threads(tx, merchantID, numbers)
	if err != nil {
		return 0, err
	}
	var entries domain.Thread
	for _, p := range parts {
		more, err := behind(booked[p.RefundNumber], refunds[p.RefundID], p)
		if err != nil {
			return 0, err
		}
		entries = append(entries, more...)
		if err := s.noteMissed(tx, refunds[p.RefundID], p); err != nil {
			return 0, err
		}
	}
	if err := insertEntries(tx, entries); err != nil {
		return 0, err
	}
	return len(parts), tx.Model(&partRow{}).Where("merchant_id = ? AND refund_number IN ?", merchantID, numbers).
		Update("booked", gorm.Expr("version")).Error
}

// behind returns what the ledger lacks of a part, as of the time at which it happened.
func behind(thread domain.Thread, row refundRow, p partRow) (domain.Thread, error) {
	refund, part := row.refund(), p.part(row.Currency, row.Reason)
	at := row.UpdatedAt.Time
	if p.SucceededAt.Valid {
		at = p.SucceededAt.Time
	}
	var reserve domain.Thread
	if len(thread) == 0 {
		var err error
		if reserve, err = thread.Reach(refund.Matter(part), domain.Goal{Position: domain.Held}, row.CreatedAt.Time); err != nil {
			return nil, err
		}
		thread = reserve
	}
	more, err := thread.Reach(refund.Matter(part), part.Goal(), at)
	return append(reserve, more...), err
}
