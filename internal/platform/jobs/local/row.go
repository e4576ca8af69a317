package local

import (
	"context"
	"database/sql"
	"embed"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"time"

	"github.com/uptrace/bun"

	"granary/internal/platform/database"
	"granary/internal/platform/jobs"
)

//go:embed migrations/*.sql
var files embed.FS

// Migrations returns the schema of the local engine.
func Migrations() database.Migrations {
	sub, err := fs.Sub(files, "migrations")
	if err != nil {
		panic(err) // the path is a constant of this file
	}
	return database.Migrations{Owner: "jobs", Files: sub}
}

// row is one job as stored. The state scheduled is queued with a later run_at.
type row struct {
	bun.BaseModel `bun:"table:jobs"`

	ID              string        `bun:"id,pk"`
	Kind            string        `bun:"kind"`
	Queue           string        `bun:"queue"`
	Lane            string        `bun:"lane"`
	Owner           string        `bun:"owner"`
	State           jobs.State    `bun:"state"`
	Priority        jobs.Priority `bun:"priority"`
	Args            string        `bun:"args"`
	UniqueKey       *string       `bun:"unique_key"`
	Attempt         int           `bun:"attempt"`
	MaxAttempts     int           `bun:"max_attempts"`
	Fence           int64         `bun:"fence"`
	LeaseUntil      *time.Time    `bun:"lease_until"`
	CancelRequested bool          `bun:"cancel_requested"`
	ProgressDone    int64         `bun:"progress_done"`
	ProgressTotal   int64         `bun:"progress_total"`
	ProgressNote    string        `bun:"progress_note"`
	Error           string        `bun:"error"`
	CreatedAt       time.Time     `bun:"created_at"`
	RunAt           time.Time     `bun:"run_at"`
	StartedAt       *time.Time    `bun:"started_at"`
	FinishedAt      *time.Time    `bun:"finished_at"`
}

func newRow(d jobs.Draft) *row {
	r := &row{
		ID: d.ID, Kind: d.Kind, Queue: d.Queue, Lane: d.Lane, Owner: d.Owner, State: jobs.Queued, Priority: d.Priority,
		Args: string(d.Args), MaxAttempts: d.MaxAttempts, CreatedAt: d.CreatedAt, RunAt: d.RunAt,
	}
	if d.UniqueKey != "" {
		r.UniqueKey = &d.UniqueKey
	}
	return r
}

func (r *row) job(now time.Time) jobs.Job {
	state := r.State
	if state == jobs.Queued && r.RunAt.After(now) {
		state = jobs.Scheduled
	}
	return jobs.Job{
		ID: r.ID, Kind: r.Kind, Queue: r.Queue, Owner: r.Owner, State: state, Priority: r.Priority, Args: json.RawMessage(r.Args),
		Attempt: r.Attempt, MaxAttempts: r.MaxAttempts,
		Progress: jobs.Progress{Done: r.ProgressDone, Total: r.ProgressTotal, Note: r.ProgressNote},
		Error:    r.Error, CancelRequested: r.State == jobs.Running && r.CancelRequested,
		CreatedAt: r.CreatedAt.UTC(), RunAt: r.RunAt.UTC(), StartedAt: utc(r.StartedAt), FinishedAt: utc(r.FinishedAt),
	}
}

func utc(t *time.Time) *time.Time {
	if t == nil {
		return nil
	}
	u := t.UTC()
	return &u
}

func (r *row) setProgress(p jobs.Progress) {
	r.ProgressDone, r.ProgressTotal, r.ProgressNote = p.Done, p.Total, p.Note
}

// end makes the state final.
func (r *row) end(state jobs.State, message string, now time.Time) {
	r.State, r.Error, r.FinishedAt = state, message, &now
	r.LeaseUntil, r.UniqueKey, r.CancelRequested = nil, nil, false
}

// wait puts the job back into its queue.
func (r *row) wait(message string, due time.Time) {
	r.State, r.Error, r.RunAt, r.FinishedAt, r.LeaseUntil = jobs.Queued, message, due, nil, nil
}

// change loads a job, lets fn alter it and stores it, in one transaction.
// The arguments are neither loaded nor stored.
func (e *Engine) change(ctx context.Context, id string, fn func(r *row) error) error {
	return e.db.InGroup(ctx, func(ctx context.Context, tx database.Tx) error {
		return e.changeIn(ctx, tx, id, fn)
	})
}

func (e *Engine) changeIn(ctx context.Context, tx database.Tx, id string, fn func(r *row) error) error {
	r := &row{ID: id}
	err := tx.NewSelect().Model(r).ExcludeColumn("args").WherePK().Scan(ctx)
	if errors.Is(err, sql.ErrNoRows) {
		return jobs.NoSuchJob()
	}
	if err != nil {
		return fmt.Errorf("load job: %w", err)
	}
	before := r.State
	if err := fn(r); err != nil {
		return err
	}
	if _, err := tx.NewUpdate().Model(r).ExcludeColumn("id", "args").WherePK().Exec(ctx); err != nil {
		return fmt.Errorf("store job: %w", err)
	}
	if before.Finished() || !r.State.Finished() || r.State == jobs.Succeeded {
		return nil
	}
	if err := tx.NewSelect().Model(r).Column("args").WherePK().Scan(ctx); err != nil {
		return fmt.Errorf("load arguments: %w", err)
	}
	return e.reg.Final(ctx, tx, r.job(e.now()))
}
