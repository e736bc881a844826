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

// rowsPerInsert keeps a statement within the variables that SQLite allows it: 32766, of which a delivery takes 17.
const rowsPerInsert = 1000

// PublishAll stores events of one merchant and a delivery for each of their targets, all or none. What is known already is
// not stored again. An event id that names another happening is refused as [domain.CodeEventDiffers].
func (s *Store) PublishAll(ctx context.Context, merchantID string, events []domain.Event, sender Sender) error {
	endpoints, err := endpointsOf(s.db.WithContext(ctx), merchantID)
	if err != nil {
		return fmt.Errorf("list endpoints: %w", err)
	}
	for len(events) > 0 {
		err = s.storeAll(ctx, events, endpoints, sender)
		if err == nil {
			return nil
		}
		if !database.IsDuplicate(err) {
			return fmt.Errorf("publish events: %w", err)
		}
		// Only an event's own key can be taken, by another request or twice in this one: the deliveries' keys hold its id.
		rest, unknown := s.unknown(ctx, merchantID, events)
		if unknown != nil {
			return unknown
		}
		if len(rest) == len(events) {
			return fmt.Errorf("publish events: what was known is gone, publish them again: %w", err)
		}
		events = rest
	}
	return nil
}

// storeAll stores events that are not known, and has the sender send what it holds of their deliveries.
func (s *Store) storeAll(ctx context.Context, events []domain.Event, endpoints []domain.Endpoint, sender Sender) error {
	now := s.clock()
	stored := make([]eventRow, len(events))
	var messages []domain.Message
	for i, e := range events {
		var err error
		if stored[i], err = s.sealed(e, now); err != nil {
			return err
		}
		for _, d := range s.deliveriesOf(e, endpoints, now) {
			messages = append(messages, domain.Message{Delivery: d, Event: e})
		}
	}
	// In one order everywhere, so that two processes which store the same events do not wait for each other crosswise.
	slices.SortFunc(stored, func(a, b eventRow) int { return cmp.Compare(a.EventID, b.EventID) })
	due := dueOf(messages)
	held, lease := sender.Hold(due)
	claimed, rows := claimHeld(messages, held, now.Add(lease))
	err := database.InTx(ctx, s.db, func(tx *gorm.DB) error {
		if err := tx.Create(&stored).Error; err != nil {
			return err
		}
		for part := range slices.Chunk(rows, rowsPerInsert) {
			if err := tx.Create(&part).Error; err != nil {
				return err
			}
		}
		return nil
	})
	if err != nil {
		sender.Drop(held)
		return err
	}
	sender.Send(claimed)
	if len(held) < len(due) {
		sender.Wake()
	}
	return nil
}

// unknown returns those of the events that are not stored, each once.
func (s *Store) unknown(ctx context.Context, merchantID string, events []domain.Event) ([]domain.Event, error) {
	eventIDs := make([]string, len(events))
	for i, e := range events {
		eventIDs[i] = e.EventID
	}
	var rows []eventRow
	if err := s.db.WithContext(ctx).Find(&rows, "merchant_id = ? AND event_id IN ?", merchantID, eventIDs).Error; err != nil {
		return nil, fmt.Errorf("read events: %w", err)
	}
	known := make([]domain.Event, len(rows), len(rows)+len(events))
	for i, row := range rows {
		known[i] = row.event(nil)
	}
	all, err := withoutRepeats(append(known, events...))
	if err != nil {
		return nil, err
	}
	return all[len(rows):], nil
}

// withoutRepeats leaves out what the events before it say already.
func withoutRepeats(events []domain.Event) ([]domain.Event, error) {
	first := make(map[string]domain.Event, len(events))
	var distinct []domain.Event
	for _, e := range events {
		known, seen := first[e.EventID]
		switch {
		case !seen:
			first[e.EventID] = e
			distinct = append(distinct, e)
		case !known.SameAs(e):
			return nil, errEventDiffers
		}
	}
	return distinct, nil
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
