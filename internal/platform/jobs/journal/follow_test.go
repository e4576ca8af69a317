package journal_test

import (
	"context"
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"granary/internal/platform/database"
	"granary/internal/platform/database/databasetest"
	"granary/internal/platform/jobs"
	"granary/internal/platform/jobs/journal"
	"granary/internal/platform/jobs/local"
)

// next reads one event.
func next(t *testing.T, c <-chan journal.Event) journal.Event {
	t.Helper()
	select {
	case event, ok := <-c:
		if !ok {
			t.Fatal("the channel was closed")
		}
		return event
	case <-time.After(30 * time.Second):
		t.Fatal("waited 30 s for an event")
		panic("unreachable")
	}
}

// brief writes an event as one word and its text.
func brief(e journal.Event) string {
	switch e.Type {
	case journal.StateNow:
		return fmt.Sprintf("state %s", e.Job.State)
	case journal.BarsNow:
		return fmt.Sprintf("bars %d", len(e.Bars))
	case journal.Gap:
		return fmt.Sprintf("gap %d", e.Lost)
	}
	return fmt.Sprintf("%d %s %s", e.Seq, e.Type, e.Text)
}

// rest reads to the end.
func rest(t *testing.T, c <-chan journal.Event) []string {
	t.Helper()
	got := []string{}
	limit := time.After(30 * time.Second)
	for {
		select {
		case event, ok := <-c:
			if !ok {
				return got
			}
			got = append(got, brief(event))
		case <-limit:
			t.Fatalf("waited 30 s for the end, got %v", got)
		}
	}
}

func follow(t *testing.T, j *journal.Journal, source journal.Source, after int64) <-chan journal.Event {
	t.Helper()
	c, err := j.Follow(t.Context(), source, "a", after)
	if err != nil {
		t.Fatalf("Follow: %v", err)
	}
	return c
}

func finished(job jobs.Job, state jobs.State) jobs.Job {
	at := jobs.Stamp(time.Now())
	job.State, job.FinishedAt = state, &at
	return job
}

func TestFollowTellsAllInOrder(t *testing.T) {
	t.Parallel()
	each(t, func(t *testing.T, db *database.DB) {
		source := &table{}
		waiting := jobs.Job{ID: "a", State: jobs.Queued, Args: []byte(`{"secret":1}`)}
		source.put(waiting)
		// The one who follows is in another process than the one who works.
		works, watches := start(t, db, source, journal.Config{}), start(t, db, source, journal.Config{})
		c := follow(t, watches, source, 0)
		if first := next(t, c); brief(first) != "state queued" || first.Job.Args != nil {
			t.Fatalf("first event = %s with arguments %s, want the state alone", brief(first), first.Job.Args)
		}
		job := running("a", 1)
		source.put(job)
		if got := brief(next(t, c)); got != "state running" {
			t.Fatalf("event = %s, want state running", got)
		}
		record := works.Open(job)
		record.Line(jobs.Info, "one")
		record.Flush(t.Context())
		got := []string{brief(next(t, c)), brief(next(t, c))}
		record.Bar(jobs.Bar{Key: "b", Current: 1})
		record.Flush(t.Context())
		got = append(got, brief(next(t, c)))
		record.Line(jobs.Info, "two")
		record.Close(t.Context(), jobs.Outcome{Verdict: jobs.GiveUp, Message: "boom"})
		source.put(finished(job, jobs.Failed))
		for _, line := range rest(t, c) {
			if line != "bars 0" { // seen or not, as the looks fall
				got = append(got, line)
			}
		}
		want := []string{"1 started ", "2 info one", "bars 1", "3 info two", "4 ended boom", "state failed"}
		if diff := cmp.Diff(want, got); diff != "" {
			t.Errorf("events (-want +got):\n%s", diff)
		}
		if diff := cmp.Diff([]string{"3 info two", "4 ended boom", "state failed"}, rest(t, follow(t, watches, source, 2))); diff != "" {
			t.Errorf("events after 2 (-want +got):\n%s", diff)
		}
		if diff := cmp.Diff([]string{"state failed"}, rest(t, follow(t, watches, source, 99))); diff != "" {
			t.Errorf("events after more than there are (-want +got):\n%s", diff)
		}
	})
}

func TestFollowAnnouncesAGap(t *testing.T) {
	t.Parallel()
	each(t, func(t *testing.T, db *database.DB) {
		source := &table{}
		j := start(t, db, source, journal.Config{})
		job := running("a", 1)
		record := j.Open(job)
		for range journal.MaxEvents + 10 {
			record.Line(jobs.Info, "x")
		}
		stored := func() bool {
			kept := events(t, j, "a", 0)
			return len(kept) > 0 && kept[len(kept)-1].Seq == journal.MaxEvents+11
		}
		for until := time.Now().Add(time.Minute); !stored() && time.Now().Before(until); {
			record.Flush(t.Context()) // Close waits a few seconds only, which the race detector may need
		}
		record.Close(t.Context(), jobs.Outcome{Verdict: jobs.Done})
		source.put(finished(job, jobs.Succeeded))
		for after, want := range map[int64]string{0: "gap 11", 5: "gap 6", 11: "12 info x", 20: "21 info x"} {
			got := rest(t, follow(t, j, source, after))
			if got[0] != want || len(got) < journal.MaxEvents-10 || got[len(got)-1] != "state succeeded" {
				t.Errorf("after %d: %d events from %q to %q, want the first to be %q", after, len(got), got[0], got[len(got)-1], want)
			}
		}
	})
}

func TestFollowEndsWithTheJobOrTheServer(t *testing.T) {
	t.Parallel()
	source := &table{}
	source.put(running("a", 1))
	j := start(t, databasetest.Open(t, journal.Migrations()), source, journal.Config{Look: time.Millisecond})
	c := follow(t, j, source, 0)
	next(t, c)
	source.drop("a")
	if got := rest(t, c); len(got) != 0 {
		t.Errorf("events of a deleted job = %v, want none", got)
	}
	source.put(running("a", 1))
	c = follow(t, j, source, 0)
	next(t, c)
	j.Release()
	if got := rest(t, c); len(got) != 0 {
		t.Errorf("events after Release = %v, want none", got)
	}
}

// chatty is a job kind for the real engine.
type chatty struct{}

func (chatty) Kind() string { return "test_chatty" }

func TestTheEngineRecordsItsRuns(t *testing.T) {
	t.Parallel()
	db := databasetest.Open(t, local.Migrations(), journal.Migrations())
	reg := jobs.NewRegistry()
	policy := jobs.Policy{MaxAttempts: 2, Backoff: func(int) time.Duration { return time.Millisecond }}
	err := jobs.Register(reg, policy, func(ctx context.Context, run *jobs.Run, _ chatty) error {
		run.Info(ctx, "line\r with \x1b[31mcolour\u009b\nand more\n")
		run.Bar(ctx, jobs.Bar{Key: strings.Repeat("k", 500), Current: -1, Total: 5})
		if run.Attempt() == 1 {
			run.Fail(ctx, strings.Repeat("é", jobs.MaxLineBytes))
			return context.DeadlineExceeded
		}
		run.Warn(ctx, "nearly\xff")
		return run.Commit(ctx, func(context.Context, database.Tx) error { return nil })
	})
	if err != nil {
		t.Fatal(err)
	}
	recorder := journal.New(db, journal.Config{})
	engine, err := local.New(db, reg, jobs.Config{Recorder: recorder, Poll: 10 * time.Millisecond})
	if err != nil {
		t.Fatal(err)
	}
	if err := recorder.Start(t.Context(), engine); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(recorder.Stop)
	if err := engine.Start(t.Context()); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(engine.Stop)
	var id string
	err = db.InTx(t.Context(), func(ctx context.Context, tx database.Tx) (err error) {
		id, err = engine.Enqueue(ctx, tx, chatty{})
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	c, err := recorder.Follow(t.Context(), engine, id, 0)
	if err != nil {
		t.Fatal(err)
	}
	var got []string
	for _, line := range rest(t, c) {
		if !strings.HasPrefix(line, "state") && !strings.HasPrefix(line, "bars") {
			got = append(got, line)
		}
	}
	want := []string{
		"1 started ", "2 info line with [31mcolour\nand more", "3 error " + strings.Repeat("é", jobs.MaxLineBytes/2), "4 ended internal error",
		"5 started ", "6 info line with [31mcolour\nand more", "7 warning nearly�",
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("events (-want +got):\n%s", diff)
	}
	job, err := engine.Get(t.Context(), id)
	if err != nil {
		t.Fatal(err)
	}
	history, err := recorder.History(t.Context(), job)
	if err != nil {
		t.Fatal(err)
	}
	var text strings.Builder
	for _, event := range history {
		if err := journal.WriteText(&text, event); err != nil {
			t.Fatal(err)
		}
	}
	for _, want := range []string{"  job queued\n", "  attempt 1 started\n", "colour\n    and more\n", "  attempt 1 failed: internal error\n", "  WARNING nearly�\n", "  job succeeded in "} {
		if !strings.Contains(text.String(), want) {
			t.Errorf("the log lacks %q:\n%.2000s", want, text.String())
		}
	}
}
