package jobs

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"runtime/debug"
	"sync"
	"time"

	"granary/internal/platform/fault"
	"granary/internal/platform/telemetry"
)

// Verdict is what an engine does with a job after an attempt.
type Verdict uint8

// The verdicts.
const (
	// Done: mark it succeeded.
	Done Verdict = iota
	// Committed: run.Commit has marked it succeeded already.
	Committed
	// Again: back to the queue after Outcome.Wait.
	Again
	// GiveUp: mark it failed.
	GiveUp
	// RanOut: mark it timed out.
	RanOut
	// Stopped: mark it cancelled.
	Stopped
	// Returned: back to the queue at once, the attempt not counted.
	Returned
	// Abandoned: write nothing, the job belongs to another attempt.
	Abandoned
)

// String names the verdict as metrics do.
func (v Verdict) String() string {
	switch v {
	case Again:
		return "again"
	case Returned:
		return "returned"
	case Abandoned:
		return "abandoned"
	}
	state, _ := v.Final()
	return string(state)
}

// Final returns the state in which the verdict ends the job; ok is false for
// those that end only the attempt, or nothing.
func (v Verdict) Final() (state State, ok bool) {
	switch v {
	case Done, Committed:
		return Succeeded, true
	case GiveUp:
		return Failed, true
	case RanOut:
		return TimedOut, true
	case Stopped:
		return Cancelled, true
	}
	return "", false
}

// Outcome is the end of one attempt.
type Outcome struct {
	Verdict Verdict
	// Wait is the pause before the next attempt.
	Wait time.Duration
	// Message is the error in words that a user may read; empty on success.
	Message string
	// Progress is the last that the handler reported.
	Progress Progress
}

// Execute runs one attempt of a claimed job and says what becomes of it. It
// recovers panics, applies the kind's time limit and renews the lease through
// keeper until the handler returns. The engine ends ctx with ErrCancelled,
// ErrLost or ErrDraining as its cause. The device is what the job has to
// itself meanwhile, or empty.
func (r *Registry) Execute(ctx context.Context, cfg Config, job Job, device string, keeper Keeper) (outcome Outcome) {
	began := cfg.Now()
	cfg.Observer.JobStarted(job.Kind, began.Sub(job.RunAt))
	defer func() { cfg.Observer.JobEnded(job.Kind, outcome.Verdict.String(), cfg.Now().Sub(began)) }()
	ctx = telemetry.Tag(ctx, telemetry.JobID, job.ID)
	log := cfg.Log.With("job_kind", job.Kind, "attempt", job.Attempt)
	e, ok := r.kinds[job.Kind]
	if !ok {
		return Outcome{Verdict: GiveUp, Message: "this server does not know the job kind " + job.Kind}
	}
	record := cfg.Recorder.Open(job)
	defer func() { record.Close(context.WithoutCancel(ctx), outcome) }()
	ctx, stop := context.WithCancelCause(ctx)
	run := &Run{id: job.ID, attempt: job.Attempt, device: device, keeper: keeper, record: record, now: cfg.Now, stop: stop}
	limited, release := context.WithTimeout(ctx, e.policy.Timeout)
	var renewal sync.WaitGroup
	renewal.Go(func() { run.keepAlive(ctx, cfg.Lease, log) })
	err := guard(limited, e.handle, run, job, log)
	timedOut := ctx.Err() == nil && limited.Err() != nil
	cause := context.Cause(ctx)
	release()
	stop(nil)
	renewal.Wait()

	outcome = Outcome{Progress: run.current()}
	switch {
	case run.isCommitted():
		outcome.Verdict = Committed
		return outcome
	case errors.Is(cause, ErrLost):
		outcome.Verdict = Abandoned
		log.WarnContext(ctx, "job attempt lost its lease")
		return outcome
	case err == nil:
		return outcome
	case errors.Is(cause, ErrCancelled):
		outcome.Verdict, outcome.Message = Stopped, ErrCancelled.Error()
		log.InfoContext(ctx, "job cancelled")
		return outcome
	}
	if timedOut && !IsPermanent(err) {
		err = fault.New(fault.Unavailable, "the attempt ran past its time limit of %s", e.policy.Timeout)
	}
	outcome.Message = message(err)
	switch {
	case IsPermanent(err):
		outcome.Verdict = GiveUp
	case errors.Is(cause, ErrDraining):
		outcome.Verdict = Returned
		log.InfoContext(ctx, "job returned to its queue by shutdown")
		return outcome
	case timedOut && (job.Attempt >= job.MaxAttempts || e.policy.TimeoutFinal):
		outcome.Verdict = RanOut
	case job.Attempt >= job.MaxAttempts:
		outcome.Verdict = GiveUp
	default:
		outcome.Verdict, outcome.Wait = Again, r.Wait(job.Kind, job.Attempt)
		var f *fault.Error
		if errors.As(err, &f) { // a remote side that says when to come back knows best
			outcome.Wait = max(outcome.Wait, f.RetryAfter)
		}
	}
	log.ErrorContext(ctx, "job attempt failed", slog.Any("error", err), "final", outcome.Verdict != Again, "retry_in", outcome.Wait)
	return outcome
}

// Wait returns the kind's pause after its n-th failed attempt; 0 for a kind
// that is not registered.
func (r *Registry) Wait(kind string, attempt int) time.Duration {
	e, ok := r.kinds[kind]
	if !ok {
		return 0
	}
	return max(e.policy.Backoff(max(attempt, 1)), 0)
}

// guard calls the handler and turns a panic into an error.
func guard(ctx context.Context, handle handler, run *Run, job Job, log *slog.Logger) (err error) {
	defer func() {
		if v := recover(); v != nil {
			log.ErrorContext(ctx, "job panicked", "panic", fmt.Sprint(v), "stack", string(debug.Stack()))
			err = fmt.Errorf("panic: %v", v)
		}
	}()
	return handle(ctx, run, job.Args)
}

// keepAlive renews the lease three times per lease until ctx ends. When no
// renewal succeeded for a whole lease, another process may have taken over,
// so the attempt ends even though the database does not answer.
func (r *Run) keepAlive(ctx context.Context, lease time.Duration, log *slog.Logger) {
	ticker := time.NewTicker(lease / 3)
	defer ticker.Stop()
	for failed := 0; ; {
		select {
		case <-ctx.Done():
			return
		case <-ticker.C:
		}
		attempt, cancel := context.WithTimeout(ctx, lease/3)
		err := r.renew(attempt)
		cancel()
		switch {
		case err == nil, ctx.Err() != nil:
			failed = 0
		default:
			failed++
			log.WarnContext(ctx, "job lease not renewed", slog.Any("error", err))
			if failed >= 2 { // the third failure would come a full lease after the last success
				r.stop(ErrLost)
			}
		}
	}
}
