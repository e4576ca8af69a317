package jobstest

import (
	"context"
	"errors"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"granary/internal/platform/database"
	"granary/internal/platform/fault"
	"granary/internal/platform/jobs"
)

func testCommitRollback(t *testing.T, s Store) {
	s.results(t)
	engine := s.started(t, registry(t, quick(), func(ctx context.Context, run *jobs.Run, _ Work) error {
		return run.Commit(ctx, func(ctx context.Context, tx database.Tx) error {
			if err := record(run)(ctx, tx); err != nil || run.Attempt() > 1 {
				return err
			}
			return fault.New(fault.NotFound, "the model is gone")
		})
	}), jobs.Config{})
	if job := awaitState(t, engine, s.enqueue(t, engine, Work{}), jobs.Succeeded); job.Attempt != 2 {
		t.Errorf("attempt = %d, want 2", job.Attempt)
	}
	if diff := cmp.Diff([]int{2}, s.recorded(t)); diff != "" {
		t.Errorf("results (-want +got):\n%s", diff)
	}
}

func testCancelWaiting(t *testing.T, s Store) {
	ran := make(chan string, 2)
	engine := s.engine(t, registry(t, jobs.Policy{}, func(_ context.Context, _ *jobs.Run, w Work) error {
		ran <- w.Name
		return nil
	}), jobs.Config{Slots: 1})
	id := s.enqueue(t, engine, Work{Name: "cancelled"}, jobs.WithPriority(jobs.Urgent))
	later := s.enqueue(t, engine, Work{Name: "later"}, jobs.At(s.Now().Add(time.Hour)))
	for _, id := range []string{id, later} {
		if err := engine.Cancel(t.Context(), id); err != nil {
			t.Fatalf("Cancel: %v", err)
		}
		if job := get(t, engine, id); job.State != jobs.Cancelled || job.FinishedAt == nil {
			t.Errorf("job after Cancel = %+v, want cancelled", job)
		}
	}
	s.enqueue(t, engine, Work{Name: "other"}, jobs.WithPriority(jobs.Idle))
	start(t, engine)
	if got := receive(t, "a job", ran); got != "other" {
		t.Errorf("ran %q, want only the other job", got)
	}
	if err := engine.Cancel(t.Context(), "no-such-id"); !fault.Is(err, fault.NotFound) {
		t.Errorf("Cancel(unknown) = %v, want not_found", err)
	}
}

func testCancelRunning(t *testing.T, s Store) {
	s.results(t)
	type ending struct{ cause, commit error }
	entered, ended := make(chan struct{}), make(chan ending, 1)
	reg := registry(t, quick(), func(ctx context.Context, run *jobs.Run, _ Work) error {
		close(entered)
		<-ctx.Done()
		ended <- ending{context.Cause(ctx), run.Commit(context.WithoutCancel(ctx), record(run))}
		return ctx.Err()
	})
	server := s.started(t, reg, jobs.Config{})
	command := s.engine(t, reg, jobs.Config{}) // as if in another process
	id := s.enqueue(t, server, Work{})
	receive(t, "the job", entered)
	if err := command.Cancel(t.Context(), id); err != nil {
		t.Fatalf("Cancel: %v", err)
	}
	end := receive(t, "the end of the job", ended)
	if !errors.Is(end.cause, jobs.ErrCancelled) || !errors.Is(end.commit, jobs.ErrCancelled) {
		t.Errorf("cause = %v, Commit = %v, want ErrCancelled twice", end.cause, end.commit)
	}
	if job := awaitState(t, server, id, jobs.Cancelled); job.Attempt != 1 {
		t.Errorf("attempt = %d, want 1", job.Attempt)
	}
	if got := s.recorded(t); len(got) != 0 {
		t.Errorf("results of a cancelled job = %v, want none", got)
	}
}

func testCancelFinished(t *testing.T, s Store) {
	engine := s.started(t, registry(t, jobs.Policy{}, nothing), jobs.Config{})
	id := s.enqueue(t, engine, Work{})
	before := awaitState(t, engine, id, jobs.Succeeded)
	if err := engine.Cancel(t.Context(), id); err != nil {
		t.Fatalf("Cancel: %v", err)
	}
	if diff := cmp.Diff(before, get(t, engine, id)); diff != "" {
		t.Errorf("job after Cancel (-before +after):\n%s", diff)
	}
}

func testRetryFailed(t *testing.T, s Store) {
	fail := make(chan error, 2)
	fail <- jobs.Permanent(fault.New(fault.Unavailable, "the endpoint is down"))
	fail <- nil
	policy := quick()
	policy.MaxAttempts = 1
	engine := s.started(t, registry(t, policy, func(context.Context, *jobs.Run, Work) error { return <-fail }), jobs.Config{})
	id := s.enqueue(t, engine, Work{})
	awaitState(t, engine, id, jobs.Failed)
	if err := engine.Retry(t.Context(), id); err != nil {
		t.Fatalf("Retry: %v", err)
	}
	if job := awaitState(t, engine, id, jobs.Succeeded); job.Attempt != 2 || job.MaxAttempts != 2 || job.Error != "" {
		t.Errorf("job = attempt %d of %d, error %q, want 2 of 2 and none", job.Attempt, job.MaxAttempts, job.Error)
	}
	// A job that was cancelled can be taken up again, too, and is not
	// cancelled by the old request.
	later := s.enqueue(t, engine, Work{}, jobs.At(s.Now().Add(time.Hour)))
	if err := engine.Cancel(t.Context(), later); err != nil {
		t.Fatalf("Cancel: %v", err)
	}
	fail <- nil
	if err := engine.Retry(t.Context(), later); err != nil {
		t.Fatalf("Retry(cancelled): %v", err)
	}
	awaitState(t, engine, later, jobs.Succeeded)
}

func testRetrySucceeded(t *testing.T, s Store) {
	engine := s.started(t, registry(t, jobs.Policy{}, nothing), jobs.Config{})
	id := s.enqueue(t, engine, Work{})
	awaitState(t, engine, id, jobs.Succeeded)
	if err := engine.Retry(t.Context(), id); !fault.Is(err, fault.Conflict) {
		t.Errorf("Retry(succeeded) = %v, want conflict", err)
	}
	if err := engine.Retry(t.Context(), "no-such-id"); !fault.Is(err, fault.NotFound) {
		t.Errorf("Retry(unknown) = %v, want not_found", err)
	}
}

func testRetryScheduled(t *testing.T, s Store) {
	engine := s.started(t, registry(t, jobs.Policy{}, nothing), jobs.Config{})
	id := s.enqueue(t, engine, Work{}, jobs.At(s.Now().Add(time.Hour)))
	if got := get(t, engine, id).State; got != jobs.Scheduled {
		t.Errorf("state = %s, want scheduled", got)
	}
	if err := engine.Retry(t.Context(), id); err != nil {
		t.Fatalf("Retry: %v", err)
	}
	awaitState(t, engine, id, jobs.Succeeded)
}
