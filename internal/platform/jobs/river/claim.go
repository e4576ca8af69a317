package river

import (
	"context"
	"fmt"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/riverqueue/river/riverdriver"
	"github.com/riverqueue/river/riverdriver/riverpgxv5"
	"github.com/riverqueue/river/rivertype"

	"granary/internal/platform/jobs"
)

// claimingDriver is River's driver with two of its many queries changed: what
// is fetched, and which outcomes are stored. River offers no other place to
// decide, before a job is taken, whether this process may begin it. The rest
// of River, its producers, notifications, elections and scheduling, is as it
// comes.
type claimingDriver struct {
	*riverpgxv5.Driver
	engine *Engine
}

var _ riverdriver.Driver[pgx.Tx] = claimingDriver{}

// GetExecutor implements riverdriver.Driver.
func (d claimingDriver) GetExecutor() riverdriver.Executor {
	return executor{d.Driver.GetExecutor(), d.engine}
}

type executor struct {
	riverdriver.Executor
	engine *Engine
}

// JobGetAvailable implements riverdriver.Executor.
func (x executor) JobGetAvailable(
	ctx context.Context, params *riverdriver.JobGetAvailableParams,
) (*riverdriver.JobGetAvailableResult, error) {
	e := x.engine
	lane := e.lanes[params.Queue]
	if !e.slots.Shared(lane) {
		return e.claim(ctx, lane, params)
	}
	e.dividing.Lock()
	defer e.dividing.Unlock()
	granted, err := e.grant(ctx, lane)
	if err != nil || granted == 0 {
		return &riverdriver.JobGetAvailableResult{}, err
	}
	few := *params
	few.MaxToLock = min(params.MaxToLock, granted)
	return e.claim(ctx, lane, &few)
}

// JobSetStateIfRunningMany implements riverdriver.Executor. It leaves out the
// jobs whose outcome was stored by finish, which are all but those that could
// not be begun.
func (x executor) JobSetStateIfRunningMany(
	ctx context.Context, params *riverdriver.JobSetStateIfRunningManyParams,
) ([]*rivertype.JobRow, error) {
	open := &riverdriver.JobSetStateIfRunningManyParams{Now: params.Now, Schema: params.Schema}
	x.engine.mu.Lock()
	for i, id := range params.ID {
		if _, ok := x.engine.settled[id]; ok {
			delete(x.engine.settled, id)
			continue
		}
		open.ID = append(open.ID, id)
		open.Attempt = append(open.Attempt, params.Attempt[i])
		open.ErrData = append(open.ErrData, params.ErrData[i])
		open.FinalizedAt = append(open.FinalizedAt, params.FinalizedAt[i])
		open.MetadataDoMerge = append(open.MetadataDoMerge, params.MetadataDoMerge[i])
		open.MetadataUpdates = append(open.MetadataUpdates, params.MetadataUpdates[i])
		open.ScheduledAt = append(open.ScheduledAt, params.ScheduledAt[i])
		open.State = append(open.State, params.State[i])
	}
	x.engine.mu.Unlock()
	if len(open.ID) == 0 {
		return nil, nil
	}
	return x.Executor.JobSetStateIfRunningMany(ctx, open)
}

// claim is a job that this process has taken.
type claim struct {
	RiverID     int64     `db:"river_id"`
	ID          string    `db:"id"`
	Queue       string    `db:"queue"`
	Owner       string    `db:"owner"`
	Attempt     int       `db:"attempt"`
	MaxAttempts int       `db:"max_attempts"`
	Fence       int64     `db:"fence"`
	CreatedAt   time.Time `db:"created_at"`
	slot        jobs.Slot
	lane        jobs.Lane
}

// A companion that is locked belongs to somebody who enqueues, cancels or
// retries the job: waiting for it here could be a deadlock.
const claimSQL = `UPDATE jobs_river SET fence = fence + 1, attempt = attempt + 1, unique_key = NULL,
 lease_until = clock_timestamp() + $2 * interval '1 microsecond', started_at = clock_timestamp(),
 progress_done = 0, progress_total = 0, progress_note = ''
 WHERE id IN (SELECT id FROM jobs_river WHERE river_id = ANY($1) FOR UPDATE SKIP LOCKED)
 RETURNING river_id, id, queue, owner, attempt, max_attempts, fence, created_at`

const unfetchSQL = `UPDATE river_job SET state = 'available', attempt = attempt - 1 WHERE id = ANY($1)`

// claim lets River fetch jobs and, in the same transaction, counts the
// attempts and takes leases and the next fencing numbers.
func (e *Engine) claim(ctx context.Context, lane jobs.Lane, params *riverdriver.JobGetAvailableParams) (*riverdriver.JobGetAvailableResult, error) {
	var result *riverdriver.JobGetAvailableResult
	var claims []claim
	err := pgx.BeginTxFunc(ctx, e.db.Pool(), pgx.TxOptions{IsoLevel: pgx.ReadCommitted}, func(tx pgx.Tx) (err error) {
		result, err = e.driver.UnwrapExecutor(tx).JobGetAvailable(ctx, params)
		if err != nil || len(result.Jobs) == 0 {
			return err
		}
		ids := make([]int64, len(result.Jobs))
		for i, job := range result.Jobs {
			ids[i] = job.ID
		}
		rows, err := tx.Query(ctx, claimSQL, ids, e.cfg.Lease.Microseconds())
		if err != nil {
			return err
		}
		if claims, err = pgx.CollectRows(rows, pgx.RowToStructByName[claim]); err != nil {
			return err
		}
		return unfetch(ctx, tx, result, claims)
	})
	if err != nil {
		return nil, fmt.Errorf("claim jobs of lane %s: %w", lane.Name, err)
	}
	e.mu.Lock()
	defer e.mu.Unlock()
	for _, c := range claims {
		c.lane, c.slot = lane, e.slots.Hold(lane)
		e.claims[c.RiverID] = c
	}
	return result, nil
}

// unfetch puts back, and takes out of the result, the jobs without a claim.
func unfetch(ctx context.Context, tx pgx.Tx, result *riverdriver.JobGetAvailableResult, claims []claim) error {
	if len(claims) == len(result.Jobs) {
		return nil
	}
	claimed := make(map[int64]bool, len(claims))
	for _, c := range claims {
		claimed[c.RiverID] = true
	}
	var kept []*rivertype.JobRow
	var back []int64
	for _, job := range result.Jobs {
		if claimed[job.ID] {
			kept = append(kept, job)
		} else {
			back = append(back, job.ID)
		}
	}
	result.Jobs = kept
	_, err := tx.Exec(ctx, unfetchSQL, back)
	return err
}

const dueSQL = `SELECT count(*) FROM (SELECT 1 FROM river_job WHERE state = 'available' AND queue = $1 AND kind = ANY($2)
 AND scheduled_at <= clock_timestamp() LIMIT $3) AS due`

// grant says how many jobs of the lane may begin now, given what waits in the
// lanes with which it shares slots. Lanes whose turn it is instead are told.
func (e *Engine) grant(ctx context.Context, lane jobs.Lane) (int, error) {
	free := e.slots.Free(lane.Device)
	if free == 0 {
		return 0, nil
	}
	busy := e.busy()
	var due []jobs.Due
	for _, other := range e.lanes {
		room := min(free, other.Slots-busy[other.Name])
		if other.Device != lane.Device || room <= 0 {
			continue
		}
		var n int
		if err := e.db.Pool().QueryRow(ctx, dueSQL, other.Name, other.Kinds, room).Scan(&n); err != nil {
			return 0, fmt.Errorf("count due jobs of lane %s: %w", other.Name, err)
		}
		due = append(due, jobs.Due{Lane: other, Jobs: n})
	}
	granted := e.slots.Divide(due)
	for name, n := range granted {
		if n > 0 && name != lane.Name {
			e.ring(name)
		}
	}
	return granted[lane.Name], nil
}

// busy counts this process's jobs by lane.
func (e *Engine) busy() map[string]int {
	e.mu.Lock()
	defer e.mu.Unlock()
	busy := map[string]int{}
	for _, c := range e.claims {
		busy[c.lane.Name]++
	}
	for a := range e.live {
		busy[a.lane.Name]++
	}
	return busy
}

// release gives a slot back and tells the lanes that may have waited for it.
func (e *Engine) release(c claim) {
	e.slots.Release(c.slot)
	if !e.slots.Shared(c.lane) {
		return
	}
	for _, lane := range e.lanes {
		if lane.Device == c.lane.Device {
			e.ring(lane.Name)
		}
	}
}
