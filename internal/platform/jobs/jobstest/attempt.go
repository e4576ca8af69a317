package jobstest

import (
	"context"
	"errors"
	"sync"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"granary/internal/platform/fault"
	"granary/internal/platform/jobs"
)

func testSuccess(t *testing.T, s Store) {
	ran := make(chan Work, 2)
	engine := s.started(t, registry(t, jobs.Policy{}, func(_ context.Context, _ *jobs.Run, w Work) error {
		ran <- w
		return nil
	}), jobs.Config{})
	id := s.enqueue(t, engine, Work{Name: "straw & husk"})
	if got := receive(t, "the job", ran); got.Name != "straw & husk" {
		t.Errorf("handler got %+v", got)
	}
	job := awaitState(t, engine, id, jobs.Succeeded)
	if job.Attempt != 1 || job.Error != "" || job.StartedAt == nil || job.FinishedAt == nil || len(ran) != 0 {
		t.Errorf("job = %+v and %d more runs, want one clean attempt", job, len(ran))
	}
}

func testWaitsForStart(t *testing.T, s Store) {
	reg := registry(t, jobs.Policy{}, nothing)
	command := s.engine(t, reg, jobs.Config{}) // never started, like a command line
	before := s.enqueue(t, command, Work{})
	if got := get(t, command, before).State; got != jobs.Queued {
		t.Errorf("state before Start = %s, want queued", got)
	}
	server := s.started(t, reg, jobs.Config{})
	awaitState(t, server, before, jobs.Succeeded)
	beside := s.enqueue(t, command, Work{})
	awaitState(t, server, beside, jobs.Succeeded)
}

// testWake would wait for an hour if a commit did not announce its job.
func testWake(t *testing.T, s Store) {
	engine := s.started(t, registry(t, jobs.Policy{}, nothing), jobs.Config{Poll: time.Hour})
	awaitState(t, engine, s.enqueue(t, engine, Work{}), jobs.Succeeded)
	entered := make(chan struct{})
	reg := registry(t, jobs.Policy{}, func(ctx context.Context, _ *jobs.Run, _ Work) error {
		close(entered)
		<-ctx.Done()
		return ctx.Err()
	})
	engine.Stop()
	engine = s.started(t, reg, jobs.Config{Poll: time.Hour})
	id := s.enqueue(t, engine, Work{})
	receive(t, "the job", entered)
	if err := engine.Cancel(t.Context(), id); err != nil {
		t.Fatalf("Cancel: %v", err)
	}
	awaitState(t, engine, id, jobs.Cancelled)
}

func testSharedWork(t *testing.T, s Store) {
	const total = 30
	var mu sync.Mutex
	runs := map[string]int{}
	reg := registry(t, jobs.Policy{}, func(_ context.Context, run *jobs.Run, _ Work) error {
		mu.Lock()
		defer mu.Unlock()
		runs[run.JobID()]++
		return nil
	})
	a, b := s.started(t, reg, jobs.Config{}), s.started(t, reg, jobs.Config{})
	want := map[string]int{}
	for i := range total {
		want[s.enqueue(t, []jobs.Engine{a, b}[i%2], Work{})] = 1
	}
	for id := range want {
		awaitState(t, a, id, jobs.Succeeded)
	}
	mu.Lock()
	defer mu.Unlock()
	if diff := cmp.Diff(want, runs); diff != "" {
		t.Errorf("runs per job (-want +got):\n%s", diff)
	}
}

func testRetry(t *testing.T, s Store) {
	var mu sync.Mutex
	var pauses []int
	policy := jobs.Policy{MaxAttempts: 5, Backoff: func(attempt int) time.Duration {
		mu.Lock()
		defer mu.Unlock()
		pauses = append(pauses, attempt)
		return 30 * time.Millisecond
	}}
	begun := make(chan time.Time, 5)
	engine := s.started(t, registry(t, policy, func(_ context.Context, run *jobs.Run, _ Work) error {
		begun <- s.Now()
		if run.Attempt() < 3 {
			return errors.New("pq: password is hunter2")
		}
		return nil
	}), jobs.Config{})
	id := s.enqueue(t, engine, Work{})
	job := awaitState(t, engine, id, jobs.Succeeded)
	if job.Attempt != 3 || job.Error != "" {
		t.Errorf("job = attempt %d, error %q, want 3 and none", job.Attempt, job.Error)
	}
	first, second := <-begun, <-begun
	if gap := second.Sub(first); gap < 30*time.Millisecond {
		t.Errorf("pause before the second attempt = %s, want at least 30ms", gap)
	}
	mu.Lock()
	defer mu.Unlock()
	if diff := cmp.Diff([]int{1, 2}, pauses); diff != "" {
		t.Errorf("Backoff called for attempts (-want +got):\n%s", diff)
	}
}

func testMaxAttempts(t *testing.T, s Store) {
	policy := quick()
	policy.MaxAttempts = 2
	engine := s.started(t, registry(t, policy, func(context.Context, *jobs.Run, Work) error {
		return errors.New("dial tcp 10.0.0.7: refused")
	}), jobs.Config{})
	job := awaitState(t, engine, s.enqueue(t, engine, Work{}), jobs.Failed)
	if job.Attempt != 2 || job.Error != "internal error" || job.FinishedAt == nil {
		t.Errorf("job = attempt %d, error %q, want 2 and no foreign text", job.Attempt, job.Error)
	}
}

func testPermanent(t *testing.T, s Store) {
	engine := s.started(t, registry(t, quick(), func(context.Context, *jobs.Run, Work) error {
		return jobs.Permanent(fault.New(fault.Invalid, "the file holds no picture"))
	}), jobs.Config{})
	job := awaitState(t, engine, s.enqueue(t, engine, Work{}), jobs.Failed)
	if job.Attempt != 1 || job.Error != "the file holds no picture" {
		t.Errorf("job = attempt %d, error %q", job.Attempt, job.Error)
	}
}

func testTimeout(t *testing.T, s Store) {
	policy := jobs.Policy{MaxAttempts: 1, Timeout: 20 * time.Millisecond}
	engine := s.started(t, registry(t, policy, func(ctx context.Context, _ *jobs.Run, _ Work) error {
		<-ctx.Done()
		return ctx.Err()
	}), jobs.Config{})
	job := awaitState(t, engine, s.enqueue(t, engine, Work{}), jobs.TimedOut)
	if want := "the attempt ran past its time limit of 20ms"; job.Error != want {
		t.Errorf("error = %q, want %q", job.Error, want)
	}
}

func testPanic(t *testing.T, s Store) {
	engine := s.started(t, registry(t, quick(), func(_ context.Context, run *jobs.Run, _ Work) error {
		if run.Attempt() == 1 {
			panic("index out of range")
		}
		return nil
	}), jobs.Config{})
	if job := awaitState(t, engine, s.enqueue(t, engine, Work{}), jobs.Succeeded); job.Attempt != 2 {
		t.Errorf("attempt = %d, want 2", job.Attempt)
	}
}

// renamed is stored under Work's kind by a version whose field had another type.
type renamed struct {
	Name int `json:"name"`
}

func (renamed) Kind() string { return Work{}.Kind() }

func testBadArguments(t *testing.T, s Store) {
	engine := s.started(t, registry(t, quick(), nothing), jobs.Config{})
	job := awaitState(t, engine, s.enqueue(t, engine, renamed{Name: 7}), jobs.Failed)
	if job.Attempt != 1 || job.Error != "internal error" {
		t.Errorf("job = attempt %d, error %q, want one attempt", job.Attempt, job.Error)
	}
}

func testProgress(t *testing.T, s Store) {
	leave := make(chan struct{})
	engine := s.started(t, registry(t, jobs.Policy{}, func(ctx context.Context, run *jobs.Run, _ Work) error {
		if err := run.Progress(ctx, 3, 10, "sorting"); err != nil {
			return err
		}
		<-leave
		for i := range int64(6) { // too fast to be stored one by one; the last one counts
			if err := run.Progress(ctx, 4+i, 10, "sorting"); err != nil {
				return err
			}
		}
		return nil
	}), jobs.Config{})
	id := s.enqueue(t, engine, Work{})
	want := jobs.Progress{Done: 3, Total: 10, Note: "sorting"}
	await(t, "progress", func() bool { return get(t, engine, id).Progress == want })
	close(leave)
	want.Done = 9
	if got := awaitState(t, engine, id, jobs.Succeeded).Progress; got != want {
		t.Errorf("final progress = %+v, want %+v", got, want)
	}
}

func testCommit(t *testing.T, s Store) {
	s.results(t)
	again := make(chan error, 1)
	engine := s.started(t, registry(t, quick(), func(ctx context.Context, run *jobs.Run, _ Work) error {
		if err := run.Commit(ctx, record(run)); err != nil {
			return err
		}
		again <- run.Commit(ctx, record(run))
		return errors.New("too late to fail")
	}), jobs.Config{})
	id := s.enqueue(t, engine, Work{})
	if err := receive(t, "the second commit", again); !errors.Is(err, jobs.ErrCommitted) {
		t.Errorf("second Commit = %v, want ErrCommitted", err)
	}
	engine.Stop()
	if job := get(t, engine, id); job.State != jobs.Succeeded || job.Error != "" || job.Attempt != 1 {
		t.Errorf("job = %s, error %q, attempt %d, want succeeded once", job.State, job.Error, job.Attempt)
	}
	if diff := cmp.Diff([]int{1}, s.recorded(t)); diff != "" {
		t.Errorf("results (-want +got):\n%s", diff)
	}
}
