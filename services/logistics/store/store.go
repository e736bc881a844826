// Package store keeps parcels, addresses and freight insurance, on SQLite and on the MySQL family.
//
// Every method takes the merchant first, and rows of another merchant do not exist for it; only what a
// provider sends is found without one, by something that the provider was given. A record is changed by
// a function on it: of two that change the same record at once, the second runs again on what the first
// left.
package store

import (
	"context"
	"embed"
	"errors"
	"fmt"
	"slices"
	"time"

	"gorm.io/gorm"
	"gorm.io/gorm/clause"

	"aftercare.dev/services/logistics/domain"
	"aftercare.dev/services/platform/database"
	"aftercare.dev/services/platform/seal"
)

//go:embed migrations/*.sql
var migrations embed.FS

// servesFrom is the newest version of release 0.1.0, whose program works beside this one.
const servesFrom = 5

// Migrations returns the schema, for [database.Migrate].
func Migrations() database.Schema {
	return database.Schema{Service: "logistics", Files: database.Sub(migrations, "migrations"), ServesFrom: servesFrom}
}

// Store is safe for concurrent use by any number of processes.
type Store struct {
	db       *gorm.DB
	patience domain.Patience
	now      func() time.Time
	sealer   *seal.Sealer
}

// New returns a store on a migrated database. patience decides when a shipment has work to do.
func New(db *gorm.DB, patience domain.Patience, now func() time.Time) *Store {
	return &Store{db: db, patience: patience, now: now}
}

// Sealing returns the store with keys: what people read is sealed as the sealer says, and opened.
func (s *Store) Sealing(sealer *seal.Sealer) *Store {
	sealed := *s
	sealed.sealer = sealer
	return &sealed
}

const ofShipment = "merchant_id = ? AND shipment_id = ?"

// Shipment returns the shipment, or the problem shipment_not_found.
func (s *Store) Shipment(ctx context.Context, merchantID, shipmentID string) (domain.Shipment, error) {
	return readShipment(s.db.WithContext(ctx), ofShipment, merchantID, shipmentID)
}

// ShipmentOf returns the shipment whose callback address has this token, or the problem
// shipment_not_found.
func (s *Store) ShipmentOf(ctx context.Context, token string) (domain.Shipment, error) {
	return readShipment(s.db.WithContext(database.AcrossMerchants(ctx)), "token = ?", token)
}

func readShipment(tx *gorm.DB, where string, args ...any) (domain.Shipment, error) {
	var row shipment
	err := tx.Where(where, args...).Take(&row).Error
	if database.IsNotFound(err) {
		return domain.Shipment{}, domain.ShipmentNotFound()
	}
	if err != nil {
		return domain.Shipment{}, fmt.Errorf("read shipment: %w", err)
	}
	return row.domain(), nil
}

// AddShipment writes a new shipment. If there is one with its id, that one is returned, with false. If
// another open parcel of the merchant has its tracking number, the problem is tracking_number_in_use.
func (s *Store) AddShipment(ctx context.Context, added domain.Shipment) (domain.Shipment, bool, error) {
	added.Version = 1
	row := shipmentRow(added, s.workAt(added))
	err := database.InTx(ctx, s.db, func(tx *gorm.DB) error { return tx.Create(&row).Error })
	if err == nil {
		return row.domain(), true, nil
	}
	if !database.IsDuplicate(err) {
		return domain.Shipment{}, false, fmt.Errorf("add shipment: %w", err)
	}
	there, err := s.Shipment(ctx, added.MerchantID, added.ShipmentID)
	if err == nil {
		return there, false, nil
	}
	return domain.Shipment{}, false, domain.TrackingInUse()
}

// UpdateShipment changes the shipment by fn and saves it, unless fn returns an error. fn may run several
// times.
func (s *Store) UpdateShipment(
	ctx context.Context, merchantID, shipmentID string, fn func(*domain.Shipment) error,
) (domain.Shipment, error) {
	var updated domain.Shipment
	err := database.InTx(ctx, s.db, func(tx *gorm.DB) error {
		var err error
		updated, err = s.change(tx, merchantID, shipmentID, fn)
		return err
	})
	return updated, err
}

// ChangeShipment is [Store.UpdateShipment] for somebody who knows the shipment already, as this store returned it: it is read
// only if it was changed since, or if fn refuses what was known.
func (s *Store) ChangeShipment(
	ctx context.Context, known domain.Shipment, fn func(*domain.Shipment) error,
) (domain.Shipment, error) {
	var changed domain.Shipment
	refused := false
	err := database.InTx(ctx, s.db, func(tx *gorm.DB) error {
		var err error
		changed, err = s.save(tx, known, func(s *domain.Shipment) error {
			err := fn(s)
			refused = err != nil
			return err
		})
		return err
	})
	if refused || errors.Is(err, errStale) {
		return s.UpdateShipment(ctx, known.MerchantID, known.ShipmentID, fn)
	}
	return changed, err
}

// change reads the shipment and saves it changed. If somebody else was faster, the transaction is tried again.
func (s *Store) change(
	tx *gorm.DB, merchantID, shipmentID string, fn func(*domain.Shipment) error,
) (domain.Shipment, error) {
	before, err := readShipment(tx, ofShipment, merchantID, shipmentID)
	if err != nil {
		return domain.Shipment{}, err
	}
	changed, err := s.save(tx, before, fn)
	if errors.Is(err, errStale) {
		return domain.Shipment{}, database.ErrRetry
	}
	return changed, err
}

// errStale says that the shipment was changed since it was read.
var errStale = errors.New("the shipment was changed meanwhile")

// save writes what fn makes of the shipment, only on top of the version that is given.
func (s *Store) save(tx *gorm.DB, before domain.Shipment, fn func(*domain.Shipment) error) (domain.Shipment, error) {
	changed := before
	changed.Strays = slices.Clone(before.Strays)
	if err := fn(&changed); err != nil {
		return domain.Shipment{}, err
	}
	changed.Version = before.Version + 1
	if shownOf(changed) != shownOf(before) {
		changed.UpdatedAt = s.now().UTC()
	}
	row := shipmentRow(changed, s.workAt(changed))
	result := tx.Model(&shipment{}).Where(ofShipment+" AND version = ?", before.MerchantID, before.ShipmentID, before.Version).
		Select("*").Omit("merchant_id", "shipment_id", "created_at").Updates(&row)
	if result.Error != nil {
		return domain.Shipment{}, fmt.Errorf("save shipment: %w", result.Error)
	}
	if result.RowsAffected != 1 {
		return domain.Shipment{}, errStale
	}
	if err := s.saveTrace(tx, changed); err != nil {
		return domain.Shipment{}, err
	}
	return row.domain(), nil
}

// shown is what people see of a shipment; its date of change is theirs, not that of leases.
type shown struct {
	seen            domain.Observation
	slot            domain.Slot
	carrier, number string
	freight         int64
}

func shownOf(s domain.Shipment) shown {
	return shown{s.Seen, s.Slot, s.Carrier, s.TrackingNumber, s.FreightFen}
}

func (s *Store) workAt(of domain.Shipment) database.NullTime {
	return database.NullAt(of.WorkAt(s.now(), s.patience))
}

// saveTrace keeps what the change learned about courier and scans.
func (s *Store) saveTrace(tx *gorm.DB, of domain.Shipment) error {
	if of.Courier == nil && of.Scans == nil {
		return nil
	}
	row, err := s.traceOf(of)
	if err != nil {
		return err
	}
	var columns []string
	if of.Courier != nil {
		columns = append(columns, "courier_name", "courier_phone", "courier")
	}
	if of.Scans != nil {
		columns = append(columns, "scans")
	}
	err = tx.Clauses(clause.OnConflict{
		Columns:   []clause.Column{{Name: "merchant_id"}, {Name: "shipment_id"}},
		DoUpdates: clause.AssignmentColumns(columns),
	}).Create(&row).Error
	if err != nil {
		return fmt.Errorf("save trace: %w", err)
	}
	return nil
}

// Trace returns who comes for the parcel and its scans, in the order in which the carrier gave them.
func (s *Store) Trace(ctx context.Context, merchantID, shipmentID string) (domain.Courier, []domain.Scan, error) {
	var row trace
	err := s.db.WithContext(ctx).Where(ofShipment, merchantID, shipmentID).Take(&row).Error
	if err != nil && !database.IsNotFound(err) {
		return domain.Courier{}, nil, fmt.Errorf("read trace: %w", err)
	}
	courier, err := row.courier(s.sealer)
	if err != nil {
		return domain.Courier{}, nil, err
	}
	scans, err := seal.OpenDocument[[]domain.Scan](s.sealer, scansAt(merchantID, shipmentID), row.Scans)
	return courier, scans, err
}

// PickupWithNumber tells whether a courier was booked for a parcel of the merchant that has this number,
// so that nobody claims to have sent it by themselves.
func (s *Store) PickupWithNumber(ctx context.Context, merchantID, carrier, number string) (bool, error) {
	var count int64
	err := s.db.WithContext(ctx).Model(&shipment{}).
		Where("merchant_id = ? AND tracking_number = ? AND carrier = ? AND method = ?", merchantID, number, carrier, string(domain.Pickup)).
		Limit(1).Count(&count).Error
	if err != nil {
		return false, fmt.Errorf("look for tracking number: %w", err)
	}
	return count > 0, nil
}

// Key names a shipment.
type Key struct {
	MerchantID, ShipmentID string
}

// ShipmentsWithWork lists shipments with unfinished business that is due, the oldest first.
func (s *Store) ShipmentsWithWork(ctx context.Context, limit int) ([]Key, error) {
	var keys []Key
	err := s.db.WithContext(database.AcrossMerchants(ctx)).Model(&shipment{}).Select("merchant_id", "shipment_id").
		Where("work_at <= ?", database.At(s.now())).Order("work_at").Limit(limit).Find(&keys).Error
	if err != nil {
		return nil, fmt.Errorf("list shipments with work: %w", err)
	}
	return keys, nil
}
