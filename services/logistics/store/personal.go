package store

import (
	"context"
	"fmt"
	"time"

	"gorm.io/gorm"

	"aftercare.dev/services/logistics/domain"
	"aftercare.dev/services/platform/database"
	"aftercare.dev/services/platform/seal"
)

// What sealed values are bound to.
func contactAt(merchantID, contactID string) seal.Place {
	return seal.In("contacts", "sealed", merchantID, contactID)
}

func courierAt(merchantID, shipmentID string) seal.Place {
	return seal.In("shipment_traces", "courier", merchantID, shipmentID)
}

func scansAt(merchantID, shipmentID string) seal.Place {
	return seal.In("shipment_traces", "scans", merchantID, shipmentID)
}

// fill writes the contact into the row: as a whole if it is sealed, else into the columns that programs of the
// first release read.
func (s *Store) fill(row *contact, c domain.Contact) error {
	if !s.sealer.Sealing() {
		row.Name, row.Phone = c.Name, c.Phone
		row.Province, row.City, row.District, row.Street = c.Province, c.City, c.District, c.Street
		return nil
	}
	sealed, err := seal.Document(s.sealer, contactAt(row.MerchantID, row.ContactID), c)
	row.Sealed = &sealed
	return err
}

// traceOf is the row for what the change learned.
func (s *Store) traceOf(of domain.Shipment) (trace, error) {
	row := trace{MerchantID: of.MerchantID, ShipmentID: of.ShipmentID, Since: database.At(s.now()).UnixMicro()}
	var err error
	if row.Scans, err = seal.Document(s.sealer, scansAt(of.MerchantID, of.ShipmentID), of.Scans); err != nil || of.Courier == nil {
		return row, err
	}
	return row, s.fillCourier(&row, *of.Courier)
}

func (s *Store) fillCourier(row *trace, c domain.Courier) error {
	if !s.sealer.Sealing() {
		row.CourierName, row.CourierPhone = c.Name, c.Phone
		return nil
	}
	sealed, err := seal.Document(s.sealer, courierAt(row.MerchantID, row.ShipmentID), c)
	row.Courier = &sealed
	return err
}

func (row trace) courier(s *seal.Sealer) (domain.Courier, error) {
	if row.Courier != nil {
		return seal.OpenDocument[domain.Courier](s, courierAt(row.MerchantID, row.ShipmentID), *row.Courier)
	}
	return domain.Courier{Name: row.CourierName, Phone: row.CourierPhone}, nil
}

// Kept is what is kept of people for some orders.
type Kept struct {
	Contacts map[string]domain.Contact // by contact id
	Couriers map[string]domain.Courier // by shipment id
}

// OfOrders returns the addresses and couriers of the parcels of some orders.
func (s *Store) OfOrders(ctx context.Context, merchantID string, orderIDs []string) (Kept, error) {
	kept := Kept{Contacts: map[string]domain.Contact{}, Couriers: map[string]domain.Courier{}}
	tx := s.db.WithContext(ctx)
	shipmentIDs, contactIDs, err := parcelsOf(tx, merchantID, orderIDs)
	if err != nil {
		return Kept{}, err
	}
	var contacts []contact
	if err := tx.Where(ofContacts, merchantID, orderIDs, contactIDs).Find(&contacts).Error; err != nil {
		return Kept{}, fmt.Errorf("read contacts of orders: %w", err)
	}
	for _, row := range contacts {
		if kept.Contacts[row.ContactID], err = row.domain(s.sealer); err != nil {
			return Kept{}, err
		}
	}
	var traces []trace
	if err := tx.Where(ofTraces, merchantID, shipmentIDs).Find(&traces).Error; err != nil {
		return Kept{}, fmt.Errorf("read traces of orders: %w", err)
	}
	for _, row := range traces {
		if kept.Couriers[row.ShipmentID], err = row.courier(s.sealer); err != nil {
			return Kept{}, err
		}
	}
	return kept, nil
}

const (
	ofContacts = "merchant_id = ? AND (order_id IN ? OR contact_id IN ?)"
	ofTraces   = "merchant_id = ? AND shipment_id IN ?"
)

// parcelsOf lists the shipments of orders, and the contacts that they name.
func parcelsOf(tx *gorm.DB, merchantID string, orderIDs []string) (shipmentIDs, contactIDs []string, err error) {
	var rows []struct {
		ShipmentID string
		Request    database.JSON[domain.Request]
	}
	err = tx.Model(&shipment{}).Select("shipment_id", "request").
		Where("merchant_id = ? AND order_id IN ?", merchantID, orderIDs).Find(&rows).Error
	if err != nil {
		return nil, nil, fmt.Errorf("list shipments of orders: %w", err)
	}
	for _, row := range rows {
		shipmentIDs = append(shipmentIDs, row.ShipmentID)
		if id := row.Request.V.ContactID; id != "" {
			contactIDs = append(contactIDs, id)
		}
	}
	return shipmentIDs, contactIDs, nil
}

// notReturnAddress holds for a contact that is not where returns go.
const notReturnAddress = `NOT EXISTS (SELECT 1 FROM return_addresses AS r
	WHERE r.merchant_id = contacts.merchant_id AND r.contact_id = contacts.contact_id)`

// ForgetOrders drops the addresses, couriers and scans of the parcels of some orders, and returns how many
// rows those were.
func (s *Store) ForgetOrders(ctx context.Context, merchantID string, orderIDs []string) (dropped int64, err error) {
	err = database.InTx(ctx, s.db, func(tx *gorm.DB) error {
		shipmentIDs, contactIDs, err := parcelsOf(tx, merchantID, orderIDs)
		if err != nil {
			return err
		}
		contacts := tx.Where(ofContacts, merchantID, orderIDs, contactIDs).Where(notReturnAddress).Delete(&contact{})
		if contacts.Error != nil {
			return contacts.Error
		}
		traces := tx.Where(ofTraces, merchantID, shipmentIDs).Delete(&trace{})
		dropped = contacts.RowsAffected + traces.RowsAffected
		return traces.Error
	})
	if err != nil {
		return 0, fmt.Errorf("forget the parcels of orders: %w", err)
	}
	return dropped, nil
}

// ForgetBefore drops addresses, couriers and scans of all merchants that are kept since before an instant:
// limit of each kind at most. It returns how many were dropped, and whether there may be more.
func (s *Store) ForgetBefore(ctx context.Context, before time.Time, limit int) (dropped int64, more bool, err error) {
	ctx = database.AcrossMerchants(ctx)
	tx := s.db.WithContext(ctx)
	var contacts []contact
	err = tx.Select("merchant_id", "contact_id").Where("created_at < ?", database.At(before)).Where(notReturnAddress).
		Order("created_at").Limit(limit).Find(&contacts).Error
	if err != nil {
		return 0, false, fmt.Errorf("list contacts whose time is over: %w", err)
	}
	for _, row := range contacts {
		gone := tx.Where("merchant_id = ? AND contact_id = ?", row.MerchantID, row.ContactID).Where(notReturnAddress).Delete(&contact{})
		if gone.Error != nil {
			return dropped, false, fmt.Errorf("forget a contact: %w", gone.Error)
		}
		dropped += gone.RowsAffected
	}
	// What a program of the first release wrote has no date: its time begins now.
	if err := tx.Model(&trace{}).Where("since = 0").Update("since", database.At(s.now()).UnixMicro()).Error; err != nil {
		return dropped, false, fmt.Errorf("date traces: %w", err)
	}
	var traces []trace
	err = tx.Select("merchant_id", "shipment_id").Where("since < ?", database.At(before)).Order("since").Limit(limit).Find(&traces).Error
	if err != nil {
		return dropped, false, fmt.Errorf("list traces whose time is over: %w", err)
	}
	for _, row := range traces {
		gone := tx.Where(ofShipment, row.MerchantID, row.ShipmentID).Delete(&trace{})
		if gone.Error != nil {
			return dropped, false, fmt.Errorf("forget a trace: %w", gone.Error)
		}
		dropped += gone.RowsAffected
	}
	return dropped, len(contacts) == limit || len(traces) == limit, nil
}
