package river

import (
	"context"
	"errors"
	"fmt"
	"sync"

	"granary/internal/platform/database"
	"granary/internal/platform/jobs"
)

// riverStates are the words that River has for final states; those it lacks
// are discarded for River and named in the companion's column ended.
func riverState(state jobs.State) (river, ended string) {
	switch state {
	case jobs.Succeeded:
		return "completed", ""
	case jobs.Cancelled:
		return "cancelled", ""
	case jobs.TimedOut, jobs.Lost:
		return "discarded", string(state)
	}
	return "discarded", ""
}

const endSQL = `WITH ended AS (UPDATE river_job SET state = ($2::text)::river_job_state, finalized_at = clock_timestamp() WHERE id = $1 RETURNING id)
UPDATE jobs_river SET ended = $3, error = $4, lease_until = NULL, unique_key = NULL FROM ended WHERE river_id = ended.id`

// end makes the state of the job, whose rows are locked, final, and tells its
// service of every end but success.
func (e *Engine) end(ctx context.Context, tx database.Tx, riverID int64, state jobs.State, message string) error {
	river, ended := riverState(state)
	if _, err := tx.Pgx().Exec(ctx, endSQL, riverID, river, ended, message); err != nil {
		return fmt.Errorf("end job: %w", err)
	}
	if state == jobs.Succeeded {
		return nil
	}
	var rows []view
	if err := query(tx).Apply(viewed).Where("r.river_id = ?", riverID).Scan(ctx, &rows); err != nil || len(rows) != 1 {
		return fmt.Errorf("end job: read %d rows: %w", len(rows), err)
	}
	return e.reg.Final(ctx, tx, rows[0].job())
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
	if outcome.Verdict == jobs.Done {
		return a.engine.succeed(ctx, success{a.ID, a.Fence, outcome.Progress})
	}
	err := a.engine.db.InTx(ctx, func(ctx context.Context, tx database.Tx) error {
		job, err := a.lock(ctx, tx)
		if err != nil {
			return err
		}
		state, final := outcome.Verdict.Final()
		if !final && job.CancelRequested {
			state, final = jobs.Cancelled, true
		}
		if final {
			return a.end(ctx, tx, state, outcome.Message, outcome.Progress)
		}
		returned := 0
		if outcome.Verdict == jobs.Returned {
			returned, outcome.Message, outcome.Wait = 1, "", 0
		}
		_, err = tx.NewRaw(`UPDATE jobs_river SET error = ?, attempt = attempt - ?,
 progress_done = ?, progress_total = ?, progress_note = ? WHERE id = ?`,
			outcome.Message, returned, outcome.Progress.Done, outcome.Progress.Total, outcome.Progress.Note, a.ID).Exec(ctx)
		if err != nil {
			return err
		}
		return a.engine.again(ctx, tx, a.RiverID, outcome.Wait)
	})
	if errors.Is(err, jobs.ErrLost) {
		return nil
	}
	return err
}

// success is an attempt that returned without an error or a Commit.
type success struct {
	id       string
	fence    int64
	progress jobs.Progress
}

// ends gathers successes while the transaction of others is under way, so
// that a rush of short jobs costs few commits.
type ends struct {
	mu      sync.Mutex
	waiting []waitingEnd
	storing bool
	stores  sync.WaitGroup
}

type waitingEnd struct {
	success
	done chan error
}

// maxEnds bounds how many successes share one transaction.
const maxEnds = 1000

// succeed stores the success unless another attempt has taken over.
func (e *Engine) succeed(ctx context.Context, s success) error {
	done := make(chan error, 1)
	e.ends.mu.Lock()
	e.ends.waiting = append(e.ends.waiting, waitingEnd{s, done})
	if !e.ends.storing {
		e.ends.storing = true
		e.ends.stores.Go(e.storeEnds)
	}
	e.ends.mu.Unlock()
	select {
	case err := <-done:
		return err
	case <-ctx.Done():
		return ctx.Err()
	}
}

// storeEnds stores batches for as long as somebody waits.
func (e *Engine) storeEnds() {
	for {
		e.ends.mu.Lock()
		n := min(len(e.ends.waiting), maxEnds)
		batch := e.ends.waiting[:n:n]
		e.ends.waiting = e.ends.waiting[n:]
		e.ends.storing = n > 0
		e.ends.mu.Unlock()
		if n == 0 {
			return
		}
		ctx, cancel := context.WithTimeout(context.Background(), e.cfg.Lease)
		err := e.storeSuccesses(ctx, batch)
		cancel()
		for _, w := range batch {
			w.done <- err
		}
	}
}

// The companions are locked first, as everywhere, in one order.
const succeedSQL = `WITH own AS (SELECT r.id, r.river_id, d.done, d.total, d.note FROM jobs_river AS r
 JOIN unnest($1::text[], $2::bigint[], $3::bigint[], $4::bigint[], $5::text[]) AS d (id, fence, done, total, note)
 ON d.id = r.id AND d.fence = r.fence ORDER BY r.id FOR UPDATE OF r),
ended AS (UPDATE river_job AS j SET state = 'completed', finalized_at = clock_timestamp() FROM own
 WHERE j.id = own.river_id AND j.state = 'running' RETURNING j.id)
UPDATE jobs_river AS r SET error = '', lease_until = NULL, progress_done = own.done, progress_total = own.total, progress_note = own.note
 FROM own JOIN ended ON ended.id = own.river_id WHERE r.id = own.id`

func (e *Engine) storeSuccesses(ctx context.Context, batch []waitingEnd) error {
	n := len(batch)
	ids, notes := make([]string, n), make([]string, n)
	fences, dones, totals := make([]int64, n), make([]int64, n), make([]int64, n)
	for i, w := range batch {
		ids[i], fences[i] = w.id, w.fence
		dones[i], totals[i], notes[i] = w.progress.Done, w.progress.Total, w.progress.Note
	}
	_, err := e.db.Pool().Exec(ctx, succeedSQL, ids, fences, dones, totals, notes)
	return err
}
