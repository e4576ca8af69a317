package blob

import (
	"context"
	"fmt"

	"granary/internal/platform/blob/bucket"
	"granary/internal/platform/fault"
)

// Reach reports whether the bucket is the one that the ledger describes: one
// of its live objects is there. A process that shares the database but not the
// bucket would write where nobody else reads. Errors: Conflict for another
// bucket; anything else means that it could not be found out. An empty ledger
// fits every bucket.
func (s *Store) Reach(ctx context.Context) error {
	var keys []string
	err := s.db.Reader().NewSelect().Model((*row)(nil)).Column("key").
		Where("state = ?", Live).Order("key DESC").Limit(1).Scan(ctx, &keys)
	if err != nil {
		return fmt.Errorf("look for a blob: %w", err)
	}
	if len(keys) == 0 {
		return nil
	}
	_, err = s.bucket.Stat(ctx, keys[0])
	switch {
	case err == nil:
		return nil
	case !bucket.Missing(err):
		return fmt.Errorf("look for a blob: %w", err)
	}
	if _, err := s.Stat(ctx, keys[0]); fault.Is(err, fault.NotFound) {
		return nil // removed since it was listed
	}
	return fault.New(fault.Conflict, "the blob %s of the database is not in this blob store: every process needs the same store", keys[0])
}
