package river

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
	"time"

	riverqueue "github.com/riverqueue/river"

	"granary/internal/platform/jobs"
)

// never is how long River's own rescue waits: it goes by the age of an
// attempt, while ours goes by its lease.
const never = 100 * 365 * 24 * time.Hour

func (e *Engine) clientConfig() *riverqueue.Config {
	config := &riverqueue.Config{
		FetchCooldown:       min(e.cfg.Poll, fetchPause),
		FetchPollInterval:   e.cfg.Poll,
		FetchOnlyKnownKinds: true,
		SkipUnknownJobCheck: true, // a process may enqueue what only others work
		JobTimeout:          -1,
		// What is too old, and when, is decided by maintain alone.
		RescueStuckJobsAfter:        never,
		CancelledJobRetentionPeriod: -1,
		CompletedJobRetentionPeriod: -1,
		DiscardedJobRetentionPeriod: -1,
		Logger:                      e.cfg.Log,
		Queues:                      map[string]riverqueue.QueueConfig{},
		Workers:                     riverqueue.NewWorkers(),
	}
	for _, lane := range e.lanes {
		config.Queues[lane.Name] = riverqueue.QueueConfig{MaxWorkers: min(lane.Slots, riverqueue.QueueNumWorkersMax)}
		for _, kind := range lane.Kinds {
			riverqueue.AddWorkerArgs(config.Workers, payload{kind: kind}, &worker{engine: e})
		}
	}
	return config
}

// worker runs what River fetched.
type worker struct {
	riverqueue.WorkerDefaults[payload]
	engine *Engine
}

// Timeout switches River's time limit off: the kind's policy has its own.
func (w *worker) Timeout(*riverqueue.Job[payload]) time.Duration { return -1 }

// Work implements riverqueue.Worker. Whatever becomes of the job is stored
// here; of what Work returns River only hears that the slot is free.
func (w *worker) Work(workCtx context.Context, job *riverqueue.Job[payload]) error {
	e := w.engine
	ctx, cancel := context.WithCancelCause(context.WithoutCancel(workCtx))
	defer cancel(nil)
	a := &attempt{engine: e, cancel: cancel}
	e.mu.Lock()
	var fetched bool
	if a.claim, fetched = e.claims[job.ID]; fetched {
		delete(e.claims, job.ID)
		e.live[a] = struct{}{}
	}
	e.mu.Unlock()
	if !fetched {
		return fmt.Errorf("job %d was fetched without a claim", job.ID)
	}
	defer func() {
		e.mu.Lock()
		delete(e.live, a)
		e.settled[job.ID] = struct{}{}
		e.mu.Unlock()
		e.release(a.claim)
	}()
	forward := context.AfterFunc(workCtx, func() {
		if errors.Is(context.Cause(workCtx), riverqueue.ErrJobCancelledRemotely) {
			cancel(jobs.ErrCancelled)
		}
	})
	defer forward()
	outcome := e.reg.Execute(ctx, e.cfg, claimedJob(a.claim, job), a.slot.Device, a)
	if err := a.finish(ctx, outcome); err != nil {
		e.cfg.Log.ErrorContext(ctx, "job outcome not stored", "job_id", a.ID, slog.Any("error", err))
	}
	return nil
}

// Start implements jobs.Engine. An engine starts once.
func (e *Engine) Start(ctx context.Context) error {
	e.mu.Lock()
	defer e.mu.Unlock()
	if e.started {
		return errors.New("the job engine was started before")
	}
	ctx = context.WithoutCancel(ctx)
	if len(e.lanes) > 0 { // River refuses to start without a queue
		if err := e.client.Start(ctx); err != nil {
			return fmt.Errorf("start job engine: %w", err)
		}
	}
	e.started = true
	e.loop.Go(func() { e.maintain(ctx) })
	return nil
}

// Stop implements jobs.Engine.
func (e *Engine) Stop() {
	e.stopOnce.Do(func() { close(e.stopping) })
	e.loop.Wait()
	defer e.bell.rings.Wait()
	defer e.ends.stores.Wait()
	if e.stopClient(e.cfg.Grace) == nil {
		return
	}
	e.mu.Lock()
	for a := range e.live {
		a.cancel(jobs.ErrDraining)
	}
	e.mu.Unlock()
	if err := e.stopClient(jobs.ReturnTime); err != nil {
		e.cfg.Log.Error("jobs ignored the end of their context and are left to their lease", slog.Any("error", err))
	}
}

func (e *Engine) stopClient(patience time.Duration) error {
	ctx, cancel := context.WithTimeout(context.Background(), patience)
	defer cancel()
	return e.client.Stop(ctx)
}

// claimedJob is what a handler's attempt needs of the companion and River's row.
func claimedJob(v claim, job *riverqueue.Job[payload]) jobs.Job {
	return jobs.Job{
		ID: v.ID, Kind: job.Kind, Queue: v.Queue, Owner: v.Owner, State: jobs.Running, Priority: jobs.Priority(job.Priority),
		Args: json.RawMessage(job.EncodedArgs), Attempt: v.Attempt, MaxAttempts: v.MaxAttempts,
		CreatedAt: v.CreatedAt.UTC(), RunAt: job.ScheduledAt.UTC(),
	}
}
