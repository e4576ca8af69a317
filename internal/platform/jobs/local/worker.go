package local

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"log/slog"
	"slices"
	"sync"
	"time"

	"github.com/uptrace/bun"

	"granary/internal/platform/database"
	"granary/internal/platform/jobs"
)

// worker is the part of the engine that Start brings to life.
type worker struct {
	loop sync.WaitGroup // the dispatcher
	runs sync.WaitGroup // one per attempt

	mu      sync.Mutex
	started bool
	live    map[*attempt]struct{}
}

// attempt is one claimed job while its handler runs. It implements jobs.Keeper.
type attempt struct {
	engine *Engine
	row    row
	slot   jobs.Slot
	cancel context.CancelCauseFunc
}

var _ jobs.Keeper = (*attempt)(nil)

func (w *worker) cancel(id string, cause error) {
	w.mu.Lock()
	defer w.mu.Unlock()
	for a := range w.live {
		if a.row.ID == id {
			a.cancel(cause)
		}
	}
}

func (w *worker) cancelAll(cause error) {
	w.mu.Lock()
	defer w.mu.Unlock()
	for a := range w.live {
		a.cancel(cause)
	}
}

// busy counts the live attempts by lane.
func (w *worker) busy() map[string]int {
	w.mu.Lock()
	defer w.mu.Unlock()
	busy := map[string]int{}
	for a := range w.live {
		busy[a.row.Lane]++
	}
	return busy
}

// Start implements jobs.Engine. An engine starts once.
func (e *Engine) Start(ctx context.Context) error {
	e.worker.mu.Lock()
	defer e.worker.mu.Unlock()
	if e.worker.started {
		return errors.New("the job engine was started before")
	}
	if err := e.db.Ping(ctx); err != nil {
		return fmt.Errorf("start job engine: %w", err)
	}
	e.worker.started = true
	e.signal() // jobs may have waited for a process to come back
	ctx = context.WithoutCancel(ctx)
	e.worker.loop.Go(func() { e.dispatch(ctx) })
	return nil
}

// Stop implements jobs.Engine.
func (e *Engine) Stop() {
	e.stopOnce.Do(func() { close(e.stopping) })
	e.worker.loop.Wait()
	done := make(chan struct{})
	go func() {
		e.worker.runs.Wait()
		close(done)
	}()
	grace := time.NewTimer(e.cfg.Grace)
	defer grace.Stop()
	select {
	case <-done:
		return
	case <-grace.C:
	}
	e.worker.cancelAll(jobs.ErrDraining)
	grace.Reset(jobs.ReturnTime)
	select {
	case <-done:
	case <-grace.C:
		e.cfg.Log.Error("jobs ignored the end of their context and are left to their lease", "jobs", len(e.worker.busy()))
	}
}

// dispatch claims due jobs until Stop. A wake goes straight to the claim; a
// tick looks with the readers first, so that an idle server writes nothing.
func (e *Engine) dispatch(ctx context.Context) {
	ticker := time.NewTicker(e.cfg.Poll)
	defer ticker.Stop()
	var cleaned, kept time.Time
	for {
		if now := e.now(); now.Sub(cleaned) >= time.Hour {
			cleaned = now
			e.report(ctx, "clean finished jobs", e.clean(ctx))
		}
		// In a rush of jobs there are many wakes between two ticks.
		if now := time.Now(); now.Sub(kept) >= e.cfg.Poll {
			kept = now
			e.report(ctx, "recover lost jobs", e.recoverLost(ctx))
			e.report(ctx, "look for cancel requests", e.noticeCancels(ctx))
			e.report(ctx, "run schedules", e.reg.RunSchedules(ctx, e.db, e, e.cfg))
		}
		due := true
		select {
		case <-e.stopping:
			return
		case <-e.wake:
		case <-ticker.C:
			var err error
			due, err = e.anyDue(ctx)
			e.report(ctx, "look for due jobs", err)
		}
		if due {
			e.report(ctx, "claim jobs", e.claim(ctx))
		}
	}
}

func (e *Engine) report(ctx context.Context, what string, err error) {
	if err != nil {
		e.cfg.Log.ErrorContext(ctx, "job engine", "step", what, slog.Any("error", err))
	}
}

func (e *Engine) anyDue(ctx context.Context) (bool, error) {
	return e.db.Reader().NewSelect().Model((*row)(nil)).
		Where("state = ? AND run_at <= ?", jobs.Queued, e.now()).Exists(ctx)
}

// claimed is a job that one transaction took for a lane.
type claimed struct {
	row  row
	lane jobs.Lane
}

// claim takes due jobs for every free slot in one transaction and starts them.
func (e *Engine) claim(ctx context.Context) error {
	busy := e.worker.busy()
	var taken []claimed
	err := e.db.InGroup(ctx, func(ctx context.Context, tx database.Tx) error {
		taken = taken[:0]
		now := e.now()
		due, err := e.due(ctx, tx, busy, now)
		if err != nil {
			return err
		}
		granted := e.slots.Divide(due)
		for _, d := range due {
			if granted[d.Lane.Name] == 0 {
				continue
			}
			rows, err := claimLane(ctx, tx, d.Lane, granted[d.Lane.Name], now, now.Add(e.cfg.Lease))
			if err != nil {
				return fmt.Errorf("lane %s: %w", d.Lane.Name, err)
			}
			for _, r := range rows {
				taken = append(taken, claimed{r, d.Lane})
			}
		}
		return nil
	})
	if err != nil {
		return err
	}
	for _, c := range taken {
		e.launch(ctx, c.row, e.slots.Hold(c.lane))
	}
	return nil
}

// due returns the lanes with free slots. Only where lanes compete for slots
// does it count what is due; elsewhere as many as fit may begin.
func (e *Engine) due(ctx context.Context, tx database.Tx, busy map[string]int, now time.Time) ([]jobs.Due, error) {
	var due []jobs.Due
	for _, lane := range e.reg.Lanes(e.cfg) {
		free := min(lane.Slots-busy[lane.Name], e.slots.Free(lane.Device))
		if free <= 0 {
			continue
		}
		if e.slots.Shared(lane) {
			first := tx.NewSelect().Model((*row)(nil)).Column("id").
				Where("state = ? AND lane = ? AND kind IN (?) AND run_at <= ?", jobs.Queued, lane.Name, bun.List(lane.Kinds), now).
				Limit(int64(free))
			n, err := tx.NewSelect().TableExpr("(?) AS due", first).Count(ctx)
			if err != nil {
				return nil, fmt.Errorf("lane %s: count due jobs: %w", lane.Name, err)
			}
			free = int(n)
		}
		due = append(due, jobs.Due{Lane: lane, Jobs: free})
	}
	return due, nil
}

const claimSQL = `UPDATE jobs SET state = 'running', attempt = attempt + 1, fence = fence + 1, lease_until = ?,
 started_at = ?, unique_key = NULL, cancel_requested = FALSE, progress_done = 0, progress_total = 0, progress_note = ''
WHERE id IN (SELECT id FROM jobs WHERE state = 'queued' AND lane = ? AND kind IN (?) AND run_at <= ?
 ORDER BY priority, run_at, id LIMIT ?) RETURNING *`

func claimLane(ctx context.Context, tx database.Tx, lane jobs.Lane, free int, now, lease time.Time) ([]row, error) {
	var rows []row
	err := tx.NewRaw(claimSQL, lease, now, lane.Name, bun.List(lane.Kinds), now, free).Scan(ctx, &rows)
	if err != nil {
		return nil, err
	}
	// RETURNING promises no order.
	slices.SortFunc(rows, func(a, b row) int {
		return cmp.Or(cmp.Compare(a.Priority, b.Priority), a.RunAt.Compare(b.RunAt), cmp.Compare(a.ID, b.ID))
	})
	return rows, nil
}

func (e *Engine) launch(ctx context.Context, r row, slot jobs.Slot) {
	ctx, cancel := context.WithCancelCause(ctx)
	a := &attempt{engine: e, row: r, slot: slot, cancel: cancel}
	e.worker.mu.Lock()
	e.worker.live[a] = struct{}{}
	e.worker.mu.Unlock()
	e.worker.runs.Go(func() {
		defer cancel(nil)
		outcome := e.reg.Execute(ctx, e.cfg, r.job(e.now()), slot.Device, a)
		e.report(ctx, "finish job "+r.ID, a.finish(ctx, outcome))
		e.worker.mu.Lock()
		delete(e.worker.live, a)
		e.worker.mu.Unlock()
		e.slots.Release(slot)
		e.signal()
	})
}
