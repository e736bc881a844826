// Package vault takes photos in, cleans them and keeps them in a bucket; what is known of them is in
// the store.
package vault

import (
	"context"
	"errors"
	"fmt"
	"io"

	"gocloud.dev/blob"
	"gocloud.dev/gcerrors"

	"aftercare.dev/services/cases/domain"
	"aftercare.dev/services/cases/photo"
	"aftercare.dev/services/cases/store"
	"aftercare.dev/services/platform/crash"
	"aftercare.dev/services/platform/ids"
	"aftercare.dev/services/platform/problem"
)

// Vault keeps photos. It is safe for concurrent use.
type Vault struct {
	bucket   *blob.Bucket
	store    *store.Store
	maxBytes int64
	// cleaning has a place for each photo that may be in memory as pixels.
	cleaning chan struct{}
}

// New returns a vault that takes uploads of at most maxBytes and cleans so many at a time.
func New(bucket *blob.Bucket, s *store.Store, maxBytes int64, concurrency int) *Vault {
	return &Vault{bucket: bucket, store: s, maxBytes: maxBytes, cleaning: make(chan struct{}, concurrency)}
}

// Upload reads a photo, cleans it and keeps it for the uploader. Errors are problems: too_large (413)
// with the limit, evidence_unreadable and evidence_too_many_pixels (422).
func (v *Vault) Upload(ctx context.Context, merchantID string, uploader domain.Actor, body io.Reader) (store.Evidence, error) {
	data, err := io.ReadAll(io.LimitReader(body, v.maxBytes+1))
	if err != nil {
		return store.Evidence{}, fmt.Errorf("read the upload: %w", err)
	}
	if int64(len(data)) > v.maxBytes {
		return store.Evidence{}, problem.TooLarge(v.maxBytes)
	}
	cleaned, err := v.clean(ctx, data)
	if err != nil {
		return store.Evidence{}, err
	}
	evidence := store.Evidence{
		MerchantID: merchantID, EvidenceID: ids.New("evd"), Role: uploader.Role, ActorID: uploader.ID,
		ContentType: cleaned.ContentType, SizeBytes: int64(len(cleaned.Data)), Width: int64(cleaned.Width), Height: int64(cleaned.Height),
	}
	evidence.BlobKey = merchantID + "/" + evidence.EvidenceID
	// The photo comes first: a row without a photo would be a lie, a photo without a row is only waste.
	crash.Here(crash.BeforeBlob)
	err = v.bucket.WriteAll(ctx, evidence.BlobKey, cleaned.Data, &blob.WriterOptions{ContentType: cleaned.ContentType})
	if err != nil {
		return store.Evidence{}, fmt.Errorf("keep the photo: %w", err)
	}
	crash.Here(crash.AfterBlob)
	return evidence, v.store.AddEvidence(ctx, evidence)
}

func (v *Vault) clean(ctx context.Context, data []byte) (photo.Photo, error) {
	select {
	case v.cleaning <- struct{}{}:
		defer func() { <-v.cleaning }()
	case <-ctx.Done():
		return photo.Photo{}, fmt.Errorf("wait to clean the photo: %w", ctx.Err())
	}
	cleaned, err := photo.Clean(data)
	switch {
	case errors.Is(err, photo.ErrPixels):
		return photo.Photo{}, domain.Fault(domain.CodeEvidenceTooManyPixels, "body",
			fmt.Sprintf("width times height must be at most %d; make the photo smaller", photo.MaxPixels))
	case errors.Is(err, photo.ErrFormat):
		return photo.Photo{}, domain.Fault(domain.CodeEvidenceUnreadable, "body", "must be a photo in JPEG, PNG or WebP that is not animated")
	}
	return cleaned, err
}

// Forget drops photos: first from the bucket, so that no photo is left that nobody knows of. Repeatable.
func (v *Vault) Forget(ctx context.Context, photos []store.Evidence) error {
	for _, one := range photos {
		err := v.bucket.Delete(ctx, one.BlobKey)
		if err != nil && gcerrors.Code(err) != gcerrors.NotFound {
			return fmt.Errorf("drop photo %s: %w", one.EvidenceID, err)
		}
		if err := v.store.DropEvidence(ctx, one.MerchantID, one.EvidenceID); err != nil {
			return err
		}
	}
	return nil
}

// Open returns what is known of a photo and its bytes, which the caller closes; with a buyer or for everyone, only if
// they may see it, see [store.Store.Evidence]. Anything else is the problem evidence_not_found.
func (v *Vault) Open(ctx context.Context, merchantID, evidenceID, buyerID string, everyone bool) (store.Evidence, io.ReadCloser, error) {
	evidence, err := v.store.Evidence(ctx, merchantID, evidenceID, buyerID, everyone)
	if err != nil {
		return store.Evidence{}, nil, err
	}
	reader, err := v.bucket.NewReader(ctx, evidence.BlobKey, nil)
	if gcerrors.Code(err) == gcerrors.NotFound {
		return store.Evidence{}, nil, fmt.Errorf("the bucket lost photo %s: %w", evidenceID, err)
	}
	if err != nil {
		return store.Evidence{}, nil, fmt.Errorf("open the photo: %w", err)
	}
	return evidence, reader, nil
}
