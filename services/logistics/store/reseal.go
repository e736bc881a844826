package store

import (
	"context"
	"fmt"

	"gorm.io/gorm"

	"aftercare.dev/services/platform/database"
	"aftercare.dev/services/platform/seal"
)

var sealed = []seal.Table{
	{Name: "contacts", Key: []string{"merchant_id", "contact_id"}, Columns: []string{"sealed"}},
	{Name: "shipment_traces", Key: []string{"merchant_id", "shipment_id"}, Columns: []string{"courier", "scans"}},
}

// Reseal moves plain addresses and couriers into sealed columns, and seals anew what another key sealed. It
// can be stopped and goes on where it was.
func Reseal(ctx context.Context, db *gorm.DB, with *seal.Sealer) (seal.Report, error) {
	if !with.Sealing() {
		return seal.Report{}, seal.ErrPlain
	}
	s := (&Store{db: db}).Sealing(with)
	tx := db.WithContext(database.AcrossMerchants(ctx))
	done, err := convert(tx, "sealed IS NULL", "contact_id", contact.at, func(row contact) (map[string]any, error) {
		c, err := row.domain(with)
		if err != nil {
			return nil, err
		}
		anew := contact{MerchantID: row.MerchantID, ContactID: row.ContactID}
		err = s.fill(&anew, c)
		return map[string]any{
			"sealed": anew.Sealed, "name": "", "phone": "", "province": "", "city": "", "district": "", "street": "",
		}, err
	})
	if err != nil {
		return done, fmt.Errorf("seal contacts: %w", err)
	}
	const plain = "courier IS NULL AND (courier_name <> '' OR courier_phone <> '')"
	couriers, err := convert(tx, plain, "shipment_id", trace.at, func(row trace) (map[string]any, error) {
		c, err := row.courier(with)
		if err != nil {
			return nil, err
		}
		anew := trace{MerchantID: row.MerchantID, ShipmentID: row.ShipmentID}
		err = s.fillCourier(&anew, c)
		return map[string]any{"courier": anew.Courier, "courier_name": "", "courier_phone": ""}, err
	})
	done = done.And(couriers)
	if err != nil {
		return done, fmt.Errorf("seal couriers: %w", err)
	}
	rest, err := with.Reseal(ctx, db, sealed)
	return done.And(rest), err
}

func (row contact) at() (merchantID, id string) { return row.MerchantID, row.ContactID }
func (row trace) at() (merchantID, id string)   { return row.MerchantID, row.ShipmentID }

// rowsAtOnce is how many rows are read before they are written.
const rowsAtOnce = 200

// convert writes rows anew for which the condition holds, in the order of merchant and id, each only if the
// condition still holds.
func convert[R any](tx *gorm.DB, condition, id string, at func(R) (string, string), anew func(R) (map[string]any, error)) (seal.Report, error) {
	var done seal.Report
	var merchantID, last string
	for {
		var rows []R
		err := tx.Where(condition).Where("merchant_id > ? OR (merchant_id = ? AND "+id+" > ?)", merchantID, merchantID, last).
			Order("merchant_id, " + id).Limit(rowsAtOnce).Find(&rows).Error
		if err != nil || len(rows) == 0 {
			return done, err
		}
		for _, row := range rows {
			merchantID, last = at(row)
			updates, err := anew(row)
			if err != nil {
				return done, err
			}
			written := tx.Model(new(R)).Where("merchant_id = ? AND "+id+" = ?", merchantID, last).Where(condition).Updates(updates)
			if written.Error != nil {
				return done, written.Error
			}
			done = done.And(seal.Report{Rows: 1, Changed: int(written.RowsAffected)})
		}
	}
}
