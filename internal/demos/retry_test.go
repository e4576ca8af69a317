package demos_test

import (
	"context"
	"testing"
	"time"

	"granary/internal/demos"
	"granary/internal/platform/database"
	"granary/internal/platform/fault"
)

// An operator retries the job of a task that failed: the task waits again, can
// be cancelled and cleared, and its front end, which was told, hears no more.
func TestRetriedTask(t *testing.T) {
	t.Parallel()
	each(t, func(t *testing.T, b *bundle) {
		b.run(t)
		again := b.start(t, "fail", "one")
		b.await(t, again.ID, demos.Failed)
		before := len(b.front.await(t, 3))
		if err := b.engine.Retry(t.Context(), again.JobID); err != nil {
			t.Fatalf("Retry: %v", err)
		}
		b.settle(t, again)
		b.await(t, again.ID, demos.Failed)
		if calls := b.front.await(t, before); len(calls) != before {
			t.Errorf("callbacks after a retry = %v", events(calls[before:]))
		}

		b.engine.Stop()
		if err := b.engine.Retry(t.Context(), again.JobID); err != nil {
			t.Fatalf("Retry: %v", err)
		}
		b.await(t, again.ID, demos.Waiting)
		if err := b.Cancel(t.Context(), again.ID); err != nil {
			t.Fatalf("Cancel: %v", err)
		}
		if job, err := b.engine.Get(t.Context(), again.JobID); err != nil || !job.State.Finished() {
			t.Errorf("job of a retried and cancelled task = %v, %v; want it ended", job.State, err)
		}
		b.await(t, again.ID, demos.Failed)
	})
}

// A task whose job was cleared away under it does not come back.
func TestRetryOfClearedTaskFailsAtOnce(t *testing.T) {
	t.Parallel()
	each(t, func(t *testing.T, b *bundle) {
		b.run(t)
		task := b.start(t, "fail", "one")
		b.await(t, task.ID, demos.Failed)
		if _, err := b.ClearOne(t.Context(), b.app, &b.app.Endpoints[0], task.ID); err != nil {
			t.Fatalf("ClearOne: %v", err)
		}
		if err := b.engine.Retry(t.Context(), task.JobID); err != nil {
			t.Fatalf("Retry: %v", err)
		}
		b.settle(t, task)
		job, err := b.engine.Get(t.Context(), task.JobID)
		if err != nil || job.Attempt != 2 || job.Error != "no such task" {
			t.Errorf("job = attempt %d, %q, %v; want it to fail in its second attempt", job.Attempt, job.Error, err)
		}
	})
}

// settle waits until a task's job has ended.
func (b *bundle) settle(t *testing.T, task *demos.Task) {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), 30*time.Second)
	defer cancel()
	tick := time.NewTicker(10 * time.Millisecond)
	defer tick.Stop()
	for {
		job, err := b.engine.Get(ctx, task.JobID)
		if err != nil {
			t.Fatalf("Get: %v", err)
		}
		if job.State.Finished() {
			return
		}
		select {
		case <-ctx.Done():
			t.Fatalf("job is %s", job.State)
		case <-tick.C:
		}
	}
}

// A job that ended while its app was not installed told nobody.
func TestTaskOfForgottenJobIsLost(t *testing.T) {
	t.Parallel()
	each(t, func(t *testing.T, b *bundle) {
		task := b.start(t, "", "one")
		b.exec(t, "UPDATE demos_tasks SET job_id = 'gone' WHERE id = ?", task.ID)
		if status, err := b.Status(t.Context(), task.ID); err != nil || status.State != demos.Lost {
			t.Errorf("status = %s, %v; want lost", status.State, err)
		}
	})
}

// A task that is open again is not cleared, however old its end was.
func TestClearLeavesReopenedTask(t *testing.T) {
	t.Parallel()
	each(t, func(t *testing.T, b *bundle) {
		task := b.start(t, "", "one")
		b.exec(t, "UPDATE demos_tasks SET ended_at = ? WHERE id = ?", time.Now().UTC().Add(-100*24*time.Hour), task.ID)
		cleared, err := b.ClearOne(t.Context(), b.app, &b.app.Endpoints[0], task.ID)
		if err != nil || cleared.Tasks != 0 {
			t.Errorf("ClearOne = %+v, %v; want nothing cleared", cleared, err)
		}
		if _, err := b.Task(t.Context(), task.ID); fault.Is(err, fault.NotFound) {
			t.Error("an open task was cleared")
		}
	})
}

func (b *bundle) exec(t *testing.T, query string, args ...any) {
	t.Helper()
	err := b.db.InTx(t.Context(), func(ctx context.Context, tx database.Tx) error {
		_, err := tx.NewRaw(query, args...).Exec(ctx)
		return err
	})
	if err != nil {
		t.Fatalf("%s: %v", query, err)
	}
}
