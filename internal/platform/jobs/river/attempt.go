package river

import (
	"context"
	"errors"
	"fmt"
	"time"

	riverqueue "github.com/riverqueue/river"
	"github.com/riverqueue/river/riverdriver"
	"github.com/riverqueue/river/rivertype"

	"granary/internal/platform/database"
	"granary/internal/platform/fault"
	"granary/internal/platform/jobs"
)

// attempt is one run of a job by this process. It implements jobs.Keeper.
type attempt struct {
	engine  *Engine
	riverID int64
	id      string
	fence   int64
	cancel  context.CancelCauseFunc
}

var _ jobs.Keeper = (*attempt)(nil)

type claim struct {
	ID          string    `bun:"id"`
	Queue       string    `bun:"queue"`
	Owner       string    `bun:"owner"`
	Attempt     int       `bun:"attempt"`
	MaxAttempts int       `bun:"max_attempts"`
	Fence       int64     `bun:"fence"`
	CreatedAt   time.Time `bun:"created_at"`
}

// begin counts the attempt and takes the lease and the next fencing number.
func (a *attempt) begin(ctx context.Context, job *riverqueue.Job[payload]) (jobs.Job, error) {
	var rows []claim
	err := a.engine.db.InTx(ctx, func(ctx context.Context, tx database.Tx) error {
		rows = nil
		return tx.NewRaw(`UPDATE jobs_river SET fence = fence + 1, attempt = attempt + 1, unique_key = NULL,
 lease_until = clock_timestamp() + ? * interval '1 microsecond', started_at = clock_timestamp(),
 progress_done = 0, progress_total = 0, progress_note = ''
 WHERE river_id = ? RETURNING id, queue, owner, attempt, max_attempts, fence, created_at`,
			a.engine.cfg.Lease.Microseconds(), a.riverID).Scan(ctx, &rows)
	})
	if err != nil {
		return jobs.Job{}, err
	}
	if len(rows) == 0 {
		return jobs.Job{}, errors.New("the job was replaced or deleted")
	}
	a.id, a.fence = rows[0].ID, rows[0].Fence
	return claimedJob(rows[0], job), nil
}

// Renew implements jobs.Keeper.
func (a *attempt) Renew(ctx context.Context, progress jobs.Progress) error {
	var cancelled []bool
	err := a.engine.db.InTx(ctx, func(ctx context.Context, tx database.Tx) error {
		cancelled = nil
		return tx.NewRaw(`UPDATE jobs_river AS r SET lease_until = clock_timestamp() + ? * interval '1 microsecond',
 progress_done = ?, progress_total = ?, progress_note = ? FROM river_job AS j
 WHERE r.id = ? AND r.fence = ? AND j.id = r.river_id AND j.state = 'running'
 RETURNING jsonb_exists(j.metadata, 'cancel_attempted_at')`,
			a.engine.cfg.Lease.Microseconds(), progress.Done, progress.Total, progress.Note, a.id, a.fence).Scan(ctx, &cancelled)
	})
	switch {
	case err != nil:
		return fmt.Errorf("renew lease: %w", err)
	case len(cancelled) == 0:
		return jobs.ErrLost
	case cancelled[0]:
		return jobs.ErrCancelled
	}
	return nil
}

// Commit implements jobs.Keeper.
func (a *attempt) Commit(ctx context.Context, progress jobs.Progress, fn func(ctx context.Context, tx database.Tx) error) error {
	return a.engine.db.InTx(ctx, func(ctx context.Context, tx database.Tx) error {
		job, err := lock(ctx, tx, a.id)
		switch {
		case fault.Is(err, fault.NotFound):
			return jobs.ErrLost
		case err != nil:
			return err
		case job.Fence != a.fence || job.State != "running":
			return jobs.ErrLost
		case job.CancelRequested:
			return jobs.ErrCancelled
		}
		_, err = tx.NewRaw(`UPDATE jobs_river SET progress_done = ?, progress_total = ?, progress_note = ?, error = '' WHERE id = ?`,
			progress.Done, progress.Total, progress.Note, a.id).Exec(ctx)
		if err != nil {
			return fmt.Errorf("commit job: %w", err)
		}
		if err := a.complete(ctx, tx); err != nil {
			return fmt.Errorf("commit job: %w", err)
		}
		return fn(ctx, tx)
	})
}

// complete is River's JobCompleteTx, which cannot be used from a context that
// the handler made up.
func (a *attempt) complete(ctx context.Context, tx database.Tx) error {
	done := riverdriver.JobSetStateCompleted(a.riverID, a.engine.cfg.Now().UTC(), nil)
	_, err := a.engine.driver.UnwrapExecutor(tx.Pgx()).JobSetStateIfRunningMany(ctx, &riverdriver.JobSetStateIfRunningManyParams{
		ID: []int64{done.ID}, Attempt: []*int{nil}, ErrData: [][]byte{nil}, FinalizedAt: []*time.Time{done.FinalizedAt},
		MetadataDoMerge: []bool{false}, MetadataUpdates: [][]byte{nil}, ScheduledAt: []*time.Time{nil},
		State: []rivertype.JobState{done.State},
	})
	return err
}

// finish stores what River's row has no place for. The lease stays: River
// stores the state a moment later, and until then the job must not pass for
// lost.
func (a *attempt) finish(ctx context.Context, outcome jobs.Outcome) error {
	if outcome.Verdict == jobs.Abandoned || outcome.Verdict == jobs.Committed {
		return nil
	}
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), a.engine.cfg.Lease)
	defer cancel()
	returned := 0
	if outcome.Verdict == jobs.Returned {
		returned, outcome.Message = 1, ""
	}
	return a.engine.db.InTx(ctx, func(ctx context.Context, tx database.Tx) error {
		_, err := tx.NewRaw(`UPDATE jobs_river SET error = ?, attempt = attempt - ?,
 progress_done = ?, progress_total = ?, progress_note = ?,
 lease_until = clock_timestamp() + ? * interval '1 microsecond' WHERE id = ? AND fence = ?`,
			outcome.Message, returned, outcome.Progress.Done, outcome.Progress.Total, outcome.Progress.Note,
			a.engine.cfg.Lease.Microseconds(), a.id, a.fence).Exec(ctx)
		return err
	})
}
