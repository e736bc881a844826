package store

import (
	"context"
	"errors"
	"time"

	"gorm.io/gorm"
	"gorm.io/gorm/clause"

	"aftercare.dev/services/payment/domain"
	"aftercare.dev/services/platform/database"
	"aftercare.dev/services/platform/ids"
)

// Attempt is one exchange with a provider, or a decision of a person, for the record.
type Attempt struct {
	// Op is create, query, notify, or the kind of a resolution.
	Op      string
	Outcome domain.Outcome
	Code    string
}

var errTaken = errors.New("another process has it")

// Slot is the right to call a provider for a payment, held until a time at the latest. One slot exists
// for each payment, so that two processes never call for the same payment at once.
type Slot struct {
	merchantID, orderID, paymentID, token string
	// Until is when the slot is lost; the call must be over before.
	Until time.Time
}

// Claim takes the slot of the part's payment and marks the part as about to be sent, both or none. It
// is false if the payment is busy or has to wait, or if the part has changed since it was read.
// The next slot of the payment is given after gap, whatever happens to this one.
func (s *Store) Claim(ctx context.Context, refund domain.Refund, part domain.Part, lease, gap time.Duration) (domain.Part, Slot, bool, error) {
	var slot Slot
	sending := part.Sending()
	err := database.InTx(ctx, s.db, func(tx *gorm.DB) error {
		now := s.now()
		slot = Slot{refund.MerchantID, refund.OrderID, part.PaymentID, ids.New("slot"), now.Add(lease)}
		changed, err := s.change(tx, refund, part, sending)
		if err != nil {
			return err
		}
		if !changed {
			return errTaken
		}
		taken := tx.Model(&paidPayment{}).
			Where("merchant_id = ? AND order_id = ? AND payment_id = ? AND busy_until <= ? AND next_attempt_at <= ?",
				refund.MerchantID, refund.OrderID, part.PaymentID, database.At(now), database.At(now)).
			Updates(map[string]any{
				"busy_until": database.At(slot.Until), "busy_token": slot.token, "next_attempt_at": database.At(now.Add(gap)),
			})
		if taken.Error != nil {
			return taken.Error
		}
		if taken.RowsAffected != 1 {
			return errTaken
		}
		return nil
	})
	if errors.Is(err, errTaken) {
		return part, Slot{}, false, nil
	}
	if err != nil {
		return part, Slot{}, false, err
	}
	sending.Version, sending.Unbooked = part.Version+1, false
	return sending, slot, true, nil
}

// Release gives the slot back and keeps the payment from being called for again before next.
func (s *Store) Release(ctx context.Context, slot Slot, next time.Time) error {
	return s.db.WithContext(ctx).Model(&paidPayment{}).
		Where("merchant_id = ? AND order_id = ? AND payment_id = ? AND busy_token = ?", slot.merchantID, slot.orderID, slot.paymentID, slot.token).
		Updates(map[string]any{"busy_until": database.At(time.Unix(0, 0)), "busy_token": "", "next_attempt_at": database.At(next)}).Error
}

// Repaid is the money that a change gave back to the buyer. Money that was taken back once and came again is not told a
// second time.
type Repaid struct {
	// Amount in minor units.
	Amount int64
	// Whole is true if nothing of the refund is open any more, and all of it was paid.
	Whole bool
}

// Record writes down what was learned about a part: the attempt always, the part only if it differs and
// has not changed since it was read. A change that comes too late is dropped, because what is stored
// then is newer; asking the provider again brings the truth.
func (s *Store) Record(ctx context.Context, refund domain.Refund, before, after domain.Part, attempt Attempt) (Repaid, error) {
	var repaid Repaid
	err := database.InTx(ctx, s.db, func(tx *gorm.DB) error {
		repaid = Repaid{}
		if err := s.insertAttempt(tx, ids.New("att"), refund.MerchantID, before.RefundNumber, attempt); err != nil {
			return err
		}
		if before == after {
			return nil
		}
		changed, err := s.change(tx, refund, before, after)
		if err != nil || !changed || before.Reopened || before.Repaid() || !after.Repaid() {
			return err
		}
		now, err := s.refund(tx, refund.MerchantID, refund.RefundID)
		repaid = Repaid{Amount: after.Amount, Whole: now.Repaid()}
		return err
	})
	if err != nil {
		return Repaid{}, err
	}
	return repaid, nil
}

// RecordNotification writes down that a notification came; its repetitions leave no further trace.
func (s *Store) RecordNotification(ctx context.Context, refund domain.Refund, part domain.Part, notificationID, code string) error {
	return s.insertAttempt(s.db.WithContext(ctx), part.Provider+"_"+notificationID, refund.MerchantID, part.RefundNumber,
		Attempt{Op: "notify", Outcome: domain.OutcomeUnknown, Code: code})
}

func (s *Store) insertAttempt(db *gorm.DB, id, merchantID, refundNumber string, a Attempt) error {
	return db.Clauses(clause.OnConflict{DoNothing: true}).Create(&attemptRow{
		AttemptID: id, MerchantID: merchantID, RefundNumber: refundNumber, At: database.At(s.now()),
		Op: a.Op, Outcome: string(a.Outcome), Code: a.Code,
	}).Error
}

// change moves one part, guarded by its version, and the state of its refund with it. The refund's row
// is changed first, so that two parts of a refund never compute its state beside each other.
func (s *Store) change(tx *gorm.DB, refund domain.Refund, before, after domain.Part) (bool, error) {
	err := tx.Model(&refundRow{}).Where("merchant_id = ? AND refund_id = ?", refund.MerchantID, refund.RefundID).
		Updates(map[string]any{"version": gorm.Expr("version + 1"), "updated_at": database.At(s.now())}).Error
	if err != nil {
		return false, err
	}
	changed, err := changePart(tx, refund.MerchantID, before, after)
	if err != nil || !changed {
		return false, err
	}
	if err := s.book(tx, refund, []move{{before, after}}); err != nil {
		return false, err
	}
	if err := s.noteReturned(tx, refund, before, after); err != nil {
		return false, err
	}
	return true, s.restate(tx, refund.MerchantID, refund.RefundID)
}

// changePart leaves it to the caller to book the move in the same transaction.
func changePart(tx *gorm.DB, merchantID string, before, after domain.Part) (bool, error) {
	changed := tx.Model(&partRow{}).
		Where("merchant_id = ? AND refund_number = ? AND version = ?", merchantID, before.RefundNumber, before.Version).
		Updates(map[string]any{
			"state": string(after.State), "attention": string(after.Attention), "reopened": after.Reopened,
			"provider_reference": after.Reference, "code": after.Code,
			"succeeded_at": database.NullAt(after.SucceededAt), "version": gorm.Expr("version + 1"),
			"booked": before.Version + 1,
		})
	return changed.RowsAffected == 1, changed.Error
}

// restate writes the state that follows from the parts, for lists and alerts.
func (s *Store) restate(tx *gorm.DB, merchantID, refundID string) error {
	refund, err := s.refund(tx, merchantID, refundID)
	if err != nil {
		return err
	}
	return tx.Model(&refundRow{}).Where("merchant_id = ? AND refund_id = ?", merchantID, refundID).
		Update("state", string(refund.State())).Error
}
