package river

import (
	"context"
	"fmt"
	"time"

	"github.com/jackc/pgx/v5"

	"granary/internal/platform/database"
	"granary/internal/platform/jobs"
)

// soon is how far ahead River looks for due rows by itself (its scheduler's
// interval): a row that is due sooner waits as available, with its date.
const soon = 5 * time.Second

// Both rows in one statement, which halves the way to the database. A job that
// is due at once is dated by the database's clock, as River compares with it.
const enqueueSQL = `WITH added AS (
 INSERT INTO river_job (args, created_at, kind, max_attempts, priority, queue, scheduled_at, state)
 VALUES (($1::text)::jsonb, $2, $3, 1, $4, $5, coalesce($6::timestamptz, clock_timestamp()), ($7::text)::river_job_state) RETURNING id)
INSERT INTO jobs_river (id, river_id, kind, queue, owner, unique_key, max_attempts, created_at)
 SELECT $8, id, $3, $9, $10, $11, $12, $2 FROM added
 ON CONFLICT (kind, unique_key) WHERE unique_key IS NOT NULL DO NOTHING`

// Enqueue implements jobs.Engine.
func (e *Engine) Enqueue(ctx context.Context, tx database.Tx, args jobs.Args, opts ...jobs.Option) (string, error) {
	draft, err := e.reg.Draft(e.cfg.Now(), args, opts...)
	if err != nil {
		return "", err
	}
	if tx.Pgx() == nil {
		return "", errNotPostgres
	}
	if draft.UniqueKey != "" {
		// The lock makes the job's first attempt wait for this transaction,
		// so that it sees what the caller wrote; if the attempt came first,
		// the database asks for a retry and the key is free.
		var ids []string
		err := tx.NewRaw("SELECT id FROM jobs_river WHERE kind = ? AND unique_key = ? FOR UPDATE", draft.Kind, draft.UniqueKey).Scan(ctx, &ids)
		if err != nil {
			return "", fmt.Errorf("look for a waiting %s job: %w", draft.Kind, err)
		}
		if len(ids) > 0 {
			tx.AfterCommit(func() { e.ring(draft.Lane) }) // the job may have been passed over meanwhile
			return ids[0], nil
		}
	}
	err = e.room.Take(draft.Lane, draft.Queue, func() (waiting int, err error) {
		err = tx.NewRaw(`SELECT count(*) FROM (SELECT 1 FROM river_job
 WHERE state IN ('available', 'scheduled') AND queue = ? LIMIT ?) AS waiting`, draft.Lane, e.cfg.MaxWaiting).Scan(ctx, &waiting)
		return waiting, err
	})
	if err != nil {
		return "", err
	}
	if err := e.insert(ctx, tx.Pgx(), draft); err != nil {
		return "", fmt.Errorf("enqueue %s: %w", draft.Kind, err)
	}
	tx.AfterCommit(func() { e.ring(draft.Lane) })
	return draft.ID, nil
}

func (e *Engine) insert(ctx context.Context, tx pgx.Tx, draft jobs.Draft) error {
	var key *string
	if draft.UniqueKey != "" {
		key = &draft.UniqueKey
	}
	due, state := dated(draft.CreatedAt, draft.RunAt)
	// Of two transactions that add the same key, the later one meets a row
	// that its snapshot lacks: PostgreSQL answers 40001 and InTx runs it again.
	added, err := tx.Exec(ctx, enqueueSQL, string(draft.Args), draft.CreatedAt, draft.Kind, int16(draft.Priority), draft.Lane,
		due, state, draft.ID, draft.Queue, draft.Owner, key, draft.MaxAttempts)
	if err == nil && added.RowsAffected() != 1 {
		err = fmt.Errorf("added %d rows", added.RowsAffected())
	}
	return err
}

// dated returns when and as what a row waits; nil means at once.
func dated(now, due time.Time) (*time.Time, string) {
	switch wait := due.Sub(now); {
	case wait <= 0:
		return nil, "available"
	case wait <= soon:
		return &due, "available"
	}
	return &due, "scheduled"
}

const againSQL = `WITH again AS (
 INSERT INTO river_job (args, created_at, kind, max_attempts, priority, queue, scheduled_at, state)
 SELECT args, created_at, kind, 1, priority, queue, coalesce($2::timestamptz, clock_timestamp()), ($3::text)::river_job_state
 FROM river_job WHERE id = $1 RETURNING id, queue),
moved AS (UPDATE jobs_river SET river_id = again.id, lease_until = NULL, ended = '' FROM again WHERE river_id = $1)
SELECT queue FROM again`

// again gives the job, whose rows are locked, a new river_job that is due
// after the wait, and drops the old one.
func (e *Engine) again(ctx context.Context, tx database.Tx, riverID int64, wait time.Duration) error {
	now := jobs.Stamp(e.cfg.Now())
	due, state := dated(now, now.Add(wait))
	var lane string
	if err := tx.Pgx().QueryRow(ctx, againSQL, riverID, due, state).Scan(&lane); err != nil {
		return fmt.Errorf("repeat job: %w", err)
	}
	if _, err := tx.Pgx().Exec(ctx, "DELETE FROM river_job WHERE id = $1", riverID); err != nil {
		return fmt.Errorf("repeat job: %w", err)
	}
	tx.AfterCommit(func() { e.ring(lane) })
	return nil
}
