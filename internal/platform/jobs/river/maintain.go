package river

import (
	"context"
	"fmt"
	"log/slog"
	"maps"
	"slices"
	"time"

	"github.com/jackc/pgx/v5"

	"granary/internal/platform/database"
	"granary/internal/platform/jobs"
)

// maintain ends lost attempts and deletes old jobs until Stop. Every
// process does so; row locks keep them out of each other's way.
func (e *Engine) maintain(ctx context.Context) {
	ticker := time.NewTicker(e.cfg.Poll)
	defer ticker.Stop()
	var cleaned time.Time
	for {
		if now := e.cfg.Now(); now.Sub(cleaned) >= time.Hour {
			cleaned = now
			e.step(ctx, "clean finished jobs", e.clean)
		}
		e.step(ctx, "recover lost jobs", e.recoverLost)
		e.step(ctx, "look for cancel requests", e.noticeCancels)
		e.step(ctx, "run schedules", func(ctx context.Context) error { return e.reg.RunSchedules(ctx, e.db, e, e.cfg) })
		select {
		case <-e.stopping:
			return
		case <-ticker.C:
		}
	}
}

// step bounds one task, so that a database that hangs does not hold up Stop.
func (e *Engine) step(ctx context.Context, what string, task func(context.Context) error) {
	ctx, cancel := context.WithTimeout(ctx, e.cfg.Lease)
	defer cancel()
	if err := task(ctx); err != nil {
		e.cfg.Log.ErrorContext(ctx, "job engine", "step", what, slog.Any("error", err))
	}
}

// Every claim has a lease, so that a running job without one, or whose lease
// ran out, has no process any more.
const lostSQL = `FROM jobs_river AS r JOIN river_job AS j ON j.id = r.river_id WHERE j.state = 'running'
 AND coalesce(r.lease_until, '-infinity') < clock_timestamp()`

// lost is a running job whose lease ran out.
type lost struct {
	RiverID         int64  `bun:"river_id"`
	Kind            string `bun:"kind"`
	Attempt         int    `bun:"attempt"`
	MaxAttempts     int    `bun:"max_attempts"`
	CancelRequested bool   `bun:"cancel_requested"`
}

func (e *Engine) recoverLost(ctx context.Context) error {
	var ids []string
	if err := e.db.Reader().NewRaw("SELECT r.id "+lostSQL+" LIMIT 1000").Scan(ctx, &ids); err != nil {
		return fmt.Errorf("find expired leases: %w", err)
	}
	for _, id := range ids {
		err := e.db.InTx(ctx, func(ctx context.Context, tx database.Tx) error {
			var rows []lost
			err := tx.NewRaw(`SELECT r.river_id, r.kind, r.attempt, r.max_attempts,
 jsonb_exists(j.metadata, 'cancel_attempted_at') AS cancel_requested `+lostSQL+" AND r.id = ? FOR UPDATE SKIP LOCKED", id).Scan(ctx, &rows)
			if err != nil || len(rows) == 0 { // another process was faster, or it lives after all
				return err
			}
			e.cfg.Log.WarnContext(ctx, "job recovered from a lost attempt", "job_id", id, "job_kind", rows[0].Kind, "attempt", rows[0].Attempt)
			return e.replace(ctx, tx, rows[0])
		})
		if err != nil {
			return err
		}
	}
	return nil
}

// replace ends a lost attempt by its kind's policy. The new fencing number
// shuts the old attempt out at once.
func (e *Engine) replace(ctx context.Context, tx database.Tx, job lost) error {
	_, err := tx.NewRaw("UPDATE jobs_river SET fence = fence + 1, error = ? WHERE river_id = ?", jobs.LostMessage, job.RiverID).Exec(ctx)
	switch {
	case err != nil:
		return fmt.Errorf("end lost attempt: %w", err)
	case job.CancelRequested:
		return e.end(ctx, tx, job.RiverID, jobs.Cancelled, jobs.LostMessage)
	case job.Attempt >= job.MaxAttempts:
		return e.end(ctx, tx, job.RiverID, jobs.Lost, jobs.LostMessage)
	}
	return e.again(ctx, tx, job.RiverID, e.reg.Wait(job.Kind, job.Attempt))
}

// noticeCancels passes on what other processes asked for, in case that their
// notification did not arrive.
func (e *Engine) noticeCancels(ctx context.Context) error {
	e.mu.Lock()
	running := make(map[int64]*attempt, len(e.live))
	for a := range e.live {
		running[a.RiverID] = a
	}
	e.mu.Unlock()
	if len(running) == 0 {
		return nil
	}
	rows, err := e.db.Pool().Query(ctx, "SELECT id FROM river_job WHERE id = ANY($1) AND jsonb_exists(metadata, 'cancel_attempted_at')",
		slices.Collect(maps.Keys(running)))
	if err != nil {
		return err
	}
	ids, err := pgx.CollectRows(rows, pgx.RowTo[int64])
	for _, id := range ids {
		running[id].cancel(jobs.ErrCancelled)
	}
	return err
}

// clean deletes finished jobs beyond their retention and number; the companion
// rows go with them.
func (e *Engine) clean(ctx context.Context) error {
	return e.db.InTx(ctx, func(ctx context.Context, tx database.Tx) error {
		_, err := tx.NewRaw("DELETE FROM river_job WHERE finalized_at < ?", e.cfg.Now().Add(-e.cfg.Retention)).Exec(ctx)
		if err != nil {
			return fmt.Errorf("by age: %w", err)
		}
		_, err = tx.NewRaw(`DELETE FROM river_job WHERE id IN (SELECT id FROM river_job
 WHERE state IN ('cancelled', 'completed', 'discarded') ORDER BY finalized_at DESC, id DESC OFFSET ?)`, e.cfg.KeepFinished).Exec(ctx)
		if err != nil {
			return fmt.Errorf("by number: %w", err)
		}
		return nil
	})
}
