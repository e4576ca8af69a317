package local

import (
	"context"

	"granary/internal/platform/database"
	"granary/internal/platform/jobs"
)

// Save implements jobs.Keeper.
func (a *attempt) Save(ctx context.Context, fn func(ctx context.Context, tx database.Tx) error) error {
	return a.engine.db.InTx(ctx, func(ctx context.Context, tx database.Tx) error {
		err := a.change(ctx, tx, func(r *row) error {
			if r.CancelRequested {
				return jobs.ErrCancelled
			}
			until := a.engine.now().Add(a.engine.cfg.Lease)
			r.LeaseUntil = &until
			return nil
		})
		if err != nil {
			return err
		}
		return fn(ctx, tx)
	})
}
