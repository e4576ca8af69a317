package journal_test

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"
	"go.uber.org/goleak"

	"granary/internal/platform/database"
	"granary/internal/platform/database/databasetest"
	"granary/internal/platform/fault"
	"granary/internal/platform/jobs"
	"granary/internal/platform/jobs/journal"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// each runs fn on a fresh database of each engine.
func each(t *testing.T, fn func(t *testing.T, db *database.DB)) {
	t.Helper()
	databasetest.Each(t, []database.Migrations{journal.Migrations()}, fn)
}

// table is a source of jobs that a test moves by hand.
type table struct {
	mu   sync.Mutex
	jobs map[string]jobs.Job
}

func (s *table) put(job jobs.Job) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.jobs == nil {
		s.jobs = map[string]jobs.Job{}
	}
	s.jobs[job.ID] = job
}

func (s *table) drop(id string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	delete(s.jobs, id)
}

func (s *table) Get(_ context.Context, id string) (jobs.Job, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	job, ok := s.jobs[id]
	if !ok {
		return jobs.Job{}, jobs.NoSuchJob()
	}
	return job, nil
}

// start returns a journal that stores, stopped with the test.
func start(t *testing.T, db *database.DB, source journal.Source, cfg journal.Config) *journal.Journal {
	t.Helper()
	j := journal.New(db, cfg)
	if err := j.Start(t.Context(), source); err != nil {
		t.Fatalf("Start: %v", err)
	}
	t.Cleanup(j.Stop)
	return j
}

func running(id string, attempt int) jobs.Job {
	began := jobs.Stamp(time.Now())
	return jobs.Job{ID: id, Kind: "test_work", State: jobs.Running, Attempt: attempt, MaxAttempts: 3, CreatedAt: began, StartedAt: &began}
}

func view(t *testing.T, j *journal.Journal, id string) journal.View {
	t.Helper()
	v, err := j.View(t.Context(), id)
	if err != nil {
		t.Fatalf("View(%s): %v", id, err)
	}
	return v
}

func events(t *testing.T, j *journal.Journal, id string, after int64) []journal.Event {
	t.Helper()
	list, err := j.Events(t.Context(), id, after, journal.MaxEvents)
	if err != nil {
		t.Fatalf("Events(%s): %v", id, err)
	}
	return list
}

var untimed = cmpopts.IgnoreFields(journal.Event{}, "At")

func TestWhatAnAttemptSaysIsKept(t *testing.T) {
	t.Parallel()
	each(t, func(t *testing.T, db *database.DB) {
		j := start(t, db, &table{}, journal.Config{})
		record := j.Open(running("a", 1))
		record.Line(jobs.Info, "Starting task \x00 <b>ü</b>")
		record.Line(jobs.Warning, "blurred")
		record.Line(jobs.Failure, "page 3 is missing")
		record.Bar(jobs.Bar{Key: "docs", Context: "Documents", Current: 1, Total: 3})
		record.Bar(jobs.Bar{Key: "images", Current: 5})
		record.Bar(jobs.Bar{Key: "docs", Context: "Documents", Current: 2, Total: 3})
		record.Flush(t.Context())
		want := journal.View{
			Infos: []string{"Starting task \x00 <b>ü</b>"}, Warnings: []string{"blurred"}, Errors: []string{"page 3 is missing"},
			Bars: []jobs.Bar{{Key: "docs", Context: "Documents", Current: 2, Total: 3}, {Key: "images", Current: 5}},
		}
		if diff := cmp.Diff(want, view(t, j, "a")); diff != "" {
			t.Errorf("View (-want +got):\n%s", diff)
		}
		record.Bar(jobs.Bar{Key: "docs", End: true})
		record.Close(t.Context(), jobs.Outcome{Verdict: jobs.Done})
		record.Line(jobs.Info, "too late")
		record.Flush(t.Context())
		if got := view(t, j, "a").Bars; len(got) != 0 {
			t.Errorf("bars of a finished attempt = %v, want none", got)
		}
		wantEvents := []journal.Event{
			{Seq: 1, Type: journal.Started, Attempt: 1},
			{Seq: 2, Type: journal.Info, Attempt: 1, Text: "Starting task \x00 <b>ü</b>"},
			{Seq: 3, Type: journal.Warning, Attempt: 1, Text: "blurred"},
			{Seq: 4, Type: journal.Failure, Attempt: 1, Text: "page 3 is missing"},
		}
		if diff := cmp.Diff(wantEvents, events(t, j, "a", 0), untimed); diff != "" {
			t.Errorf("Events (-want +got):\n%s", diff)
		}
		if diff := cmp.Diff(wantEvents[2:], events(t, j, "a", 2), untimed); diff != "" {
			t.Errorf("Events after 2 (-want +got):\n%s", diff)
		}
	})
}

func TestASilentSuccessLeavesNoRow(t *testing.T) {
	t.Parallel()
	each(t, func(t *testing.T, db *database.DB) {
		j := start(t, db, &table{}, journal.Config{})
		j.Open(running("a", 1)).Close(t.Context(), jobs.Outcome{Verdict: jobs.Done})
		j.Stop()
		n, err := db.Reader().NewSelect().Table("job_views").Count(t.Context())
		if err != nil || n != 0 {
			t.Errorf("rows = %d, %v, want 0", n, err)
		}
		if diff := cmp.Diff(journal.View{}, view(t, j, "a")); diff != "" {
			t.Errorf("View (-want +got):\n%s", diff)
		}
	})
}

func TestAttemptsFollowOneAnother(t *testing.T) {
	t.Parallel()
	each(t, func(t *testing.T, db *database.DB) {
		here, there := start(t, db, &table{}, journal.Config{}), start(t, db, &table{}, journal.Config{})
		first := here.Open(running("a", 1))
		first.Line(jobs.Info, "one")
		first.Close(t.Context(), jobs.Outcome{Verdict: jobs.Again, Message: "no memory"})
		second := there.Open(running("a", 2)) // in another process, which vanishes
		second.Line(jobs.Info, "two")
		second.Bar(jobs.Bar{Key: "b"})
		second.Flush(t.Context())
		third := here.Open(running("a", 3))
		third.Flush(t.Context())
		if diff := cmp.Diff(journal.View{}, view(t, here, "a")); diff != "" {
			t.Errorf("View of a fresh attempt (-want +got):\n%s", diff)
		}
		second.Line(jobs.Info, "does not know that it is lost")
		second.Bar(jobs.Bar{Key: "c"})
		second.Close(t.Context(), jobs.Outcome{Verdict: jobs.Abandoned})
		third.Line(jobs.Warning, "three")
		third.Close(t.Context(), jobs.Outcome{Verdict: jobs.Stopped, Message: "job cancelled"})
		want := []journal.Event{
			{Seq: 1, Type: journal.Started, Attempt: 1},
			{Seq: 2, Type: journal.Info, Attempt: 1, Text: "one"},
			{Seq: 3, Type: journal.Ended, Attempt: 1, Text: "no memory", Outcome: journal.OutcomeFailed},
			{Seq: 4, Type: journal.Started, Attempt: 2},
			{Seq: 5, Type: journal.Info, Attempt: 2, Text: "two"},
			{Seq: 6, Type: journal.Ended, Attempt: 2, Text: jobs.LostMessage, Outcome: journal.OutcomeLost},
			{Seq: 7, Type: journal.Started, Attempt: 3},
			{Seq: 8, Type: journal.Warning, Attempt: 3, Text: "three"},
			{Seq: 9, Type: journal.Ended, Attempt: 3, Text: "job cancelled", Outcome: journal.OutcomeCancelled},
		}
		if diff := cmp.Diff(want, events(t, here, "a", 0), untimed); diff != "" {
			t.Errorf("Events (-want +got):\n%s", diff)
		}
		if diff := cmp.Diff(journal.View{Warnings: []string{"three"}}, view(t, there, "a"), cmpopts.EquateEmpty()); diff != "" {
			t.Errorf("View (-want +got):\n%s", diff)
		}
	})
}

func TestAJournalIsBounded(t *testing.T) {
	t.Parallel()
	each(t, func(t *testing.T, db *database.DB) {
		j := start(t, db, &table{}, journal.Config{Every: time.Hour})
		record := j.Open(running("a", 1))
		const said = 3*journal.MaxEvents + 7
		for i := range said {
			record.Line(jobs.Info, fmt.Sprint(i))
			record.Line(jobs.Failure, strings.Repeat("ü", 3000))
			record.Bar(jobs.Bar{Key: fmt.Sprint(i)})
			if i == 10 {
				record.Flush(t.Context())
			}
		}
		record.Flush(t.Context())
		kept := events(t, j, "a", 0)
		if len(kept) != journal.MaxEvents {
			t.Fatalf("events kept = %d, want %d", len(kept), journal.MaxEvents)
		}
		if first, last := kept[0].Seq, kept[len(kept)-1].Seq; last != 2*said+1 || last-first != journal.MaxEvents-1 {
			t.Errorf("kept %d to %d, want the latest of %d", first, last, 2*said+1)
		}
		v := view(t, j, "a")
		if len(v.Infos) != journal.MaxInfos || v.Infos[9] != fmt.Sprint(said-1) || len(v.Errors) != journal.MaxErrors || len(v.Bars) != journal.MaxBars {
			t.Errorf("View has %d infos, %d errors, %d bars; want %d, %d, %d", len(v.Infos), len(v.Errors), len(v.Bars),
				journal.MaxInfos, journal.MaxErrors, journal.MaxBars)
		}
		if got := v.Errors[0]; len(got) > 1<<10+3 || !strings.HasSuffix(got, "ü…") {
			t.Errorf("a long line of a view has %d bytes, want at most 1 KiB and an ellipsis", len(got))
		}
	})
}

func TestManyJobsAreStoredTogether(t *testing.T) {
	t.Parallel()
	each(t, func(t *testing.T, db *database.DB) {
		j := start(t, db, &table{}, journal.Config{})
		const n, lines = 16, 50
		var group sync.WaitGroup
		for i := range n {
			group.Go(func() {
				record := j.Open(running(fmt.Sprintf("job-%02d", i), 1))
				for range lines {
					record.Line(jobs.Info, "x")
				}
				record.Close(t.Context(), jobs.Outcome{Verdict: jobs.Done})
			})
		}
		group.Wait()
		for i := range n {
			if got := len(events(t, j, fmt.Sprintf("job-%02d", i), 0)); got != lines+1 {
				t.Errorf("events of job %d = %d, want %d", i, got, lines+1)
			}
		}
	})
}

func TestWhatCannotBeStoredIsStoredLater(t *testing.T) {
	t.Parallel()
	db := databasetest.Open(t) // without the tables
	j := start(t, db, &table{}, journal.Config{})
	record := j.Open(running("a", 1))
	record.Line(jobs.Info, "one")
	record.Flush(t.Context())
	if err := db.Migrate(t.Context(), journal.Migrations()); err != nil {
		t.Fatal(err)
	}
	record.Line(jobs.Info, "two")
	record.Flush(t.Context())
	if diff := cmp.Diff([]string{"one", "two"}, view(t, j, "a").Infos); diff != "" {
		t.Errorf("infos (-want +got):\n%s", diff)
	}
}

func TestJournalsOfDeletedJobsGo(t *testing.T) {
	t.Parallel()
	each(t, func(t *testing.T, db *database.DB) {
		source := &table{}
		source.put(running("kept", 1))
		j := journal.New(db, journal.Config{Now: func() time.Time { return time.Now().Add(-2 * time.Hour) }})
		for _, id := range []string{"gone", "kept"} {
			record := j.Open(running(id, 1))
			record.Line(jobs.Info, "x")
			record.Flush(t.Context())
		}
		swept := start(t, db, source, journal.Config{})
		deadline := time.After(30 * time.Second)
		for len(events(t, swept, "gone", 0)) > 0 {
			select {
			case <-deadline:
				t.Fatal("the journal of a deleted job is still there")
			case <-time.After(5 * time.Millisecond):
			}
		}
		if diff := cmp.Diff(journal.View{}, view(t, swept, "gone")); diff != "" {
			t.Errorf("View of a deleted job (-want +got):\n%s", diff)
		}
		if got := len(events(t, swept, "kept", 0)); got != 2 {
			t.Errorf("events of a job that exists = %d, want 2", got)
		}
	})
}

func TestAViewIsFresh(t *testing.T) {
	t.Parallel()
	each(t, func(t *testing.T, db *database.DB) {
		here, there := start(t, db, &table{}, journal.Config{}), start(t, db, &table{}, journal.Config{})
		record := here.Open(running("a", 1))
		for i := range 3 {
			text := fmt.Sprint(i)
			record.Line(jobs.Info, text)
			record.Flush(t.Context())
			if got := view(t, here, "a").Infos; got[len(got)-1] != text {
				t.Errorf("View in this process after %s = %v", text, got)
			}
		}
		deadline := time.After(30 * time.Second)
		view(t, there, "a")
		record.Line(jobs.Info, "news")
		record.Flush(t.Context())
		for got := []string{}; len(got) < 4; got = view(t, there, "a").Infos {
			select {
			case <-deadline:
				t.Fatalf("View in another process = %v, want the news", got)
			case <-time.After(5 * time.Millisecond):
			}
		}
	})
}

func TestStartOnce(t *testing.T) {
	t.Parallel()
	j := start(t, databasetest.Open(t, journal.Migrations()), &table{}, journal.Config{})
	if err := j.Start(t.Context(), &table{}); err == nil {
		t.Error("second Start = nil, want an error")
	}
}

func TestFollowRefuses(t *testing.T) {
	t.Parallel()
	source := &table{}
	source.put(running("a", 1))
	j := start(t, databasetest.Open(t, journal.Migrations()), source, journal.Config{MaxFollowers: 1})
	if _, err := j.Follow(t.Context(), source, "none", 0); !fault.Is(err, fault.NotFound) {
		t.Errorf("Follow(unknown) = %v, want not found", err)
	}
	ctx, cancel := context.WithCancel(t.Context())
	first, err := j.Follow(ctx, source, "a", 0)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := j.Follow(t.Context(), source, "a", 0); !fault.Is(err, fault.Unavailable) {
		t.Errorf("Follow beyond the bound = %v, want unavailable", err)
	}
	cancel()
	for range first { // closed by the end of ctx
	}
	if _, err := j.Follow(t.Context(), source, "a", 0); err != nil {
		t.Errorf("Follow after the other left: %v", err)
	}
	if !errors.Is(ctx.Err(), context.Canceled) {
		t.Error("the first follower ended by itself")
	}
}
