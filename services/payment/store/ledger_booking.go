package store

import (
	"context"
	"fmt"

	"gorm.io/gorm"

	"aftercare.dev/services/payment/domain"
	"aftercare.dev/services/platform/database"
)

// Book takes a booking to a phase and returns all that is booked under its id. Repeated, it changes nothing. What the
// booking does not allow is a problem, see [domain.Booking.Advance].
func (s *Store) Book(ctx context.Context, booking domain.Booking, phase domain.BookingPhase) (domain.Thread, error) {
	var thread domain.Thread
	err := database.InTx(ctx, s.db, func(tx *gorm.DB) error {
		found, err := threads(tx, booking.MerchantID, []string{booking.ID})
		if err != nil {
			return err
		}
		thread = found[booking.ID]
		more, err := booking.Advance(thread, phase, s.now())
		if err != nil {
			return err
		}
		thread = append(thread, more...)
		err = insertEntries(tx, more)
		if database.IsDuplicate(err) {
			return fmt.Errorf("booking %s is made by another transaction: %w", booking.ID, database.ErrRetry)
		}
		return err
	})
	if err != nil {
		return nil, err
	}
	return thread, nil
}
