package river

import (
	"context"
	"fmt"
	"time"

	"granary/internal/platform/jobs"
)

// Rates implements jobs.Engine.
func (e *Engine) Rates(ctx context.Context, since time.Time) ([]jobs.Rate, error) {
	rates := []jobs.Rate{}
	err := query(e.db.Reader()).ColumnExpr("r.queue").ColumnExpr("count(*) AS finished").
		// The states are named because River's index begins with them.
		Where("j.state IN ('completed', 'cancelled', 'discarded') AND j.finalized_at >= ?", jobs.Stamp(since)).
		GroupExpr("r.queue").OrderExpr("r.queue").Scan(ctx, &rates)
	if err != nil {
		return nil, fmt.Errorf("count finished jobs: %w", err)
	}
	return rates, nil
}
