package jobstest

import (
	"context"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"granary/internal/platform/database"
	"granary/internal/platform/jobs"
)

// scheduled registers Work with one schedule.
func scheduled(t *testing.T, timing string) *jobs.Registry {
	t.Helper()
	reg := registry(t, jobs.Policy{}, nothing)
	if err := reg.Schedule("nightly", timing, Work{Name: "scheduled"}); err != nil {
		t.Fatalf("Schedule: %v", err)
	}
	return reg
}

// next returns when the schedule's next job is due, or the zero time.
func (s Store) next(t *testing.T) time.Time {
	t.Helper()
	var at []time.Time
	if err := s.DB.Reader().NewRaw("SELECT next_at FROM job_schedules WHERE name = 'nightly'").Scan(t.Context(), &at); err != nil {
		t.Fatalf("read schedule: %v", err)
	}
	if len(at) == 0 {
		return time.Time{}
	}
	return at[0]
}

// passDays lets three days pass without anybody enqueueing.
func (s Store) passDays(t *testing.T) {
	t.Helper()
	err := s.DB.InTx(t.Context(), func(ctx context.Context, tx database.Tx) error {
		_, err := tx.NewRaw("UPDATE job_schedules SET next_at = ?", jobs.Stamp(s.Now().Add(-72*time.Hour))).Exec(ctx)
		return err
	})
	if err != nil {
		t.Fatalf("pass days: %v", err)
	}
}

// runs waits until the schedule has moved on and returns how many jobs it made.
func (s Store) runs(t *testing.T, engine jobs.Engine) int {
	t.Helper()
	await(t, "the schedule to move on", func() bool { return s.next(t).After(s.Now()) })
	page, err := engine.List(t.Context(), jobs.Filter{Kind: Work{}.Kind()})
	if err != nil {
		t.Fatalf("List: %v", err)
	}
	for _, job := range page.Jobs {
		awaitState(t, engine, job.ID, jobs.Succeeded)
	}
	return len(page.Jobs)
}

func testSchedule(t *testing.T, s Store) {
	engines := make([]jobs.Engine, 3)
	for i := range engines {
		engines[i] = s.started(t, scheduled(t, "30 3 * * *"), jobs.Config{})
	}
	idle := s.started(t, scheduled(t, "30 3 * * *"), jobs.Config{Queues: []string{"others"}})
	if got := s.runs(t, engines[0]); got != 0 {
		t.Errorf("jobs of a new schedule = %d, want none before its time", got)
	}
	if at := s.next(t).UTC(); at.Hour() != 3 || at.Minute() != 30 || at.Sub(s.Now()) > 24*time.Hour {
		t.Errorf("next time = %s, want half past three", at)
	}
	s.passDays(t)
	if got := s.runs(t, engines[0]); got != 1 {
		t.Errorf("jobs after three days = %d, want one", got)
	}
	for _, engine := range engines {
		engine.Stop()
	}
	s.passDays(t)
	// One that does not work the queue leaves the schedule alone.
	awaitState(t, idle, s.enqueue(t, idle, Other{}), jobs.Succeeded)
	again := s.started(t, scheduled(t, "30 3 * * *"), jobs.Config{})
	if got := s.runs(t, again); got != 2 {
		t.Errorf("jobs after a restart = %d, want one more", got)
	}
}

func testScheduleChanged(t *testing.T, s Store) {
	first := s.started(t, scheduled(t, "@daily"), jobs.Config{})
	s.runs(t, first)
	first.Stop()
	s.passDays(t)
	second := s.started(t, scheduled(t, "@every 720h"), jobs.Config{})
	await(t, "the new timing", func() bool { return s.next(t).After(s.Now().Add(700 * time.Hour)) })
	if diff := cmp.Diff([][]string{{}}, pages(t, second, jobs.Filter{})); diff != "" {
		t.Errorf("jobs (-want +got):\n%s", diff)
	}
}
