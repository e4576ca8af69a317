// Package river is the jobs engine of any number of machines: River
// (riverqueue.com) on PostgreSQL. River owns waiting, claiming, due dates,
// notification and the job's state; the companion table jobs_river, one row
// per job, adds what River has no notion of: attempts with a renewed lease
// and a fencing number, progress, a key that admits one waiting job.
//
//	Enqueue ─► river_job + jobs_river, in the caller's transaction
//	River fetches ─► begin (fence+1, lease) ─► Registry.Execute ─► finish ─► River stores the state
//	lease ran out ─► replace: a new river_job for the same job, the old one discarded
//
// River finishes a row by its id alone, whichever attempt asks. A lost
// attempt may still be running somewhere, so its row is never run again: the
// job gets a new one. Attempts are therefore counted in the companion, and
// for River every row has a single attempt, which repetition gives back
// (River calls it snoozing).
//
// Leases are measured by PostgreSQL's clock, so the machines' clocks do not
// matter.
package river

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"sync"

	"github.com/jackc/pgx/v5"
	riverqueue "github.com/riverqueue/river"
	"github.com/riverqueue/river/riverdriver/riverpgxv5"

	"granary/internal/platform/database"
	"granary/internal/platform/fault"
	"granary/internal/platform/jobs"
)

var _ jobs.Engine = (*Engine)(nil)

var errNotPostgres = errors.New("the river job engine needs a PostgreSQL database")

// Engine implements jobs.Engine on PostgreSQL.
type Engine struct {
	db     *database.DB
	reg    *jobs.Registry
	cfg    jobs.Config
	driver *riverpgxv5.Driver
	client *riverqueue.Client[pgx.Tx]

	stopping chan struct{}
	stopOnce sync.Once
	loop     sync.WaitGroup // the maintenance

	mu      sync.Mutex
	started bool
	live    map[*attempt]struct{}
}

// payload carries a job's encoded arguments through River.
type payload struct {
	kind string
	body json.RawMessage
}

func (p payload) Kind() string                     { return p.kind }
func (p payload) MarshalJSON() ([]byte, error)     { return p.body, nil }
func (p *payload) UnmarshalJSON(body []byte) error { p.body = append(p.body[:0], body...); return nil }

// New returns an engine on a migrated PostgreSQL database. It runs nothing
// before Start.
func New(db *database.DB, reg *jobs.Registry, cfg jobs.Config) (*Engine, error) {
	if db.Pool() == nil {
		return nil, errNotPostgres
	}
	e := &Engine{
		db: db, reg: reg, cfg: cfg.WithDefaults(), driver: riverpgxv5.New(db.Pool()),
		stopping: make(chan struct{}), live: map[*attempt]struct{}{},
	}
	client, err := riverqueue.NewClient(e.driver, e.clientConfig())
	if err != nil {
		return nil, fmt.Errorf("river client: %w", err)
	}
	e.client = client
	return e, nil
}

// Enqueue implements jobs.Engine.
func (e *Engine) Enqueue(ctx context.Context, tx database.Tx, args jobs.Args, opts ...jobs.Option) (string, error) {
	draft, err := e.reg.Draft(e.cfg.Now(), args, opts...)
	if err != nil {
		return "", err
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
			return ids[0], nil
		}
	}
	var waiting int
	err = tx.NewRaw(`SELECT count(*) FROM (SELECT 1 FROM river_job
 WHERE state IN ('available', 'scheduled', 'retryable', 'pending') AND queue = ? LIMIT ?) AS waiting`,
		draft.Lane, e.cfg.MaxWaiting).Scan(ctx, &waiting)
	if err != nil {
		return "", fmt.Errorf("count waiting jobs: %w", err)
	}
	if waiting >= e.cfg.MaxWaiting {
		return "", jobs.QueueFull(draft.Queue)
	}
	riverID, err := e.insert(ctx, tx, draft)
	if err != nil {
		return "", err
	}
	var key *string
	if draft.UniqueKey != "" {
		key = &draft.UniqueKey
	}
	// Of two transactions that add the same key, the later one meets a row
	// that its snapshot lacks: PostgreSQL answers 40001 and InTx runs it again.
	added, err := tx.NewRaw(`INSERT INTO jobs_river (id, river_id, kind, queue, owner, unique_key, max_attempts, created_at)
 VALUES (?, ?, ?, ?, ?, ?, ?, ?) ON CONFLICT (kind, unique_key) WHERE unique_key IS NOT NULL DO NOTHING`,
		draft.ID, riverID, draft.Kind, draft.Queue, draft.Owner, key, draft.MaxAttempts, draft.CreatedAt).Exec(ctx)
	if err != nil {
		return "", fmt.Errorf("enqueue %s: %w", draft.Kind, err)
	}
	if n, err := added.RowsAffected(); err != nil || n != 1 {
		return "", fmt.Errorf("enqueue %s: added %d rows: %w", draft.Kind, n, err)
	}
	return draft.ID, nil
}

// insert adds River's row.
func (e *Engine) insert(ctx context.Context, tx database.Tx, draft jobs.Draft) (int64, error) {
	if tx.Pgx() == nil {
		return 0, errNotPostgres
	}
	options := &riverqueue.InsertOpts{MaxAttempts: 1, Priority: int(draft.Priority), Queue: draft.Lane}
	if draft.RunAt.After(draft.CreatedAt) {
		// River looks at scheduled rows every 5 s only, even at those that are due.
		options.ScheduledAt = draft.RunAt
	}
	added, err := e.client.InsertTx(ctx, tx.Pgx(), payload{kind: draft.Kind, body: draft.Args}, options)
	if err != nil {
		return 0, fmt.Errorf("enqueue %s: %w", draft.Kind, err)
	}
	return added.Job.ID, nil
}

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
		// Only the key of a job that waits is still set.
		if _, err := tx.NewRaw("UPDATE jobs_river SET unique_key = NULL WHERE id = ?", id).Exec(ctx); err != nil {
			return fmt.Errorf("cancel job: %w", err)
		}
		if _, err := e.client.JobCancelTx(ctx, tx.Pgx(), job.RiverID); err != nil {
			return fmt.Errorf("cancel job: %w", err)
		}
		return nil
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
		case "running", "completed":
			return fault.New(fault.Conflict, "a %s job cannot be retried", states[job.State])
		case "cancelled", "discarded":
			_, err := tx.NewRaw("UPDATE jobs_river SET max_attempts = greatest(max_attempts, attempt + 1) WHERE id = ?", id).Exec(ctx)
			if err != nil {
				return fmt.Errorf("retry job: %w", err)
			}
		}
		if _, err := e.client.JobRetryTx(ctx, tx.Pgx(), job.RiverID); err != nil {
			return fmt.Errorf("retry job: %w", err)
		}
		return nil
	})
}
