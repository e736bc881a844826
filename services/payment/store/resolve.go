package store

import (
	"context"
	"fmt"

	"gorm.io/gorm"

	"aftercare.dev/services/payment/domain"
	"aftercare.dev/services/platform/database"
	"aftercare.dev/services/platform/ids"
	"aftercare.dev/services/platform/problem"
)

// Resolve carries out a person's decision: the parts that the decision changes, the decision itself,
// and, for parts that it voids, the amounts that go back to lines and payments. All or nothing, and
// only if the refund is still the one that was decided about; else it is a 409 problem version_conflict.
func (s *Store) Resolve(ctx context.Context, refund domain.Refund, resolution domain.Resolution, change func(domain.Part) domain.Part) (Repaid, error) {
	next := refund
	for _, part := range refund.Parts {
		next = next.With(change(part))
	}
	err := database.InTx(ctx, s.db, func(tx *gorm.DB) error {
		// The order's row comes first here as it does in Reserve.
		if err := touchOrder(tx, refund.MerchantID, refund.OrderID); err != nil {
			return err
		}
		now := database.At(s.now())
		decided := tx.Model(&refundRow{}).
			Where("merchant_id = ? AND refund_id = ? AND version = ?", refund.MerchantID, refund.RefundID, refund.Version).
			Updates(map[string]any{
				"version": gorm.Expr("version + 1"), "updated_at": now, "state": string(next.State()),
				"resolution": string(resolution.Kind), "resolved_by": resolution.ActorID,
				"transfer_reference": resolution.TransferReference, "resolved_at": now,
			})
		if decided.Error != nil {
			return decided.Error
		}
		if decided.RowsAffected != 1 {
			return errStale
		}
		voided, err := s.resolveParts(tx, refund, resolution, change)
		if err != nil {
			return err
		}
		return giveBack(tx, refund, voided)
	})
	if err != nil {
		return Repaid{}, err
	}
	return repaidBy(refund, next), nil
}

// repaidBy is what the decision gives back to the buyer.
func repaidBy(before, after domain.Refund) Repaid {
	var repaid Repaid
	for i, p := range before.Parts {
		if !p.Reopened && !p.Repaid() && after.Parts[i].Repaid() {
			repaid.Amount += p.Amount
		}
	}
	repaid.Whole = repaid.Amount > 0 && after.Repaid()
	return repaid
}

var errStale = problem.Conflict("version_conflict", "the refund changed while it was being resolved; look at it again")

func (s *Store) resolveParts(tx *gorm.DB, refund domain.Refund, resolution domain.Resolution, change func(domain.Part) domain.Part) (voided []domain.Part, err error) {
	var moves []move
	for _, before := range refund.Parts {
		after := change(before)
		if after == before {
			continue
		}
		moves = append(moves, move{before, after})
		changed, err := changePart(tx, refund.MerchantID, before, after)
		if err != nil {
			return nil, err
		}
		if !changed {
			return nil, errStale
		}
		attempt := Attempt{Op: string(resolution.Kind), Outcome: domain.OutcomeDone, Code: before.Code}
		if err := s.insertAttempt(tx, ids.New("att"), refund.MerchantID, before.RefundNumber, attempt); err != nil {
			return nil, err
		}
		if after.State == domain.PartVoided {
			voided = append(voided, after)
		}
	}
	return voided, s.book(tx, refund, moves)
}

// giveBack returns the amounts of voided parts. Their state changed in the same transaction, guarded by
// their version, so that it happens once. If only some parts of a refund are voided, nobody can say
// which lines they stood for; the amount goes back to the lines by what they still hold.
func giveBack(tx *gorm.DB, refund domain.Refund, voided []domain.Part) error {
	var total int64
	for _, p := range voided {
		total += p.Amount
	}
	if total == 0 {
		return nil
	}
	var lines []refundLine
	err := tx.Where("merchant_id = ? AND refund_id = ?", refund.MerchantID, refund.RefundID).Order("line_id").Find(&lines).Error
	if err != nil {
		return err
	}
	held := make([]int64, len(lines))
	for i, line := range lines {
		held[i] = line.Amount - line.Released
	}
	shares, enough := domain.Split(total, held)
	if !enough {
		return fmt.Errorf("refund %s: parts of %d are voided, but its lines hold less", refund.RefundID, total)
	}
	for i, line := range lines {
		if shares[i] == 0 {
			continue
		}
		if err := giveBackLine(tx, refund, line.LineID, shares[i]); err != nil {
			return err
		}
	}
	for _, p := range voided {
		given := tx.Model(&paidPayment{}).
			Where("merchant_id = ? AND order_id = ? AND payment_id = ? AND refunded >= ?", refund.MerchantID, refund.OrderID, p.PaymentID, p.Amount).
			Update("refunded", gorm.Expr("refunded - ?", p.Amount))
		if err := mustChange(given, "payment "+p.PaymentID); err != nil {
			return err
		}
	}
	return nil
}

func giveBackLine(tx *gorm.DB, refund domain.Refund, lineID string, share int64) error {
	released := tx.Model(&refundLine{}).
		Where("merchant_id = ? AND refund_id = ? AND line_id = ? AND released + ? <= amount", refund.MerchantID, refund.RefundID, lineID, share).
		Update("released", gorm.Expr("released + ?", share))
	if err := mustChange(released, "line of the refund"); err != nil {
		return err
	}
	given := tx.Model(&paidLine{}).
		Where("merchant_id = ? AND order_id = ? AND line_id = ? AND refunded >= ?", refund.MerchantID, refund.OrderID, lineID, share).
		Update("refunded", gorm.Expr("refunded - ?", share))
	return mustChange(given, "line of the order")
}

// mustChange fails if an update that the rest of the transaction makes certain did not change its row.
func mustChange(update *gorm.DB, what string) error {
	if update.Error != nil {
		return update.Error
	}
	if update.RowsAffected != 1 {
		return fmt.Errorf("%s: the amount that goes back was never taken", what)
	}
	return nil
}
