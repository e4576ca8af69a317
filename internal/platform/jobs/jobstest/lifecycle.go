package jobstest

import (
	"context"
	"errors"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"granary/internal/platform/jobs"
)

func testKindConcurrency(t *testing.T, s Store) {
	policy := jobs.Policy{Concurrency: 2}
	limited(t, s, policy, jobs.Config{Slots: 5})
}

func testQueueSlots(t *testing.T, s Store) { limited(t, s, jobs.Policy{}, jobs.Config{Slots: 2}) }

// limited checks that of six jobs two run at once, and all in the end.
func limited(t *testing.T, s Store, policy jobs.Policy, cfg jobs.Config) {
	t.Helper()
	var inside gauge
	entered, leave := make(chan struct{}, 6), make(chan struct{})
	engine := s.engine(t, registry(t, policy, func(context.Context, *jobs.Run, Work) error {
		inside.enter()
		defer inside.leave()
		entered <- struct{}{}
		<-leave
		return nil
	}), cfg)
	ids := make([]string, 6)
	for i := range ids {
		ids[i] = s.enqueue(t, engine, Work{})
	}
	start(t, engine)
	receive(t, "the first job", entered)
	receive(t, "the second job", entered)
	close(leave)
	for _, id := range ids {
		awaitState(t, engine, id, jobs.Succeeded)
	}
	if got := inside.most.Load(); got != 2 {
		t.Errorf("most jobs at once = %d, want 2", got)
	}
}

func testChosenQueues(t *testing.T, s Store) {
	engine := s.started(t, registry(t, jobs.Policy{}, nothing), jobs.Config{Queues: []string{"others"}})
	waits := s.enqueue(t, engine, Work{})
	awaitState(t, engine, s.enqueue(t, engine, Other{}), jobs.Succeeded)
	if got := get(t, engine, waits).State; got != jobs.Queued {
		t.Errorf("state of a job in a queue that is not worked = %s, want queued", got)
	}
}

func testIdle(t *testing.T, s Store) {
	engine := s.started(t, registry(t, jobs.Policy{}, nothing), jobs.Config{Queues: []string{"elsewhere"}})
	if err := engine.Start(t.Context()); err == nil {
		t.Error("second Start = nil, want an error")
	}
	engine.Stop()
	never := s.engine(t, registry(t, jobs.Policy{}, nothing), jobs.Config{})
	never.Stop() // without Start, too
}

func testDrain(t *testing.T, s Store) {
	entered, causes := make(chan int, 2), make(chan error, 1)
	reg := registry(t, quick(), func(ctx context.Context, run *jobs.Run, _ Work) error {
		entered <- run.Attempt()
		if len(causes) == 0 {
			<-ctx.Done()
			causes <- context.Cause(ctx)
			return ctx.Err()
		}
		return nil
	})
	first := s.started(t, reg, jobs.Config{Grace: time.Millisecond})
	id := s.enqueue(t, first, Work{})
	receive(t, "the job", entered)
	first.Stop()
	first.Stop() // idempotent
	job := get(t, first, id)
	if job.State != jobs.Queued || job.Attempt != 0 {
		t.Errorf("job after Stop = %s, attempt %d, want queued, 0", job.State, job.Attempt)
	}
	second := s.started(t, reg, jobs.Config{})
	if got := receive(t, "the returned job", entered); got != 1 {
		t.Errorf("attempt after the drain = %d, want 1", got)
	}
	awaitState(t, second, id, jobs.Succeeded)
	if err := <-causes; !errors.Is(err, jobs.ErrDraining) {
		t.Errorf("cause = %v, want ErrDraining", err)
	}
}

func testGrace(t *testing.T, s Store) {
	entered, leave := make(chan struct{}, 1), make(chan struct{})
	engine := s.started(t, registry(t, jobs.Policy{}, func(ctx context.Context, _ *jobs.Run, _ Work) error {
		entered <- struct{}{}
		select {
		case <-leave:
			return nil
		case <-ctx.Done():
			return ctx.Err()
		}
	}), jobs.Config{Grace: time.Minute})
	id := s.enqueue(t, engine, Work{})
	receive(t, "the job", entered)
	stopped := make(chan struct{})
	go func() {
		engine.Stop()
		close(stopped)
	}()
	close(leave)
	receive(t, "Stop", stopped)
	if job := get(t, engine, id); job.State != jobs.Succeeded {
		t.Errorf("state = %s, want succeeded", job.State)
	}
}

// testFencing lets a second process take over while the first attempt still
// runs, as after a long pause of the machine.
func testFencing(t *testing.T, s Store) {
	s.results(t)
	entered := make(chan int, 2)
	leave := map[int]chan struct{}{1: make(chan struct{}), 2: make(chan struct{})}
	stale := make(chan [3]error, 1)
	reg := registry(t, quick(), func(ctx context.Context, run *jobs.Run, _ Work) error {
		entered <- run.Attempt()
		<-leave[run.Attempt()]
		if run.Attempt() == 1 {
			stale <- [3]error{
				run.Progress(ctx, 1, 1, "stale"),
				run.Commit(context.WithoutCancel(ctx), record(run)),
				context.Cause(ctx),
			}
			return nil // which must not pass for the second attempt's success
		}
		return run.Commit(ctx, record(run))
	})
	// The first holds its lease for long, so that no renewal interferes.
	first := s.started(t, reg, jobs.Config{Slots: 1, Lease: time.Hour})
	id := s.enqueue(t, first, Work{})
	receive(t, "the first attempt", entered)
	second := s.started(t, reg, jobs.Config{Slots: 1})
	s.Expire(t, id)
	if got := receive(t, "the second attempt", entered); got != 2 {
		t.Fatalf("attempt = %d, want 2", got)
	}
	close(leave[1])
	for i, err := range receive(t, "the stale attempt", stale) {
		if !errors.Is(err, jobs.ErrLost) {
			t.Errorf("stale attempt's error %d = %v, want ErrLost", i, err)
		}
	}
	first.Stop()
	if job := get(t, second, id); job.State != jobs.Running || job.Attempt != 2 || job.Progress.Note != "" {
		t.Errorf("job after the stale attempt = %+v, want running, untouched", job)
	}
	close(leave[2])
	awaitState(t, second, id, jobs.Succeeded)
	if diff := cmp.Diff([]int{2}, s.recorded(t)); diff != "" {
		t.Errorf("results (-want +got):\n%s", diff)
	}
}

func testLostLastAttempt(t *testing.T, s Store) {
	entered, leave := make(chan struct{}, 1), make(chan struct{})
	reg := registry(t, jobs.Policy{MaxAttempts: 1}, func(context.Context, *jobs.Run, Work) error {
		entered <- struct{}{}
		<-leave
		return nil
	})
	first := s.started(t, reg, jobs.Config{Slots: 1, Lease: time.Hour})
	id := s.enqueue(t, first, Work{})
	receive(t, "the attempt", entered)
	second := s.started(t, reg, jobs.Config{})
	s.Expire(t, id)
	awaitState(t, second, id, jobs.Lost)
	close(leave)
	first.Stop()
	if job := get(t, second, id); job.State != jobs.Lost || job.Error != jobs.LostMessage {
		t.Errorf("job = %s, error %q, want lost, %q", job.State, job.Error, jobs.LostMessage)
	}
}
