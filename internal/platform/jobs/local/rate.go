package local

import (
	"context"
	"fmt"
	"time"

	"granary/internal/platform/jobs"
)

// Rates implements jobs.Engine.
func (e *Engine) Rates(ctx context.Context, since time.Time) ([]jobs.Rate, error) {
	rates := []jobs.Rate{}
	err := e.db.Reader().NewSelect().Model((*row)(nil)).Column("queue").ColumnExpr("count(*) AS finished").
		Where("finished_at >= ?", jobs.Stamp(since)).GroupExpr("queue").OrderExpr("queue").Scan(ctx, &rates)
	if err != nil {
		return nil, fmt.Errorf("count finished jobs: %w", err)
	}
	return rates, nil
}
