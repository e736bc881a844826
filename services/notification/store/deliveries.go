package store

import (
	"context"
	"fmt"

	"gorm.io/gorm"

	"aftercare.dev/services/notification/domain"
	"aftercare.dev/services/platform/database"
)

// Inbox returns the person's messages, newest first, with their events, and the cursor of the next page.
func (s *Store) Inbox(ctx context.Context, merchantID, recipientID string, unread bool, page Page) ([]domain.Message, string, error) {
	tx := s.db.WithContext(ctx)
	query := tx.Where("merchant_id = ? AND target_id = ? AND channel = ?", merchantID, recipientID, domain.ChannelInbox)
	if unread {
		query = query.Where("read_at IS NULL")
	}
	query, limit, err := page.query(query)
	if err != nil {
		return nil, "", err
	}
	var rows []deliveryRow
	if err := query.Find(&rows).Error; err != nil {
		return nil, "", fmt.Errorf("list inbox: %w", err)
	}
	rows, next := cut(rows, limit)
	messages, err := s.messagesOf(tx, rows)
	if err != nil {
		return nil, "", fmt.Errorf("list inbox: %w", err)
	}
	return messages, next, nil
}

// MarkRead notes when the person first saw the message. Again, it changes nothing.
func (s *Store) MarkRead(ctx context.Context, merchantID, recipientID, messageID string) (domain.Message, error) {
	var message domain.Message
	err := database.InTx(ctx, s.db, func(tx *gorm.DB) error {
		own := func() *gorm.DB {
			return tx.Where("merchant_id = ? AND delivery_id = ? AND target_id = ? AND channel = ?",
				merchantID, messageID, recipientID, domain.ChannelInbox)
		}
		err := own().Model(&deliveryRow{}).Where("read_at IS NULL").Update("read_at", database.At(s.clock())).Error
		if err != nil {
			return err
		}
		var row deliveryRow
		if err := own().Take(&row).Error; err != nil {
			return err
		}
		messages, err := s.messagesOf(tx, []deliveryRow{row})
		if err != nil {
			return err
		}
		message = messages[0]
		return nil
	})
	if database.IsNotFound(err) {
		return domain.Message{}, domain.Fault(domain.CodeMessageNotFound, "message_id", "the person has no such message")
	}
	if err != nil {
		return domain.Message{}, fmt.Errorf("mark message as read: %w", err)
	}
	return message, nil
}

// Filter narrows a listing of deliveries; empty fields do not.
type Filter struct {
	CaseID     string
	EndpointID string
	State      domain.State
}

// Deliveries returns what was sent where, newest first, and the cursor of the next page.
func (s *Store) Deliveries(ctx context.Context, merchantID string, filter Filter, page Page) ([]domain.Delivery, string, error) {
	query := s.db.WithContext(ctx).Where("merchant_id = ?", merchantID)
	if filter.CaseID != "" {
		query = query.Where("case_id = ?", filter.CaseID)
	}
	if filter.EndpointID != "" {
		query = query.Where("target_id = ? AND channel = ?", filter.EndpointID, domain.ChannelWebhook)
	}
	if filter.State != "" {
		query = query.Where("state = ?", filter.State)
	}
	query, limit, err := page.query(query)
	if err != nil {
		return nil, "", err
	}
	var rows []deliveryRow
	if err := query.Find(&rows).Error; err != nil {
		return nil, "", fmt.Errorf("list deliveries: %w", err)
	}
	rows, next := cut(rows, limit)
	deliveries := make([]domain.Delivery, len(rows))
	for i, row := range rows {
		deliveries[i] = row.delivery()
	}
	return deliveries, next, nil
}

// Resend makes a delivery due now and starts its schedule anew; one that is being sent this moment stays
// as it is. The message id does not change.
func (s *Store) Resend(ctx context.Context, merchantID, deliveryID string) (domain.Delivery, error) {
	var row deliveryRow
	err := database.InTx(ctx, s.db, func(tx *gorm.DB) error {
		if err := tx.Take(&row, "merchant_id = ? AND delivery_id = ?", merchantID, deliveryID).Error; err != nil {
			return err
		}
		if err := s.resendable(tx, row); err != nil {
			return err
		}
		// The guard is the lease: an attempt under way must find its row as it left it.
		err := tx.Model(&deliveryRow{}).
			Where("merchant_id = ? AND delivery_id = ? AND lease_token = ''", merchantID, deliveryID).
			Updates(map[string]any{"state": domain.StatePending, "due_at": database.At(s.clock()), "step": 0}).Error
		if err != nil {
			return err
		}
		// Cleared, because a second scan into the same row would leave what is NULL by now.
		row = deliveryRow{}
		return tx.Take(&row, "merchant_id = ? AND delivery_id = ?", merchantID, deliveryID).Error
	})
	if database.IsNotFound(err) {
		return domain.Delivery{}, domain.Fault(domain.CodeDeliveryNotFound, "delivery_id", "the merchant has no such delivery")
	}
	if err != nil {
		return domain.Delivery{}, fmt.Errorf("resend delivery: %w", err)
	}
	return row.delivery(), nil
}

// resendable refuses what cannot be sent, at once instead of as a skipped delivery.
func (s *Store) resendable(tx *gorm.DB, row deliveryRow) error {
	switch domain.Channel(row.Channel) {
	case domain.ChannelInbox:
		return domain.Fault(domain.CodeNotResendable, "delivery_id", "an inbox message is delivered as soon as it is stored; only e-mail and webhook deliveries can be sent again")
	case domain.ChannelEmail:
		if !s.emailOn {
			return domain.Fault(domain.CodeNotResendable, "delivery_id", "e-mail is switched off: no mail server is configured")
		}
		return nil
	case domain.ChannelWebhook:
	}
	endpoint, err := takeEndpoint(tx, row.MerchantID, row.TargetID)
	if err != nil {
		return err
	}
	if !endpoint.Enabled {
		return domain.Fault(domain.CodeEndpointDisabled, "delivery_id", "the endpoint is disabled; enable it first")
	}
	return nil
}
