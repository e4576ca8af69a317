package river

import (
	"context"
	"fmt"

	"granary/internal/platform/database"
	"granary/internal/platform/fault"
	"granary/internal/platform/jobs"
)

// attempt is one run of a job by this process. It implements jobs.Keeper.
type attempt struct {
	claim
	engine *Engine
	cancel context.CancelCauseFunc
}

var _ jobs.Keeper = (*attempt)(nil)

// Renew implements jobs.Keeper.
func (a *attempt) Renew(ctx context.Context, progress jobs.Progress) error {
	var cancelled []bool
	err := a.engine.db.InTx(ctx, func(ctx context.Context, tx database.Tx) error {
		cancelled = nil
		return tx.NewRaw(`UPDATE jobs_river AS r SET lease_until = clock_timestamp() + ? * interval '1 microsecond',
 progress_done = ?, progress_total = ?, progress_note = ? FROM river_job AS j
 WHERE r.id = ? AND r.fence = ? AND j.id = r.river_id AND j.state = 'running'
 RETURNING jsonb_exists(j.metadata, 'cancel_attempted_at')`,
			a.engine.cfg.Lease.Microseconds(), progress.Done, progress.Total, progress.Note, a.ID, a.Fence).Scan(ctx, &cancelled)
	})
	switch {
	case err != nil:
		return fmt.Errorf("renew lease: %w", err)
	case len(cancelled) == 0:
		return jobs.ErrLost
	case cancelled[0]:
		return jobs.ErrCancelled
	}
	return nil
}

// Commit implements jobs.Keeper.
func (a *attempt) Commit(ctx context.Context, progress jobs.Progress, fn func(ctx context.Context, tx database.Tx) error) error {
	return a.engine.db.InTx(ctx, func(ctx context.Context, tx database.Tx) error {
		if err := a.wanted(ctx, tx); err != nil {
			return err
		}
		if err := a.end(ctx, tx, jobs.Succeeded, "", progress); err != nil {
			return fmt.Errorf("commit job: %w", err)
		}
		return fn(ctx, tx)
	})
}

// Save implements jobs.Keeper.
func (a *attempt) Save(ctx context.Context, fn func(ctx context.Context, tx database.Tx) error) error {
	return a.engine.db.InTx(ctx, func(ctx context.Context, tx database.Tx) error {
		if err := a.wanted(ctx, tx); err != nil {
			return err
		}
		return fn(ctx, tx)
	})
}

// wanted locks the job and answers ErrCancelled when it was told to stop.
func (a *attempt) wanted(ctx context.Context, tx database.Tx) error {
	job, err := a.lock(ctx, tx)
	if err == nil && job.CancelRequested {
		err = jobs.ErrCancelled
	}
	return err
}

// lock locks the job and answers ErrLost when this attempt is not the live one.
func (a *attempt) lock(ctx context.Context, tx database.Tx) (locked, error) {
	job, err := lock(ctx, tx, a.ID)
	if fault.Is(err, fault.NotFound) || err == nil && (job.Fence != a.Fence || job.State != "running") {
		return locked{}, jobs.ErrLost
	}
	return job, err
}

// end makes the state of the locked job final.
func (a *attempt) end(ctx context.Context, tx database.Tx, state jobs.State, message string, p jobs.Progress) error {
	_, err := tx.Pgx().Exec(ctx, "UPDATE jobs_river SET progress_done = $1, progress_total = $2, progress_note = $3 WHERE id = $4",
		p.Done, p.Total, p.Note, a.ID)
	if err != nil {
		return err
	}
	return a.engine.end(ctx, tx, a.RiverID, state, message)
}
