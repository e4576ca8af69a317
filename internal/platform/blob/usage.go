package blob

import (
	"context"
	"fmt"
)

// Usage is what the ledger holds in one state.
type Usage struct {
	State   State `bun:"state"`
	Objects int64 `bun:"objects"`
	Bytes   int64 `bun:"bytes"`
}

// Usage counts the objects and their bytes by state, in the order of states.
// It reads the whole ledger: about 0.1 s for a million objects.
func (s *Store) Usage(ctx context.Context) ([]Usage, error) {
	var usage []Usage
	err := s.db.Reader().NewSelect().Model((*row)(nil)).
		ColumnExpr("state, COUNT(*) AS objects, CAST(COALESCE(SUM(size), 0) AS BIGINT) AS bytes").
		Group("state").Order("state").Scan(ctx, &usage)
	if err != nil {
		return nil, fmt.Errorf("count blobs: %w", err)
	}
	return usage, nil
}
