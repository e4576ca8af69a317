package river

import (
	"context"
	"fmt"

	"granary/internal/platform/database"
	"granary/internal/platform/fault"
	"granary/internal/platform/jobs"
)

// locked is what Cancel, Retry and Commit decide on, with both rows locked,
// the companion's first as everywhere.
type locked struct {
	RiverID         int64  `bun:"river_id"`
	Fence           int64  `bun:"fence"`
	State           string `bun:"state"`
	CancelRequested bool   `bun:"cancel_requested"`
}

func lock(ctx context.Context, tx database.Tx, id string) (locked, error) {
	var rows []locked
	err := tx.NewRaw("SELECT river_id, fence FROM jobs_river WHERE id = ? FOR UPDATE", id).Scan(ctx, &rows)
	if err != nil {
		return locked{}, fmt.Errorf("lock job: %w", err)
	}
	if len(rows) == 0 {
		return locked{}, jobs.NoSuchJob()
	}
	job := rows[0]
	err = tx.NewRaw(`SELECT state::text AS state, jsonb_exists(metadata, 'cancel_attempted_at') AS cancel_requested
 FROM river_job WHERE id = ? FOR UPDATE`, job.RiverID).Scan(ctx, &job)
	if err != nil {
		return locked{}, fmt.Errorf("lock job: %w", err)
	}
	return job, nil
}

// Cancel implements jobs.Engine.
func (e *Engine) Cancel(ctx context.Context, id string) error {
	return e.db.InTx(ctx, func(ctx context.Context, tx database.Tx) error {
		job, err := lock(ctx, tx, id)
		if err != nil {
			return err
		}
		switch job.State {
		case "completed", "discarded", "cancelled":
			return nil
		case "running": // River marks the row and notifies whoever runs it
			if _, err := e.client.JobCancelTx(ctx, tx.Pgx(), job.RiverID); err != nil {
				return fmt.Errorf("cancel job: %w", err)
			}
			return nil
		}
		return e.end(ctx, tx, job.RiverID, jobs.Cancelled, "")
	})
}

// Retry implements jobs.Engine.
func (e *Engine) Retry(ctx context.Context, id string) error {
	return e.db.InTx(ctx, func(ctx context.Context, tx database.Tx) error {
		job, err := lock(ctx, tx, id)
		if err != nil {
			return err
		}
		switch job.State {
		case "running":
			return fault.New(fault.Conflict, "a running job cannot be retried")
		case "completed":
			return fault.New(fault.Conflict, "a succeeded job cannot be retried")
		case "cancelled", "discarded":
			_, err := tx.NewRaw("UPDATE jobs_river SET max_attempts = greatest(max_attempts, attempt + 1) WHERE id = ?", id).Exec(ctx)
			if err != nil {
				return fmt.Errorf("retry job: %w", err)
			}
		}
		return e.again(ctx, tx, job.RiverID, 0)
	})
}
