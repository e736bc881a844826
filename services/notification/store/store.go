// Package store keeps events, deliveries and endpoints. Every method takes the merchant and has it in
// every predicate, so that rows of another merchant do not exist; only the dispatcher's methods, which
// work for all merchants at once, go by the lease instead.
package store

import (
	"context"
	"embed"
	"fmt"
	"time"

	"gorm.io/gorm"

	"aftercare.dev/services/notification/domain"
	"aftercare.dev/services/platform/database"
	"aftercare.dev/services/platform/seal"
)

//go:embed migrations/*.sql
var migrations embed.FS

// servesFrom is the newest version of release 0.1.0, whose program works beside this one.
const servesFrom = 7

var errEventDiffers = domain.Fault(domain.CodeEventDiffers, "event_id", "the event id names another type, case or number already; give each event an id of its own")

// Migrations returns the schema, for [database.Migrate].
func Migrations() database.Schema {
	return database.Schema{Service: "notification", Files: database.Sub(migrations, "migrations"), ServesFrom: servesFrom}
}

// The prefixes of ids that the store mints.
const (
	deliveryPrefix = "dlv"
	endpointPrefix = "whe"
	secretPrefix   = "whs"
	eventPrefix    = "evt"
	leasePrefix    = "lse"
)

// Store is safe for concurrent use, by several processes too.
type Store struct {
	db  *gorm.DB
	now func() time.Time
	// emailOn is false if nothing sends e-mail: deliveries by e-mail are skipped when they are made.
	emailOn bool
	sealer  *seal.Sealer
}

// New returns a store on a migrated database.
func New(db *gorm.DB, now func() time.Time, emailOn bool) *Store {
	return &Store{db: db, now: now, emailOn: emailOn}
}

// Sealing returns the store with keys: the data of events is sealed as the sealer says, and opened.
func (s *Store) Sealing(sealer *seal.Sealer) *Store {
	sealed := *s
	sealed.sealer = sealer
	return &sealed
}

// clock is the store's time, as exact as the columns are.
func (s *Store) clock() time.Time { return database.At(s.now()).Time }

// Publish stores the event and a delivery for each target, all or nothing, and tells whether it was new.
// An event id that names another happening is refused as [domain.CodeEventDiffers].
func (s *Store) Publish(ctx context.Context, e domain.Event) (created bool, err error) {
	err = database.InTx(ctx, s.db, func(tx *gorm.DB) error { return s.publish(tx, e) })
	if err == nil {
		return true, nil
	}
	if !database.IsDuplicate(err) {
		return false, fmt.Errorf("publish event: %w", err)
	}
	// Only the event's own key can be taken: the deliveries' keys hold its id.
	var row eventRow
	if err := s.db.WithContext(ctx).Take(&row, "merchant_id = ? AND event_id = ?", e.MerchantID, e.EventID).Error; err != nil {
		return false, fmt.Errorf("read event: %w", err)
	}
	if !row.event(nil).SameAs(e) {
		return false, errEventDiffers
	}
	return false, nil
}

func (s *Store) publish(tx *gorm.DB, e domain.Event) error {
	now := s.clock()
	row, err := s.sealed(e, now)
	if err != nil {
		return err
	}
	if err := tx.Create(&row).Error; err != nil {
		return err
	}
	endpoints, err := endpointsOf(tx, e.MerchantID)
	if err != nil {
		return err
	}
	var rows []deliveryRow
	for _, d := range s.deliveriesOf(e, endpoints, now) {
		rows = append(rows, rowOfDelivery(d))
	}
	if len(rows) == 0 {
		return nil
	}
	return tx.Create(&rows).Error
}

// eventsOf reads the events of deliveries, which may be of several merchants.
func (s *Store) eventsOf(tx *gorm.DB, rows []deliveryRow) (map[[2]string]domain.Event, error) {
	byMerchant := map[string][]string{}
	for _, row := range rows {
		byMerchant[row.MerchantID] = append(byMerchant[row.MerchantID], row.EventID)
	}
	events := make(map[[2]string]domain.Event, len(rows))
	for merchantID, eventIDs := range byMerchant {
		var found []eventRow
		if err := tx.Find(&found, "merchant_id = ? AND event_id IN ?", merchantID, eventIDs).Error; err != nil {
			return nil, err
		}
		for _, row := range found {
			data, err := s.sealer.Open(dataAt(row.MerchantID, row.EventID), row.Data)
			if err != nil {
				return nil, err
			}
			events[[2]string{row.MerchantID, row.EventID}] = row.event([]byte(data))
		}
	}
	return events, nil
}

// messagesOf joins deliveries with their events, in the same order.
func (s *Store) messagesOf(tx *gorm.DB, rows []deliveryRow) ([]domain.Message, error) {
	events, err := s.eventsOf(tx, rows)
	if err != nil {
		return nil, err
	}
	messages := make([]domain.Message, len(rows))
	for i, row := range rows {
		messages[i] = domain.Message{Delivery: row.delivery(), Event: events[[2]string{row.MerchantID, row.EventID}]}
	}
	return messages, nil
}
