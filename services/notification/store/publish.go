package store

import (
	"context"
	"fmt"
	"time"

	"gorm.io/gorm"

	"aftercare.dev/services/notification/domain"
	"aftercare.dev/services/platform/database"
	"aftercare.dev/services/platform/ids"
)

// Sender sends deliveries of this process from hand to hand: what it holds when they are stored nobody has to look for and claim.
type Sender interface {
	// Hold chooses those of the deliveries that are sent at once, and for how long they belong to the sender.
	Hold(due []Due) (held []Due, lease time.Duration)
	// Drop gives back what was not stored.
	Drop(held []Due)
	// Send sends what was stored. It does not block.
	Send(held Lease)
	// Wake has the sender look for what it did not hold.
	Wake()
}

// PublishAll stores events of one merchant and a delivery for each of their targets, all or none. What is known already is
// not stored again. An event id that names another happening is refused as [domain.CodeEventDiffers].
func (s *Store) PublishAll(ctx context.Context, merchantID string, events []domain.Event, sender Sender) error {
	endpoints, err := endpointsOf(s.db.WithContext(ctx), merchantID)
	if err != nil {
		return fmt.Errorf("list endpoints: %w", err)
	}
	now := s.clock()
	stored := make([]eventRow, len(events))
	var messages []domain.Message
	for i, e := range events {
		if stored[i], err = s.sealed(e, now); err != nil {
			return err
		}
		for _, d := range s.deliveriesOf(e, endpoints, now) {
			messages = append(messages, domain.Message{Delivery: d, Event: e})
		}
	}
	held, lease := sender.Hold(dueOf(messages))
	claimed, rows := claimHeld(messages, held, now.Add(lease))
	err = database.InTx(ctx, s.db, func(tx *gorm.DB) error {
		if err := tx.Create(&stored).Error; err != nil || len(rows) == 0 {
			return err
		}
		return tx.Create(&rows).Error
	})
	if err == nil {
		sender.Send(claimed)
		if len(held) < len(messages) {
			sender.Wake()
		}
		return nil
	}
	sender.Drop(held)
	if !database.IsDuplicate(err) {
		return fmt.Errorf("publish events: %w", err)
	}
	return s.publishRest(ctx, events, sender)
}

// publishRest stores those of the events that are not known.
func (s *Store) publishRest(ctx context.Context, events []domain.Event, sender Sender) error {
	defer sender.Wake()
	for _, e := range events {
		if _, err := s.Publish(ctx, e); err != nil {
			return err
		}
	}
	return nil
}

// sealed is the row of an event, with its data sealed.
func (s *Store) sealed(e domain.Event, now time.Time) (eventRow, error) {
	row := rowOfEvent(e, database.At(now))
	data, err := s.sealer.Seal(dataAt(e.MerchantID, e.EventID), row.Data)
	row.Data = data
	return row, err
}

// deliveriesOf are the deliveries of an event to those whom it concerns.
func (s *Store) deliveriesOf(e domain.Event, endpoints []domain.Endpoint, now time.Time) []domain.Delivery {
	var deliveries []domain.Delivery
	for _, target := range e.Targets(endpoints) {
		d := domain.NewDelivery(ids.New(deliveryPrefix), e, target, now)
		if target.Channel == domain.ChannelEmail && !s.emailOn {
			d = d.Skip(domain.ErrorChannelOff)
		}
		deliveries = append(deliveries, d)
	}
	return deliveries
}

// dueOf are those of the deliveries that are to be sent.
func dueOf(messages []domain.Message) []Due {
	var due []Due
	for _, m := range messages {
		if d := m.Delivery; d.State == domain.StatePending {
			due = append(due, Due{DeliveryID: d.DeliveryID, Channel: d.Channel, TargetID: d.TargetID})
		}
	}
	return due
}

// claimHeld makes the rows of deliveries, of which those held are claimed for a first attempt.
func claimHeld(messages []domain.Message, held []Due, until time.Time) (Lease, []deliveryRow) {
	mine := make(map[string]bool, len(held))
	for _, d := range held {
		mine[d.DeliveryID] = true
	}
	claimed, rows := Lease{token: ids.New(leasePrefix)}, make([]deliveryRow, len(messages))
	for i, m := range messages {
		if !mine[m.Delivery.DeliveryID] {
			rows[i] = rowOfDelivery(m.Delivery)
			continue
		}
		m.Delivery.Attempts, m.Delivery.Step, m.Delivery.DueAt = 1, 1, until
		rows[i] = rowOfDelivery(m.Delivery)
		rows[i].LeaseToken = claimed.token
		claimed.Messages = append(claimed.Messages, m)
	}
	return claimed, rows
}
