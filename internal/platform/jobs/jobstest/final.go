package jobstest

import (
	"context"
	"errors"
	"slices"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"granary/internal/platform/database"
	"granary/internal/platform/jobs"
)

// ends makes a table for what OnFinal writes, and returns an OnFinal.
func (s Store) ends(t *testing.T) func(context.Context, database.Tx, jobs.Job) error {
	t.Helper()
	err := s.DB.InTx(t.Context(), func(ctx context.Context, tx database.Tx) error {
		_, err := tx.NewRaw("CREATE TABLE ends (job TEXT NOT NULL, what TEXT NOT NULL)").Exec(ctx)
		return err
	})
	if err != nil {
		t.Fatalf("create ends: %v", err)
	}
	return func(ctx context.Context, tx database.Tx, job jobs.Job) error {
		what := string(job.State) + " " + string(job.Args)
		if job.FinishedAt == nil || job.State == jobs.Failed && job.Error == "" {
			what = "without its end"
		}
		_, err := tx.NewRaw("INSERT INTO ends (job, what) VALUES (?, ?)", job.ID, what).Exec(ctx)
		return err
	}
}

// ended returns what OnFinal wrote about a job.
func (s Store) ended(t *testing.T, id string) []string {
	t.Helper()
	got := []string{}
	if err := s.DB.Reader().NewRaw("SELECT what FROM ends WHERE job = ? ORDER BY what", id).Scan(t.Context(), &got); err != nil {
		t.Fatalf("read ends: %v", err)
	}
	for i, what := range got { // PostgreSQL writes JSON with spaces
		got[i] = string(slices.DeleteFunc([]byte(what), func(c byte) bool { return c == ' ' }))
	}
	return got
}

// testFinal ends jobs in every way but a lost attempt.
func testFinal(t *testing.T, s Store) {
	policy := quick()
	policy.MaxAttempts, policy.OnFinal = 2, s.ends(t)
	reg := registry(t, policy, func(ctx context.Context, run *jobs.Run, w Work) error {
		switch w.Name {
		case "fails":
			return errors.New("no")
		case "gives up":
			return jobs.Permanent(errors.New("no"))
		case "commits":
			return run.Commit(ctx, func(context.Context, database.Tx) error { return nil })
		}
		return nil
	})
	policy.Timeout = 20 * time.Millisecond
	err := jobs.RegisterKind(reg, "test_hangs", policy, func(ctx context.Context, _ *jobs.Run, _ Configured) error {
		<-ctx.Done()
		return ctx.Err()
	})
	if err != nil {
		t.Fatalf("RegisterKind: %v", err)
	}
	engine := s.started(t, reg, jobs.Config{Slots: 8})
	for name, test := range map[string]struct {
		args  jobs.Args
		state jobs.State
		ends  []string
	}{
		"works":    {Work{Name: "works"}, jobs.Succeeded, []string{}},
		"commits":  {Work{Name: "commits"}, jobs.Succeeded, []string{}},
		"fails":    {Work{Name: "fails"}, jobs.Failed, []string{`failed{"name":"fails"}`}},
		"gives up": {Work{Name: "gives up"}, jobs.Failed, []string{`failed{"name":"givesup"}`}},
		"hangs":    {Configured{Name: "hangs", kind: "test_hangs"}, jobs.TimedOut, []string{`timed_out{"name":"hangs"}`}},
	} {
		id := s.enqueue(t, engine, test.args)
		awaitState(t, engine, id, test.state)
		if diff := cmp.Diff(test.ends, s.ended(t, id)); diff != "" {
			t.Errorf("%s: ends (-want +got):\n%s", name, diff)
		}
		if test.state == jobs.Succeeded {
			continue
		}
		// Ended again after a retry, it is told again, once.
		if err := engine.Retry(t.Context(), id); err != nil {
			t.Fatalf("%s: Retry: %v", name, err)
		}
		await(t, "the second end", func() bool { return len(s.ended(t, id)) == 2 })
		awaitState(t, engine, id, test.state)
	}
}

// testFinalCancelled cancels a waiting and a running job, each twice.
func testFinalCancelled(t *testing.T, s Store) {
	policy := quick()
	policy.OnFinal = s.ends(t)
	entered := make(chan struct{}, 1)
	engine := s.started(t, registry(t, policy, func(ctx context.Context, _ *jobs.Run, _ Work) error {
		entered <- struct{}{}
		<-ctx.Done()
		return ctx.Err()
	}), jobs.Config{})
	waiting := s.enqueue(t, engine, Work{Name: "waits"}, jobs.At(s.Now().Add(time.Hour)))
	running := s.enqueue(t, engine, Work{Name: "runs"})
	receive(t, "the job", entered)
	for _, id := range []string{waiting, running, waiting, running} {
		if err := engine.Cancel(t.Context(), id); err != nil {
			t.Fatalf("Cancel: %v", err)
		}
	}
	for id, want := range map[string]string{waiting: `cancelled{"name":"waits"}`, running: `cancelled{"name":"runs"}`} {
		awaitState(t, engine, id, jobs.Cancelled)
		if diff := cmp.Diff([]string{want}, s.ended(t, id)); diff != "" {
			t.Errorf("ends (-want +got):\n%s", diff)
		}
	}
}

// testFinalRefused lets OnFinal refuse twice: the job stays as it is and is
// ended by a later try.
func testFinalRefused(t *testing.T, s Store) {
	keep := s.ends(t)
	refusals := make(chan struct{}, 2)
	refusals <- struct{}{}
	refusals <- struct{}{}
	policy := quick()
	policy.OnFinal = func(ctx context.Context, tx database.Tx, job jobs.Job) error {
		if err := keep(ctx, tx, job); err != nil {
			return err
		}
		select {
		case <-refusals:
			return errors.New("the outbox is full")
		default:
			return nil
		}
	}
	engine := s.engine(t, registry(t, policy, nothing), jobs.Config{})
	id := s.enqueue(t, engine, Work{})
	for range 2 {
		if err := engine.Cancel(t.Context(), id); err == nil {
			t.Error("Cancel whose OnFinal failed = nil, want its error")
		}
		if got := get(t, engine, id).State; got != jobs.Queued {
			t.Errorf("state = %s, want queued", got)
		}
	}
	if err := engine.Cancel(t.Context(), id); err != nil {
		t.Fatalf("Cancel: %v", err)
	}
	if got := s.ended(t, id); len(got) != 1 {
		t.Errorf("ends = %v, want one", got)
	}
}

// testFinalLost lets two processes find the same lost job, which is retried
// afterwards.
func testFinalLost(t *testing.T, s Store) {
	policy := jobs.Policy{MaxAttempts: 1, OnFinal: s.ends(t)}
	entered, leave := make(chan struct{}, 2), make(chan struct{})
	reg := registry(t, policy, func(_ context.Context, run *jobs.Run, _ Work) error {
		entered <- struct{}{}
		if run.Attempt() == 1 {
			<-leave
		}
		return nil
	})
	first := s.started(t, reg, jobs.Config{Slots: 1, Lease: time.Hour})
	id := s.enqueue(t, first, Work{Name: "x"})
	receive(t, "the attempt", entered)
	second := s.started(t, reg, jobs.Config{})
	s.started(t, reg, jobs.Config{})
	s.Expire(t, id)
	awaitState(t, second, id, jobs.Lost)
	close(leave)
	first.Stop() // its late success is of no consequence
	if diff := cmp.Diff([]string{`lost{"name":"x"}`}, s.ended(t, id)); diff != "" {
		t.Errorf("ends (-want +got):\n%s", diff)
	}
	if err := second.Retry(t.Context(), id); err != nil {
		t.Fatalf("Retry(lost): %v", err)
	}
	if job := awaitState(t, second, id, jobs.Succeeded); job.Attempt != 2 || job.Error != "" {
		t.Errorf("job = attempt %d, error %q, want the second, none", job.Attempt, job.Error)
	}
}
