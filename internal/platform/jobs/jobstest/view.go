package jobstest

import (
	"context"
	"slices"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"granary/internal/platform/jobs"
)

// pages walks a list to its end and returns the ids of each page.
func pages(t *testing.T, engine jobs.Engine, filter jobs.Filter) [][]string {
	t.Helper()
	got := [][]string{}
	for {
		page, err := engine.List(t.Context(), filter)
		if err != nil {
			t.Fatalf("List(%+v): %v", filter, err)
		}
		ids := []string{}
		for _, job := range page.Jobs {
			ids = append(ids, job.ID)
		}
		got = append(got, ids)
		if page.Next == "" {
			return got
		}
		filter.Cursor = page.Next
	}
}

func testList(t *testing.T, s Store) {
	engine := s.engine(t, registry(t, jobs.Policy{}, nothing), jobs.Config{})
	if diff := cmp.Diff([][]string{{}}, pages(t, engine, jobs.Filter{})); diff != "" {
		t.Errorf("List of nothing (-want +got):\n%s", diff)
	}
	ids := make([]string, 5)
	for i := range 4 {
		ids[i] = s.enqueue(t, engine, Work{})
	}
	later := s.Now().Add(time.Hour)
	ids[4] = s.enqueue(t, engine, Other{}, jobs.At(later), jobs.OwnedBy("user-1"))
	if got := get(t, engine, ids[4]).RunAt; !got.Equal(jobs.Stamp(later)) {
		t.Errorf("run_at = %s, want %s", got, jobs.Stamp(later))
	}
	if err := engine.Cancel(t.Context(), ids[1]); err != nil {
		t.Fatalf("Cancel: %v", err)
	}
	newest := slices.Clone(ids)
	slices.Reverse(newest)
	tests := map[string]struct {
		filter jobs.Filter
		want   [][]string
	}{
		"all":        {jobs.Filter{}, [][]string{newest}},
		"two a page": {jobs.Filter{Limit: 2}, [][]string{newest[:2], newest[2:4], newest[4:]}},
		"exact page": {jobs.Filter{Limit: 5}, [][]string{newest}},
		"kind":       {jobs.Filter{Kind: "test_other"}, [][]string{{ids[4]}}},
		"owner":      {jobs.Filter{Owner: "user-1"}, [][]string{{ids[4]}}},
		"no owner":   {jobs.Filter{Owner: "user-2"}, [][]string{{}}},
		"queue":      {jobs.Filter{Queue: "others"}, [][]string{{ids[4]}}},
		"no queue":   {jobs.Filter{Queue: "none"}, [][]string{{}}},
		"too young":  {jobs.Filter{Until: time.Now().Add(-time.Hour)}, [][]string{{}}},
		"too old":    {jobs.Filter{Since: time.Now().Add(time.Hour)}, [][]string{{}}},
		"in time":    {jobs.Filter{Since: time.Now().Add(-time.Hour), Until: time.Now().Add(time.Hour), Limit: 3}, [][]string{newest[:3], newest[3:]}},
		"no kind":    {jobs.Filter{Kind: "x' OR 1=1 --"}, [][]string{{}}},
		"queued":     {jobs.Filter{States: []jobs.State{jobs.Queued}}, [][]string{{ids[3], ids[2], ids[0]}}},
		"scheduled":  {jobs.Filter{States: []jobs.State{jobs.Scheduled}}, [][]string{{ids[4]}}},
		"two states": {
			jobs.Filter{States: []jobs.State{jobs.Scheduled, jobs.Cancelled}, Limit: 1},
			[][]string{{ids[4]}, {ids[1]}},
		},
		"running and kind": {jobs.Filter{States: []jobs.State{jobs.Running}, Kind: "test_work"}, [][]string{{}}},
	}
	for name, test := range tests {
		if diff := cmp.Diff(test.want, pages(t, engine, test.filter)); diff != "" {
			t.Errorf("%s: List (-want +got):\n%s", name, diff)
		}
	}
	job := get(t, engine, ids[0])
	want := jobs.Job{
		ID: ids[0], Kind: "test_work", Queue: jobs.DefaultQueue, State: jobs.Queued, Priority: jobs.Normal,
		MaxAttempts: 5, Args: job.Args, CreatedAt: job.CreatedAt, RunAt: job.RunAt,
	}
	if diff := cmp.Diff(want, job); diff != "" || job.CreatedAt.Location() != time.UTC {
		t.Errorf("Get, in %s (-want +got):\n%s", job.CreatedAt.Location(), diff)
	}
}

func testStats(t *testing.T, s Store) {
	entered, leave := make(chan struct{}, 3), make(chan struct{})
	engine := s.engine(t, registry(t, jobs.Policy{Concurrency: 1}, func(context.Context, *jobs.Run, Work) error {
		entered <- struct{}{}
		<-leave
		return nil
	}), jobs.Config{})
	t.Cleanup(func() { close(leave) })
	s.enqueue(t, engine, Work{})
	s.enqueue(t, engine, Work{})
	s.enqueue(t, engine, Work{})
	s.enqueue(t, engine, Other{}, jobs.At(s.Now().Add(time.Hour)))
	start(t, engine)
	receive(t, "a job", entered)
	got, err := engine.Stats(t.Context())
	if err != nil {
		t.Fatalf("Stats: %v", err)
	}
	want := []jobs.Depth{
		{Queue: "default", State: jobs.Queued, Count: 2},
		{Queue: "default", State: jobs.Running, Count: 1},
		{Queue: "others", State: jobs.Scheduled, Count: 1},
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("Stats (-want +got):\n%s", diff)
	}
}

func testRates(t *testing.T, s Store) {
	engine := s.started(t, registry(t, jobs.Policy{}, nothing), jobs.Config{})
	before := s.Now().Add(-time.Hour)
	for range 2 {
		awaitState(t, engine, s.enqueue(t, engine, Work{}), jobs.Succeeded)
	}
	cancelled := s.enqueue(t, engine, Other{}, jobs.At(s.Now().Add(time.Hour)))
	if err := engine.Cancel(t.Context(), cancelled); err != nil {
		t.Fatalf("Cancel: %v", err)
	}
	s.enqueue(t, engine, Other{}, jobs.At(s.Now().Add(time.Hour)))
	for since, want := range map[time.Time][]jobs.Rate{
		before: {{Queue: "default", Finished: 2}, {Queue: "others", Finished: 1}}, s.Now().Add(time.Hour): {},
	} {
		got, err := engine.Rates(t.Context(), since)
		if err != nil {
			t.Fatalf("Rates: %v", err)
		}
		if diff := cmp.Diff(want, got); diff != "" {
			t.Errorf("Rates since %s (-want +got):\n%s", since, diff)
		}
	}
}

func testRetention(t *testing.T, s Store) {
	reg := registry(t, jobs.Policy{}, nothing)
	first := s.started(t, reg, jobs.Config{})
	ids := make([]string, 3)
	for i := range ids {
		ids[i] = s.enqueue(t, first, Work{})
		awaitState(t, first, ids[i], jobs.Succeeded)
	}
	first.Stop()
	waits := s.enqueue(t, first, Work{}, jobs.At(s.Now().Add(time.Hour)))
	second := s.started(t, reg, jobs.Config{KeepFinished: 1})
	await(t, "old jobs to go", func() bool {
		got := pages(t, second, jobs.Filter{})
		return cmp.Equal(got, [][]string{{waits, ids[2]}})
	})
	second.Stop()
	third := s.started(t, reg, jobs.Config{Retention: time.Nanosecond})
	await(t, "the last one to go", func() bool {
		return cmp.Equal(pages(t, third, jobs.Filter{}), [][]string{{waits}})
	})
}
