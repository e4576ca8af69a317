package river

import (
	"context"

	"granary/internal/platform/database"
	"granary/internal/platform/fault"
	"granary/internal/platform/jobs"
)

// Save implements jobs.Keeper.
func (a *attempt) Save(ctx context.Context, fn func(ctx context.Context, tx database.Tx) error) error {
	return a.engine.db.InTx(ctx, func(ctx context.Context, tx database.Tx) error {
		job, err := lock(ctx, tx, a.id)
		switch {
		case fault.Is(err, fault.NotFound):
			return jobs.ErrLost
		case err != nil:
			return err
		case job.Fence != a.fence || job.State != "running":
			return jobs.ErrLost
		case job.CancelRequested:
			return jobs.ErrCancelled
		}
		return fn(ctx, tx)
	})
}
