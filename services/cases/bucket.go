package cases

import (
	"context"
	"errors"
	"fmt"

	"gocloud.dev/blob"
	"gocloud.dev/blob/fileblob"
	_ "gocloud.dev/blob/memblob" // mem://, which forgets: for tests and trials
)

// openBucket opens where photos are kept: the URL, or else the directory, which is made if it is not
// there.
func openBucket(ctx context.Context, cfg Config) (*blob.Bucket, error) {
	if cfg.EvidenceURL != "" {
		bucket, err := blob.OpenBucket(ctx, string(cfg.EvidenceURL))
		if err != nil {
			// The library's own words may repeat the URL, which may have a key.
			return nil, errors.New("CASES_EVIDENCE_URL cannot be opened, expected a file:// or mem:// URL")
		}
		return bucket, nil
	}
	bucket, err := fileblob.OpenBucket(cfg.EvidenceDirectory, &fileblob.Options{CreateDir: true, NoTempDir: true, DirFileMode: 0o700})
	if err != nil {
		return nil, fmt.Errorf("CASES_EVIDENCE_DIRECTORY cannot be opened: %w", err)
	}
	return bucket, nil
}
