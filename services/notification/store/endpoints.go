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

var errEndpointNotFound = domain.Fault(domain.CodeEndpointNotFound, "endpoint_id", "the merchant has no such endpoint")

// endpointsOf returns the merchant's endpoints, oldest first.
func endpointsOf(tx *gorm.DB, merchantID string) ([]domain.Endpoint, error) {
	var rows []endpointRow
	if err := tx.Order("endpoint_id").Find(&rows, "merchant_id = ? AND slot IS NOT NULL", merchantID).Error; err != nil {
		return nil, err
	}
	endpoints := make([]domain.Endpoint, len(rows))
	for i, row := range rows {
		endpoints[i] = row.endpoint()
	}
	return endpoints, nil
}

func takeEndpoint(tx *gorm.DB, merchantID, endpointID string) (endpointRow, error) {
	var row endpointRow
	err := tx.Take(&row, "merchant_id = ? AND endpoint_id = ? AND removed_at IS NULL", merchantID, endpointID).Error
	if database.IsNotFound(err) {
		return endpointRow{}, errEndpointNotFound
	}
	return row, err
}

// Endpoints returns all endpoints of the merchant, oldest first.
func (s *Store) Endpoints(ctx context.Context, merchantID string) ([]domain.Endpoint, error) {
	endpoints, err := endpointsOf(s.db.WithContext(ctx), merchantID)
	if err != nil {
		return nil, fmt.Errorf("list endpoints: %w", err)
	}
	return endpoints, nil
}

// Endpoint returns one endpoint.
func (s *Store) Endpoint(ctx context.Context, merchantID, endpointID string) (domain.Endpoint, error) {
	row, err := takeEndpoint(s.db.WithContext(ctx), merchantID, endpointID)
	if err != nil {
		return domain.Endpoint{}, fmt.Errorf("read endpoint: %w", err)
	}
	return row.endpoint(), nil
}

// SigningSecrets returns the secrets that sign now, newest first.
func (s *Store) SigningSecrets(ctx context.Context, merchantID, endpointID string) ([]string, error) {
	var secrets []string
	err := signing(s.db.WithContext(ctx), merchantID, endpointID, s.clock()).
		Order("secret_id DESC").Pluck("secret", &secrets).Error
	if err != nil {
		return nil, fmt.Errorf("read signing secrets: %w", err)
	}
	return secrets, nil
}

func signing(tx *gorm.DB, merchantID, endpointID string, now time.Time) *gorm.DB {
	return tx.Model(&secretRow{}).
		Where("merchant_id = ? AND endpoint_id = ? AND (signs_until IS NULL OR signs_until > ?)", merchantID, endpointID, database.At(now))
}

// CreateEndpoint stores a new endpoint and returns it with its secret. The same key and content again
// return the endpoint that the first call made, with the secret for [domain.SecretShownFor] and unless
// it was rotated since; a key that named other content is refused.
func (s *Store) CreateEndpoint(ctx context.Context, merchantID, key, url string, types []string) (domain.Endpoint, string, error) {
	now := s.clock()
	endpoint, err := domain.NewEndpoint(merchantID, ids.New(endpointPrefix), url, types, now)
	if err != nil {
		return domain.Endpoint{}, "", err
	}
	secret := domain.NewSecret()
	var taken bool
	err = database.InTx(ctx, s.db, func(tx *gorm.DB) error {
		taken = false
		var named int64
		if err := tx.Model(&endpointRow{}).Where("merchant_id = ? AND idempotency_key = ?", merchantID, key).Count(&named).Error; err != nil {
			return err
		}
		if named > 0 {
			taken = true
			return nil
		}
		return s.insertEndpoint(tx, endpoint, key, secret)
	})
	if err != nil {
		return domain.Endpoint{}, "", fmt.Errorf("create endpoint: %w", err)
	}
	if taken {
		return s.createdBefore(ctx, endpoint, key)
	}
	return endpoint, secret, nil
}

// insertEndpoint takes the lowest free slot. A duplicate means that another call was faster, with the
// slot or with the key; the transaction is tried again and sees which.
func (s *Store) insertEndpoint(tx *gorm.DB, e domain.Endpoint, key, secret string) error {
	var slots []int64
	if err := tx.Model(&endpointRow{}).Where("merchant_id = ? AND slot IS NOT NULL", e.MerchantID).Pluck("slot", &slots).Error; err != nil {
		return err
	}
	slot := freeSlot(slots)
	if slot > domain.MaxEndpoints {
		return domain.Fault(domain.CodeTooManyEndpoints, "", "a merchant has at most 20 endpoints; remove one first")
	}
	row := endpointRow{
		MerchantID: e.MerchantID, EndpointID: e.EndpointID, IdempotencyKey: key, Fingerprint: e.Fingerprint(), Slot: &slot,
		URL: e.URL, Types: database.AsJSON(e.Types), Enabled: e.Enabled, Version: 1, CreatedAt: database.At(e.CreatedAt),
	}
	err := tx.Create(&row).Error
	if database.IsDuplicate(err) {
		return fmt.Errorf("%w: %w", database.ErrRetry, err)
	}
	if err != nil {
		return err
	}
	return tx.Create(&secretRow{
		MerchantID: e.MerchantID, EndpointID: e.EndpointID, SecretID: ids.New(secretPrefix),
		Secret: secret, CreatedAt: database.At(e.CreatedAt),
	}).Error
}

func freeSlot(taken []int64) int64 {
	used := make(map[int64]bool, len(taken))
	for _, slot := range taken {
		used[slot] = true
	}
	slot := int64(1)
	for used[slot] {
		slot++
	}
	return slot
}

// createdBefore answers the repeat of a creation.
func (s *Store) createdBefore(ctx context.Context, wanted domain.Endpoint, key string) (domain.Endpoint, string, error) {
	tx := s.db.WithContext(ctx)
	var row endpointRow
	if err := tx.Take(&row, "merchant_id = ? AND idempotency_key = ?", wanted.MerchantID, key).Error; err != nil {
		return domain.Endpoint{}, "", fmt.Errorf("read endpoint: %w", err)
	}
	if row.Fingerprint != wanted.Fingerprint() || row.RemovedAt.Valid {
		return domain.Endpoint{}, "", domain.Fault(domain.CodeKeyReused, "idempotency_key",
			"the key named another endpoint, or one that was removed; use a fresh key")
	}
	if s.clock().Sub(row.CreatedAt.Time) >= domain.SecretShownFor {
		return row.endpoint(), "", nil
	}
	var secrets []secretRow
	if err := tx.Find(&secrets, "merchant_id = ? AND endpoint_id = ?", row.MerchantID, row.EndpointID).Error; err != nil {
		return domain.Endpoint{}, "", fmt.Errorf("read secret: %w", err)
	}
	if len(secrets) != 1 {
		return row.endpoint(), "", nil
	}
	return row.endpoint(), secrets[0].Secret, nil
}

// ChangeEndpoint applies the change and returns the endpoint, with its new secret if it was rotated.
func (s *Store) ChangeEndpoint(ctx context.Context, merchantID, endpointID string, change domain.EndpointChange) (domain.Endpoint, string, error) {
	var (
		changed domain.Endpoint
		secret  string
	)
	err := database.InTx(ctx, s.db, func(tx *gorm.DB) error {
		secret = ""
		// Takes the row's lock before it is read, so that concurrent changes come one after another.
		if err := lockEndpoint(tx, merchantID, endpointID); err != nil {
			return err
		}
		row, err := takeEndpoint(tx, merchantID, endpointID)
		if err != nil {
			return err
		}
		if changed, err = row.endpoint().Changed(change); err != nil {
			return err
		}
		err = tx.Model(&endpointRow{}).Where("merchant_id = ? AND endpoint_id = ?", merchantID, endpointID).
			Updates(map[string]any{
				"url": changed.URL, "types": database.AsJSON(changed.Types), "enabled": changed.Enabled,
				"disabled_reason": changed.DisabledReason, "failures": changed.Failures,
				"failing_since": database.NullAt(changed.FailingSince),
			}).Error
		if err != nil || !change.Rotate {
			return err
		}
		secret = domain.NewSecret()
		return s.rotate(tx, merchantID, endpointID, secret)
	})
	if err != nil {
		return domain.Endpoint{}, "", fmt.Errorf("change endpoint: %w", err)
	}
	return changed, secret, nil
}

func lockEndpoint(tx *gorm.DB, merchantID, endpointID string) error {
	locked := tx.Model(&endpointRow{}).
		Where("merchant_id = ? AND endpoint_id = ? AND removed_at IS NULL", merchantID, endpointID).
		Update("version", gorm.Expr("version + 1"))
	if locked.Error == nil && locked.RowsAffected == 0 {
		return errEndpointNotFound
	}
	return locked.Error
}

// rotate adds a secret and gives the others an end. All that were ever shown go on signing for their
// day, so that the receiver is not locked out by a rotation whose answer was lost and that was repeated.
func (s *Store) rotate(tx *gorm.DB, merchantID, endpointID, secret string) error {
	now := s.clock()
	var active int64
	if err := signing(tx, merchantID, endpointID, now).Count(&active).Error; err != nil {
		return err
	}
	if active >= domain.MaxSecrets {
		return domain.Fault(domain.CodeTooManySecrets, "rotate_secret", "five secrets sign already; wait until one has ended, a day after its rotation")
	}
	err := tx.Model(&secretRow{}).
		Where("merchant_id = ? AND endpoint_id = ? AND signs_until IS NULL", merchantID, endpointID).
		Update("signs_until", database.At(now.Add(domain.OldSecretSigns))).Error
	if err != nil {
		return err
	}
	return tx.Create(&secretRow{
		MerchantID: merchantID, EndpointID: endpointID, SecretID: ids.New(secretPrefix), Secret: secret, CreatedAt: database.At(now),
	}).Error
}

// RemoveEndpoint forgets the endpoint's secrets and frees its place. Its deliveries stay; pending ones
// are skipped. Removed again, it is not found.
func (s *Store) RemoveEndpoint(ctx context.Context, merchantID, endpointID string) error {
	err := database.InTx(ctx, s.db, func(tx *gorm.DB) error {
		removed := tx.Model(&endpointRow{}).
			Where("merchant_id = ? AND endpoint_id = ? AND removed_at IS NULL", merchantID, endpointID).
			Updates(map[string]any{"removed_at": database.At(s.clock()), "slot": nil, "version": gorm.Expr("version + 1")})
		if removed.Error != nil {
			return removed.Error
		}
		if removed.RowsAffected == 0 {
			return errEndpointNotFound
		}
		return tx.Delete(&secretRow{}, "merchant_id = ? AND endpoint_id = ?", merchantID, endpointID).Error
	})
	if err != nil {
		return fmt.Errorf("remove endpoint: %w", err)
	}
	return nil
}
