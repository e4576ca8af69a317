package local

import (
	"context"
	"errors"
	"fmt"
	"time"

	"granary/internal/platform/database"
	"granary/internal/platform/fault"
	"granary/internal/platform/jobs"
)

// change alters the job's row and answers ErrLost when this attempt is not
// the live one.
func (a *attempt) change(ctx context.Context, tx database.Tx, fn func(r *row) error) error {
	err := a.engine.changeIn(ctx, tx, a.row.ID, func(r *row) error {
		if r.State != jobs.Running || r.Fence != a.row.Fence {
			return jobs.ErrLost
		}
		return fn(r)
	})
	if fault.Is(err, fault.NotFound) {
		return jobs.ErrLost
	}
	return err
}

// Renew implements jobs.Keeper.
func (a *attempt) Renew(ctx context.Context, progress jobs.Progress) error {
	cancelled := false
	err := a.engine.db.InGroup(ctx, func(ctx context.Context, tx database.Tx) error {
		return a.change(ctx, tx, func(r *row) error {
			r.setProgress(progress)
			until := a.engine.now().Add(a.engine.cfg.Lease)
			r.LeaseUntil, cancelled = &until, r.CancelRequested
			return nil
		})
	})
	if err == nil && cancelled {
		return jobs.ErrCancelled
	}
	return err
}

// Commit implements jobs.Keeper.
func (a *attempt) Commit(ctx context.Context, progress jobs.Progress, fn func(ctx context.Context, tx database.Tx) error) error {
	return a.engine.db.InTx(ctx, func(ctx context.Context, tx database.Tx) error {
		err := a.change(ctx, tx, func(r *row) error {
			if r.CancelRequested {
				return jobs.ErrCancelled
			}
			r.setProgress(progress)
			r.end(jobs.Succeeded, "", a.engine.now())
			return nil
		})
		if err != nil {
			return err
		}
		return fn(ctx, tx)
	})
}

// finish stores an attempt's outcome unless another attempt has taken over.
// When the database does not answer, the lease runs out and the job is
// recovered like that of a crashed process.
func (a *attempt) finish(ctx context.Context, outcome jobs.Outcome) error {
	if outcome.Verdict == jobs.Abandoned || outcome.Verdict == jobs.Committed {
		return nil
	}
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), a.engine.cfg.Lease)
	defer cancel()
	err := a.engine.db.InGroup(ctx, func(ctx context.Context, tx database.Tx) error {
		if outcome.Verdict == jobs.Done {
			return a.succeed(ctx, tx, outcome.Progress)
		}
		return a.change(ctx, tx, func(r *row) error {
			r.setProgress(outcome.Progress)
			if state, final := outcome.Verdict.Final(); final {
				r.end(state, outcome.Message, a.engine.now())
			} else {
				r.retry(outcome, a.engine.now())
			}
			return nil
		})
	})
	if errors.Is(err, jobs.ErrLost) {
		return nil
	}
	return err
}

const succeedSQL = `UPDATE jobs SET state = 'succeeded', error = '', finished_at = ?, lease_until = NULL, cancel_requested = FALSE,
 progress_done = ?, progress_total = ?, progress_note = ? WHERE id = ? AND state = 'running' AND fence = ?`

// succeed is end for the commonest end, in one statement. When another
// attempt has taken over it changes nothing.
func (a *attempt) succeed(ctx context.Context, tx database.Tx, p jobs.Progress) error {
	_, err := tx.NewRaw(succeedSQL, a.engine.now(), p.Done, p.Total, p.Note, a.row.ID, a.row.Fence).Exec(ctx)
	if err != nil {
		return fmt.Errorf("store job: %w", err)
	}
	return nil
}

// retry puts the job back, unless somebody cancelled it meanwhile.
func (r *row) retry(outcome jobs.Outcome, now time.Time) {
	switch {
	case r.CancelRequested:
		r.end(jobs.Cancelled, outcome.Message, now)
	case outcome.Verdict == jobs.Returned:
		r.Attempt--
		r.wait("", now)
	default:
		r.wait(outcome.Message, now.Add(outcome.Wait))
	}
}

// recoverLost ends the attempts whose lease ran out, by their kind's policy.
func (e *Engine) recoverLost(ctx context.Context) error {
	var ids []string
	err := e.db.Reader().NewSelect().Model((*row)(nil)).Column("id").
		Where("state = ? AND lease_until < ?", jobs.Running, e.now()).Limit(1000).Scan(ctx, &ids)
	if err != nil {
		return fmt.Errorf("find expired leases: %w", err)
	}
	for _, id := range ids {
		err := e.change(ctx, id, func(r *row) error {
			now := e.now()
			if r.State != jobs.Running || r.LeaseUntil == nil || !r.LeaseUntil.Before(now) {
				return nil // renewed or finished meanwhile
			}
			e.cfg.Log.WarnContext(ctx, "job recovered from a lost attempt", "job_id", r.ID, "job_kind", r.Kind, "attempt", r.Attempt)
			if r.Attempt >= r.MaxAttempts && !r.CancelRequested {
				r.end(jobs.Lost, jobs.LostMessage, now)
				return nil
			}
			r.retry(jobs.Outcome{Verdict: jobs.Again, Message: jobs.LostMessage, Wait: e.reg.Wait(r.Kind, r.Attempt)}, now)
			return nil
		})
		if err != nil && !fault.Is(err, fault.NotFound) {
			return err
		}
	}
	return nil
}

// noticeCancels passes on what other processes asked for.
func (e *Engine) noticeCancels(ctx context.Context) error {
	var ids []string
	err := e.db.Reader().NewSelect().Model((*row)(nil)).Column("id").
		Where("state = ? AND cancel_requested", jobs.Running).Scan(ctx, &ids)
	if err != nil {
		return fmt.Errorf("find cancel requests: %w", err)
	}
	for _, id := range ids {
		e.worker.cancel(id, jobs.ErrCancelled)
	}
	return nil
}

// clean deletes finished jobs beyond their retention and number.
func (e *Engine) clean(ctx context.Context) error {
	return e.db.InTx(ctx, func(ctx context.Context, tx database.Tx) error {
		_, err := tx.NewDelete().Model((*row)(nil)).Where("finished_at < ?", e.now().Add(-e.cfg.Retention)).Exec(ctx)
		if err != nil {
			return fmt.Errorf("by age: %w", err)
		}
		_, err = tx.NewRaw(`DELETE FROM jobs WHERE id IN (SELECT id FROM jobs WHERE finished_at IS NOT NULL
 ORDER BY finished_at DESC, id DESC LIMIT -1 OFFSET ?)`, e.cfg.KeepFinished).Exec(ctx)
		if err != nil {
			return fmt.Errorf("by number: %w", err)
		}
		return nil
	})
}
