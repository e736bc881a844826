package store

import (
	"cmp"
	"context"
	"fmt"
	"slices"
	"time"

	"gorm.io/gorm"

	"aftercare.dev/services/notification/domain"
	"aftercare.dev/services/platform/database"
	"aftercare.dev/services/platform/ids"
)

// Due is a delivery whose time has come.
type Due struct {
	DeliveryID string
	Channel    domain.Channel
	TargetID   string
}

// Due returns up to limit deliveries whose time has come, longest due first, without those for the
// excluded endpoints and channels. It is a look only: [Store.Claim] decides whose they are.
func (s *Store) Due(ctx context.Context, excludeEndpoints []string, excludeChannels []domain.Channel, limit int) ([]Due, error) {
	query := s.db.WithContext(database.AcrossMerchants(ctx)).Model(&deliveryRow{}).
		Select("delivery_id", "channel", "target_id").
		Where("due_at <= ?", database.At(s.clock()))
	if len(excludeEndpoints) > 0 {
		query = query.Where("target_id NOT IN ?", excludeEndpoints)
	}
	if len(excludeChannels) > 0 {
		query = query.Where("channel NOT IN ?", excludeChannels)
	}
	var found []Due
	if err := query.Order("due_at").Limit(limit).Find(&found).Error; err != nil {
		return nil, fmt.Errorf("look for due deliveries: %w", err)
	}
	return found, nil
}

// Lease is the right to attempt some deliveries until a moment, of one process.
type Lease struct {
	token    string
	Messages []domain.Message
}

// Claim takes those of the deliveries that are still due, and counts an attempt for each. What is not
// finished in time is due again: the process is taken for dead, and whether it sent is not known.
func (s *Store) Claim(ctx context.Context, deliveryIDs []string, lease time.Duration) (Lease, error) {
	claimed := Lease{token: ids.New(leasePrefix)}
	// In one order everywhere, so that two processes do not lock the same rows crosswise.
	sorted := slices.Sorted(slices.Values(deliveryIDs))
	err := database.InTx(database.AcrossMerchants(ctx), s.db, func(tx *gorm.DB) error {
		now := s.clock()
		result := tx.Model(&deliveryRow{}).
			Where("delivery_id IN ? AND state = ? AND due_at <= ?", sorted, domain.StatePending, database.At(now)).
			Updates(map[string]any{
				"lease_token": claimed.token,
				"due_at":      database.At(now.Add(lease)),
				"attempts":    gorm.Expr("attempts + 1"),
				"step":        gorm.Expr("step + 1"),
			})
		if result.Error != nil || result.RowsAffected == 0 {
			claimed.Messages = nil
			return result.Error
		}
		var rows []deliveryRow
		if err := tx.Order("delivery_id").Find(&rows, "delivery_id IN ? AND lease_token = ?", sorted, claimed.token).Error; err != nil {
			return err
		}
		var err error
		claimed.Messages, err = s.messagesOf(tx, rows)
		return err
	})
	if err != nil {
		return Lease{}, fmt.Errorf("claim deliveries: %w", err)
	}
	return claimed, nil
}

// Attempt is one that was made under a lease.
type Attempt struct {
	Lease   Lease
	Message domain.Message
	Result  domain.Result
	// Random is in [0, 1) and spreads the next attempts.
	Random float64
	// Held is set by [Store.Finish]: whether the lease still held. If not, somebody else attempts the delivery and the result
	// is forgotten.
	Held bool
}

// Finish stores how attempts at one receiver went, all or none, and what it means for the endpoint: one that answered 410, or
// has failed too long, is switched off, and the staff are told.
func (s *Store) Finish(ctx context.Context, attempts ...*Attempt) error {
	// In the order of Claim, so that the two do not lock the same rows crosswise.
	attempts = slices.SortedFunc(slices.Values(attempts), func(a, b *Attempt) int {
		return cmp.Compare(a.Message.Delivery.DeliveryID, b.Message.Delivery.DeliveryID)
	})
	err := database.InTx(ctx, s.db, func(tx *gorm.DB) error {
		now := s.clock()
		// The endpoint first: every transaction that locks both does so in this order.
		for _, a := range attempts {
			if a.Message.Delivery.Channel != domain.ChannelWebhook {
				continue
			}
			if err := s.noteHealth(tx, a.Message, a.Result, now); err != nil {
				return err
			}
		}
		for _, a := range attempts {
			if err := a.finish(tx, now); err != nil {
				return err
			}
		}
		return nil
	})
	if err != nil {
		return fmt.Errorf("finish delivery: %w", err)
	}
	return nil
}

// finish stores the result if the lease still holds.
func (a *Attempt) finish(tx *gorm.DB, now time.Time) error {
	after := rowOfDelivery(a.Message.Delivery.After(a.Result, now, a.Random))
	updated := tx.Model(&deliveryRow{}).
		Where("merchant_id = ? AND delivery_id = ? AND lease_token = ?", after.MerchantID, after.DeliveryID, a.Lease.token).
		Updates(map[string]any{
			"lease_token": "", "state": after.State, "step": after.Step, "due_at": after.DueAt,
			"last_status": after.LastStatus, "last_error": after.LastError, "delivered_at": after.DeliveredAt,
		})
	a.Held = updated.RowsAffected == 1
	return updated.Error
}

// noteHealth counts failures and forgets them at a success.
func (s *Store) noteHealth(tx *gorm.DB, m domain.Message, result domain.Result, now time.Time) error {
	endpoint := func() *gorm.DB {
		return tx.Model(&endpointRow{}).
			Where("merchant_id = ? AND endpoint_id = ? AND removed_at IS NULL", m.Delivery.MerchantID, m.Delivery.TargetID)
	}
	if result.Verdict == domain.Delivered {
		return endpoint().Where("failures > 0").
			Updates(map[string]any{"failures": 0, "failing_since": nil, "version": gorm.Expr("version + 1")}).Error
	}
	if !result.CountsAgainst() {
		return nil
	}
	counted := endpoint().Where("enabled = ?", true).Updates(map[string]any{
		"failures": gorm.Expr("failures + 1"), "version": gorm.Expr("version + 1"),
		"failing_since": gorm.Expr("COALESCE(failing_since, ?)", database.At(now)),
	})
	if counted.Error != nil || counted.RowsAffected == 0 {
		return counted.Error // removed or disabled in the meantime
	}
	var row endpointRow
	if err := endpoint().Take(&row).Error; err != nil {
		return err
	}
	switch {
	case result.Gone:
		return s.disable(tx, m, row.endpoint(), domain.DisabledGone, now)
	case row.endpoint().Failing(now):
		return s.disable(tx, m, row.endpoint(), domain.DisabledFailing, now)
	}
	return nil
}

// disable switches the endpoint off and tells the staff, in their inbox.
func (s *Store) disable(tx *gorm.DB, m domain.Message, endpoint domain.Endpoint, reason string, now time.Time) error {
	disabled := tx.Model(&endpointRow{}).
		Where("merchant_id = ? AND endpoint_id = ? AND enabled = ?", endpoint.MerchantID, endpoint.EndpointID, true).
		Updates(map[string]any{"enabled": false, "disabled_reason": reason, "version": gorm.Expr("version + 1")})
	if disabled.Error != nil || disabled.RowsAffected == 0 {
		return disabled.Error
	}
	notice, err := domain.EndpointDisabled(ids.New(eventPrefix), m.Event, endpoint, reason, now)
	if err != nil {
		return err
	}
	return s.publish(tx, notice)
}
