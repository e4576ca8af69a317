package jobstest

import (
	"context"
	"errors"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"granary/internal/platform/database"
	"granary/internal/platform/fault"
	"granary/internal/platform/jobs"
)

func nothing(context.Context, *jobs.Run, Work) error { return nil }

func testAtomicEnqueue(t *testing.T, s Store) {
	engine := s.started(t, registry(t, jobs.Policy{}, nothing), jobs.Config{})
	rollback := errors.New("changed my mind")
	var lost string
	err := s.DB.InTx(t.Context(), func(ctx context.Context, tx database.Tx) (err error) {
		if lost, err = engine.Enqueue(ctx, tx, Work{Name: "lost"}); err != nil {
			return err
		}
		return rollback
	})
	if !errors.Is(err, rollback) {
		t.Fatalf("InTx = %v, want the rollback", err)
	}
	kept := s.enqueue(t, engine, Work{Name: "kept"})
	awaitState(t, engine, kept, jobs.Succeeded)
	if _, err := engine.Get(t.Context(), lost); !fault.Is(err, fault.NotFound) {
		t.Errorf("Get(rolled back) error = %v, want not_found", err)
	}
	page, err := engine.List(t.Context(), jobs.Filter{})
	if err != nil || len(page.Jobs) != 1 {
		t.Errorf("List = %d jobs, %v, want only the committed one", len(page.Jobs), err)
	}
}

// Configured is the type of kinds that are only known once the program runs.
type Configured struct {
	Name string `json:"name"`
	kind string
}

// Kind implements jobs.Args.
func (c Configured) Kind() string { return c.kind }

func testConfiguredKinds(t *testing.T, s Store) {
	ran := make(chan string, 2)
	reg := jobs.NewRegistry()
	for _, kind := range []string{"demo_regions", "demo_search"} {
		err := jobs.RegisterKind(reg, kind, jobs.Policy{Queue: kind}, func(_ context.Context, _ *jobs.Run, args Configured) error {
			ran <- kind + " " + args.Name
			return nil
		})
		if err != nil {
			t.Fatalf("RegisterKind: %v", err)
		}
	}
	engine := s.started(t, reg, jobs.Config{})
	for _, kind := range []string{"demo_search", "demo_regions"} {
		id := s.enqueue(t, engine, Configured{Name: "x", kind: kind})
		if job := get(t, engine, id); job.Kind != kind || job.Queue != kind {
			t.Errorf("job = kind %s, queue %s, want %s for both", job.Kind, job.Queue, kind)
		}
		if got := receive(t, "the job", ran); got != kind+" x" {
			t.Errorf("ran %q, want %q", got, kind+" x")
		}
	}
}

type unregistered struct{}

func (unregistered) Kind() string { return "unregistered" }

func testRefusedEnqueue(t *testing.T, s Store) {
	engine := s.engine(t, registry(t, jobs.Policy{}, nothing), jobs.Config{})
	tests := map[string]struct {
		args jobs.Args
		opts []jobs.Option
		want fault.Kind
	}{
		"unknown kind":      {args: unregistered{}, want: fault.Internal},
		"huge arguments":    {args: Work{Name: strings.Repeat("x", jobs.MaxArgsBytes)}, want: fault.TooLarge},
		"huge key":          {args: Work{Key: strings.Repeat("x", 1000)}, want: fault.Invalid},
		"priority too high": {args: Work{}, opts: []jobs.Option{jobs.WithPriority(0)}, want: fault.Invalid},
		"priority too low":  {args: Work{}, opts: []jobs.Option{jobs.WithPriority(5)}, want: fault.Invalid},
	}
	for name, test := range tests {
		if id, err := s.tryEnqueue(t.Context(), engine, test.args, test.opts...); !fault.Is(err, test.want) {
			t.Errorf("%s: Enqueue = %q, %v, want a %s error", name, id, err, test.want)
		}
	}
}

func testFullQueue(t *testing.T, s Store) {
	engine := s.engine(t, registry(t, jobs.Policy{}, nothing), jobs.Config{MaxWaiting: 2})
	s.enqueue(t, engine, Work{Name: "1"})
	s.enqueue(t, engine, Work{Name: "2"})
	_, err := s.tryEnqueue(t.Context(), engine, Work{Name: "3"})
	var full *fault.Error
	if !errors.As(err, &full) || full.Kind != fault.Unavailable || full.RetryAfter <= 0 {
		t.Errorf("third Enqueue error = %v, want unavailable with a time to retry", err)
	}
	s.enqueue(t, engine, Other{}) // another queue has room
}

func testUnique(t *testing.T, s Store) {
	entered, leave := make(chan string), make(chan struct{})
	engine := s.engine(t, registry(t, jobs.Policy{}, func(_ context.Context, run *jobs.Run, _ Work) error {
		entered <- run.JobID()
		<-leave
		return nil
	}), jobs.Config{Slots: 1})
	first := s.enqueue(t, engine, Work{Name: "a", Key: "model-1"})
	if again := s.enqueue(t, engine, Work{Name: "b", Key: "model-1"}); again != first {
		t.Errorf("Enqueue(same key) = %s, want the waiting job %s", again, first)
	}
	other := s.enqueue(t, engine, Work{Name: "c", Key: "model-2"})
	if other == first {
		t.Error("Enqueue(another key) returned the first job")
	}
	start(t, engine)
	if id := receive(t, "the first job", entered); id != first {
		t.Errorf("first to run = %s, want %s", id, first)
	}
	// The first one has begun: it may have missed what the caller just wrote.
	next := s.enqueue(t, engine, Work{Name: "d", Key: "model-1"})
	if next == first {
		t.Error("Enqueue while the first runs returned the running job, want a new one")
	}
	if err := engine.Cancel(t.Context(), next); err != nil {
		t.Fatalf("Cancel: %v", err)
	}
	last := s.enqueue(t, engine, Work{Name: "e", Key: "model-1"})
	if last == next {
		t.Error("Enqueue returned a cancelled job, want a new one")
	}
	close(leave)
	got := []string{receive(t, "a job", entered), receive(t, "a job", entered)}
	if diff := cmp.Diff([]string{other, last}, got); diff != "" {
		t.Errorf("jobs run after the first (-want +got):\n%s", diff)
	}
}

func testUniqueRace(t *testing.T, s Store) {
	engine := s.engine(t, registry(t, jobs.Policy{}, nothing), jobs.Config{})
	const racers = 8
	ids, errs := make([]string, racers), make([]error, racers)
	var group sync.WaitGroup
	for i := range racers {
		group.Go(func() { ids[i], errs[i] = s.tryEnqueue(t.Context(), engine, Work{Key: "one"}) })
	}
	group.Wait()
	for i := range racers {
		if errs[i] != nil || ids[i] != ids[0] {
			t.Errorf("racer %d: Enqueue = %s, %v, want %s", i, ids[i], errs[i], ids[0])
		}
	}
}

func testScheduled(t *testing.T, s Store) {
	ran := make(chan time.Time, 1)
	engine := s.started(t, registry(t, jobs.Policy{}, func(context.Context, *jobs.Run, Work) error {
		ran <- s.Now()
		return nil
	}), jobs.Config{})
	due := s.Now().Add(150 * time.Millisecond)
	id := s.enqueue(t, engine, Work{}, jobs.At(due))
	if at := receive(t, "the scheduled job", ran); at.Before(due.Truncate(time.Microsecond)) {
		t.Errorf("ran at %s, want not before %s", at, due)
	}
	awaitState(t, engine, id, jobs.Succeeded)
}

func testPriority(t *testing.T, s Store) {
	order := make(chan string, 5)
	engine := s.engine(t, registry(t, jobs.Policy{}, func(_ context.Context, _ *jobs.Run, w Work) error {
		order <- w.Name
		return nil
	}), jobs.Config{Slots: 1})
	s.enqueue(t, engine, Work{Name: "idle"}, jobs.WithPriority(jobs.Idle))
	s.enqueue(t, engine, Work{Name: "normal 1"})
	s.enqueue(t, engine, Work{Name: "low"}, jobs.WithPriority(jobs.Low))
	s.enqueue(t, engine, Work{Name: "normal 2"})
	s.enqueue(t, engine, Work{Name: "urgent"}, jobs.WithPriority(jobs.Urgent))
	start(t, engine)
	var got []string
	for range 5 {
		got = append(got, receive(t, "a job", order))
	}
	if diff := cmp.Diff([]string{"urgent", "normal 1", "normal 2", "low", "idle"}, got); diff != "" {
		t.Errorf("order (-want +got):\n%s", diff)
	}
}
