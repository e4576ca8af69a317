package demos_test

import (
	"fmt"
	"testing"

	"granary/internal/demos"
)

// Two tasks of one experiment publish the same paths at the same moment: both
// succeed, and what is there is one's or the other's.
func TestEqualExperimentsPublishTogether(t *testing.T) {
	t.Parallel()
	each(t, func(t *testing.T, b *bundle) {
		var tasks []*demos.Task
		for range 4 {
			tasks = append(tasks, b.start(t, "", "one", "two", "three"))
		}
		b.run(t)
		for _, task := range tasks {
			status := b.await(t, task.ID, demos.Succeeded)
			job, err := b.engine.Get(t.Context(), status.Task.JobID)
			if err != nil || job.Attempt != 1 {
				t.Errorf("task took %d attempts, %v; want one", job.Attempt, err)
			}
		}
		for _, name := range []string{"one", "two", "three"} {
			content, err := b.Result(t.Context(), b.app, &b.app.Endpoints[0], "exp-~"+name)
			if err != nil {
				t.Fatalf("Result: %v", err)
			}
			if err := content.Body.Close(); err != nil {
				t.Error(err)
			}
		}
	})
}

// A document's results are found among many, and only its own.
func TestDeleteFindsResultsOfDocument(t *testing.T) {
	t.Parallel()
	each(t, func(t *testing.T, b *bundle) {
		b.run(t)
		task := b.start(t, "", "one", "a_1%", "ab1%")
		b.await(t, task.ID, demos.Succeeded)
		for i := range 1200 {
			b.exec(t, `INSERT INTO demos_files (path, task_id, app, blob_key, sha256, size_bytes, media_type, created_at)
 VALUES (?, ?, 'echo', ?, '', 0, '', CURRENT_TIMESTAMP)`, fmt.Sprintf("echo/results/exp-/cosine-b-one-%04d.json", i), task.ID, fmt.Sprint(i))
		}
		deleted, err := b.Delete(t.Context(), b.app, &b.app.Endpoints[0], "one", "", nil)
		if err != nil || deleted.Results != 1201 {
			t.Errorf("Delete(one) = %+v, %v; want 1,201 results", deleted, err)
		}
		deleted, err = b.Delete(t.Context(), b.app, &b.app.Endpoints[0], "a_1", "", nil) // % is no part of a uid
		if err != nil || deleted.Results != 1 {
			t.Errorf("Delete(a_1) = %+v, %v; want one result", deleted, err)
		}
	})
}
