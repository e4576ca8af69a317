package jobs

import (
	"context"

	"granary/internal/platform/database"
)

// Save runs fn in a transaction that commits only while this attempt is the
// live one and its job was not cancelled; else it answers ErrLost or
// ErrCancelled without an effect. It is for what an attempt makes known on
// its way: Commit ends it. Like with InTx, fn may run more than once.
func (r *Run) Save(ctx context.Context, fn func(ctx context.Context, tx database.Tx) error) error {
	err := r.keeper.Save(ctx, fn)
	r.endOn(err)
	return err
}
