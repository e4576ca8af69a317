package river

import (
	"context"
	"encoding/json"
	"fmt"
	"log/slog"
	"time"

	"github.com/riverqueue/river/riverdriver"
	"github.com/riverqueue/river/rivertype"

	"granary/internal/platform/database"
	"granary/internal/platform/jobs"
)

// maintain replaces lost attempts and deletes old jobs until Stop. Every
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

// lost is a running job whose lease ran out.
type lost struct {
	ID              string        `bun:"id"`
	RiverID         int64         `bun:"river_id"`
	Kind            string        `bun:"kind"`
	Lane            string        `bun:"lane"`
	Args            string        `bun:"args"`
	Priority        jobs.Priority `bun:"priority"`
	Attempt         int           `bun:"attempt"`
	MaxAttempts     int           `bun:"max_attempts"`
	CancelRequested bool          `bun:"cancel_requested"`
}

// Between River's fetch and begin a job has no lease of its own yet; then the
// time of the fetch counts.
const lostSQL = `FROM jobs_river AS r JOIN river_job AS j ON j.id = r.river_id WHERE j.state = 'running'
 AND greatest(r.lease_until, j.attempted_at + ? * interval '1 microsecond') < clock_timestamp()`

func (e *Engine) recoverLost(ctx context.Context) error {
	lease := e.cfg.Lease.Microseconds()
	var ids []string
	if err := e.db.Reader().NewRaw("SELECT r.id "+lostSQL+" LIMIT 1000", lease).Scan(ctx, &ids); err != nil {
		return fmt.Errorf("find expired leases: %w", err)
	}
	for _, id := range ids {
		err := e.db.InTx(ctx, func(ctx context.Context, tx database.Tx) error {
			var rows []lost
			err := tx.NewRaw(`SELECT r.id, r.river_id, r.kind, r.attempt, r.max_attempts, j.queue AS lane, j.args::text AS args, j.priority,
 jsonb_exists(j.metadata, 'cancel_attempted_at') AS cancel_requested `+lostSQL+" AND r.id = ? FOR UPDATE SKIP LOCKED", lease, id).Scan(ctx, &rows)
			if err != nil || len(rows) == 0 { // another process was faster, or it lives after all
				return err
			}
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
	e.cfg.Log.WarnContext(ctx, "job recovered from a lost attempt", "job_id", job.ID, "job_kind", job.Kind, "attempt", job.Attempt)
	state, riverID, now := rivertype.JobStateDiscarded, job.RiverID, jobs.Stamp(e.cfg.Now())
	switch {
	case job.CancelRequested:
		state = rivertype.JobStateCancelled
	case job.Attempt < job.MaxAttempts:
		var err error
		riverID, err = e.insert(ctx, tx, jobs.Draft{
			Kind: job.Kind, Lane: job.Lane, Args: json.RawMessage(job.Args), Priority: job.Priority,
			CreatedAt: now, RunAt: now.Add(e.reg.Wait(job.Kind, job.Attempt)),
		})
		if err != nil {
			return err
		}
	}
	note, err := json.Marshal(rivertype.AttemptError{At: now, Attempt: 1, Error: jobs.LostMessage})
	if err != nil {
		return fmt.Errorf("end lost attempt: %w", err)
	}
	_, err = e.driver.UnwrapExecutor(tx.Pgx()).JobRescueMany(ctx, &riverdriver.JobRescueManyParams{
		ID: []int64{job.RiverID}, Error: [][]byte{note}, FinalizedAt: []*time.Time{&now}, ScheduledAt: []time.Time{now},
		State: []string{string(state)}, StuckHorizon: now.Add(never),
	})
	if err != nil {
		return fmt.Errorf("end lost attempt: %w", err)
	}
	_, err = tx.NewRaw("UPDATE jobs_river SET fence = fence + 1, lease_until = NULL, river_id = ?, error = ? WHERE id = ?",
		riverID, jobs.LostMessage, job.ID).Exec(ctx)
	if err != nil {
		return fmt.Errorf("end lost attempt: %w", err)
	}
	return nil
}

// clean deletes finished jobs beyond their retention and number, and the rows
// of replaced attempts; the companion rows go with them.
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
