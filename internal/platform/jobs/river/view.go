package river

import (
	"context"
	"encoding/json"
	"fmt"
	"time"

	"github.com/uptrace/bun"

	"granary/internal/platform/jobs"
)

// stateSQL is a job's state in our words. The waiting ones are told apart by
// their due date, as River moves a row from scheduled to available only every
// few seconds.
const stateSQL = `CASE j.state::text WHEN 'running' THEN 'running' WHEN 'completed' THEN 'succeeded'
 WHEN 'discarded' THEN coalesce(nullif(r.ended, ''), 'failed') WHEN 'cancelled' THEN 'cancelled'
 ELSE CASE WHEN j.scheduled_at > now() THEN 'scheduled' ELSE 'queued' END END`

// view is a job as read from both tables.
type view struct {
	ID              string        `bun:"id"`
	Kind            string        `bun:"kind"`
	Queue           string        `bun:"queue"`
	Owner           string        `bun:"owner"`
	State           jobs.State    `bun:"state"`
	Priority        jobs.Priority `bun:"priority"`
	Args            string        `bun:"args"`
	Attempt         int           `bun:"attempt"`
	MaxAttempts     int           `bun:"max_attempts"`
	ProgressDone    int64         `bun:"progress_done"`
	ProgressTotal   int64         `bun:"progress_total"`
	ProgressNote    string        `bun:"progress_note"`
	Error           string        `bun:"error"`
	CancelRequested bool          `bun:"cancel_requested"`
	CreatedAt       time.Time     `bun:"created_at"`
	RunAt           time.Time     `bun:"run_at"`
	StartedAt       *time.Time    `bun:"started_at"`
	FinishedAt      *time.Time    `bun:"finished_at"`
}

func (v *view) job() jobs.Job {
	return jobs.Job{
		ID: v.ID, Kind: v.Kind, Queue: v.Queue, Owner: v.Owner, State: v.State, Priority: v.Priority, Args: json.RawMessage(v.Args),
		Attempt: v.Attempt, MaxAttempts: v.MaxAttempts,
		Progress: jobs.Progress{Done: v.ProgressDone, Total: v.ProgressTotal, Note: v.ProgressNote},
		Error:    v.Error, CancelRequested: v.State == jobs.Running && v.CancelRequested,
		CreatedAt: v.CreatedAt.UTC(), RunAt: v.RunAt.UTC(), StartedAt: utc(v.StartedAt), FinishedAt: utc(v.FinishedAt),
	}
}

func utc(t *time.Time) *time.Time {
	if t == nil {
		return nil
	}
	u := t.UTC()
	return &u
}

func query(db bun.IDB) *bun.SelectQuery {
	return db.NewSelect().TableExpr("jobs_river AS r").Join("JOIN river_job AS j ON j.id = r.river_id")
}

func viewed(q *bun.SelectQuery) *bun.SelectQuery {
	return q.ColumnExpr("r.id, r.kind, r.queue, r.owner, r.attempt, r.max_attempts, r.error, r.created_at, r.started_at").
		ColumnExpr("r.progress_done, r.progress_total, r.progress_note").
		ColumnExpr("j.priority, j.args::text AS args, j.scheduled_at AS run_at, j.finalized_at AS finished_at").
		ColumnExpr("jsonb_exists(j.metadata, 'cancel_attempted_at') AS cancel_requested").
		ColumnExpr(stateSQL + " AS state")
}

// Get implements jobs.Engine.
func (e *Engine) Get(ctx context.Context, id string) (jobs.Job, error) {
	var rows []view
	if err := query(e.db.Reader()).Apply(viewed).Where("r.id = ?", id).Scan(ctx, &rows); err != nil {
		return jobs.Job{}, fmt.Errorf("get job: %w", err)
	}
	if len(rows) == 0 {
		return jobs.Job{}, jobs.NoSuchJob()
	}
	return rows[0].job(), nil
}

// List implements jobs.Engine.
func (e *Engine) List(ctx context.Context, filter jobs.Filter) (jobs.Page, error) {
	size := filter.PageSize()
	var rows []view
	query := query(e.db.Reader()).Apply(viewed).OrderExpr("r.id DESC").Limit(int64(size) + 1)
	from, before := filter.IDs()
	if from != "" {
		query.Where("r.id >= ?", from)
	}
	if before != "" {
		query.Where("r.id < ?", before)
	}
	if filter.Queue != "" {
		query.Where("r.queue = ?", filter.Queue)
	}
	if filter.Kind != "" {
		query.Where("r.kind = ?", filter.Kind)
	}
	if filter.Owner != "" {
		query.Where("r.owner = ?", filter.Owner)
	}
	if len(filter.States) > 0 {
		query.Where("("+stateSQL+") IN (?)", bun.List(filter.States))
	}
	if err := query.Scan(ctx, &rows); err != nil {
		return jobs.Page{}, fmt.Errorf("list jobs: %w", err)
	}
	page := jobs.Page{Jobs: make([]jobs.Job, 0, min(len(rows), size))}
	for i := range rows[:min(len(rows), size)] {
		page.Jobs = append(page.Jobs, rows[i].job())
	}
	if len(rows) > size {
		page.Next = rows[size-1].ID
	}
	return page, nil
}

// Stats implements jobs.Engine.
func (e *Engine) Stats(ctx context.Context) ([]jobs.Depth, error) {
	var depths []jobs.Depth
	err := query(e.db.Reader()).ColumnExpr("r.queue").ColumnExpr(stateSQL+" AS state").ColumnExpr("count(*) AS count").
		GroupExpr("1, 2").OrderExpr("1, 2").Scan(ctx, &depths)
	if err != nil {
		return nil, fmt.Errorf("count jobs: %w", err)
	}
	return depths, nil
}
