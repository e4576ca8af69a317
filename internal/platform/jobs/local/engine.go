// Package local is the jobs engine of a single machine: a table in the SQLite
// file, worked by one process. Other processes may enqueue, cancel and retry
// beside it. It owns the table jobs and no other.
//
//	Enqueue ─► row queued ─► claim (fence+1, lease) ─► Registry.Execute ─► finish
//	   │ wake                    ▲ poll, at most Config.Poll late
//	   └─────────────────────────┘
//
// Every write goes through one transaction on SQLite's single writer and is
// refused unless the job is running under the fencing number that the writer
// claimed, so a stale attempt changes nothing.
package local

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"sync"
	"time"

	"github.com/uptrace/bun"

	"granary/internal/platform/database"
	"granary/internal/platform/fault"
	"granary/internal/platform/jobs"
)

var _ jobs.Engine = (*Engine)(nil)

// Engine implements jobs.Engine on SQLite.
type Engine struct {
	db  *database.DB
	reg *jobs.Registry
	cfg jobs.Config

	slots *jobs.Slots
	room  *jobs.Room

	wake     chan struct{} // holds one token: look for due jobs
	stopping chan struct{}
	stopOnce sync.Once
	worker   worker
}

// New returns an engine on a migrated SQLite database. It runs nothing
// before Start.
func New(db *database.DB, reg *jobs.Registry, cfg jobs.Config) (*Engine, error) {
	if db.Path() == "" {
		return nil, errors.New("the local job engine needs a SQLite database")
	}
	cfg = cfg.WithDefaults()
	return &Engine{
		db: db, reg: reg, cfg: cfg, slots: jobs.NewSlots(cfg), room: jobs.NewRoom(cfg.MaxWaiting),
		wake: make(chan struct{}, 1), stopping: make(chan struct{}),
		worker: worker{live: map[*attempt]struct{}{}},
	}, nil
}

func (e *Engine) now() time.Time { return jobs.Stamp(e.cfg.Now()) }

// Enqueue implements jobs.Engine.
func (e *Engine) Enqueue(ctx context.Context, tx database.Tx, args jobs.Args, opts ...jobs.Option) (string, error) {
	draft, err := e.reg.Draft(e.cfg.Now(), args, opts...)
	if err != nil {
		return "", err
	}
	if draft.UniqueKey != "" {
		var ids []string
		err := tx.NewSelect().Model((*row)(nil)).Column("id").
			Where("kind = ? AND unique_key = ?", draft.Kind, draft.UniqueKey).Scan(ctx, &ids)
		if err != nil {
			return "", fmt.Errorf("look for a waiting %s job: %w", draft.Kind, err)
		}
		if len(ids) > 0 {
			return ids[0], nil
		}
	}
	err = e.room.Take(draft.Lane, draft.Queue, func() (int, error) {
		limit := tx.NewSelect().Model((*row)(nil)).Column("id").
			Where("state = ? AND lane = ?", jobs.Queued, draft.Lane).Limit(int64(e.cfg.MaxWaiting))
		waiting, err := tx.NewSelect().TableExpr("(?) AS waiting", limit).Count(ctx)
		return int(waiting), err
	})
	if err != nil {
		return "", err
	}
	if _, err := tx.NewInsert().Model(newRow(draft)).Exec(ctx); err != nil {
		return "", fmt.Errorf("enqueue %s: %w", draft.Kind, err)
	}
	// The row is not committed yet, but the claim that this wakes needs the
	// single writer, which the caller's transaction holds until it is.
	e.signal()
	return draft.ID, nil
}

func (e *Engine) signal() {
	select {
	case e.wake <- struct{}{}:
	default: // a token is waiting already
	}
}

// Cancel implements jobs.Engine.
func (e *Engine) Cancel(ctx context.Context, id string) error {
	err := e.change(ctx, id, func(r *row) error {
		switch r.State {
		case jobs.Queued:
			r.end(jobs.Cancelled, "", e.now())
		case jobs.Running:
			r.CancelRequested = true
		}
		return nil
	})
	if err != nil {
		return err
	}
	// In another process the poll finds the request.
	e.worker.cancel(id, jobs.ErrCancelled)
	return nil
}

// Retry implements jobs.Engine.
func (e *Engine) Retry(ctx context.Context, id string) error {
	err := e.change(ctx, id, func(r *row) error {
		now := e.now()
		switch r.State {
		case jobs.Running, jobs.Succeeded:
			return fault.New(fault.Conflict, "a %s job cannot be retried", r.State)
		case jobs.Queued:
			if r.RunAt.After(now) {
				r.RunAt = now
			}
		default:
			r.wait(r.Error, now)
			r.MaxAttempts = max(r.MaxAttempts, r.Attempt+1)
		}
		return nil
	})
	if err == nil {
		e.signal()
	}
	return err
}

// Get implements jobs.Engine.
func (e *Engine) Get(ctx context.Context, id string) (jobs.Job, error) {
	var rows []row
	if err := e.db.Reader().NewSelect().Model(&rows).Where("id = ?", id).Scan(ctx); err != nil {
		return jobs.Job{}, fmt.Errorf("get job: %w", err)
	}
	if len(rows) == 0 {
		return jobs.Job{}, jobs.NoSuchJob()
	}
	return rows[0].job(e.now()), nil
}

// List implements jobs.Engine.
func (e *Engine) List(ctx context.Context, filter jobs.Filter) (jobs.Page, error) {
	now, size := e.now(), filter.PageSize()
	var rows []row
	query := e.db.Reader().NewSelect().Model(&rows).OrderExpr("id DESC").Limit(int64(size) + 1)
	from, before := filter.IDs()
	if from != "" {
		query.Where("id >= ?", from)
	}
	if before != "" {
		query.Where("id < ?", before)
	}
	if filter.Queue != "" {
		query.Where("queue = ?", filter.Queue)
	}
	if filter.Kind != "" {
		query.Where("kind = ?", filter.Kind)
	}
	if filter.Owner != "" {
		query.Where("owner = ?", filter.Owner)
	}
	if len(filter.States) > 0 {
		query.WhereGroup(" AND ", func(q *bun.SelectQuery) *bun.SelectQuery {
			for _, state := range filter.States {
				switch state {
				case jobs.Scheduled:
					q.WhereOr("state = ? AND run_at > ?", jobs.Queued, now)
				case jobs.Queued:
					q.WhereOr("state = ? AND run_at <= ?", jobs.Queued, now)
				default:
					q.WhereOr("state = ?", state)
				}
			}
			return q
		})
	}
	if err := query.Scan(ctx); err != nil {
		return jobs.Page{}, fmt.Errorf("list jobs: %w", err)
	}
	page := jobs.Page{Jobs: make([]jobs.Job, 0, min(len(rows), size))}
	for i := range rows[:min(len(rows), size)] {
		page.Jobs = append(page.Jobs, rows[i].job(now))
	}
	if len(rows) > size {
		page.Next = rows[size-1].ID
	}
	return page, nil
}

// Stats implements jobs.Engine.
func (e *Engine) Stats(ctx context.Context) ([]jobs.Depth, error) {
	var depths []jobs.Depth
	err := e.db.Reader().NewSelect().Model((*row)(nil)).Column("queue").
		ColumnExpr("CASE WHEN state = ? AND run_at > ? THEN ? ELSE state END AS state", jobs.Queued, e.now(), jobs.Scheduled).
		ColumnExpr("count(*) AS count").GroupExpr("1, 2").OrderExpr("1, 2").Scan(ctx, &depths)
	if err != nil {
		return nil, fmt.Errorf("count jobs: %w", err)
	}
	return slices.Clip(depths), nil
}
