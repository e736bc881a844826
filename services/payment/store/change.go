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

var (
	errBusy = errors.New("another process calls for the payment")
	errLate = errors.New("the part has changed since it was read")
)

// Slot is the right to call a provider for a payment, held until a time at the latest. One slot exists
// for each payment, so that two processes never call for the same payment at once.
type Slot struct {
	// Refund and Part are as they are stored with the slot: marked as about to be sent.
	Refund domain.Refund
	Part   domain.Part
	// Until is when the slot is lost; the call must be over before.
	Until time.Time
	token string
}

// Claim takes the slot of the part's payment and marks the part as about to be sent, both or none. It
// is false if the payment is busy or has to wait, or if the part has changed since it was read.
// The next slot of the payment is given after gap, whatever happens to this one.
func (s *Store) Claim(ctx context.Context, refund domain.Refund, part domain.Part, lease, gap time.Duration) (Slot, bool, error) {
	var slot Slot
	err := database.InTx(ctx, s.db, func(tx *gorm.DB) error {
		now := s.now()
		sending, err := s.change(tx, refund, part, part.Sending())
		if err != nil {
			return err
		}
		slot = Slot{Refund: sending.refund, Part: sending.part, Until: now.Add(lease), token: ids.New("slot")}
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
			return errBusy
		}
		return nil
	})
	if errors.Is(err, errBusy) || errors.Is(err, errLate) {
		return Slot{}, false, nil
	}
	if err != nil {
		return Slot{}, false, err
	}
	return slot, true, nil
}

// Release gives the slot back and keeps the payment from being called for again before next.
func (s *Store) Release(ctx context.Context, slot Slot, next time.Time) error {
	return slot.release(s.db.WithContext(ctx), next)
}

func (slot Slot) release(db *gorm.DB, next time.Time) error {
	return db.Model(&paidPayment{}).
		Where("merchant_id = ? AND order_id = ? AND payment_id = ? AND busy_token = ?",
			slot.Refund.MerchantID, slot.Refund.OrderID, slot.Part.PaymentID, slot.token).
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
// then is newer; asking the provider again brings the truth. The refund has all of its parts, or none, as from ByNumber; it
// is returned as it stands then.
func (s *Store) Record(ctx context.Context, refund domain.Refund, before, after domain.Part, attempt Attempt) (domain.Refund, Repaid, error) {
	return s.record(ctx, refund, before, after, func(tx *gorm.DB) error {
		return s.insertAttempt(tx, ids.New("att"), refund.MerchantID, before.RefundNumber, attempt)
	})
}

// RecordSent is [Store.Record] of what came of sending the slot's part, and [Store.Release] of the slot, both or none.
func (s *Store) RecordSent(ctx context.Context, slot Slot, after domain.Part, attempt Attempt, next time.Time) (domain.Refund, Repaid, error) {
	return s.record(ctx, slot.Refund, slot.Part, after, func(tx *gorm.DB) error {
		if err := s.insertAttempt(tx, ids.New("att"), slot.Refund.MerchantID, slot.Part.RefundNumber, attempt); err != nil {
			return err
		}
		return slot.release(tx, next)
	})
}

// record writes a change of a part and what goes with it in one transaction; if the change comes too late, only what goes
// with it.
func (s *Store) record(ctx context.Context, refund domain.Refund, before, after domain.Part, with func(tx *gorm.DB) error) (domain.Refund, Repaid, error) {
	now := moved{refund, before}
	err := database.InTx(ctx, s.db, func(tx *gorm.DB) error {
		if before != after {
			var err error
			if now, err = s.change(tx, refund, before, after); err != nil {
				return err
			}
		}
		return with(tx)
	})
	if errors.Is(err, errLate) {
		if err := database.InTx(ctx, s.db, with); err != nil {
			return domain.Refund{}, Repaid{}, err
		}
		refund, err = s.Refund(ctx, refund.MerchantID, refund.RefundID)
		return refund, Repaid{}, err
	}
	if err != nil {
		return domain.Refund{}, Repaid{}, err
	}
	if before.Reopened || before.Repaid() || !now.part.Repaid() {
		return now.refund, Repaid{}, nil
	}
	return now.refund, Repaid{Amount: after.Amount, Whole: now.refund.Repaid()}, nil
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

// moved is a part after a change, and its refund.
type moved struct {
	refund domain.Refund
	part   domain.Part
}

// change moves one part, guarded by its version, and the state of its refund with it. It is errLate if the part has changed
// since it was read; the transaction has to be undone then.
func (s *Store) change(tx *gorm.DB, refund domain.Refund, before, after domain.Part) (moved, error) {
	after.Version, after.Unbooked, after.SucceededAt = before.Version+1, false, database.NullAt(after.SucceededAt).Time
	now, err := s.restate(tx, refund, before, after)
	if err != nil {
		return moved{}, err
	}
	changed, err := changePart(tx, refund.MerchantID, before, after)
	if err != nil {
		return moved{}, err
	}
	if !changed {
		return moved{}, errLate
	}
	if err := s.book(tx, refund, []move{{before, after}}); err != nil {
		return moved{}, err
	}
	return moved{now, after}, s.noteReturned(tx, refund, before, after)
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

// restate writes the state that follows from a changed part, for lists and alerts, and returns the refund with the part.
// The refund's row is changed before the part's, and its version guards what is known of the other parts, so that two
// parts never compute the state beside each other. A part that is alone moves without it while the state is the same.
func (s *Store) restate(tx *gorm.DB, refund domain.Refund, before, after domain.Part) (domain.Refund, error) {
	if refund.Knows(before) {
		next := refund.With(after)
		if len(next.Parts) == 1 && next.State() == refund.State() {
			return next, nil
		}
		changed, err := s.changeState(tx, next)
		if err != nil || changed {
			next.Version++
			return next, err
		}
	}
	// Another part has moved meanwhile, or the refund was read without its parts: it is locked, and read again.
	err := tx.Model(&refundRow{}).Where("merchant_id = ? AND refund_id = ?", refund.MerchantID, refund.RefundID).
		Update("version", gorm.Expr("version + 1")).Error
	if err != nil {
		return domain.Refund{}, err
	}
	now, err := s.refund(tx, refund.MerchantID, refund.RefundID)
	if err != nil {
		return domain.Refund{}, err
	}
	if !now.Knows(before) {
		return domain.Refund{}, errLate
	}
	now = now.With(after)
	_, err = s.changeState(tx, now)
	now.Version++
	return now, err
}

// changeState writes the refund's state, if its row is as it was read.
func (s *Store) changeState(tx *gorm.DB, refund domain.Refund) (bool, error) {
	changed := tx.Model(&refundRow{}).
		Where("merchant_id = ? AND refund_id = ? AND version = ?", refund.MerchantID, refund.RefundID, refund.Version).
		Updates(map[string]any{
			"state": string(refund.State()), "version": gorm.Expr("version + 1"), "updated_at": database.At(s.now()),
		})
	return changed.RowsAffected == 1, changed.Error
}
