package demos_test

import (
	"testing"
	"time"

	"granary/internal/demos"
	"granary/internal/platform/fault"
)

// What ended longer ago than the retention goes at night; the rest stays.
func TestRetention(t *testing.T) {
	t.Parallel()
	each(t, func(t *testing.T, b *bundle) {
		b = setup(t, b.db, demos.Config{Retention: 48 * time.Hour})
		b.run(t)
		old, young := b.start(t, "", "one"), b.start(t, "fail", "one")
		b.await(t, old.ID, demos.Succeeded)
		b.await(t, young.ID, demos.Failed)
		b.exec(t, "UPDATE demos_tasks SET ended_at = ? WHERE id = ?", time.Now().UTC().Add(-72*time.Hour), old.ID)
		b.exec(t, "UPDATE job_schedules SET next_at = ? WHERE name = 'demos_retention'", time.Now().UTC().Add(-time.Minute))
		deadline := time.After(30 * time.Second)
		tick := time.NewTicker(20 * time.Millisecond)
		defer tick.Stop()
		for {
			_, err := b.Task(t.Context(), old.ID)
			if fault.Is(err, fault.NotFound) {
				break
			}
			select {
			case <-deadline:
				t.Fatalf("the old task is still there, %v", err)
			case <-tick.C:
			}
		}
		if _, err := b.Task(t.Context(), young.ID); err != nil {
			t.Errorf("young task: %v", err)
		}
		if _, err := b.Result(t.Context(), b.app, &b.app.Endpoints[0], "exp-~one"); err == nil {
			t.Error("the old task's result is still there")
		}
	})
}
