package store

import (
	"context"
	"fmt"

	"gorm.io/gorm"
	"gorm.io/gorm/clause"

	"aftercare.dev/services/logistics/domain"
	"aftercare.dev/services/platform/database"
	"aftercare.dev/services/platform/ids"
	"aftercare.dev/services/platform/problem"
)

// AddContact keeps an address and returns its id. The order is the one that it is for; it may be empty.
func (s *Store) AddContact(ctx context.Context, merchantID, orderID string, c domain.Contact) (string, error) {
	return s.addContact(s.db.WithContext(ctx), merchantID, orderID, c)
}

func (s *Store) addContact(tx *gorm.DB, merchantID, orderID string, c domain.Contact) (string, error) {
	row := contact{MerchantID: merchantID, ContactID: ids.New("contact"), OrderID: orderID, CreatedAt: database.At(s.now())}
	if err := s.fill(&row, c); err != nil {
		return "", err
	}
	if err := tx.Create(&row).Error; err != nil {
		return "", fmt.Errorf("add contact: %w", err)
	}
	return row.ContactID, nil
}

// Contact returns an address, or the problem contact_not_found.
func (s *Store) Contact(ctx context.Context, merchantID, contactID string) (domain.Contact, error) {
	var row contact
	err := s.db.WithContext(ctx).Where("merchant_id = ? AND contact_id = ?", merchantID, contactID).Take(&row).Error
	if database.IsNotFound(err) {
		return domain.Contact{}, problem.Unprocessable(domain.CodeContactNotFound, "pickup.contact_id names no contact of the merchant").
			WithFields(problem.FieldError{Field: "pickup.contact_id", Detail: "names no contact of the merchant"})
	}
	if err != nil {
		return domain.Contact{}, fmt.Errorf("read contact: %w", err)
	}
	return row.domain(s.sealer)
}

// SetReturnAddress sets where the merchant's returns go.
func (s *Store) SetReturnAddress(ctx context.Context, merchantID string, c domain.Contact) error {
	return database.InTx(ctx, s.db, func(tx *gorm.DB) error {
		id, err := s.addContact(tx, merchantID, "", c)
		if err != nil {
			return err
		}
		row := returnAddress{MerchantID: merchantID, ContactID: id, UpdatedAt: database.At(s.now())}
		err = tx.Clauses(clause.OnConflict{
			Columns:   []clause.Column{{Name: "merchant_id"}},
			DoUpdates: clause.AssignmentColumns([]string{"contact_id", "updated_at"}),
		}).Create(&row).Error
		if err != nil {
			return fmt.Errorf("set return address: %w", err)
		}
		return nil
	})
}

// ReturnAddress returns where the merchant's returns go; found is false if nobody has set it.
func (s *Store) ReturnAddress(ctx context.Context, merchantID string) (c domain.Contact, found bool, err error) {
	var row contact
	err = s.db.WithContext(ctx).Table("contacts AS c").Select("c.*").
		Joins("JOIN return_addresses AS r ON r.merchant_id = c.merchant_id AND r.contact_id = c.contact_id").
		Where("r.merchant_id = ?", merchantID).Take(&row).Error
	if database.IsNotFound(err) {
		return domain.Contact{}, false, nil
	}
	if err != nil {
		return domain.Contact{}, false, fmt.Errorf("read return address: %w", err)
	}
	c, err = row.domain(s.sealer)
	return c, true, err
}
